"""Technology transfer: results looking for use and firms looking for techniques; agreed by milestone."""

from typing import Literal

from pydantic import Field

from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import coverage, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words

Transfer = Literal["licence", "assignment", "joint-development", "equity"]


class TechnologyOffer(Body):
    """`readiness` is the technology readiness level 1–9 (GB/T 22900)."""

    title: str = Field(min_length=1, max_length=200)
    fields: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    readiness: int = Field(ge=1, le=9)
    transfers: tuple[Transfer, ...] = Field(min_length=1)
    patents: int = Field(default=0, ge=0, le=100_000)


class TechnologyNeed(Body):
    title: str = Field(min_length=1, max_length=200)
    fields: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    readiness: int = Field(default=1, ge=1, le=9)
    transfers: tuple[Transfer, ...] = Field(min_length=1)


def readiness_reached(offer: Offer, need: Need, _: Context) -> float:
    return ratio(offer.body.readiness, need.body.readiness)


def agrees_on_transfer(offer: Offer, need: Need, _: Context) -> bool:
    return not set(offer.body.transfers).isdisjoint(need.body.transfers)


KIND = Kind(
    id="technology",
    dimension="road",
    name=Words("技术成果", "Technology"),
    unit="milestone",
    offer_body=TechnologyOffer,
    need_body=TechnologyNeed,
    delivered_by="milestone",
    delivery=Words("按合同里程碑验收", "the contract's milestones are accepted one by one"),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.fields)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.fields)} {need.body.description}",
    requirements=(Requirement("transfer", Words("转化方式不符", "no common form of transfer"), agrees_on_transfer),),
    parts=(
        ScorePart(
            "fields",
            35,
            Words("技术领域", "fields"),
            lambda offer, need, _: coverage(need.body.fields, offer.body.fields),
        ),
        ScorePart("readiness", 30, Words("成熟度", "readiness"), readiness_reached),
        text_part(35),
    ),
)
