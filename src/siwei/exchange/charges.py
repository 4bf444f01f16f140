"""What lines have come to so far, captured from their holds: one settlement row for a delivery, a day, or the end.

A bill is the difference of two totals: everything metered or accepted up to now is shared over the holds, and what
earlier settlements of the line captured is taken off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery, Sum

from siwei.exchange.ledger import Chain, of_hold, write_batch, write_transfer
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
WORTH_A_BATCH = 8
"""Entries; fewer are written sooner one by one."""


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
    return charge_agreements([(agreement, lines)], period, now, always=always)[0]


def charge_agreements(
    asked: Sequence[tuple[Agreement, Sequence[AgreementLine]]], period: str, now: datetime, *, always: bool = False
) -> list[Settlement | None]:
    """The same for lines of many agreements: read together, their entries written together. In one transaction of the
    caller's, whose all of it is: what one of them is refused for takes everything back."""
    known = _know([line for _, lines in asked for line in lines])
    chains: list[Chain] = []
    made: list[Settlement | None] = []
    for agreement, lines in asked:
        bills = [_bill_line(agreement, line, known[line.pk], period, now) for line in lines]
        chains += [chain for bill in bills for chain in bill.expired]
        detail = [bill.detail for bill in bills]
        if not always and not any(each["metered_fen"] or each["readings"] for each in detail):
            made.append(None)
            continue
        chains += [chain for bill in bills for chain in bill.captures]
        made.append(_settlement(agreement, period, detail, now))
    _write(chains, now)
    Settlement.objects.bulk_create([each for each in made if each is not None])
    charged = [line for (_, lines), each in zip(asked, made, strict=True) if each is not None for line in lines]
    of_line = Settlement.objects.filter(period=period, agreement__lines=OuterRef("line_id")).values("pk")
    open_usages(charged).update(settlement=Subquery(of_line))
    return made


def _settlement(agreement: Agreement, period: str, detail: list[dict[str, Any]], now: datetime) -> Settlement:
    def total(name: str) -> int:
        return sum(line[name] for line in detail)

    return Settlement(
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


def _write(chains: Sequence[Chain], now: datetime) -> None:
    if len(chains) < WORTH_A_BATCH:
        for chain in chains:
            write_transfer(chain.entries[0], key=chain.key, now=now)
        return
    for outcome in write_batch(chains, now=now):
        if outcome.refusal is not None:
            raise outcome.refusal


def open_usages(lines: Sequence[AgreementLine]) -> Any:
    """Readings that no settlement has charged yet."""
    return Usage.objects.filter(line__in=lines, settlement=None, is_held=False)


def earlier_of(lines: Sequence[AgreementLine]) -> dict[int, Earlier]:
    """By line."""
    names = ("metered_fen", "voucher_fen", "own_fen")
    sums: dict[int, dict[str, int]] = {line.pk: dict.fromkeys(names, 0) for line in lines}
    numbers = {(line.agreement_id, line.number): line.pk for line in lines}
    rows = Settlement.objects.filter(agreement__in={line.agreement_id for line in lines})
    for agreement_id, detail in rows.values_list("agreement_id", "detail"):
        for each in detail:
            if pk := numbers.get((agreement_id, each["line"])):
                for name in names:
                    sums[pk][name] += each[name]
    back = Dispute.objects.filter(Q(usage__line__in=lines) | Q(delivery__line__in=lines))
    for used, delivered, *given in back.values_list(
        "usage__line_id", "delivery__line_id", *(f"returned_{name}" for name in names)
    ):
        for pk in {used, delivered} & sums.keys():
            for name, fen in zip(names, given, strict=True):
                sums[pk][name] -= fen
    return {pk: Earlier(**each) for pk, each in sums.items()}


def come_to(lines: Sequence[AgreementLine], *, settled_only: bool = False) -> dict[int, tuple[int | None, int]]:
    """By line: quantity metered so far (None where it is paid by deliveries), and what it has come to, in fen.

    A reading that is held back does not count before its dispute is resolved.
    """
    accepted = Sum("amount_fen", filter=Q(state=DeliveryState.ACCEPTED))
    delivered = dict(Delivery.objects.filter(line__in=lines).values_list("line_id").annotate(fen=accepted))
    counted = Usage.objects.filter(line__in=lines).exclude(is_held=True, settlement=None)
    if settled_only:
        counted = counted.exclude(settlement=None)
    metered = dict(counted.values_list("line_id").annotate(total=Sum("quantity")))
    found: dict[int, tuple[int | None, int]] = {}
    for line in lines:
        if line.pk in delivered:
            found[line.pk] = (None, delivered[line.pk] or 0)
        else:
            quantity = metered.get(line.pk) or 0
            found[line.pk] = (quantity, rate(quantity, Price(line.unit_price_fen, line.price_quantity)))
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What a line's bill is worked out from: what it has come to, what was charged, open readings, its holds."""

    earlier: Earlier
    quantity: int | None
    gross_fen: int
    readings: int
    holds: Mapping[int, Hold]


def _know(lines: Sequence[AgreementLine]) -> dict[int, _Known]:
    earlier, totals = earlier_of(lines), come_to(lines)
    readings = dict(open_usages(lines).values_list("line_id").annotate(count=Count("pk")))
    placed = {pk for line in lines for pk in (line.voucher_hold_id, line.own_hold_id) if pk}
    holds = Hold.objects.in_bulk(placed)
    return {line.pk: _Known(earlier[line.pk], *totals[line.pk], readings.get(line.pk, 0), holds) for line in lines}


@dataclass(frozen=True, slots=True)
class _Bill:
    """What a settlement says of a line, and the entries: of holds that have run out, and of what is paid now."""

    detail: dict[str, Any]
    expired: list[Chain]
    captures: list[Chain]


def _bill_line(agreement: Agreement, line: AgreementLine, known: _Known, period: str, now: datetime) -> _Bill:
    earlier, gross, is_final = known.earlier, known.gross_fen, period == FINAL
    bill = _Bill({}, [], [])
    holds: dict[Payer, Transfer] = {}
    held: list[Held] = []
    given: tuple[tuple[Payer, Transfer | None, int], ...] = (
        ("voucher", line.voucher_hold, earlier.voucher_fen),
        ("own", line.own_hold, earlier.own_fen),
    )
    for payer, placed, captured in given:
        if placed is None:
            continue
        holds[payer] = placed
        progress = known.holds[placed.pk]
        left = progress.remaining
        if left and progress.expires_at <= now:  # can pay nothing any more
            entry = of_hold(TransferKind.RELEASE, placed, left, "expired")
            bill.expired.append(Chain(f"expire:{placed.idempotency_key}", (entry,)))
            left = 0
        held.append(Held(placed.idempotency_key, payer, captured + left, captured))
    result = settle(held, gross)
    causes = {"agreement": agreement.key, "line": line.number, "settlement": period, "readings": known.readings}
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
                bill.captures.append(Chain(key, (entry,)))
        paid[share.payer] += share.captured_fen
    bill.detail.update(
        _line_detail(
            line, known.quantity, gross - earlier.metered_fen, paid, released, result.uncollected_fen, known.readings
        )
    )
    return bill


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


def lines_of(*agreements: Agreement) -> list[AgreementLine]:
    """With their holds and the holds' accounts, by agreement and number."""
    found = AgreementLine.objects.filter(agreement__in=agreements).select_related(
        "voucher_hold__debit_account",
        "own_hold__debit_account",
        "voucher_hold__credit_account",
        "own_hold__credit_account",
    )
    return list(found.order_by("agreement", "number"))
