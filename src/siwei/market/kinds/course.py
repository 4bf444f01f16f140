"""Courses: an academy, a university or a firm teaches skills; a person or an employer needs them. Counted in seats."""

from typing import Literal

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, meets_any, ratio
from siwei.market.listing import Body, Context, Need, Offer, Words

Level = Literal["entry", "practitioner", "expert"]
LEVELS: tuple[Level, ...] = ("entry", "practitioner", "expert")


class CourseOffer(Body):
    """`practice_hours` are those of the `hours` spent on real equipment, data or projects."""

    title: str = Field(min_length=1, max_length=200)
    skills: tuple[str, ...] = Field(min_length=1, max_length=60)
    level: Level
    hours: int = Field(ge=1, le=5000)
    practice_hours: int = Field(default=0, ge=0, le=5000)
    seats: int = Field(ge=1, le=100_000)
    price_fen_per_seat: int = Field(ge=0, le=100_000_000)


class CourseNeed(Body):
    title: str = Field(min_length=1, max_length=200)
    skills: tuple[str, ...] = Field(min_length=1, max_length=60)
    level: Level
    seats: int = Field(default=1, ge=1, le=100_000)
    ceiling_fen_per_seat: int | None = Field(default=None, ge=0)


def level_fit(offer: Offer, need: Need, _: Context) -> float:
    """1 at the level wanted, ½ one step away, 0 two steps away."""
    return 1.0 - abs(LEVELS.index(offer.body.level) - LEVELS.index(need.body.level)) / 2


def practice_share(offer: Offer, _need: Need, _context: Context) -> float:
    return ratio(offer.body.practice_hours, offer.body.hours)


KIND = Kind(
    id="course",
    dimension="wing",
    name=Words("课程", "Course"),
    unit="seat",
    offer_body=CourseOffer,
    need_body=CourseNeed,
    delivered_by="event",
    delivery=Words("参训人次由送训方确认", "seats attended are confirmed by whoever sent the learners"),
    price=lambda offer: Price(offer.body.price_fen_per_seat),
    quantity=lambda need: int(need.body.seats),
    requirements=(
        Requirement(
            "skill",
            Words("不教所需技能", "none of the skills wanted"),
            lambda offer, need, _: meets_any(need.body.skills, offer.body.skills),
        ),
        Requirement(
            "seats", Words("名额不足", "too few seats"), lambda offer, need, _: offer.body.seats >= need.body.seats
        ),
    ),
    parts=(
        ScorePart(
            "skills",
            45,
            Words("技能覆盖", "skills covered"),
            lambda offer, need, _: coverage(need.body.skills, offer.body.skills),
        ),
        ScorePart("level", 20, Words("难度", "level"), level_fit),
        ScorePart("practice", 15, Words("实训占比", "share of practice"), practice_share),
        ScorePart(
            "price",
            20,
            Words("价格", "price"),
            lambda offer, need, _: below_ceiling(offer.body.price_fen_per_seat, need.body.ceiling_fen_per_seat),
        ),
    ),
)
