"""What a need costs at an offer, told with its reasons and kept for as long as it holds."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone

from siwei.errors import Conflict, Said
from siwei.exchange.access import can_change_listing, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import ApprovalRule, Match, Quote, Voucher
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.trading.approvals import rules_for
from siwei.exchange.trading.listings import deal_context, find_kind, find_match, parse_listing
from siwei.market.bank import exact_yuan
from siwei.market.pricing import Quote as MarketQuote
from siwei.market.pricing import quote

VALIDITY = timedelta(days=7)


@action
def quote_match(
    need: str,
    offer: str,
    *,
    as_of: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    voucher: Voucher | None = None,
) -> Quote:
    """Fix the price of a match for `VALIDITY`: a later change of the offer's price does not touch it.

    For the need's owner. A voucher that may not pay gives a quote without it, which says why.
    """
    match = find_match(need, offer, actor)
    require(can_change_listing(actor, match.need), actor, Said(f"have {need} quoted", f"为 {need} 询价"))
    content = {"need": need, "offer": offer, "voucher": voucher.key if voucher else None, "as_of": as_of}
    if repeated("quote_match", idempotency_key, content):
        return Quote.objects.select_related("match__need", "match__offer", "voucher").get(key=idempotency_key)
    told = price_match(match, voucher, as_of)
    saved = Quote.objects.create(
        key=idempotency_key, match=match, voucher=voucher, as_of=as_of, quoted_at=now, valid_until=now + VALIDITY,
        quantity=told.quantity, unit=unit_of(match, told), unit_price_fen=told.price.amount_fen,
        price_quantity=told.price.per, gross_fen=told.gross_fen, voucher_fen=told.voucher_fen, own_fen=told.own_fen,
        bound=told.bound, offered=match.offer.body,
    )  # fmt: skip
    owner = match.need.organisation
    record_event(
        "quote_match", idempotency_key, content, subject=f"quote:{saved.key}", actor=actor, now=now,
        organisations=[owner] if owner else [], payload={"gross_fen": told.gross_fen, "own_fen": told.own_fen},
    )  # fmt: skip
    return saved


def price_match(match: Match, voucher: Voucher | None, day: date) -> MarketQuote:
    """The market's price for a match, with the voucher where it may pay. Raises Conflict where there is none."""
    kind = find_kind(match.need.kind)
    if kind.price is None:
        raise Conflict(
            f"a {kind.id} has no price by quantity → agree its deliveries instead",
            f"{kind.name.zh}没有按数量的价格 → 请改为商定交付",
        )
    if match.offer.organisation is None or match.need.organisation is None:
        raise Conflict(
            "money moves between organisations only; a person's listing has no price here",
            "资金只在机构之间流动；个人的供需在此没有价格",
        )
    if voucher is not None and voucher.organisation_id != match.need.organisation_id:
        raise Conflict(f"voucher {voucher.key} belongs to another organisation", f"券 {voucher.key} 属于另一机构")
    need, offer = parse_listing(match.need), parse_listing(match.offer)
    context = deal_context(day, frozenset({offer.party, need.party}), voucher)
    told = quote(kind, offer, need, context.voucher, context)
    if told.gross_fen > AMOUNT_LIMIT:
        raise Conflict(
            f"{match.key} would cost {exact_yuan(told.gross_fen)}, more than the ledger carries",
            f"{match.key} 需 {exact_yuan(told.gross_fen)}，超出账本所能记载",
        )
    return told


def unit_of(match: Match, told: MarketQuote) -> str:
    """Accelerators of two models are never one unit."""
    model = match.offer.body.get("accelerator")
    return f"{told.unit}:{model}" if model else told.unit


def require_valid(saved: Quote, now: datetime) -> None:
    if saved.valid_until <= now:
        until = timezone.localtime(saved.valid_until)
        raise Conflict(
            f"quote {saved.key} held until {until:%Y-%m-%d %H:%M} → have it quoted again",
            f"报价 {saved.key} 有效至 {until:%Y-%m-%d %H:%M} → 请重新报价",
        )


def approvals_wanted(organisation_id: int, own_fen: int) -> Sequence[ApprovalRule]:
    """Whose word would be asked for besides the signature."""
    return rules_for(organisation_id, own_fen)
