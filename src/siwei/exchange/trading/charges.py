"""What lines have come to so far, captured from their holds: one settlement row for a delivery, a day, or the end.

A bill is the difference of two totals: everything metered or accepted up to now is shared over the holds, and what
earlier settlements of the line captured is taken off. What was settled is not added up again each time: the line keeps
the totals (`settled_…`), moved with every settlement and every correction of one, so that a bill reads what is new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum

from siwei.exchange.bulk import add_to_rows
from siwei.exchange.ledger.actions import Chain, of_hold, write_batch, write_transfer
from siwei.exchange.ledger.quantities import Charged, quantity_chains
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    Delivery,
    DeliveryState,
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
TOTALS = ("settled_quantity", "settled_metered_fen", "settled_voucher_fen", "settled_own_fen")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier settlements of a line came to, less what disputes took back; `quantity` as they are billed now."""

    quantity: int = 0
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
    quantities: list[Charged] = []
    made: list[Settlement | None] = []
    moved: list[tuple[int, ...]] = []
    for agreement, lines in asked:
        bills = [_bill_line(agreement, line, known[line.pk], period, now) for line in lines]
        chains += [chain for bill in bills for chain in bill.expired]
        detail = [bill.detail for bill in bills]
        if not always and not any(each["metered_fen"] or each["readings"] for each in detail):
            made.append(None)
            continue
        chains += [chain for bill in bills for chain in bill.captures]
        made.append(_settlement(agreement, period, detail, now))
        moved += [_moved(line, known[line.pk], each) for line, each in zip(lines, detail, strict=True)]
        quantities += [Charged(agreement.key, line, period, known[line.pk].new_quantity) for line in lines]
    _write([*chains, *quantity_chains(quantities)], now)
    Settlement.objects.bulk_create([each for each in made if each is not None])
    charged = [line for (_, lines), each in zip(asked, made, strict=True) if each is not None for line in lines]
    of_line = Settlement.objects.filter(period=period, agreement__lines=OuterRef("line_id")).values("pk")
    marked = open_usages(charged).update(settlement=Subquery(of_line))
    # Under the agreements' locks nobody writes a reading in between: what is marked is what was counted.
    assert marked == sum(known[line.pk].readings for line in charged)
    add_to_rows(AgreementLine, TOTALS, [each for each in moved if any(each[:-1])])
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


def open_usages(lines: Sequence[AgreementLine]) -> QuerySet[Usage]:
    """Readings that no settlement has charged yet."""
    return Usage.objects.filter(line__in=lines, settlement=None, is_held=False)


def earlier_of(lines: Sequence[AgreementLine]) -> dict[int, Earlier]:
    """By line; read anew, for a line may have been found before its agreement was locked."""
    found = AgreementLine.objects.filter(pk__in=[line.pk for line in lines])
    return {pk: Earlier(*totals) for pk, *totals in found.values_list("pk", *TOTALS)}


def move_totals(
    line: AgreementLine, *, quantity: int = 0, metered_fen: int = 0, voucher_fen: int = 0, own_fen: int = 0
) -> None:
    """Where a correction bills a settled reading otherwise, or gives money back."""
    AgreementLine.objects.filter(pk=line.pk).update(
        settled_quantity=F("settled_quantity") + quantity,
        settled_metered_fen=F("settled_metered_fen") + metered_fen,
        settled_voucher_fen=F("settled_voucher_fen") + voucher_fen,
        settled_own_fen=F("settled_own_fen") + own_fen,
    )


def settled_gross_fen(line: AgreementLine) -> int:
    """What the line comes to by what was settled: accepted deliveries, or the readings charged as they are billed
    now."""
    accepted = _accepted([line])
    return accepted[line.pk] if line.pk in accepted else _rated(line, earlier_of([line])[line.pk].quantity)


def _accepted(lines: Sequence[AgreementLine]) -> dict[int, int]:
    """By line that is paid by deliveries: what of them was accepted."""
    accepted = Sum("amount_fen", filter=Q(state=DeliveryState.ACCEPTED))
    found = Delivery.objects.filter(line__in=lines).values_list("line_id").annotate(fen=accepted)
    return {pk: fen or 0 for pk, fen in found}


def _rated(line: AgreementLine, quantity: int) -> int:
    return rate(quantity, Price(line.unit_price_fen, line.price_quantity))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a line's bill is worked out from: what was charged, what it has come to with the open readings (in quantity
    None where it is paid by deliveries), and its holds. A reading that is held back does not count before its dispute
    is resolved."""

    earlier: Earlier
    quantity: int | None
    gross_fen: int
    readings: int
    new_quantity: int
    holds: Mapping[int, Hold]


def _know(lines: Sequence[AgreementLine]) -> dict[int, _Known]:
    earlier, accepted = earlier_of(lines), _accepted(lines)
    new = {
        pk: (count, quantity)
        for pk, count, quantity in open_usages(lines)
        .values_list("line_id")
        .annotate(count=Count("pk"), quantity=Sum("quantity"))
    }
    placed = {pk for line in lines for pk in (line.voucher_hold_id, line.own_hold_id) if pk}
    holds = Hold.objects.in_bulk(placed)
    found: dict[int, _Known] = {}
    for line in lines:
        before, (readings, added) = earlier[line.pk], new.get(line.pk, (0, 0))
        quantity = None if line.pk in accepted else before.quantity + added
        gross = accepted[line.pk] if quantity is None else _rated(line, quantity)
        found[line.pk] = _Known(before, quantity, gross, readings, added, holds)
    return found


def _moved(line: AgreementLine, known: _Known, detail: Mapping[str, Any]) -> tuple[int, ...]:
    """By how much its totals move (TOTALS), and which line's."""
    return known.new_quantity, detail["metered_fen"], detail["voucher_fen"], detail["own_fen"], line.pk


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
