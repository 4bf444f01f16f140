"""Two sides compared over the rows of a file, part by part: what was found in each part is put together.

A row's outcome and its reason hang on no other row, except under a limit over several rows: of programmes that have one
on either side, and of what is kept together with them, the columns they read are held of all rows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from siwei.policy.combinations.held_combining import Held
from siwei.policy.diffs.comparing import EXAMPLES_SCHEMA, GROUPS_SCHEMA, MOST_EXAMPLES, OUTCOMES, REASONS_SCHEMA
from siwei.policy.diffs.diff import ProgrammeDifference, Side, diff
from siwei.policy.diffs.diff_stacking import NOBODY_HOLDS, KeptDifference, StackingDifference, diff_stacking
from siwei.policy.diffs.dimensions import DIMENSIONS
from siwei.policy.files.tables import columns_beside
from siwei.policy.programmes import Programme
from siwei.policy.subjects import ID, attribute_dtypes, read_dtypes


@dataclass(frozen=True)
class FileDifferences:
    """`without_row` are subjects that hold something and of which no row is compared."""

    subjects: int
    programmes: tuple[ProgrammeDifference, ...]
    stacking: StackingDifference | None
    without_row: tuple[str, ...] = ()


def diff_parts(
    before: Side, after: Side, parts: Iterable[pl.DataFrame], as_of: date, combined: str | None = None,
    held: Held = NOBODY_HOLDS,
) -> FileDifferences:  # fmt: skip
    """`diff`, and with `combined` (what a row is) `diff_stacking` beside what is `held` already, over tables as these
    take them."""
    sides = before, after
    limited = {each.id for side in sides for each in side.programmes if each.limits}
    ruled = {name for side in sides for name in side.stacking.programmes} if combined else set()
    ruled |= {name for mine in held.values() for name in mine} if combined else set()
    together = bool(combined) and bool(limited & ruled)
    whole_ids = limited | (ruled if together else set())
    columns = _columns(sides, whole_ids, together)
    old, new = (_without(side, limited) for side in sides)
    whole_parts, found, kept, subjects = [], list[tuple[ProgrammeDifference, ...]](), list[StackingDifference](), 0
    missed = {*held}
    for part in parts:
        subjects += part.height
        missed = missed and missed.difference(part[ID])
        if whole_ids:
            whole_parts.append(part.select(name for name in part.columns if name in columns))
        if old.programmes or new.programmes:
            found.append(diff(old, new, part, as_of))
        if combined and not together:
            kept.append(diff_stacking(before, after, part, as_of, combined, held))
    whole = pl.concat(whole_parts) if whole_parts else None
    differences = [_sum_programmes(each) for each in zip(*found, strict=True)]
    if whole is not None and limited:
        differences += diff(_only(before, limited), _only(after, limited), whole, as_of)
    stacking = _sum_stacking(kept) if kept else None
    if whole is not None and together and combined:
        stacking = diff_stacking(_only(before, whole_ids), _only(after, whole_ids), whole, as_of, combined, held)
    ordered = tuple(sorted(differences, key=lambda each: each.programme))
    return FileDifferences(subjects, ordered, stacking, tuple(sorted(missed)))


def _without(side: Side, names: Collection[str]) -> Side:
    return replace(side, programmes=tuple(each for each in side.programmes if each.id not in names))


def _only(side: Side, names: Collection[str]) -> Side:
    return replace(side, programmes=tuple(each for each in side.programmes if each.id in names))


def _columns(sides: Sequence[Side], names: Collection[str], together: bool) -> frozenset[str]:
    """What is held of every row for the programmes of these names, on both sides."""
    programmes: tuple[Programme, ...] = tuple(each for side in sides for each in side.programmes if each.id in names)
    limits = read_dtypes(each.limit for side in sides for each in side.stacking.groups) if together else {}
    read = {ID, *attribute_dtypes(programmes), *columns_beside(programmes), *limits}
    return frozenset({*read, *(f"{name}__status" for name in read), *DIMENSIONS})


def _sum_programmes(parts: tuple[ProgrammeDifference, ...]) -> ProgrammeDifference:
    return replace(
        parts[0],
        counts=_sum_counts(parts),
        cost_before_fen=sum(each.cost_before_fen for each in parts),
        cost_after_fen=sum(each.cost_after_fen for each in parts),
        groups=_groups(pl.concat([each.groups for each in parts])),
        reasons=_reasons(pl.concat([each.reasons for each in parts])),
        examples=_examples(pl.concat([each.examples for each in parts])),
    )


def _sum_stacking(parts: Sequence[StackingDifference]) -> StackingDifference:
    kept = tuple(_sum_kept(each) for each in zip(*(part.kept for part in parts), strict=True))
    return replace(parts[0], kept=kept)


def _sum_kept(parts: tuple[KeptDifference, ...]) -> KeptDifference:
    return replace(
        parts[0],
        counts=_sum_counts(parts),
        kept_before_fen=sum(each.kept_before_fen for each in parts),
        kept_after_fen=sum(each.kept_after_fen for each in parts),
        held_fen=sum(each.held_fen for each in parts),
        groups=_groups(pl.concat([each.groups for each in parts])),
        reasons=_reasons(pl.concat([each.reasons for each in parts])),
        examples=_examples(pl.concat([each.examples for each in parts])),
    )


def _sum_counts(parts: Sequence[ProgrammeDifference | KeptDifference]) -> dict[str, int]:
    return {name: sum(each.counts[name] for each in parts) for name in parts[0].counts}


def _groups(frame: pl.DataFrame) -> pl.DataFrame:
    summed = frame.group_by("dimension", "group").agg(pl.exclude("dimension", "group").sum())
    place = pl.col("dimension").replace_strict(
        list(DIMENSIONS), list(range(len(DIMENSIONS))), return_dtype=pl.Int64, default=None
    )
    ordered = summed.sort(place, "subjects", "group", descending=[False, True, False])
    return ordered.select(list(GROUPS_SCHEMA))


def _reasons(frame: pl.DataFrame) -> pl.DataFrame:
    summed = frame.group_by("reason").agg(pl.exclude("reason").sum())
    order = pl.col("gains") + pl.col("loses") + pl.col("undecided")
    return summed.sort(order, "reason", descending=[True, False]).select(list(REASONS_SCHEMA))


def _examples(frame: pl.DataFrame) -> pl.DataFrame:
    """Of each outcome those whose money changes most, of all parts' own."""
    change = (pl.col("award_after_fen").cast(pl.Int128) - pl.col("award_before_fen").cast(pl.Int128)).abs()
    chosen = [
        frame.filter(pl.col("outcome") == outcome)
        .with_columns(size=change)
        .sort("size", ID, descending=[True, False], nulls_last=True)
        .head(MOST_EXAMPLES)
        for outcome in OUTCOMES
    ]
    return pl.concat(chosen).select(list(EXAMPLES_SCHEMA))
