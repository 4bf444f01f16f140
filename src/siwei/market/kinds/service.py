"""Public technical services: testing, evaluation, tuning, certification, intellectual property, by the day."""

from pydantic import Field

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds.scoring import below_ceiling, coverage, meets_any, ratio, text_part
from siwei.market.listing import Body, Context, Need, Offer, Words


class ServiceOffer(Body):
    """`services` are words of what is done; `days_per_month` is what the provider can take on."""

    title: str = Field(min_length=1, max_length=200)
    services: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    price_fen_per_day: int = Field(ge=0, le=100_000_000)
    days_per_month: int = Field(ge=1, le=10_000)
    accredited: bool = False


class ServiceNeed(Body):
    title: str = Field(min_length=1, max_length=200)
    services: tuple[str, ...] = Field(min_length=1, max_length=40)
    description: str = ""
    days: int = Field(ge=1, le=3660)
    ceiling_fen_per_day: int | None = Field(default=None, ge=0)
    accredited: bool = False


def offers_any_service(offer: Offer, need: Need, _: Context) -> bool:
    return meets_any(need.body.services, offer.body.services)


def is_accredited_enough(offer: Offer, need: Need, _: Context) -> bool:
    return bool(offer.body.accredited or not need.body.accredited)


KIND = Kind(
    id="service",
    dimension="source",
    name=Words("公共技术服务", "Technical service"),
    unit="service-day",
    offer_body=ServiceOffer,
    need_body=ServiceNeed,
    delivered_by="meter",
    delivery=Words("按双方确认的服务人日计量", "service-days confirmed by both sides are metered"),
    price=lambda offer: Price(offer.body.price_fen_per_day),
    quantity=lambda need: int(need.body.days),
    offer_text=lambda offer: f"{offer.body.title} {' '.join(offer.body.services)} {offer.body.description}",
    need_text=lambda need: f"{need.body.title} {' '.join(need.body.services)} {need.body.description}",
    requirements=(
        Requirement("service", Words("不提供所需服务", "none of the services wanted"), offers_any_service),
        Requirement("accreditation", Words("无所需资质", "not accredited"), is_accredited_enough),
    ),
    parts=(
        ScorePart(
            "services",
            40,
            Words("服务覆盖", "services covered"),
            lambda offer, need, _: coverage(need.body.services, offer.body.services),
        ),
        ScorePart(
            "price",
            25,
            Words("价格", "price"),
            lambda offer, need, _: below_ceiling(offer.body.price_fen_per_day, need.body.ceiling_fen_per_day),
        ),
        ScorePart(
            "capacity",
            15,
            Words("承接能力", "capacity"),
            lambda offer, need, _: ratio(offer.body.days_per_month, need.body.days),
        ),
        text_part(20),
    ),
)
