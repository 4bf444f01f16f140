"""Every subject's best lawful combination of awards, exactly, on uncut entitlements.

Programmes that no rule links are chosen apart; those of one part by `choosing`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.combinations.choosing import (
    DECLINED,
    UNKNOWN,
    Amounts,
    bound_column,
    bound_enum,
    choose,
    kept_column,
    limit_column,
)
from siwei.policy.combinations.one_limit import has_one_limit, one_limit_layers
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
from siwei.policy.money_words import of_money
from siwei.policy.programmes import Programme
from siwei.policy.stacking import MOST_LINKED, Linked, Stacking, StackingGroup, linked
from siwei.policy.subjects import ID, RoughRanges, prepare_columns, read_dtypes, rough_ranges

GREATEST_AWARD = (2**63 - 1) // 64
"""Fen. Below it no sum of a part's awards can leave 64 bits."""
COMBINED_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(), "programme": pl.String(), "entitled_fen": pl.Int64(), "chosen": pl.Boolean(),
    "kept_fen": pl.Int64(), "bound_by": pl.String(), "held_fen": pl.Int64(),
}  # fmt: skip
"""`entitled_fen` is null where it is not known and yet something is held, which is then kept; `held_fen` is that."""
DRAFT = "draft"


@dataclass(frozen=True)
class Combined:
    """`wide` has a row per subject in the table's order: `id`; per programme its kept amount (Int64, `kept_column`;
    null where a limit that matters is not known, or the award itself) and, for programmes under rules, what cut it
    (`bound_column`: a group's id, or `declined` where the best choice leaves it out); and `open`, whether an
    entitlement that bears on the choice is not known yet. Of `drafts`, which release no money, nothing is kept but what
    is held, and nothing else of them bears on the choice: bound by `draft`. `held` has a column (Int64) per programme,
    where something is held."""

    programmes: tuple[str, ...]
    wide: pl.DataFrame
    entitled: pl.DataFrame
    drafts: frozenset[str] = frozenset()
    held: pl.DataFrame | None = None

    @property
    def rows(self) -> pl.DataFrame:
        """COMBINED_SCHEMA: a row per subject and award it is entitled to, or holds something of."""
        parts = [self._rows_of(programme) for programme in self.programmes]
        return pl.concat(parts) if parts else pl.DataFrame(schema=COMBINED_SCHEMA)

    def _rows_of(self, programme: str) -> pl.DataFrame:
        is_told = bound_column(programme) in self.wide.columns
        bound = pl.col(bound_column(programme)) if is_told else pl.lit(None, dtype=pl.String)
        nothing = pl.lit(0, dtype=pl.Int64)
        held = nothing if self.held is None else self.held[programme]
        frame = self.wide.with_columns(self.entitled[programme].alias("entitled_fen"), held.alias("held_fen"))
        kept, is_held = pl.col(kept_column(programme)), pl.col("held_fen") > 0
        taken = bound.is_in([DECLINED, DRAFT]).not_().fill_null(True) | is_held
        return frame.filter((pl.col("entitled_fen") > 0) | is_held).select(
            ID,
            pl.lit(programme).alias("programme"),
            "entitled_fen",
            pl.when(kept.is_not_null()).then(taken).alias("chosen"),
            kept.alias("kept_fen"),
            bound.alias("bound_by"),
            "held_fen",
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
        Problem(*of_money("award_large", name=name, most=GREATEST_AWARD), field=name)
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
    by = bound_enum(part)
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
        raise InputError([Problem(*of_money("other_table"))])
    return {name: frame[limit_column(name)].to_numpy() for name in groups}
