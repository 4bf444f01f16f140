"""What lines have come to so far, captured from their holds: one settlement row for a delivery, a day, or the end.

A bill is the difference of two totals: everything metered or accepted up to now is shared over the holds, and what
earlier settlements of the line captured is taken off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from siwei.exchange.ledger import of_hold, write_transfer
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    Delivery,
    DeliveryState,
    Dispute,
    Hold,
    Settlement,
    Transfer,
    TransferKind,
    Usage,
)
from siwei.market.kind import Price
from siwei.market.pricing import rate
from siwei.market.settlement import Held, Payer, settle

FINAL = "final"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier settlements of a line came to, less what disputes took back."""

    metered_fen: int = 0
    voucher_fen: int = 0
    own_fen: int = 0


def charge_lines(
    agreement: Agreement, lines: Sequence[AgreementLine], period: str, now: datetime, *, always: bool = False
) -> Settlement | None:
    """Capture what `lines` have come to; None where nothing new did (`always` writes the row all the same, and the end
    releases what is left). The caller holds the agreement's lock and has asked who may."""
    is_final = period == FINAL
    detail = [_charge_line(agreement, line, period, now, is_final) for line in lines]
    if not always and not any(each["metered_fen"] or each["readings"] for each in detail):
        return None

    def total(name: str) -> int:
        return sum(line[name] for line in detail)

    settlement = Settlement.objects.create(
        agreement=agreement,
        period=period,
        metered_fen=total("metered_fen"),
        gross_fen=total("voucher_fen") + total("own_fen"),
        voucher_fen=total("voucher_fen"),
        own_fen=total("own_fen"),
        released_fen=total("released_fen"),
        detail=detail,
        settled_at=now,
    )
    open_usages(lines).update(settlement=settlement)
    return settlement


def open_usages(lines: Sequence[AgreementLine]) -> Any:
    """Readings that no settlement has charged yet."""
    return Usage.objects.filter(line__in=lines, settlement=None, is_held=False)


def earlier_of(line: AgreementLine) -> Earlier:
    rows = [
        each
        for detail in Settlement.objects.filter(agreement_id=line.agreement_id).values_list("detail", flat=True)
        for each in detail
        if each["line"] == line.number
    ]
    names = ("metered_fen", "voucher_fen", "own_fen")
    back = Dispute.objects.filter(Q(usage__line=line) | Q(delivery__line=line)).aggregate(
        **{name: Coalesce(Sum(f"returned_{name}"), 0) for name in names}
    )
    return Earlier(*(sum(row[name] for row in rows) - back[name] for name in names))


def come_to(line: AgreementLine, *, settled_only: bool = False) -> tuple[int | None, int]:
    """Quantity metered so far (None where the line is paid by deliveries), and what the line has come to, in fen.

    A reading that is held back does not count before its dispute is resolved.
    """
    accepted = Delivery.objects.filter(line=line)
    if accepted.exists():
        total = accepted.filter(state=DeliveryState.ACCEPTED).aggregate(fen=Sum("amount_fen"))["fen"]
        return None, total or 0
    counted = Usage.objects.filter(line=line).exclude(is_held=True, settlement=None)
    if settled_only:
        counted = counted.exclude(settlement=None)
    quantity = counted.aggregate(total=Sum("quantity"))["total"] or 0
    return quantity, rate(quantity, Price(line.unit_price_fen, line.price_quantity))


def _charge_line(
    agreement: Agreement, line: AgreementLine, period: str, now: datetime, is_final: bool
) -> dict[str, Any]:
    earlier = earlier_of(line)
    quantity, gross = come_to(line)
    readings = open_usages([line]).aggregate(count=Count("pk"))["count"]
    holds: dict[Payer, Transfer] = {}
    held: list[Held] = []
    given: tuple[tuple[Payer, Transfer | None, int], ...] = (
        ("voucher", line.voucher_hold, earlier.voucher_fen),
        ("own", line.own_hold, earlier.own_fen),
    )
    for payer, placed, captured in given:
        if placed is not None:
            holds[payer] = placed
            left = live_amount(placed, now)
            held.append(Held(placed.idempotency_key, payer, captured + left, captured))
    result = settle(held, gross)
    causes = {"agreement": agreement.key, "line": line.number, "settlement": period, "readings": readings}
    paid = {"voucher": 0, "own": 0}
    released = 0
    for share in result.captures:
        parts = [(TransferKind.CAPTURE, share.captured_fen)]
        if is_final:
            parts.append((TransferKind.RELEASE, share.released_fen))
            released += share.released_fen
        for kind, amount in parts:
            if amount:
                entry = of_hold(kind, holds[share.payer], amount, "settlement", causes)
                key = f"settle:{agreement.key}:{line.number}:{period}:{share.payer}:{kind}"
                write_transfer(entry, key=key, now=now)
        paid[share.payer] += share.captured_fen
    return _line_detail(line, quantity, gross - earlier.metered_fen, paid, released, result.uncollected_fen, readings)


def _line_detail(
    line: AgreementLine,
    quantity: int | None,
    metered_fen: int,
    paid: Mapping[str, int],
    released_fen: int,
    uncollected_fen: int,
    readings: int,
) -> dict[str, Any]:
    return {
        "line": line.number,
        "quantity": quantity,
        "unit": line.unit,
        "metered_fen": metered_fen,
        "voucher_fen": paid["voucher"],
        "own_fen": paid["own"],
        "released_fen": released_fen,
        "uncollected_fen": uncollected_fen,
        "readings": readings,
    }


def live_amount(placed: Transfer, now: datetime) -> int:
    """What a hold can still pay: nothing once expired, whatever remains before."""
    progress = Hold.objects.get(pk=placed.pk)
    if progress.expires_at > now:
        return progress.remaining
    if progress.remaining:
        entry = of_hold(TransferKind.RELEASE, placed, progress.remaining, "expired")
        write_transfer(entry, key=f"expire:{placed.idempotency_key}", now=now)
    return 0


def lines_of(agreement: Agreement) -> list[AgreementLine]:
    """With their holds and the holds' accounts, by number."""
    found = agreement.lines.select_related(
        "voucher_hold__debit_account",
        "own_hold__debit_account",
        "voucher_hold__credit_account",
        "own_hold__credit_account",
    )
    return list(found.order_by("number"))
