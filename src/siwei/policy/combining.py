"""Every subject's best lawful combination of awards, exactly, on uncut entitlements.

Programmes that no rule links are chosen apart. Subjects that are entitled to the same programmes are tried together:
every lawful set of them, the limits applied in their declared order, and the greatest total is taken. Adding an award
can lower a total (a limit that holds only from the second award on), so every set is tried and not only the largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.decide import Decisions, award_column, verdict_column
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.stacking import MOST_LINKED, Linked, Stacking, lawful_choices, linked
from siwei.policy.subjects import ID, prepare_columns, read_dtypes

Amounts = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
GREATEST_AWARD = (2**63 - 1) // 64
"""Fen. Below it no sum of a part's awards can leave 64 bits."""
COMBINED_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(), "programme": pl.String(), "entitled_fen": pl.Int64(), "chosen": pl.Boolean(),
    "kept_fen": pl.Int64(), "bound_by": pl.String(),
}  # fmt: skip
DECLINED = "declined"
UNKNOWN = -1
"""In place of an amount, within the search."""


def kept_column(programme: str) -> str:
    return f"{programme}:kept_fen"


def bound_column(programme: str) -> str:
    return f"{programme}:bound_by"


@dataclass(frozen=True)
class Combined:
    """`wide` has a row per subject in the table's order: `id`; per programme its kept amount (Int64, `kept_column`;
    null where a limit that matters is not known, or the award itself) and, for programmes under rules, what cut it
    (`bound_column`: a group's id, or `declined` where the best choice leaves it out); and `open`, whether an
    entitlement that bears on the choice is not known yet."""

    programmes: tuple[str, ...]
    wide: pl.DataFrame
    entitled: pl.DataFrame

    @property
    def rows(self) -> pl.DataFrame:
        """COMBINED_SCHEMA: a row per subject and award it is entitled to."""
        parts = [self._rows_of(programme) for programme in self.programmes]
        return pl.concat(parts) if parts else pl.DataFrame(schema=COMBINED_SCHEMA)

    def _rows_of(self, programme: str) -> pl.DataFrame:
        under_rules = bound_column(programme) in self.wide.columns
        bound = pl.col(bound_column(programme)) if under_rules else pl.lit(None, dtype=pl.String)
        frame = self.wide.with_columns(self.entitled[programme].alias("entitled_fen"))
        kept = pl.col(kept_column(programme))
        return frame.filter(pl.col("entitled_fen") > 0).select(
            ID,
            pl.lit(programme).alias("programme"),
            "entitled_fen",
            pl.when(kept.is_not_null()).then(bound.ne_missing(DECLINED)).alias("chosen"),
            kept.alias("kept_fen"),
            bound.alias("bound_by"),
        )


def combine(stacking: Stacking, decisions: Decisions, table: pl.DataFrame | pl.LazyFrame) -> Combined:
    """The best lawful combination of every subject of `decisions`, made from the same `table`.

    The best has the greatest total; of equal ones that with fewer awards, then the smaller ids. Raises InputError
    where the table is another one, lacks what a limit reads, or an award is too large to be added up.
    """
    names = [programme.id for programme in decisions.programmes]
    entitled = decisions.wide.select(
        # An award is owed only where the verdict is eligible; 0 and null are kept apart: no award, and not known.
        pl.when(pl.col(verdict_column(name)) == 0).then(0).otherwise(pl.col(award_column(name))).alias(name)
        for name in names
    )
    _check_sizes(entitled)
    parts = [_within(part, names) for part in linked(stacking)]
    limits = group_limits(stacking, parts, decisions, table)
    columns: dict[str, pl.Series] = {kept_column(name): entitled[name] for name in names}
    open_ = np.zeros(decisions.wide.height, dtype=bool)
    for part in parts:
        if not part.programmes:
            continue
        columns |= _columns_of(part, _Search(part, entitled, limits).run())
        open_ |= entitled.select(pl.any_horizontal(pl.col(part.programmes).is_null())).to_series().to_numpy()
    wide = pl.DataFrame({ID: decisions.wide[ID], **columns, "open": open_})
    return Combined(tuple(names), wide, entitled)


def _within(part: Linked, names: Sequence[str]) -> Linked:
    """The part of it that was decided."""
    return Linked(tuple(name for name in part.programmes if name in names), part.groups, part.either_or)


def _check_sizes(entitled: pl.DataFrame) -> None:
    problems = [
        Problem(f"an award of {name} is beyond {GREATEST_AWARD} fen", "look at its expression and cap", field=name)
        for name in entitled.columns
        if (entitled[name].max() or 0) > GREATEST_AWARD  # type: ignore[operator]
    ]
    if problems:
        raise InputError(problems)


