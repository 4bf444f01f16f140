"""What earlier sharings of one pot took of its reserves and quotas: both are parts of the period's whole budget.

A second sharing of the same money would otherwise give a district its share of the rest again, and cut a reserve to its
part of the rest. What came back counts no more: of an award first what was out of no reserve.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from siwei.errors import InputError, Problem, Said
from siwei.policy.programmes import Pot, Quota, Reserve
from siwei.policy.sharing import sum_exactly
from siwei.policy.subjects import ID

PAID = "paid_fen"
RESERVE = "reserve:"
"""Before a reserve's id: the column that tells what of an award came out of it."""
TREASURY = "treasury_fen"
"""The column that tells what came back of an award and left the pot for the treasury: it is shared no more."""
EARLIER = "earlier"
"""The column that marks what a round's file tells of an award of a round before it: by how much events changed it,
whichever way. Added to what that round's own file tells, it says what the award is now."""
WHOLE_BP = 10_000
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class EarlierAward:
    """What is left of an award, of that out of each reserve, and its value of each quota (None: not known)."""

    paid_fen: int
    reserves: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)

    def changed(self, by: "EarlierAward") -> "EarlierAward":
        reserves = {id: fen + by.reserves.get(id, 0) for id, fen in self.reserves.items()}
        return EarlierAward(self.paid_fen + by.paid_fen, reserves, self.values)


