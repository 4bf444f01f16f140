"""Two texts of the same programmes over the same subjects: who gains, who loses, what it costs, and which change did
it.

The reason is found by deciding, not by guessing: a change is what made the difference for a subject where that change
alone, put into the old text, gives the new outcome. Where none does alone, those are named without which the new text
would not give it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from siwei.policy.aggregating.aggregates import Rows, add_aggregates, meaning_of
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.checks.sourcing import draft_sentences
from siwei.policy.decide import Decisions, award_column, decide, verdict_column
from siwei.policy.diffs.change_words import change_text
from siwei.policy.diffs.changes import Change, changes_between, with_change
from siwei.policy.diffs.comparing import (
    choose_examples,
    comparison,
    count_outcomes,
    count_reasons,
    find_reasons,
    group_rows,
    with_chinese,
)
from siwei.policy.diffs.dimensions import DIMENSIONS
from siwei.policy.files.tables import added_names, reads_related
from siwei.policy.programmes import Kind, Pot, Programme
from siwei.policy.sharing import sum_exactly
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID


@dataclass(frozen=True)
class Side:
    """One of the two: its programmes, its rules of stacking, and what its aggregates add up (with the ties that its own
    rule counts); without rows the table must hold the aggregates as columns. `in_force` are drafts taken to be in
    force: of others, which release no money, nothing is kept."""

    programmes: tuple[Programme, ...]
    stacking: Stacking = field(default_factory=Stacking)
    rows: Rows | None = None
    in_force: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ProgrammeDifference:
    """One programme; `before` or `after` is None where that side has none. Costs are sums of the amounts that are
    known, under the programme's own limits and uncut by any pot. Frames are as in GROUPS_SCHEMA, REASONS_SCHEMA,
    EXAMPLES_SCHEMA of `comparing`."""

    programme: str
    before: Programme | None
    after: Programme | None
    changes: tuple[Change, ...]
    counts: dict[str, int]
    cost_before_fen: int
    cost_after_fen: int
    groups: pl.DataFrame
    reasons: pl.DataFrame
    examples: pl.DataFrame

    def as_dict(self) -> dict[str, object]:
        return {
            "programme": self.programme,
            "before": _side_as_dict(self.before),
            "after": _side_as_dict(self.after),
            "changes": [change.as_dict() for change in self.changes],
            **self.counts,
            "cost_before_fen": self.cost_before_fen,
            "cost_after_fen": self.cost_after_fen,
            "groups": self.groups.to_dicts(),
            "reasons": with_chinese(self.reasons),
            "examples": with_chinese(self.examples),
        }


def _side_as_dict(programme: Programme | None) -> dict[str, object] | None:
    if programme is None:
        return None
    return {
        "version": programme.version, "sha256": programme.sha256, "is_draft": programme.is_draft,
        "draft_because": None if (why := draft_sentences(programme)) is None else {"zh": why.zh, "en": why.en},
        "budget_fen": budget(programme.pot),
    }  # fmt: skip


def budget(pot: Pot | None) -> int | None:
    return None if pot is None else pot.budget_fen


@dataclass
class Subjects:
    """The rows of a comparison, with the aggregates of a text worked out once for each meaning."""

    table: pl.DataFrame
    as_of: date
    made: dict[object, pl.DataFrame] = field(default_factory=dict)

    def decisions(
        self, programmes: tuple[Programme, ...], rows: Rows | None, keep: pl.Series | None = None
    ) -> tuple[Decisions, pl.DataFrame]:
        """Decided under the programmes' own limits, and the table that was decided; of `keep`, where it is given."""
        table = self.with_aggregates(programmes, rows)
        # Awards under a limit depend on one another: of those no row is left out before they are cut.
        early = keep is not None and not any(programme.limits for programme in programmes)
        if keep is not None and early:
            table = table.filter(keep)
        found = apply_limits(decide(programmes, table, self.as_of), table)
        if keep is not None and not early:
            table, found = table.filter(keep), Decisions(programmes, self.as_of, found.wide.filter(keep))
        return found, table

    def with_aggregates(self, programmes: tuple[Programme, ...], rows: Rows | None) -> pl.DataFrame:
        if rows is None or not added_names(programmes) - {*self.table.columns}:
            return self.table
        meanings = (
            (each.id, *meaning_of(each, programme, self.as_of)) for programme in programmes
            for each in programme.aggregates
        )  # fmt: skip
        key = (id(rows), reads_related(programmes), *meanings)
        if key not in self.made:
            self.made[key] = add_aggregates(programmes, self.table, rows, self.as_of).table
        return self.made[key]


