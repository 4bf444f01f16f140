"""What is kept of awards that stand together, under two texts: who keeps more, who less, and which rule did it.

Beside the difference of each programme: a rule of stacking.yaml changes no entitlement, and yet what one is paid.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import polars as pl

from siwei.policy.combinations.choosing import kept_column
from siwei.policy.combinations.held_combining import Held, combine_beside, held_by
from siwei.policy.diffs.change_words import change_text
from siwei.policy.diffs.changes import Change, exchange, named_changes, parameter_changes
from siwei.policy.diffs.comparing import (
    choose_examples,
    comparison,
    count_outcomes,
    count_reasons,
    find_reasons,
    group_rows,
    with_chinese,
)
from siwei.policy.diffs.diff import Side, Subjects
from siwei.policy.diffs.dimensions import DIMENSIONS
from siwei.policy.language.tree import render
from siwei.policy.programmes import Kind
from siwei.policy.sharing import sum_exactly
from siwei.policy.stacking import (
    MOST_LINKED,
    ORGANISATION,
    EitherOr,
    JointLimit,
    RelatedRule,
    Stacking,
    StackingGroup,
    linked,
)
from siwei.policy.subjects import ID

JOINT = "joint limit"
NOBODY_HOLDS: Held = MappingProxyType({})
PROGRAMMES = Change("programmes", "", None, None)
"""All that differs in the programmes themselves, taken together: `diff` says which of their parts."""


@dataclass(frozen=True)
class KeptDifference:
    """All awards of a kind (`paid` or `tax_saving`) that rules of either side speak of, or of which something is held
    already, together. Costs are what is kept by those of whom it is known, `held_fen` of it on either side (held of a
    programme that a side has not, too). Frames are as those of a programme's difference."""

    kind: str
    programmes: tuple[str, ...]
    counts: dict[str, int]
    kept_before_fen: int
    kept_after_fen: int
    held_fen: int
    groups: pl.DataFrame
    reasons: pl.DataFrame
    examples: pl.DataFrame


@dataclass(frozen=True)
class StackingDifference:
    changes: tuple[Change, ...]
    kept: tuple[KeptDifference, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "changes": [change.as_dict() for change in self.changes],
            "kept": [kept_as_dict(each) for each in self.kept],
        }


def kept_as_dict(kept: KeptDifference) -> dict[str, object]:
    return {
        "kind": kept.kind,
        "programmes": list(kept.programmes),
        **kept.counts,
        "kept_before_fen": kept.kept_before_fen,
        "kept_after_fen": kept.kept_after_fen,
        "held_fen": kept.held_fen,
        "groups": kept.groups.to_dicts(),
        "reasons": with_chinese(kept.reasons),
        "examples": with_chinese(kept.examples),
    }


def diff_stacking(
    before: Side, after: Side, table: pl.DataFrame, as_of: date, applies_to: str = ORGANISATION,
    held: Held = NOBODY_HOLDS,
) -> StackingDifference:  # fmt: skip
    """Of the awards for subjects of one kind, `applies_to`, as `combine` finds the best lawful combination of them on
    each side beside what they hold already. `table` as `diff` takes it, with what the rules' limits read beside."""
    sides = _of_subjects(before, applies_to), _of_subjects(after, applies_to)
    changes = stacking_changes(sides[0].stacking, sides[1].stacking, as_of)
    comparison = _Comparison(*sides, Subjects(table, as_of), changes, held)
    return StackingDifference(changes, tuple(comparison.kept()))


def _of_subjects(side: Side, applies_to: str) -> Side:
    mine = tuple(each for each in side.programmes if each.applies_to == applies_to)
    return replace(side, programmes=mine, stacking=side.stacking.of(applies_to))


def stacking_changes(before: Stacking, after: Stacking, day: date) -> tuple[Change, ...]:
    """The rules that may change what is kept; words and sources do not."""
    return tuple(change for change in _changes(before, after, day) if change.before != change.after)


def _changes(before: Stacking, after: Stacking, day: date) -> Iterator[Change]:
    sides = (before, after)
    yield from parameter_changes(before.parameters, after.parameters, day)
    yield from named_changes("group", *({each.id: _group(each) for each in side.groups} for side in sides))
    yield from named_changes("exclusion", *({each.id: _exclusion(each) for each in side.either_or} for side in sides))
    orders = [[each.id for each in side.groups] for side in sides]
    common = set(orders[0]) & set(orders[1])
    yield Change("order of groups", "", *(", ".join(name for name in order if name in common) for order in orders))
    yield from named_changes(JOINT, *({each.id: _joint(each) for each in side.joint} for side in sides))
    yield Change("related parties", "", *(_related(side.related_parties) for side in sides))


def _group(group: StackingGroup) -> str:
    since = change_text("since", count=group.applies_from) if group.applies_from > 1 else ""
    names, order = ", ".join(group.programmes), ", ".join(group.reduce)
    return change_text("group", programmes=names, code=render(group.limit.tree), since=since, order=order)


def _exclusion(rule: EitherOr) -> str:
    return change_text("exclusion", most=rule.most, programmes=", ".join(rule.programmes))


def _joint(limit: JointLimit) -> str:
    served = change_text("served", order=", ".join(limit.order)) if limit.order else ""
    names, order = ", ".join(limit.programmes), ", ".join(limit.reduce)
    return change_text("joint", programmes=names, code=render(limit.limit.tree), order=order, served=served)


def _related(rule: RelatedRule | None) -> str | None:
    return None if rule is None else change_text("related", share=rule.share_from_bp)


