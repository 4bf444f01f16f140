"""Every subject's best lawful combination of awards, exactly, on uncut entitlements.

Programmes that no rule links are chosen apart. Subjects that are entitled to the same programmes are tried together:
every lawful set of them, the limits applied in their declared order, and the greatest total is taken. Adding an award
can lower a total (a limit that holds only from the second award on), so every set is tried and not only the largest.

Most subjects need no search: where all their awards together are lawful and no limit cuts them, nothing is cut, and any
smaller set comes to less. Only the others are searched.
"""

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt
import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.decide import (
    MOST_PLANS,
    Decisions,
    Same,
    award_column,
    columns_of,
    decision_columns,
    plan_decisions,
    programme_context,
    verdict_column,
)
from siwei.policy.language.arithmetic import WHOLE_RANGE
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context, bounds_of
from siwei.policy.one_limit import has_one_limit, one_limit_layers
from siwei.policy.programmes import Programme
from siwei.policy.stacking import MOST_LINKED, Linked, Stacking, StackingGroup, lawful_choices, linked
from siwei.policy.subjects import ID, RoughRanges, prepare_columns, read_dtypes, rough_ranges

Amounts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Places = npt.NDArray[np.intp]
GREATEST_AWARD = (2**63 - 1) // 64
"""Fen. Below it no sum of a part's awards can leave 64 bits."""
COMBINED_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(), "programme": pl.String(), "entitled_fen": pl.Int64(), "chosen": pl.Boolean(),
    "kept_fen": pl.Int64(), "bound_by": pl.String(),
}  # fmt: skip
DECLINED = "declined"
DRAFT = "draft"
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
    entitlement that bears on the choice is not known yet. Of `drafts`, which release no money, nothing is kept and
    nothing bears on the choice: bound by `draft`."""

    programmes: tuple[str, ...]
    wide: pl.DataFrame
    entitled: pl.DataFrame
    drafts: frozenset[str] = frozenset()

    @property
    def rows(self) -> pl.DataFrame:
        """COMBINED_SCHEMA: a row per subject and award it is entitled to."""
        parts = [self._rows_of(programme) for programme in self.programmes]
        return pl.concat(parts) if parts else pl.DataFrame(schema=COMBINED_SCHEMA)

    def _rows_of(self, programme: str) -> pl.DataFrame:
        is_told = bound_column(programme) in self.wide.columns
        bound = pl.col(bound_column(programme)) if is_told else pl.lit(None, dtype=pl.String)
        frame = self.wide.with_columns(self.entitled[programme].alias("entitled_fen"))
        kept = pl.col(kept_column(programme))
        return frame.filter(pl.col("entitled_fen") > 0).select(
            ID,
            pl.lit(programme).alias("programme"),
            "entitled_fen",
            pl.when(kept.is_not_null()).then(bound.is_in([DECLINED, DRAFT]).not_().fill_null(True)).alias("chosen"),
            kept.alias("kept_fen"),
            bound.alias("bound_by"),
        )


def drafts_among(programmes: Iterable[Programme], in_force: Collection[str] = ()) -> frozenset[str]:
    """Those that release no money, without those taken to be in force."""
    return frozenset(each.id for each in programmes if each.is_draft and each.id not in in_force)


def combine(
    stacking: Stacking,
    decisions: Decisions,
    table: pl.DataFrame | pl.LazyFrame,
    in_force: Collection[str] = (),
) -> Combined:
    """The best lawful combination of every subject of `decisions`, made from the same `table`.

    The best has the greatest total; of equal ones that with fewer awards, then the smaller ids. A draft has no part in
    it, unless it is taken to be `in_force`. Raises InputError where the table is another one, lacks what a limit reads,
    or an award is too large to be added up.
    """
    names = [programme.id for programme in decisions.programmes]
    entitled = decisions.wide.select(
        # An award is owed only where the verdict is eligible; 0 and null are kept apart: no award, and not known.
        pl.when(pl.col(verdict_column(name)) == 0).then(0).otherwise(pl.col(award_column(name))).alias(name)
        for name in names
    )
    _check_sizes(entitled)
    drafts = drafts_among(decisions.programmes, in_force)
    parts = [within(part, [name for name in names if name not in drafts]) for part in linked(stacking)]
    limits = group_limits(stacking, parts, decisions, table)
    columns: dict[str, pl.Series] = {kept_column(name): entitled[name] for name in names}
    for name in names:
        if name in drafts:
            told = entitled.select(pl.when(pl.col(name) > 0).then(pl.lit(DRAFT)))
            nothing = pl.Series([0], dtype=pl.Int64).new_from_index(0, entitled.height)
            columns |= {kept_column(name): nothing, bound_column(name): told.to_series()}
    open_ = np.zeros(decisions.wide.height, dtype=bool)
    for part in parts:
        if not part.programmes:
            continue
        facts = entitled.select(part.programmes).with_columns(
            pl.Series(limit_column(group.id), limits[group.id]) for group in part.groups
        )
        columns |= choose(part, facts)
        open_ |= entitled.select(pl.any_horizontal(pl.col(part.programmes).is_null())).to_series().to_numpy()
    wide = pl.DataFrame({ID: decisions.wide[ID], **columns, "open": open_})
    return Combined(tuple(names), wide, entitled, drafts)


def within(part: Linked, names: Sequence[str]) -> Linked:
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


def combine_lazily(
    stacking: Stacking, programmes: tuple[Programme, ...], table: pl.DataFrame | pl.LazyFrame, as_of: date
) -> pl.LazyFrame:
    """The wide frame of `decide_lazily` with the columns of `Combined.wide` beside it, decided and combined in one pass
    that streams; `bound_column` is an Enum. An award too large to be added up fails the query."""
    parts = _parts(stacking, programmes)
    read = read_dtypes([*(each for programme in programmes for each in programme.expressions),
                        *(group.limit for part in parts for group in part.groups)])  # fmt: skip
    subjects = prepare_columns(table, {ID: pl.String(), **read})
    ranges = rough_ranges(table, read)
    plan, made, layers = _planned(Same(stacking, *programmes), as_of, columns_of(subjects), ranges)
    frame = plan.apply(subjects, [pl.col(ID), *made])
    for layer in layers:
        frame = frame.with_columns(layer)
    order = [name for programme in programmes for name in decision_columns(programme)]
    ruled = {name for part in parts for name in part.programmes}
    drafts = drafts_among(programmes)
    alone = [each.id for each in programmes if each.id not in ruled and each.id not in drafts]
    kept = [pl.col(award_column(name)).alias(kept_column(name)) for name in alone]
    for name in [each.id for each in programmes if each.id in drafts]:
        told = pl.when(pl.col(award_column(name)) > 0).then(pl.lit(DRAFT, dtype=pl.Enum([DRAFT])))
        kept += [pl.lit(0, dtype=pl.Int64).alias(kept_column(name)), told.alias(bound_column(name))]
    for part in parts:
        kept += [pl.col(column(name)) for name in part.programmes for column in (kept_column, bound_column)]
    unknown = [pl.col(award_column(name)).is_null() for name in sorted(ruled)]
    open_ = pl.any_horizontal(unknown) if unknown else pl.lit(False)
    return frame.select(ID, *order, *kept, open_.alias("open"))


def _parts(stacking: Stacking, programmes: Sequence[Programme]) -> list[Linked]:
    drafts = drafts_among(programmes)
    names = [programme.id for programme in programmes if programme.id not in drafts]
    parts = [within(part, names) for part in linked(stacking)]
    return [part for part in parts if part.programmes]


@lru_cache(maxsize=MOST_PLANS)
def _planned(
    rules: Same, as_of: date, columns: frozenset[str], ranges: RoughRanges
) -> tuple[Plan, list[pl.Expr], list[list[pl.Expr]]]:
    """The plan, what is selected from it, and what is added to that layer by layer."""
    stacking, *programmes = rules.objects
    parts, plan = _parts(stacking, programmes), Plan()
    made, verdicts = plan_decisions(plan, programmes, as_of, columns, dict(ranges))
    context = Context(as_of, stacking.parameters_on(as_of), "down", 0, columns, dict(ranges))
    layers = [verdicts]
    for part in parts:
        by_columns = _is_by_columns(part, programmes, as_of)
        for group in part.groups:
            limit = _limit(plan, group, context)
            made.append(limit if by_columns else limit.fill_null(UNKNOWN))
        layers += _choice_layers(part, by_columns)
    return plan, made, layers


def _choice_layers(part: Linked, by_columns: bool) -> list[list[pl.Expr]]:
    """The `kept_column` and `bound_column` of every programme of a part."""
    kept = {name: kept_column(name) for name in part.programmes}
    bound = {name: bound_column(name) for name in part.programmes}
    by = _bound_enum(part)
    if by_columns:
        awards = {name: award_column(name) for name in part.programmes}
        return one_limit_layers(part, awards, limit_column(part.groups[0].id), kept, bound, by)
    return [
        [_chosen_lazily(part).alias(":chosen")],
        [pl.col(":chosen").struct.field(*kept.values(), *bound.values())],
        [pl.col(name).cat.to(by) for name in bound.values()],
    ]


def _is_by_columns(part: Linked, programmes: Sequence[Programme], as_of: date) -> bool:
    mine = [programme for programme in programmes if programme.id in part.programmes]
    return has_one_limit(part) and all(_is_small(programme, as_of) for programme in mine)


def _is_small(programme: Programme, as_of: date) -> bool:
    """Whether its cap alone says that no award of it is beyond GREATEST_AWARD, however it is rounded."""
    cap = programme.award.cap
    if cap is None:
        return False
    compiled = Plan().add(cap.tree, programme_context(programme, as_of, 0, frozenset()))
    return type(compiled.constant) is int and compiled.constant <= GREATEST_AWARD - programme.rounding.multiple_fen


def _chosen_lazily(part: Linked) -> pl.Expr:
    """A struct of `choose`'s columns; rows do not bear on one another, so any slice of the table can be chosen for."""
    amounts = [pl.col(award_column(name)).alias(name) for name in part.programmes]
    limits = [pl.col(limit_column(group.id)) for group in part.groups]
    dtypes: dict[str, pl.DataType] = {}
    for name in part.programmes:
        dtypes |= {kept_column(name): pl.Int64(), bound_column(name): pl.UInt8()}

    def chosen(facts: pl.Series) -> pl.Series:
        frame = facts.struct.unnest()
        _check_sizes(frame.select(part.programmes))
        return pl.DataFrame(choose(part, frame, as_text=False)).select(list(dtypes)).to_struct()

    return pl.struct(*amounts, *limits).map_batches(chosen, return_dtype=pl.Struct(dtypes), is_elementwise=True)


