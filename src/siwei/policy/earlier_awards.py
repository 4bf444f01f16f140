"""What earlier sharings of one pot took of its reserves and quotas: both are parts of the period's whole budget.

A second sharing of the same money would otherwise give a district its share of the rest again, and cut a reserve to its
part of the rest. What came back counts no more: of an award first what was out of no reserve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from siwei.errors import InputError, Problem, Said
from siwei.policy.programmes import Pot, Quota, Reserve
from siwei.policy.sharing import sum_exactly

PAID = "paid_fen"
RESERVE = "reserve:"
"""Before a reserve's id: the column that tells what of an award came out of it."""
TREASURY = "treasury_fen"
"""The column that tells what came back of an award and left the pot for the treasury: it is shared no more."""
WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """`budget_fen` is the period's whole budget, `taken_fen` what was awarded of it and did not come back; `reserves`
    by id, `quotas` by attribute and value. What counts under the value None is of awards whose value nobody knows any
    more: it counts against every value, so that no quota is passed. `treasury_fen` came back and left the pot."""

    budget_fen: int
    taken_fen: int = 0
    reserves: Mapping[str, int] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[object, int]] = field(default_factory=dict)
    treasury_fen: int = 0

    @property
    def left_fen(self) -> int:
        return self.budget_fen - self.taken_fen - self.treasury_fen

    def left_of_reserve(self, reserve: Reserve) -> int:
        return max(0, self.budget_fen * reserve.share_bp // WHOLE_BP - self.reserves.get(reserve.id, 0))

    def left_of_quota(self, quota: Quota, value: object) -> int:
        taken = self.quotas.get(quota.by, {})
        return max(0, self.budget_fen * quota.most_bp // WHOLE_BP - taken.get(value, 0) - taken.get(None, 0))


def columns_counted(pot: Pot) -> list[str]:
    """What a row of `count_earlier` tells besides `paid_fen`."""
    return [*(f"{RESERVE}{reserve.id}" for reserve in pot.reserves), *(quota.by for quota in pot.quotas)]


def count_earlier(pot: Pot, awards: pl.DataFrame, budget_fen: int) -> Earlier:
    """Of awards of the same pot, one a row: `paid_fen` is what is left of it, `reserve:<id>` what it was paid out of a
    reserve, and each quota's attribute has its value (null: not known); `treasury_fen`, where it is there, what left
    the pot. Raises InputError with every problem."""
    _check(pot, awards)
    paid: list[int] = awards[PAID].to_list()
    rest, reserves = paid, {}
    for reserve in pot.reserves:
        out_of = [min(had, got or 0) for had, got in zip(rest, awards[f"{RESERVE}{reserve.id}"], strict=True)]
        rest = [had - part for had, part in zip(rest, out_of, strict=True)]
        reserves[reserve.id] = sum(out_of)
    quotas: dict[str, dict[object, int]] = {}
    for quota in pot.quotas:
        taken = quotas.setdefault(quota.by, {})
        for value, fen in zip(awards[quota.by], paid, strict=True):
            taken[value] = taken.get(value, 0) + fen
    treasury = sum_exactly(awards[TREASURY]) if TREASURY in awards.columns else 0
    return _within_budget(Earlier(budget_fen, sum(paid), reserves, quotas, treasury))


def add_earlier(rounds: Sequence[Earlier]) -> Earlier:
    """What several rounds of a pot took together, one at least. Raises InputError where it is more than the budget."""
    reserves: dict[str, int] = {}
    quotas: dict[str, dict[object, int]] = {}
    for each in rounds:
        for id, fen in each.reserves.items():
            reserves[id] = reserves.get(id, 0) + fen
        for by, taken in each.quotas.items():
            added = quotas.setdefault(by, {})
            for value, fen in taken.items():
                added[value] = added.get(value, 0) + fen
    taken_fen, treasury_fen = sum(each.taken_fen for each in rounds), sum(each.treasury_fen for each in rounds)
    return _within_budget(Earlier(rounds[0].budget_fen, taken_fen, reserves, quotas, treasury_fen))


def _within_budget(earlier: Earlier) -> Earlier:
    if earlier.left_fen >= 0:
        return earlier
    told = Said(
        f"earlier awards take {earlier.taken_fen + earlier.treasury_fen} fen of a budget of {earlier.budget_fen}",
        f"此前的扶持共 {earlier.taken_fen + earlier.treasury_fen} 分，超过预算 {earlier.budget_fen} 分",
    )
    fix = Said("give the period's whole budget", "请填本期的全部预算")
    raise InputError([Problem(told, fix, field="budget_fen")])


def _check(pot: Pot, awards: pl.DataFrame) -> None:
    amounts = [PAID, TREASURY, *(f"{RESERVE}{reserve.id}" for reserve in pot.reserves)]
    problems = [
        Problem(
            Said(f"earlier awards have no column {name!r}", f"此前的扶持没有 {name!r} 列"),
            Said("add it: `siwei policy share` writes it", "请补上：`siwei policy share` 会写出它"),
            field=name,
        )
        for name in [PAID, *columns_counted(pot)] if name not in awards.columns
    ]  # fmt: skip
    for name in [each for each in amounts if each in awards.columns]:
        column = awards[name]
        lacking = name in (PAID, TREASURY) and column.null_count() > 0
        if awards.height and (not column.dtype.is_integer() or lacking or int(column.min() or 0) < 0):  # type: ignore[arg-type]
            problems.append(
                Problem(
                    Said(f"an earlier award's {name} is no amount", f"此前扶持的 {name} 不是金额"),
                    Said("whole fen, 0 or more", "整数分，不为负"),
                    field=name,
                )
            )
    if problems:
        raise InputError(problems)