def compare_kept(
    kind: str,
    names: tuple[str, ...],
    table: pl.DataFrame,
    kept: Sequence[pl.DataFrame],
    texts: tuple[Side, Side],
    changes: Sequence[Change],
    again: Callable[[Side, pl.Series], pl.DataFrame],
    held: pl.Series,
) -> KeptDifference:
    """What the rows of `table` keep of `names` under both `texts`, of it `held` by each row already, and which change
    did it: `again` says what is kept under a text with one change taken back, of the rows marked."""
    before, after = texts
    sides = [
        each.rename({"verdict": f"verdict_{side}", "award": f"award_{side}"})
        for side, each in zip(("before", "after"), kept, strict=True)
    ]
    dimensions = [column for column in DIMENSIONS if column in table.columns]
    rows = pl.concat([table.select(ID, *dimensions), *sides], how="horizontal")
    rows = rows.with_columns(outcome=comparison())
    deciding = [*changes, *([PROGRAMMES] if before.programmes != after.programmes else [])]
    deciding = [each for each in deciding if can_be_tried(before, after, each)]
    reason = find_reasons(
        deciding,
        rows,
        lambda change, keep: again(exchanged(before, after, change), keep),
        lambda change, keep: again(exchanged(after, before, change), keep),
    )
    moved = rows.filter(pl.col("outcome") != 2).with_columns(reason=reason)
    return KeptDifference(
        kind, names, count_outcomes(rows), sum_exactly(rows["award_before"]), sum_exactly(rows["award_after"]),
        sum_exactly(held), group_rows(rows, dimensions), count_reasons(moved), choose_examples(moved),
    )  # fmt: skip


@dataclass(frozen=True)
class _Comparison:
    before: Side
    after: Side
    subjects: Subjects
    changes: tuple[Change, ...]
    held: Held

    def kept(self) -> Iterator[KeptDifference]:
        ruled = {*self.before.stacking.programmes, *self.after.stacking.programmes}
        ruled |= {name for mine in self.held.values() for name, fen in mine.items() if fen}
        known = {each.id: each for each in (*self.before.programmes, *self.after.programmes) if each.id in ruled}
        for kind, is_saving in (("paid", False), ("tax_saving", True)):
            names = tuple(name for name in sorted(known) if (known[name].kind is Kind.TAX_SAVING) is is_saving)
            if names:
                yield self._of_kind(kind, names)

    def _of_kind(self, kind: str, names: tuple[str, ...]) -> KeptDifference:
        # What joint limits leave is compared over all of an organisation's subjects (`diff_joint`), not here.
        changes = [each for each in self.changes if each.kind != JOINT]
        sides = [self._kept(each, names, None) for each in (self.before, self.after)]
        return compare_kept(
            kind, names, self.subjects.table, sides, (self.before, self.after), changes,
            lambda side, keep: self._kept(side, names, keep),
            held_by(self.subjects.table[ID], self.held, names),
        )  # fmt: skip

    def _kept(self, side: Side, names: tuple[str, ...], keep: pl.Series | None) -> pl.DataFrame:
        """`verdict` (1 where anything is kept, 2 where it cannot be told) and `award`, the sum of what is kept."""
        mine = tuple(each for each in side.programmes if each.id in side.stacking.programmes or each.id in names)
        decisions, table = self.subjects.decisions(mine, side.rows, keep)
        kept = combine_beside(side.stacking, decisions, table, self.held, side.in_force).wide
        columns = [pl.col(kept_column(each.id)).cast(pl.Int128) for each in mine if each.id in names]
        # What is held of a programme that this side has not stays all the same.
        gone = {*names} - {each.id for each in mine}
        if gone and self.held:
            columns.append(pl.lit(held_by(kept[ID], self.held, gone)).cast(pl.Int128))
        total = pl.sum_horizontal([pl.lit(0, dtype=pl.Int128), *columns], ignore_nulls=False)
        # With the id, so that there are as many rows where no programme is.
        frame = kept.select(ID, total.cast(pl.Int64, strict=False).alias("award"))
        return frame.select((pl.col("award") > 0).cast(pl.UInt8).fill_null(2).alias("verdict"), "award")


def can_be_tried(before: Side, after: Side, change: Change) -> bool:
    """Rules of both sides mixed may link more programmes than can be chosen from, or put one into two joint limits;
    such a mix is nobody's text."""
    mixed = exchanged(before, after, change), exchanged(after, before, change)
    counted = [[name for limit in side.stacking.joint for name in limit.programmes] for side in mixed]
    return all(len(part.programmes) <= MOST_LINKED for side in mixed for part in linked(side.stacking)) and all(
        len(names) == len({*names}) for names in counted
    )


def exchanged(base: Side, other: Side, change: Change) -> Side:
    """`base` with one part of its rules as `other` has it; what that part reads and `base` lacks comes along."""
    if change is PROGRAMMES:
        return replace(base, programmes=other.programmes)
    if change.kind == "related parties":
        return replace(base, rows=other.rows)
    mine, theirs = base.stacking, other.stacking
    parameters = {each.id: each for each in (*theirs.parameters, *mine.parameters)}
    if change.kind == "parameter":
        parameters |= {each.id: each for each in theirs.parameters if each.id == change.id}
    mixed = replace(mine, parameters=tuple(parameters.values()))
    match change.kind:
        case "group":
            mixed = replace(mixed, groups=exchange(mine.groups, theirs.groups, change.id))
        case "exclusion":
            mixed = replace(mixed, either_or=exchange(mine.either_or, theirs.either_or, change.id))
        case "joint limit":
            mixed = replace(mixed, joint=exchange(mine.joint, theirs.joint, change.id))
        case "order of groups":
            places = {each.id: place for place, each in enumerate(theirs.groups)}
            ordered = sorted(mine.groups, key=lambda each: places.get(each.id, len(places)))
            mixed = replace(mixed, groups=tuple(ordered))
    return replace(base, stacking=mixed)
