"""Models served to many by calls: the tokens of each call are metered, to a millionth of a fen."""

from typing import Annotated, Literal

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words
from siwei.market.model_calls import MICROFEN_PER_FEN

Endpoint = Literal["chat", "completions", "embeddings"]
ModelName = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]


class ModelOffer(Body):
    """One model. Prices are fen per million tokens read (`input`) and written (`output`); a call never writes more than
    `most_output_tokens`, whatever it asks for."""

    title: str = Field(min_length=1, max_length=200)
    model: ModelName
    endpoints: tuple[Endpoint, ...] = Field(min_length=1, max_length=10)
    description: str = ""
    input_fen_per_million: int = Field(ge=0, le=10_000_000)
    output_fen_per_million: int = Field(default=0, ge=0, le=10_000_000)
    context_tokens: int = Field(ge=1, le=100_000_000)
    most_output_tokens: int = Field(default=4096, ge=1, le=1_000_000)


class ModelNeed(Body):
    """What is to be spent in all (`budget_fen`); no model named: any that serves the endpoints will do."""

    title: str = Field(min_length=1, max_length=200)
    models: tuple[ModelName, ...] = Field(default=(), max_length=40)
    endpoints: tuple[Endpoint, ...] = Field(min_length=1, max_length=10)
    description: str = ""
    budget_fen: int = Field(ge=1, le=1_000_000_000)
    context_tokens: int = Field(default=1, ge=1, le=100_000_000)
    ceiling_fen_per_million: int | None = Field(default=None, ge=0)


def is_wanted_model(offer: Offer, need: Need, _: Context) -> bool:
    return not need.body.models or offer.body.model in need.body.models


def serves_endpoints(offer: Offer, need: Need, _: Context) -> bool:
    return set(need.body.endpoints) <= set(offer.body.endpoints)


def dearer_price(offer: Offer) -> int:
    return max(int(offer.body.input_fen_per_million), int(offer.body.output_fen_per_million))


KIND = Kind(
    id="model",
    dimension="source",
    name=Words("模型服务", "Model service"),
    unit="microfen",
    offer_body=ModelOffer,
    need_body=ModelNeed,
    delivered_by="meter",
    delivery=Words(
        "经网关调用，按模型报告的词元数计量，金额精确到百万分之一分",
        "called through the gateway; the tokens that the model reports are metered, to a millionth of a fen",
    ),
    # The line is a budget: what the calls under it may cost in all. Its offer says what each token costs.
    price=lambda offer: Price(1, MICROFEN_PER_FEN),
    quantity=lambda need: int(need.body.budget_fen) * MICROFEN_PER_FEN,
    offer_text=lambda offer: f"{offer.body.title} {offer.body.model} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.models)} {need.body.description}",
    requirements=(
        Requirement("model", Words("不是所需模型", "another model"), is_wanted_model),
        Requirement("endpoints", Words("不提供所需接口", "an endpoint is not served"), serves_endpoints),
        Requirement(
            "context",
            Words("上下文长度不足", "too short a context"),
            lambda offer, need, _: offer.body.context_tokens >= need.body.context_tokens,
        ),
    ),
    parts=(
        ScorePart(
            "price",
            45,
            Words("单价", "price per token"),
            lambda offer, need, _: below_ceiling(dearer_price(offer), need.body.ceiling_fen_per_million),
        ),
        ScorePart(
            "endpoints",
            20,
            Words("接口覆盖", "endpoints covered"),
            lambda offer, need, _: coverage(need.body.endpoints, offer.body.endpoints),
        ),
        ScorePart(
            "context",
            15,
            Words("上下文长度", "length of context"),
            lambda offer, need, _: ratio(offer.body.context_tokens, 4 * need.body.context_tokens),
        ),
        text_part(20),
    ),
)