def limit_column(group: str) -> str:
    return f":limit:{group}"


def _limit(plan: Plan, group: StackingGroup, context: Context) -> pl.Expr:
    """Null where it cannot be told or fails, 0 where it is negative. Beyond every sum of awards a limit is none: cut
    down there, nothing that is reckoned with it can overflow."""
    limit = plan.add(group.limit.tree, context)
    least, most = bounds_of(limit) or WHOLE_RANGE
    is_cut = least < 0 or most > MOST_LINKED * GREATEST_AWARD
    value = limit.value.clip(0, MOST_LINKED * GREATEST_AWARD) if is_cut else limit.value
    return value.alias(limit_column(group.id))


def group_limits(
    stacking: Stacking, parts: Sequence[Linked], decisions: Decisions, table: pl.DataFrame | pl.LazyFrame
) -> dict[str, Amounts]:
    """By group, the limit of every subject; UNKNOWN where it cannot be told or fails, 0 where it is negative."""
    groups = {group.id: group for part in parts if part.programmes for group in part.groups}
    subjects = prepare_columns(table, {ID: pl.String(), **read_dtypes(group.limit for group in groups.values())})
    plan = Plan()
    columns = frozenset(subjects.collect_schema().names())
    context = Context(decisions.as_of, stacking.parameters_on(decisions.as_of), "down", 0, columns)
    bounded = [_limit(plan, group, context).fill_null(UNKNOWN) for group in groups.values()]
    frame = plan.apply(subjects, [pl.col(ID), *bounded]).collect()
    if not frame[ID].equals(decisions.wide[ID]):
        raise InputError([Problem("the table is not the one that was decided", "give the same rows in the same order")])
    return {name: frame[limit_column(name)].to_numpy() for name in groups}


