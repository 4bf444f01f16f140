"""What a settlement charges, entered in its own unit beside the money that pays for it: from what the provider
delivered to what the consumer used. Accelerator-seconds by model, seats by course, tokens by model.

These entries are of the same transaction as the captures, and name the same settlement: a unit's trial balance says who
delivered and who used how much of it. What has no unit of account (a milestone, a licence) moves money alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum

from siwei.exchange.ledger.accounts import open_quantity_accounts
from siwei.exchange.ledger.actions import Chain, Entry, write_transfer
from siwei.exchange.ledger.units import LONGEST, unit_of
from siwei.exchange.models import Account, AgreementLine, Delivery, ModelCall, Transfer, TransferKind, Usage

CALLS = "microfen"
"""Calls of a model are charged as money itself; how many tokens they took stands with each call."""


@dataclass(frozen=True, slots=True)
class Charged:
    """How much of a line a settlement charges: `quantity` of its readings in the line's unit (0 where there are none);
    `period` may name the delivery that is charged instead."""

    agreement: str
    line: AgreementLine
    period: str
    quantity: int

    @property
    def key(self) -> str:
        return f"settle:{self.agreement}:{self.line.number}:{self.period}:used"

    @property
    def causes(self) -> dict[str, Any]:
        return {"agreement": self.agreement, "line": self.line.number, "settlement": self.period}


Accounts = Mapping[tuple[str, str, int], Account]


def quantity_chains(charged: Sequence[Charged]) -> list[Chain]:
    """The entries of these lines' settlements; the same settlement has the same keys. Asked for before the settlement
    marks its readings, for open readings are those it charges."""
    tokens = _open_tokens([each.line for each in charged if each.line.unit == CALLS])
    moves: list[tuple[str, Charged, str, int]] = []
    for each in charged:
        of_calls = tokens.get(each.line.pk, ())
        moves += [(f"{each.key}:{place}", each, *found) for place, found in enumerate(of_calls) if found[1]]
        if (unit := unit_of_line(each.line)) and (count := each.quantity + _delivered(each)):
            moves.append((each.key, each, unit, count))
    accounts = _accounts_of((unit, each.line) for _, each, unit, _ in moves)
    return [
        Chain(key, (_entry(accounts, each.line, unit, count, "settlement", each.causes),))
        for key, each, unit, count in moves
    ]


def correct_quantity(usage: Usage, by: int, dispute: str, now: datetime) -> None:
    """A settled reading is billed by `by` more (or less) from now on: what was entered for it follows. Nothing where
    nothing was: it was settled before quantities were entered, or is of calls, whose tokens were used whatever they
    cost."""
    line, settlement = usage.line, usage.settlement
    unit = unit_of_line(line)
    if unit is None or settlement is None or not by:
        return
    each = Charged(line.agreement.key, line, settlement.period, by)
    billed = Usage.objects.filter(line=line, settlement=settlement).aggregate(total=Sum("quantity"))["total"] or 0
    was_nothing = billed == by  # and so had no entry
    if not was_nothing and not Transfer.objects.filter(idempotency_key=each.key).exists():
        return
    causes = each.causes | {"dispute": dispute}
    entry = _entry(_accounts_of([(unit, line)]), line, unit, by, "dispute resolved", causes)
    write_transfer(entry, key=f"dispute:{dispute}:used", now=now)


def unit_of_line(line: AgreementLine) -> str | None:
    """The unit of account its quantities are entered in; None where they are not, or nobody said what is counted."""
    kind, _, name = line.unit.partition(":")
    if kind == "accelerator-second":
        return _unit(kind, name)
    return _unit(kind, line.offered.get("title")) if kind == "seat" else None


def _unit(kind: str, name: Any) -> str | None:
    shown = str(name or "").strip()[: LONGEST - len(kind) - 1].strip()
    return unit_of(kind, shown) if shown else None


def _open_tokens(lines: Sequence[AgreementLine]) -> dict[int, list[tuple[str, int]]]:
    """By line: tokens by model of the calls whose reading is open."""
    found: dict[int, list[tuple[str, int]]] = {}
    if lines:
        calls = ModelCall.objects.filter(
            line__in=lines, usage__settlement=None, usage__is_held=False, usage__isnull=False
        )
        sums = calls.values_list("line_id", "model").annotate(read=Sum("input_tokens"), written=Sum("output_tokens"))
        for line, model, read, written in sums.order_by("line_id", "model"):
            if unit := _unit("token", model):
                found.setdefault(line, []).append((unit, (read or 0) + (written or 0)))
    return found


def _delivered(charged: Charged) -> int:
    """What the delivery that the period names hands over."""
    name, _, number = charged.period.partition(":")
    if name != "delivery":
        return 0
    of_line = Delivery.objects.filter(line=charged.line, number=int(number))
    return of_line.values_list("quantity", flat=True).first() or 0


def _accounts_of(units: Iterable[tuple[str, AgreementLine]]) -> Accounts:
    return open_quantity_accounts(
        {
            each
            for unit, line in units
            for each in ((unit, "delivered", line.provider_id), (unit, "used", line.consumer_id))
        }
    )


def _entry(
    accounts: Accounts, line: AgreementLine, unit: str, quantity: int, memo: str, causes: Mapping[str, Any]
) -> Entry:
    delivered = accounts[unit, "delivered", line.provider_id]
    used = accounts[unit, "used", line.consumer_id]
    debit, credit = (delivered, used) if quantity > 0 else (used, delivered)
    return Entry(TransferKind.POST, debit, credit, abs(quantity), memo=memo, causes=causes)