def diff(
    before: tuple[Programme, ...] | Side, after: tuple[Programme, ...] | Side, table: pl.DataFrame, as_of: date
) -> tuple[ProgrammeDifference, ...]:
    """For each programme on either side, ordered by id. `table` is as `decide` takes it for both sides, with columns
    of DIMENSIONS beside, where there are any (see `with_dimensions`), and what limits group and order by.

    Raises InputError where a column is absent, and where aggregates are to be added up of rows that are not given.
    """
    sides = tuple(side if isinstance(side, Side) else Side(side) for side in (before, after))
    old, new = ({programme.id: programme for programme in side.programmes} for side in sides)
    subjects = Subjects(table, as_of)
    names = sorted({*old, *new})
    return tuple(_compare(name, old.get(name), new.get(name), subjects, (sides[0].rows, sides[1].rows))
                 for name in names)  # fmt: skip


def _compare(
    name: str, before: Programme | None, after: Programme | None, subjects: Subjects,
    given: tuple[Rows | None, Rows | None],
) -> ProgrammeDifference:  # fmt: skip
    outcomes = [_outcome(programme, subjects, rows) for programme, rows in zip((before, after), given, strict=True)]
    sides = [outcome.rename({"verdict": f"verdict_{side}", "award": f"award_{side}"})
             for side, outcome in zip(("before", "after"), outcomes, strict=True)]  # fmt: skip
    dimensions = [column for column in DIMENSIONS if column in subjects.table.columns]
    rows = pl.concat([subjects.table.select(ID, *dimensions), *sides], how="horizontal")
    rows = rows.with_columns(outcome=comparison())
    changes = changes_between(before, after, subjects.as_of)
    moved = rows.filter(pl.col("outcome") != 2).with_columns(
        reason=_reasons(before, after, changes, rows, subjects, given)
    )
    return ProgrammeDifference(
        name,
        before,
        after,
        changes,
        count_outcomes(rows),
        sum_exactly(rows["award_before"]),
        sum_exactly(rows["award_after"]),
        group_rows(rows, dimensions),
        count_reasons(moved),
        choose_examples(moved),
    )


def _outcome(
    programme: Programme | None, subjects: Subjects, rows: Rows | None, keep: pl.Series | None = None
) -> pl.DataFrame:
    """`verdict` (code), `award`; without a programme nobody is eligible."""
    if programme is None:
        nothing = [pl.Series("verdict", [0], dtype=pl.UInt8), pl.Series("award", [0], dtype=pl.Int64)]
        return pl.DataFrame([column.new_from_index(0, subjects.table.height) for column in nothing])
    decisions, _ = subjects.decisions((programme,), rows, keep)
    return decisions.wide.select(
        pl.col(verdict_column(programme.id)).alias("verdict"), pl.col(award_column(programme.id)).alias("award")
    )


def _reasons(
    before: Programme | None, after: Programme | None, changes: tuple[Change, ...], rows: pl.DataFrame,
    subjects: Subjects, given: tuple[Rows | None, Rows | None],
) -> pl.Series:  # fmt: skip
    """The reason of every row that is not the same."""
    if before is None or after is None:
        word = change_text("new" if before is None else "gone")
        return pl.Series([str(word)], dtype=pl.String).new_from_index(0, int((rows["outcome"] != 2).sum()))
    deciding = [change for change in changes if change.decides]
    old, new = given
    if after.aggregates and old is not new:
        deciding.append(RELATED)

    def into_before(change: Change, keep: pl.Series) -> pl.DataFrame:
        return _outcome(with_change(before, after, change), subjects, new if change is RELATED else old, keep)

    def into_after(change: Change, keep: pl.Series) -> pl.DataFrame:
        return _outcome(with_change(after, before, change), subjects, old if change is RELATED else new, keep)

    return find_reasons(deciding, rows, into_before, into_after)


RELATED = Change("related parties", "", None, None)
"""Which ties count: of the pack, and not of a programme's text."""


def total_costs(
    differences: tuple[ProgrammeDifference, ...], in_force: Collection[str] = ()
) -> Iterator[tuple[str, int, int]]:
    """`kind, before, after` over the programmes: what is paid apart from what is only a computed saving of tax, and
    both apart from what drafts would give, which release no money unless they are taken to be in force."""
    kinds = {
        kind: (
            sum(each.cost_before_fen for each in differences if _cost_kind(each.before, in_force) == kind),
            sum(each.cost_after_fen for each in differences if _cost_kind(each.after, in_force) == kind),
        )
        for kind in ("paid", "tax_saving", "draft")
    }
    there = {_cost_kind(side, in_force) for each in differences for side in (each.before, each.after)}
    yield from ((kind, before, after) for kind, (before, after) in kinds.items() if kind in there)


def _cost_kind(programme: Programme | None, in_force: Collection[str]) -> str | None:
    if programme is None:
        return None
    if programme.is_draft and programme.id not in in_force:
        return "draft"
    return "tax_saving" if programme.kind is Kind.TAX_SAVING else "paid"
