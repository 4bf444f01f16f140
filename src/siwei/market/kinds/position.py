"""Positions: an employer needs a person with skills; a person offers theirs. Only what the task needs is asked."""

from typing import Literal

from pydantic import Field

from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, meets_any, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words

Degree = Literal["none", "college", "bachelor", "master", "doctor"]
DEGREES: tuple[Degree, ...] = ("none", "college", "bachelor", "master", "doctor")


class PositionOffer(Body):
    """An application. Age, sex, origin and the like are not members, so that no score can use them."""

    title: str = Field(min_length=1, max_length=200)
    skills: tuple[str, ...] = Field(min_length=1, max_length=60)
    experience_months: int = Field(ge=0, le=720)
    degree: Degree = "none"
    asks_fen_per_month: int = Field(default=0, ge=0)
    description: str = ""


class PositionNeed(Body):
    """A vacancy. `skills` are required in part, `wishes` are welcome; `quota` is how many are hired."""

    title: str = Field(min_length=1, max_length=200)
    skills: tuple[str, ...] = Field(min_length=1, max_length=60)
    wishes: tuple[str, ...] = Field(default=(), max_length=60)
    experience_months: int = Field(default=0, ge=0, le=720)
    degree: Degree = "none"
    ceiling_fen_per_month: int | None = Field(default=None, ge=0)
    quota: int = Field(default=1, ge=1, le=10_000)
    description: str = ""


def has_degree(offer: Offer, need: Need, _: Context) -> bool:
    return DEGREES.index(offer.body.degree) >= DEGREES.index(need.body.degree)


def within_salary(offer: Offer, need: Need, _: Context) -> bool:
    ceiling = need.body.ceiling_fen_per_month
    return ceiling is None or bool(offer.body.asks_fen_per_month <= ceiling)


def experience_reached(offer: Offer, need: Need, _: Context) -> float:
    wanted = need.body.experience_months
    return ratio(offer.body.experience_months, wanted) if wanted else 1.0


KIND = Kind(
    id="position",
    dimension="wing",
    name=Words("岗位", "Position"),
    unit="milestone",
    offer_body=PositionOffer,
    need_body=PositionNeed,
    delivered_by="event",
    delivery=Words("到岗由双方确认", "taking up the post is confirmed by the other side"),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.skills)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.skills)} {need.body.description}",
    requirements=(
        Requirement(
            "skill",
            Words("不具备任何所需技能", "none of the skills wanted"),
            lambda offer, need, _: meets_any(need.body.skills, offer.body.skills),
        ),
        Requirement("degree", Words("学历未达要求", "below the degree required"), has_degree),
        Requirement("salary", Words("期望薪酬超出上限", "asks more than the ceiling"), within_salary),
    ),
    parts=(
        ScorePart(
            "skills",
            45,
            Words("技能覆盖", "skills covered"),
            lambda offer, need, _: coverage(need.body.skills, offer.body.skills),
        ),
        ScorePart(
            "wishes",
            10,
            Words("加分技能", "welcome skills"),
            lambda offer, need, _: coverage(need.body.wishes, offer.body.skills),
        ),
        ScorePart("experience", 20, Words("经验", "experience"), experience_reached),
        ScorePart(
            "salary",
            10,
            Words("薪酬", "salary"),
            lambda offer, need, _: below_ceiling(offer.body.asks_fen_per_month, need.body.ceiling_fen_per_month),
        ),
        text_part(15),
    ),
)
