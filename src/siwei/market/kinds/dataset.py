"""Corpora and datasets: what they hold, in which form, under which terms; sold by the copy licensed."""

from typing import Literal

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words

Modality = Literal["text", "image", "audio", "video", "table", "point-cloud", "multimodal"]
Use = Literal["research", "training", "product"]


class DatasetOffer(Body):
    """`uses` are what the licence allows; with personal data, consent (PIPL) is to be shown at delivery."""

    title: str = Field(min_length=1, max_length=200)
    modality: Modality
    fields: tuple[str, ...] = Field(default=(), max_length=40)
    description: str = ""
    records: int = Field(ge=1)
    uses: tuple[Use, ...] = Field(min_length=1)
    has_personal_data: bool
    on_exchange: bool = False
    price_fen_per_licence: int = Field(ge=0, le=100_000_000_000)


class DatasetNeed(Body):
    title: str = Field(min_length=1, max_length=200)
    modality: Modality
    fields: tuple[str, ...] = Field(default=(), max_length=40)
    description: str = ""
    records: int = Field(default=1, ge=1)
    use: Use
    accepts_personal_data: bool = False
    licences: int = Field(default=1, ge=1, le=1000)
    ceiling_fen_per_licence: int | None = Field(default=None, ge=0)


def is_allowed_use(offer: Offer, need: Need, _: Context) -> bool:
    return need.body.use in offer.body.uses


def is_acceptable_privacy(offer: Offer, need: Need, _: Context) -> bool:
    return bool(need.body.accepts_personal_data or not offer.body.has_personal_data)


KIND = Kind(
    id="dataset",
    dimension="source",
    name=Words("数据语料", "Dataset"),
    unit="licence",
    offer_body=DatasetOffer,
    need_body=DatasetNeed,
    delivered_by="meter",
    delivery=Words("按交付并验收的许可份数计量", "licences delivered and accepted are metered"),
    price=lambda offer: Price(offer.body.price_fen_per_licence),
    quantity=lambda need: int(need.body.licences),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.fields)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.fields)} {need.body.description}",
    requirements=(
        Requirement(
            "modality",
            Words("数据形态不符", "another modality"),
            lambda offer, need, _: offer.body.modality in (need.body.modality, "multimodal"),
        ),
        Requirement("use", Words("许可不允许该用途", "the licence does not allow this use"), is_allowed_use),
        Requirement("personal_data", Words("含个人信息", "holds personal data"), is_acceptable_privacy),
    ),
    parts=(
        ScorePart(
            "fields",
            30,
            Words("领域覆盖", "fields covered"),
            lambda offer, need, _: coverage(need.body.fields, offer.body.fields),
        ),
        ScorePart(
            "size", 20, Words("规模", "size"), lambda offer, need, _: ratio(offer.body.records, need.body.records)
        ),
        ScorePart(
            "price",
            20,
            Words("价格", "price"),
            lambda offer, need, _: below_ceiling(offer.body.price_fen_per_licence, need.body.ceiling_fen_per_licence),
        ),
        ScorePart(
            "exchange",
            10,
            Words("数据交易所挂牌", "listed on a data exchange"),
            lambda offer, _need, _context: 1.0 if offer.body.on_exchange else 0.0,
        ),
        text_part(20),
    ),
)