def group_limits(
    stacking: Stacking, parts: Sequence[Linked], decisions: Decisions, table: pl.DataFrame | pl.LazyFrame
) -> dict[str, Amounts]:
    """By group, the limit of every subject; UNKNOWN where it cannot be told or fails, 0 where it is negative."""
    groups = {group.id: group for part in parts if part.programmes for group in part.groups}
    subjects = prepare_columns(table, {ID: pl.String(), **read_dtypes(group.limit for group in groups.values())})
    plan = Plan()
    columns = frozenset(subjects.collect_schema().names())
    context = Context(decisions.as_of, stacking.parameters_on(decisions.as_of), "down", 0, columns)
    values = {name: plan.add(group.limit.tree, context).value for name, group in groups.items()}
    # Beyond every sum of awards a limit is none: cut down there, nothing that is reckoned with it can overflow.
    bounded = [
        value.clip(0, MOST_LINKED * GREATEST_AWARD).fill_null(UNKNOWN).alias(f":{name}")
        for name, value in values.items()
    ]
    frame = plan.apply(subjects, [pl.col(ID), *bounded]).collect()
    if not frame[ID].equals(decisions.wide[ID]):
        raise InputError([Problem("the table is not the one that was decided", "give the same rows in the same order")])
    return {name: frame[f":{name}"].to_numpy() for name in values}


def _columns_of(part: Linked, found: "_Found") -> dict[str, pl.Series]:
    codes = pl.Series([None, DECLINED, *(group.id for group in part.groups)], dtype=pl.String)
    made: dict[str, pl.Series] = {}
    for place, name in enumerate(part.programmes):
        kept = pl.Series(found.kept[:, place])
        made[kept_column(name)] = kept.set(kept == UNKNOWN, None)
        made[bound_column(name)] = codes.gather(found.cut_by[:, place])
    return made


@dataclass(frozen=True)
class _Found:
    """By subject and programme of a part: what is kept (UNKNOWN where it cannot be told) and the code of what cut it
    (0 nothing, 1 declined, 2 … the groups)."""

    kept: Amounts
    cut_by: npt.NDArray[np.int8]


class _Search:
    """One part: all subjects entitled to the same of its programmes are tried together."""

    def __init__(self, part: Linked, entitled: pl.DataFrame, limits: Mapping[str, Amounts]) -> None:
        self.part, self.limits = part, limits
        columns = [entitled[name].fill_null(UNKNOWN).to_numpy() for name in part.programmes]
        self.entitled: Amounts = np.stack(columns, axis=1)
        self.place = {name: place for place, name in enumerate(part.programmes)}

    def run(self) -> _Found:
        kept = self.entitled.copy()
        cut_by = np.zeros(kept.shape, dtype=np.int8)
        weights = 1 << np.arange(kept.shape[1])
        patterns = (self.entitled > 0) @ weights
        for pattern in np.unique(patterns[patterns > 0]):
            names = [name for name, place in self.place.items() if pattern >> place & 1]
            self._choose(np.flatnonzero(patterns == pattern), names, kept, cut_by)
        return _Found(kept, cut_by)

    def _choose(self, rows: Places, names: Sequence[str], kept: Amounts, cut_by: npt.NDArray[np.int8]) -> None:
        """Write the best choice of the subjects `rows`, who are entitled to `names`."""
        rows = self._known(rows, names, kept)
        choices = lawful_choices(names, self.part.either_or)
        best = np.full(len(rows), -1, dtype=np.int64)
        chosen = np.zeros(len(rows), dtype=np.int64)
        for number, choice in enumerate(choices):
            total = self._apply(rows, choice)[0].sum(axis=1)
            better = total > best
            best[better], chosen[better] = total[better], number
        for number in np.unique(chosen):
            mine = rows[chosen == number]
            amounts, codes = self._apply(mine, choices[number])
            for name in names:
                place = self.place[name]
                kept[mine, place] = amounts[:, place]
                cut_by[mine, place] = codes[:, place] if name in choices[number] else 1

    def _known(self, rows: Places, names: Sequence[str], kept: Amounts) -> Places:
        """The rows of which every limit that may matter is known; of the others nothing can be told."""
        unknown = np.zeros(len(rows), dtype=bool)
        for group in self.part.groups:
            if len(set(group.programmes) & set(names)) >= group.applies_from:
                unknown |= self.limits[group.id][rows] == UNKNOWN
        for name in names:
            kept[rows[unknown], self.place[name]] = UNKNOWN
        return rows[~unknown]

    def _apply(self, rows: Places, choice: Sequence[str]) -> tuple[Amounts, npt.NDArray[np.int8]]:
        """What a choice comes to after every limit, and what cut it."""
        amounts = np.zeros((len(rows), len(self.part.programmes)), dtype=np.int64)
        codes = np.zeros(amounts.shape, dtype=np.int8)
        for name in choice:
            amounts[:, self.place[name]] = self.entitled[rows, self.place[name]]
        for number, group in enumerate(self.part.groups):
            taken = [name for name in group.reduce if name in choice]
            if len(taken) < group.applies_from:
                continue
            places = [self.place[name] for name in taken]
            excess = np.maximum(amounts[:, places].sum(axis=1) - self.limits[group.id][rows], 0)
            for place in places:
                cut = np.minimum(amounts[:, place], excess)
                amounts[:, place] -= cut
                excess -= cut
                codes[cut > 0, place] = number + 2
        return amounts, codes
