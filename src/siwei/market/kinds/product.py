"""Products between upstream and downstream: an offer stands on a segment, a need names the one it buys from."""

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words


class ProductOffer(Body):
    """`segment` is a segment's id of the city's chain; `lead_days` from order to delivery."""

    title: str = Field(min_length=1, max_length=200)
    segment: str = Field(min_length=1, max_length=60)
    description: str = ""
    price_fen: int = Field(ge=0, le=100_000_000_000)
    pieces: int = Field(ge=1)
    lead_days: int = Field(ge=0, le=3660)


class ProductNeed(Body):
    """`segment` is what is wanted, `for_segment` where the buyer itself stands on the chain."""

    title: str = Field(min_length=1, max_length=200)
    segment: str = Field(min_length=1, max_length=60)
    for_segment: str | None = Field(default=None, max_length=60)
    description: str = ""
    pieces: int = Field(ge=1)
    ceiling_fen: int | None = Field(default=None, ge=0)
    within_days: int = Field(ge=0, le=3660)


def stands_on_chain(offer: Offer, need: Need, context: Context) -> float:
    """1 on the very segment wanted; ½ on another segment that supplies the buyer's own; else 0."""
    if offer.body.segment == need.body.segment:
        return 1.0
    return 0.5 if (offer.body.segment, need.body.for_segment) in context.supplies else 0.0


KIND = Kind(
    id="product",
    dimension="road",
    name=Words("产品供需", "Product"),
    unit="piece",
    offer_body=ProductOffer,
    need_body=ProductNeed,
    delivered_by="event",
    delivery=Words("交付后由需方确认件数", "delivered pieces are confirmed by the buyer"),
    price=lambda offer: Price(offer.body.price_fen),
    quantity=lambda need: int(need.body.pieces),
    offer_text=lambda offer: f"{offer.body.title} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {need.body.description}",
    requirements=(
        Requirement(
            "segment",
            Words("环节不符，也不供给需求方所在环节", "on another segment, and not a supplier of the buyer's"),
            lambda offer, need, context: stands_on_chain(offer, need, context) > 0,
        ),
        Requirement(
            "lead_time",
            Words("交期不满足", "cannot deliver in time"),
            lambda offer, need, _: offer.body.lead_days <= need.body.within_days,
        ),
    ),
    parts=(
        ScorePart("segment", 40, Words("产业链位置", "place on the chain"), stands_on_chain),
        ScorePart(
            "quantity",
            15,
            Words("供货量", "quantity"),
            lambda offer, need, _: ratio(offer.body.pieces, need.body.pieces),
        ),
        ScorePart(
            "price",
            20,
            Words("价格", "price"),
            lambda offer, need, _: below_ceiling(offer.body.price_fen, need.body.ceiling_fen),
        ),
        text_part(25),
    ),
)
