"""Sites, for attraction: a park or a building offers space to a firm that would settle and fill a gap in the chain."""

from pydantic import Field

from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, ratio
from siwei.market.listing import Body, Context, Need, Offer, Words


class SiteOffer(Body):
    """`segments` are the neighbours already there or wanted there; `district` is the city's own id of it."""

    title: str = Field(min_length=1, max_length=200)
    district: str = Field(min_length=1, max_length=60)
    area_m2: int = Field(ge=1, le=100_000_000)
    power_kw: int = Field(ge=0, le=10_000_000)
    rent_fen_per_m2_month: int = Field(ge=0, le=10_000_000)
    segments: tuple[str, ...] = Field(default=(), max_length=40)


class SiteNeed(Body):
    """`segments` are those the firm stands on."""

    title: str = Field(min_length=1, max_length=200)
    districts: tuple[str, ...] = Field(default=(), max_length=40)
    area_m2: int = Field(ge=1, le=100_000_000)
    power_kw: int = Field(default=0, ge=0, le=10_000_000)
    ceiling_fen_per_m2_month: int | None = Field(default=None, ge=0)
    segments: tuple[str, ...] = Field(default=(), max_length=40)


def neighbours(offer: Offer, need: Need, context: Context) -> float:
    """Part of the firm's segments found on the site, or with a supplier or a customer there."""
    there = set(offer.body.segments)
    suppliers = {up for up, down in context.supplies if down in there}
    customers = {down for up, down in context.supplies if up in there}
    return coverage(need.body.segments, there | suppliers | customers)


def district_wish(offer: Offer, need: Need, _: Context) -> float:
    return 1.0 if not need.body.districts or offer.body.district in need.body.districts else 0.0


def snugness(offer: Offer, need: Need, _: Context) -> float:
    """1 when the area is just what is asked, falling as more would stand empty."""
    return ratio(need.body.area_m2, offer.body.area_m2)


KIND = Kind(
    id="site",
    dimension="source",
    name=Words("空间载体", "Site"),
    unit="milestone",
    offer_body=SiteOffer,
    need_body=SiteNeed,
    delivered_by="milestone",
    delivery=Words("以签约、入驻、投产为里程碑", "milestones are lease, moving in and start of production"),
    requirements=(
        Requirement(
            "area", Words("面积不足", "too small"), lambda offer, need, _: offer.body.area_m2 >= need.body.area_m2
        ),
        Requirement(
            "power",
            Words("供电不足", "too little power"),
            lambda offer, need, _: offer.body.power_kw >= need.body.power_kw,
        ),
    ),
    parts=(
        ScorePart("neighbours", 35, Words("上下游邻近", "neighbours on the chain"), neighbours),
        ScorePart("district", 25, Words("区位", "district"), district_wish),
        ScorePart(
            "rent",
            25,
            Words("租金", "rent"),
            lambda offer, need, _: below_ceiling(offer.body.rent_fen_per_m2_month, need.body.ceiling_fen_per_m2_month),
        ),
        ScorePart("area", 15, Words("面积合适", "area"), snugness),
    ),
)
