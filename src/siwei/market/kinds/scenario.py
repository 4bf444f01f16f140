"""Application scenarios: a hospital or a school opens one (need), firms answer with what they can do (offer)."""

from pydantic import Field

from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import coverage, meets_any, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words


class ScenarioOffer(Body):
    """An answer. `deployments` counts comparable ones running elsewhere, as the firm declares."""

    title: str = Field(min_length=1, max_length=200)
    sectors: tuple[str, ...] = Field(min_length=1, max_length=20)
    segments: tuple[str, ...] = Field(default=(), max_length=20)
    capabilities: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    deployments: int = Field(default=0, ge=0, le=100_000)
    weeks: int = Field(ge=1, le=520)


class ScenarioNeed(Body):
    """A call. `weeks` is how long the opener gives from agreement to acceptance."""

    title: str = Field(min_length=1, max_length=200)
    sector: str = Field(min_length=1, max_length=60)
    segments: tuple[str, ...] = Field(default=(), max_length=20)
    capabilities: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    weeks: int = Field(ge=1, le=520)


def knows_sector(offer: Offer, need: Need, _: Context) -> float:
    return coverage((need.body.sector,), offer.body.sectors)


def has_experience(offer: Offer, _need: Need, _context: Context) -> float:
    """½ with one comparable deployment, ¾ with three, towards 1."""
    deployments: int = offer.body.deployments
    return deployments / (deployments + 1)


KIND = Kind(
    id="scenario",
    dimension="road",
    name=Words("应用场景", "Application scenario"),
    unit="milestone",
    offer_body=ScenarioOffer,
    need_body=ScenarioNeed,
    delivered_by="milestone",
    delivery=Words("按场景验收里程碑交付", "delivered by the scenario's acceptance milestones"),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.capabilities)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.capabilities)} {need.body.description}",
    requirements=(
        Requirement(
            "capability",
            Words("不具备所需能力", "none of the capabilities wanted"),
            lambda offer, need, _: meets_any(need.body.capabilities, offer.body.capabilities),
        ),
        Requirement(
            "time",
            Words("周期超出要求", "needs longer than given"),
            lambda offer, need, _: offer.body.weeks <= need.body.weeks,
        ),
    ),
    parts=(
        ScorePart("sector", 20, Words("行业", "sector"), knows_sector),
        ScorePart(
            "segments",
            15,
            Words("产业链环节", "segments"),
            lambda offer, need, _: coverage(need.body.segments, offer.body.segments),
        ),
        ScorePart(
            "capabilities",
            35,
            Words("能力覆盖", "capabilities covered"),
            lambda offer, need, _: coverage(need.body.capabilities, offer.body.capabilities),
        ),
        ScorePart("experience", 10, Words("落地案例", "deployments"), has_experience),
        text_part(20),
    ),
)