@dataclass(frozen=True, slots=True)
class Earlier:
    """`budget_fen` is the period's whole budget, `taken_fen` what was awarded of it and did not come back; `reserves`
    by id, `quotas` by attribute and value. What counts under the value None is of awards whose value nobody knows any
    more: it counts against every value, so that no quota is passed. `treasury_fen` came back and left the pot.

    `awards` are those that have an id, None where several rounds have the id; `changes` what a later round's file says
    of awards of others."""

    budget_fen: int
    taken_fen: int = 0
    reserves: Mapping[str, int] = field(default_factory=dict)
    quotas: Mapping[str, Mapping[object, int]] = field(default_factory=dict)
    treasury_fen: int = 0
    awards: Mapping[str, EarlierAward | None] = field(default_factory=dict)
    changes: Sequence[tuple[str, EarlierAward]] = ()

    @property
    def left_fen(self) -> int:
        return self.budget_fen - self.taken_fen - self.treasury_fen

    def left_of_reserve(self, reserve: Reserve) -> int:
        return max(0, self.budget_fen * reserve.share_bp // WHOLE_BP - self.reserves.get(reserve.id, 0))

    def left_of_quota(self, quota: Quota, value: object) -> int:
        taken = self.quotas.get(quota.by, {})
        known = {each: fen for each, fen in taken.items() if each is not None}
        # Whichever value one has that nobody knows, its quota is not passed.
        mine = max(known.values(), default=0) if value is None else known.get(value, 0)
        return max(0, self.budget_fen * quota.most_bp // WHOLE_BP - mine - taken.get(None, 0))


def columns_counted(pot: Pot) -> list[str]:
    """What a row of `count_earlier` tells besides `paid_fen`."""
    return [*(f"{RESERVE}{reserve.id}" for reserve in pot.reserves), *(quota.by for quota in pot.quotas)]


def count_earlier(pot: Pot, awards: pl.DataFrame, budget_fen: int, first_row: int = 1) -> Earlier:
    """Of awards of the same pot, one a row: `paid_fen` is what is left of it, `reserve:<id>` what it was paid out of a
    reserve, and each quota's attribute has its value (null: not known); `treasury_fen`, where it is there, what left
    the pot. A row that is marked `earlier` tells by how much an earlier round's award changed. Raises InputError with
    every problem, by row, of which `first_row` is the first."""
    _check(pot, awards, first_row)
    paid: list[int] = awards[PAID].to_list()
    changes = _changes(awards)
    rest, out_of = paid, {}
    for reserve in pot.reserves:
        told = zip(rest, awards[f"{RESERVE}{reserve.id}"], changes, strict=True)
        parts = [(got or 0) if change else min(had, got or 0) for had, got, change in told]
        rest = [had - part for had, part in zip(rest, parts, strict=True)]
        out_of[reserve.id] = parts
    quotas: dict[str, dict[object, int]] = {}
    for quota in pot.quotas:
        taken = quotas.setdefault(quota.by, {})
        for value, fen in zip(awards[quota.by], paid, strict=True):
            taken[value] = taken.get(value, 0) + fen
    treasury = sum_exactly(awards[TREASURY]) if TREASURY in awards.columns else 0
    own: dict[str, EarlierAward | None] = {}
    changed = []
    for (id, award), change in zip(_one_by_one(pot, awards, out_of), changes, strict=ID in awards.columns):
        if change:
            changed.append((id, award))
        else:
            own[id] = None if id in own else award
    reserves = {id: sum(parts) for id, parts in out_of.items()}
    return _within_budget(Earlier(budget_fen, sum(paid), reserves, quotas, treasury, own, changed))


def _changes(awards: pl.DataFrame) -> list[bool]:
    """Of which rows tell a change of an earlier round's award."""
    if EARLIER not in awards.columns:
        return [False] * awards.height
    marked: list[bool] = awards[EARLIER].fill_null(False).to_list()
    return marked


def _one_by_one(
    pot: Pot, awards: pl.DataFrame, out_of: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, EarlierAward]]:
    """With their ids; none where the awards have no ids."""
    if ID not in awards.columns:
        return
    names = [quota.by for quota in pot.quotas]
    for place, (id, paid, *values) in enumerate(awards.select(pl.col(ID).cast(pl.String), PAID, *names).iter_rows()):
        reserves = {reserve: parts[place] for reserve, parts in out_of.items()}
        yield id or "", EarlierAward(paid, reserves, dict(zip(names, values, strict=True)))


def add_earlier(rounds: Sequence[Earlier]) -> Earlier:
    """What several rounds of a pot took together, one at least. Raises InputError where it is more than the budget, or
    one tells of an award that is of none of them."""
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
    awards = _awards_now(rounds)
    return _within_budget(Earlier(rounds[0].budget_fen, taken_fen, reserves, quotas, treasury_fen, awards))


def _awards_now(rounds: Sequence[Earlier]) -> dict[str, EarlierAward | None]:
    awards: dict[str, EarlierAward | None] = {}
    for each in rounds:
        awards |= {id: None if id in awards else award for id, award in each.awards.items()}
    for id, by in (change for each in rounds for change in each.changes):
        award = awards.get(id)
        now = None if award is None else award.changed(by)
        if now is None or min(now.paid_fen, *now.reserves.values(), 0) < 0:
            told = Said(
                f"the award of {id} is changed, and is of none of the earlier rounds given",
                f"{id} 的扶持有变动，却不在所给的此前各轮中",
            )
            fix = Said("give the file of every earlier round, each once", "请给出此前每一轮的文件，每份一次")
            raise InputError([Problem(told, fix, field=ID)])
        awards[id] = now
    return awards


def _within_budget(earlier: Earlier) -> Earlier:
    if earlier.left_fen >= 0:
        return earlier
    told = Said(
        f"earlier awards take {earlier.taken_fen + earlier.treasury_fen} fen of a budget of {earlier.budget_fen}",
        f"此前的扶持共 {earlier.taken_fen + earlier.treasury_fen} 分，超过预算 {earlier.budget_fen} 分",
    )
    fix = Said("give the period's whole budget", "请填本期的全部预算")
    raise InputError([Problem(told, fix, field="budget_fen")])


def _check(pot: Pot, awards: pl.DataFrame, first_row: int) -> None:
    amounts = [PAID, TREASURY, *(f"{RESERVE}{reserve.id}" for reserve in pot.reserves)]
    problems = [
        Problem(
            Said(f"earlier awards have no column {name!r}", f"此前的扶持没有 {name!r} 列"),
            Said("add it: `siwei policy share` writes it", "请补上：`siwei policy share` 会写出它"),
            field=name,
        )
        for name in [PAID, *columns_counted(pot)] if name not in awards.columns
    ]  # fmt: skip
    if EARLIER in awards.columns and awards.schema[EARLIER] not in (pl.Boolean, pl.Null):
        told = Said(f"column {EARLIER} is {awards.schema[EARLIER]}", f"{EARLIER} 列的类型是 {awards.schema[EARLIER]}")
        raise InputError([*problems, Problem(told, Said("true or false", "true 或 false"), field=EARLIER)])
    if ID in awards.columns and not ((ids := awards.schema[ID]).is_integer() or ids in (pl.String, pl.Null)):
        told = Said(f"column {ID} is {ids}", f"{ID} 列的类型是 {ids}")
        problems.append(Problem(told, Said("give text, or whole numbers", "请写文本或整数"), field=ID))
    own = pl.Series(_changes(awards), dtype=pl.Boolean).not_()
    for name in [each for each in amounts if each in awards.columns]:
        told = Said(f"an earlier award's {name} is no amount", f"此前扶持的 {name} 不是金额")
        fix = Said("whole fen, 0 or more", "整数分，不为负")
        rows = _no_amounts(awards[name], None if name == TREASURY else own, may_be_null=name not in (PAID, TREASURY))
        problems += [Problem(told, fix, line=None if row is None else row + first_row, field=name) for row in rows]
    if problems:
        raise InputError(problems[:MOST_PROBLEMS])


def _no_amounts(column: pl.Series, own: pl.Series | None, *, may_be_null: bool) -> list[int | None]:
    """The places that hold none; None where the whole column is of another type. Of what is not `own` an amount may be
    less than nothing: it is a change."""
    if column.is_empty():
        return []
    if not column.dtype.is_integer():
        # A column of nothing but nulls has no type of its own.
        return [] if may_be_null and column.null_count() == column.len() else [None]
    less = column < 0 if own is None else (column < 0) & (own | column.is_null())
    wrong = less.fill_null(not may_be_null)
    return [*wrong.arg_true()[:MOST_PROBLEMS]]
