"""Capital: a fund offers tickets for stages and fields, a firm needs a round."""

from typing import Literal

from pydantic import Field, model_validator

from siwei.errors import Said
from siwei.market.kind import Kind, Requirement, ScorePart
from siwei.market.kinds.scoring import coverage, meets_any, ratio
from siwei.market.listing import Body, Context, Need, Offer, Words

Stage = Literal["seed", "angel", "a", "b", "later"]
Instrument = Literal["equity", "loan", "guarantee", "convertible"]


class FundingOffer(Body):
    title: str = Field(min_length=1, max_length=200)
    instrument: Instrument
    stages: tuple[Stage, ...] = Field(min_length=1)
    fields: tuple[str, ...] = Field(default=(), max_length=40)
    least_fen: int = Field(ge=0)
    most_fen: int = Field(ge=1)

    @model_validator(mode="after")
    def check_range(self) -> "FundingOffer":
        if self.least_fen > self.most_fen:
            raise ValueError(Said("least_fen is above most_fen", "least_fen 大于 most_fen"))
        return self


class FundingNeed(Body):
    title: str = Field(min_length=1, max_length=200)
    instruments: tuple[Instrument, ...] = Field(min_length=1)
    stage: Stage
    fields: tuple[str, ...] = Field(default=(), max_length=40)
    amount_fen: int = Field(ge=1)


def amount_covered(offer: Offer, need: Need, _: Context) -> float:
    """How much of the round one ticket carries."""
    return ratio(offer.body.most_fen, need.body.amount_fen)


def field_focus(offer: Offer, need: Need, _: Context) -> float:
    """A fund that names no field takes all, and scores half of one that names the need's."""
    return coverage(need.body.fields, offer.body.fields) if offer.body.fields else 0.5


KIND = Kind(
    id="funding",
    dimension="base",
    name=Words("资金", "Funding"),
    unit="milestone",
    offer_body=FundingOffer,
    need_body=FundingNeed,
    delivered_by="milestone",
    delivery=Words("按协议约定的交割条件到账，平台只作记录", "paid outside at closing; the platform only records it"),
    requirements=(
        Requirement(
            "stage", Words("不投该阶段", "not this stage"), lambda offer, need, _: need.body.stage in offer.body.stages
        ),
        Requirement(
            "instrument",
            Words("资金方式不符", "another instrument"),
            lambda offer, need, _: offer.body.instrument in need.body.instruments,
        ),
        Requirement(
            "amount",
            Words("低于最低额度", "below the smallest ticket"),
            lambda offer, need, _: need.body.amount_fen >= offer.body.least_fen,
        ),
        Requirement(
            "field",
            Words("不投该领域", "not in these fields"),
            lambda offer, need, _: not offer.body.fields or meets_any(need.body.fields, offer.body.fields),
        ),
    ),
    parts=(
        ScorePart("field", 50, Words("领域", "fields"), field_focus),
        ScorePart("amount", 50, Words("额度", "amount covered"), amount_covered),
    ),
)
