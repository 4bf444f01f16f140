"""Compute: time on accelerators of a named model, in a pool of a centre. Capacity is never "GPU" alone."""

from typing import Annotated

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, ratio
from siwei.market.listing import Body, Context, Need, Offer, Words
from siwei.market.pricing import rate, split, voucher_refusal

Model = Annotated[str, Field(min_length=1, max_length=60)]


class ComputeOffer(Body):
    """A pool. `price_fen_per_hour` is for one accelerator; `wait_s` is the expected wait now."""

    title: str = Field(min_length=1, max_length=200)
    accelerator: Model
    count: int = Field(ge=1, le=1_000_000)
    memory_gb: int = Field(ge=0, le=4096)
    price_fen_per_hour: int = Field(ge=0, le=10_000_000)
    residence: str = Field(max_length=60)
    wait_s: int = Field(default=0, ge=0, le=30 * 24 * 3600)
    frameworks: tuple[str, ...] = ()


class ComputeNeed(Body):
    """`seconds` is wall time on each of `count` accelerators; any of `accelerators` will do (none named: any model)."""

    title: str = Field(min_length=1, max_length=200)
    accelerators: tuple[Model, ...] = ()
    count: int = Field(ge=1, le=100_000)
    seconds: int = Field(ge=1, le=366 * 24 * 3600)
    memory_gb: int = Field(default=0, ge=0, le=4096)
    budget_fen: int | None = Field(default=None, ge=0)
    residence: str | None = Field(default=None, max_length=60)
    framework: str | None = Field(default=None, max_length=60)


def price(offer: Offer) -> Price:
    return Price(offer.body.price_fen_per_hour, 3600)


def quantity(need: Need) -> int:
    """Accelerator-seconds."""
    return int(need.body.seconds) * int(need.body.count)


def own_share(offer: Offer, need: Need, context: Context) -> int:
    """What the need's party pays itself, in fen, after the voucher where it may be used."""
    gross = rate(quantity(need), price(offer))
    terms = context.voucher
    if terms is None or voucher_refusal(offer, need, terms, context):
        return gross
    return gross - split(gross, terms)[0]


def has_model(offer: Offer, need: Need, _: Context) -> bool:
    wanted = {model.casefold() for model in need.body.accelerators}
    return not wanted or offer.body.accelerator.casefold() in wanted


def has_residence(offer: Offer, need: Need, _: Context) -> bool:
    return need.body.residence is None or bool(offer.body.residence == need.body.residence)


def has_framework(offer: Offer, need: Need, _: Context) -> bool:
    """An offer that names no framework has not said, and is not turned away for it."""
    named = {name.casefold() for name in offer.body.frameworks}
    return need.body.framework is None or not named or need.body.framework.casefold() in named


def within_budget(offer: Offer, need: Need, context: Context) -> bool:
    return need.body.budget_fen is None or own_share(offer, need, context) <= need.body.budget_fen


def preference(offer: Offer, need: Need, _: Context) -> float:
    """The first model named is wanted most: 1, then falling evenly; 1 where any model will do."""
    wanted = [model.casefold() for model in need.body.accelerators]
    if not wanted:
        return 1.0
    place: int = wanted.index(offer.body.accelerator.casefold())
    return 1.0 - place / len(wanted)


def headroom(offer: Offer, need: Need, _: Context) -> float:
    """1 when the pool holds four times what is asked, or more; 0.25 when it just fits."""
    return ratio(offer.body.count, (4 * need.body.count))


def own_price(offer: Offer, need: Need, context: Context) -> float:
    """The part of the budget left unspent; without a budget, the voucher's part of the gross; 1 when free."""
    own, gross = own_share(offer, need, context), rate(quantity(need), price(offer))
    ceiling = gross if need.body.budget_fen is None else need.body.budget_fen
    return below_ceiling(own, ceiling)


def short_wait(offer: Offer, need: Need, _: Context) -> float:
    """Job time over waiting plus job time: 1 without a wait, ½ when the wait is as long as the job."""
    seconds: int = need.body.seconds
    wait_s: int = offer.body.wait_s
    return seconds / (seconds + wait_s)


def voucher_use(offer: Offer, need: Need, context: Context) -> float:
    return 0.0 if voucher_refusal(offer, need, context.voucher, context) else 1.0


KIND = Kind(
    id="compute",
    dimension="source",
    name=Words("算力", "Compute"),
    unit="accelerator-second",
    offer_body=ComputeOffer,
    need_body=ComputeNeed,
    delivered_by="meter",
    delivery=Words(
        "作业在中心的引擎上运行，按加速卡型号计量加速卡·秒",
        "jobs run on the centre's engine; accelerator-seconds are metered by model",
    ),
    price=price,
    quantity=quantity,
    requirements=(
        Requirement("model", Words("加速卡型号不符", "another accelerator model"), has_model),
        Requirement(
            "capacity", Words("加速卡数量不足", "too few accelerators"), lambda o, n, _: o.body.count >= n.body.count
        ),
        Requirement(
            "memory",
            Words("单卡显存不足", "too little accelerator memory"),
            lambda o, n, _: o.body.memory_gb >= n.body.memory_gb,
        ),
        Requirement("framework", Words("不支持所需框架", "the framework is not supported"), has_framework),
        Requirement("residence", Words("数据所在地不符", "data would reside elsewhere"), has_residence),
        Requirement("budget", Words("自付部分超出预算", "the own share exceeds the budget"), within_budget),
    ),
    parts=(
        ScorePart("own_price", 40, Words("用券后价格", "price after voucher"), own_price),
        ScorePart("model", 20, Words("型号意愿", "preferred model"), preference),
        ScorePart("capacity", 15, Words("容量余量", "capacity"), headroom),
        ScorePart("wait", 15, Words("排队时间", "expected wait"), short_wait),
        ScorePart("voucher", 10, Words("可用券", "voucher accepted"), voucher_use),
    ),
)
