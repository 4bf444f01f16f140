"""One round of sharing money among claims: served in an order, or cut pro rata; quotas are never passed.

Amounts are Python integers or 128-bit columns, so nothing can wrap. Both functions return what each claim gets and what
kept it from more, in the order the claims were given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import polars as pl

from siwei.policy.programmes import Payment
from siwei.policy.sharing import share_groups_pro_rata

POT = "pot"


@dataclass
class QuotaLeft:
    """What claims with each value of a quota's attribute may still get; `values` has the value of every claim."""

    name: str
    values: Sequence[object]
    left: dict[object, int]


@dataclass
class Round:
    """`paid` by claim, and the name of what bound the claims not paid in full: POT, or a quota's name."""

    paid: list[int]
    bound: list[str | None] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.paid)


def serve_in_order(
    wanted: Sequence[int], order: Sequence[int], money: int, payment: Payment, quotas: Sequence[QuotaLeft]
) -> Round:
    """Serve the claims at the places `order`, one after the other, while money and quotas last."""
    paid = [0] * len(wanted)
    bound: list[str | None] = [None] * len(wanted)
    stopped = False
    for place in order:
        want = wanted[place]
        if want == 0:
            continue
        room, by = (0 if stopped else money), POT
        for quota in quotas:
            left = quota.left[quota.values[place]]
            if left < room:
                room, by = left, quota.name
        give = min(want, room)
        if give < want:
            bound[place] = by
            if payment is not Payment.PARTIAL:
                give = 0
                # Only the pot's end ends the serving: a full quota says nothing of the claims outside it.
                stopped = stopped or (payment is Payment.WHOLE_OR_STOP and by == POT)
        paid[place] = give
        money -= give
        for quota in quotas:
            quota.left[quota.values[place]] -= give
    return Round(paid, bound)


def serve_pro_rata(wanted: Sequence[int], ids: pl.Series, money: int, quotas: Sequence[QuotaLeft]) -> Round:
    """Every claim the same part of what it wants, under at most one quota: a value whose quota is full gets it, and
    what that frees goes to the others in proportion."""
    quota = quotas[0] if quotas else QuotaLeft("", [0] * len(wanted), {0: money})
    totals: dict[object, int] = {}
    for value, want in zip(quota.values, wanted, strict=True):
        totals[value] = totals.get(value, 0) + want
    amounts = _divide(totals, {value: min(totals[value], quota.left[value]) for value in totals}, money)
    numbers = {value: number for number, value in enumerate(totals)}
    groups = pl.Series([numbers[value] for value in quota.values], dtype=pl.UInt32)
    shares = pl.Series([amounts[value] for value in totals], dtype=pl.Int128)
    paid = share_groups_pro_rata(pl.Series(wanted, dtype=pl.Int64), ids, groups, shares).to_list()
    for value, amount in amounts.items():
        quota.left[value] -= amount
    full = {value for value in totals if quotas and quota.left[value] == 0 and amounts[value] < totals[value]}
    bound: list[str | None] = [
        None if got == want else quota.name if value in full else POT
        for got, want, value in zip(paid, wanted, quota.values, strict=True)
    ]
    return Round(paid, bound)


@dataclass(frozen=True, slots=True)
class ReserveLeft:
    """What is left of a reserve, and which claims it is kept for."""

    id: str
    left: int
    kept_for: Sequence[bool]


@dataclass
class Served:
    """By claim: what it gets, of that out of each reserve, and what bound those not paid in full."""

    paid: list[int]
    reserved: dict[str, list[int]]
    bound: list[str | None]


def serve_pot(
    wanted: Sequence[int],
    ids: pl.Series,
    order: Sequence[int] | None,
    money: int,
    payment: Payment,
    reserves: Sequence[ReserveLeft],
    quotas: Sequence[QuotaLeft],
) -> Served:
    """Reserves first, each among the claims it is kept for; then the rest among all. `order` is None pro rata."""

    def serve(amounts: Sequence[int], at_most: int) -> Round:
        if order is None:
            return serve_pro_rata(amounts, ids, at_most, quotas)
        return serve_in_order(amounts, order, at_most, payment, quotas)

    unmet, reserved = list(wanted), {}
    for reserve in reserves:
        amounts = [want if kept else 0 for want, kept in zip(unmet, reserve.kept_for, strict=True)]
        got = serve(amounts, min(money, reserve.left))
        unmet = [want - part for want, part in zip(unmet, got.paid, strict=True)]
        reserved[reserve.id] = got.paid
        money -= got.total
    rest = serve(unmet, money)
    paid = [want - short + part for want, short, part in zip(wanted, unmet, rest.paid, strict=True)]
    return Served(paid, reserved, rest.bound)


def _divide(totals: dict[object, int], most: dict[object, int], money: int) -> dict[object, int]:
    """Money among values in proportion to their totals, none above its most, to the fen by largest remainder."""
    amounts: dict[object, int] = {}
    open_ = {value for value, total in totals.items() if total > 0}
    while open_:
        rate = min(Fraction(money, sum(totals[value] for value in open_)), Fraction(1))
        full = {value for value in open_ if most[value] <= rate * totals[value]}
        if not full:
            break
        amounts |= {value: most[value] for value in full}
        money -= sum(most[value] for value in full)
        open_ -= full
    if open_:
        whole = sum(totals[value] for value in open_)
        # The order of `totals` is that of the claims; remainders tie by the value's own text, not by it.
        exact = {value: divmod(totals[value] * money, whole) for value in open_}
        over = money - sum(quotient for quotient, _ in exact.values())
        ranked = sorted(open_, key=lambda value: (-exact[value][1], str(value)))
        amounts |= {value: exact[value][0] + (place < over) for place, value in enumerate(ranked)}
    return {value: amounts.get(value, 0) for value in totals}