def choose(part: Linked, facts: pl.DataFrame, as_text: bool = True) -> dict[str, pl.Series]:
    """`kept_column` and `bound_column` of every programme of a part. `facts` holds a column per programme (what one is
    entitled to; null where not known) and `limit_column` per group. Without `as_text` what bound an award is its code
    in `_bound_enum` (UInt8)."""
    rows = facts.select(needs_choice(part).arg_true()).to_series()
    made: dict[str, pl.Series] = {}
    by = pl.Series([None], dtype=pl.UInt8).new_from_index(0, facts.height)
    for name in part.programmes:
        made |= {kept_column(name): facts[name].alias(kept_column(name)), bound_column(name): by}
    if len(rows):
        searched = facts[rows]
        for name, found in search(part, searched).items():
            kept, codes = (pl.Series(values) for values in found)
            amounts = kept.set(kept == UNKNOWN, None)
            made[kept_column(name)] = made[kept_column(name)].clone().scatter(rows, amounts)
            bound = (codes - 1).set(codes == 0, None).cast(pl.UInt8)
            made[bound_column(name)] = by.clone().scatter(rows, bound)
    if as_text:
        for name in part.programmes:
            made[bound_column(name)] = made[bound_column(name)].cat.to(_bound_enum(part)).cast(pl.String)
    return made


def needs_choice(part: Linked) -> pl.Expr:
    """Whether all awards together are not lawful, or a limit cuts them or is not known; see the top of the file."""
    doubts: list[pl.Expr] = [pl.lit(False)]
    for rule in part.either_or:
        doubts.append(_count(rule.programmes, part) > rule.most)
    for group in part.groups:
        mine = [pl.col(name).fill_null(0) for name in group.programmes if name in part.programmes]
        if len(mine) >= group.applies_from:
            # Plain sums are several times as fast as `sum_horizontal`. An unknown limit cuts whatever is above 0.
            cuts = reduce(operator.add, mine) > pl.col(limit_column(group.id)).clip(0)
            holds = _count(group.programmes, part) >= group.applies_from
            doubts.append(cuts if group.applies_from <= 1 else cuts & holds)
    return pl.any_horizontal(doubts)


def _count(programmes: Sequence[str], part: Linked) -> pl.Expr:
    """How many of them one is entitled to."""
    entitled = [pl.col(name) > 0 for name in programmes if name in part.programmes]
    return pl.sum_horizontal([each.fill_null(False).cast(pl.UInt8) for each in entitled] or [pl.lit(0)])


def _bound_enum(part: Linked) -> pl.Enum:
    return pl.Enum([DECLINED, *(group.id for group in part.groups)])


Chosen = dict[str, tuple[Amounts, Codes]]
"""By programme what is kept (UNKNOWN where it cannot be told), and the code of what cut it (0 nothing, 1 declined, 2 …
the groups)."""


def search(part: Linked, facts: pl.DataFrame) -> Chosen:
    """All subjects entitled to the same programmes of the part are tried together."""
    entitled = {name: facts[name].fill_null(UNKNOWN).to_numpy() for name in part.programmes}
    limits = {group.id: facts[limit_column(group.id)].to_numpy() for group in part.groups}
    found = {name: (amounts.copy(), np.zeros(len(amounts), dtype=np.int8)) for name, amounts in entitled.items()}
    patterns = np.zeros(facts.height, dtype=np.int64)
    for place, amounts in enumerate(entitled.values()):
        patterns |= (amounts > 0).astype(np.int64) << place
    for pattern in np.unique(patterns[patterns > 0]):
        names = [name for place, name in enumerate(part.programmes) if pattern >> place & 1]
        rows = np.flatnonzero(patterns == pattern)
        rows = _known(part, rows, names, limits, found)
        mine = {name: entitled[name][rows] for name in names}
        chosen = _choose(part, names, mine, {name: limit[rows] for name, limit in limits.items()})
        for name, (amounts, codes) in chosen.items():
            found[name][0][rows], found[name][1][rows] = amounts, codes
    return found


def _known(part: Linked, rows: Places, names: Sequence[str], limits: Mapping[str, Amounts], found: Chosen) -> Places:
    """The rows of which every limit that may matter is known; of the others nothing can be told."""
    unknown = np.zeros(len(rows), dtype=bool)
    for group in part.groups:
        if len(set(group.programmes) & set(names)) >= group.applies_from:
            unknown |= limits[group.id][rows] == UNKNOWN
    for name in names:
        found[name][0][rows[unknown]] = UNKNOWN
    return rows[~unknown]


def _choose(
    part: Linked, names: Sequence[str], entitled: Mapping[str, Amounts], limits: Mapping[str, Amounts]
) -> Chosen:
    """The best choice of subjects who are entitled to exactly `names`."""
    best = np.full(len(entitled[names[0]]), -1, dtype=np.int64)
    chosen: Chosen = {name: (np.zeros_like(best), np.ones(len(best), dtype=np.int8)) for name in names}
    for choice in lawful_choices(names, part.either_or):
        made = _apply(part, choice, entitled, limits)
        total = sum((amounts for amounts, _ in made.values()), np.zeros_like(best))
        # Choices come in the order of preference, so of equal ones the first stays.
        better = np.flatnonzero(total > best)
        if not len(better):
            continue
        best[better] = total[better]
        for name, (amounts, codes) in chosen.items():
            amounts[better] = made[name][0][better] if name in made else 0
            codes[better] = made[name][1][better] if name in made else 1
    return chosen


def _apply(
    part: Linked, choice: Sequence[str], entitled: Mapping[str, Amounts], limits: Mapping[str, Amounts]
) -> Chosen:
    """What a choice comes to after every limit, and what cut it."""
    made = {name: (entitled[name].copy(), np.zeros(len(entitled[name]), dtype=np.int8)) for name in choice}
    for number, group in enumerate(part.groups):
        taken = [name for name in group.reduce if name in made]
        if not taken or len(taken) < group.applies_from:
            continue
        excess = np.maximum(sum(made[name][0] for name in taken) - limits[group.id], 0)
        for name in taken:
            amounts, codes = made[name]
            cut = np.minimum(amounts, excess)
            amounts -= cut
            excess -= cut
            codes[cut > 0] = number + 2
    return made
