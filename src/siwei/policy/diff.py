"""Two texts of the same programmes over the same subjects: who gains, who loses, what it costs, and which change did
it.

The reason is found by deciding, not by guessing: a change is what made the difference for a subject where that change
alone, put into the old text, gives the new outcome. Where none does alone, those are named without which the new text
would not give it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.policy.changes import Change, changes_between, with_change
from siwei.policy.decide import VERDICTS, award_column, decide, verdict_column
from siwei.policy.dimensions import DIMENSIONS
from siwei.policy.programmes import Programme
from siwei.policy.sharing import sum_exactly
from siwei.policy.subjects import ID

OUTCOMES = ("gains", "loses", "same", "undecided")
"""`undecided`: an amount or a verdict is unknown on one side and not in the same way on the other."""
MOST_EXAMPLES = 5
GROUPS_SCHEMA: dict[str, pl.DataType] = {
    "dimension": pl.String(), "group": pl.String(), "subjects": pl.Int64(), "gains": pl.Int64(), "loses": pl.Int64(),
    "before_fen": pl.Int128(), "after_fen": pl.Int128(),
}  # fmt: skip
REASONS_SCHEMA: dict[str, pl.DataType] = {
    "reason": pl.String(), "gains": pl.Int64(), "loses": pl.Int64(), "undecided": pl.Int64(), "change_fen": pl.Int128(),
}  # fmt: skip
EXAMPLES_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(), "outcome": pl.String(), "verdict_before": pl.String(), "verdict_after": pl.String(),
    "award_before_fen": pl.Int64(), "award_after_fen": pl.Int64(), "reason": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class ProgrammeDifference:
    """One programme; `before` or `after` is None where that side has none. Costs are sums of the amounts that are
    known, uncut by any pot. Frames are as in GROUPS_SCHEMA, REASONS_SCHEMA, EXAMPLES_SCHEMA."""

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
            "before": self.before and {"version": self.before.version, "sha256": self.before.sha256},
            "after": self.after and {"version": self.after.version, "sha256": self.after.sha256},
            "changes": [change.as_dict() for change in self.changes],
            **self.counts,
            "cost_before_fen": self.cost_before_fen,
            "cost_after_fen": self.cost_after_fen,
            "groups": self.groups.to_dicts(),
            "reasons": self.reasons.to_dicts(),
            "examples": self.examples.to_dicts(),
        }


def diff(
    before: tuple[Programme, ...], after: tuple[Programme, ...], table: pl.DataFrame, as_of: date
) -> tuple[ProgrammeDifference, ...]:
    """For each programme on either side, ordered by id. `table` is as `decide` takes it for both sides, with columns
    of DIMENSIONS beside, where there are any (see `with_dimensions`)."""
    old, new = ({programme.id: programme for programme in side} for side in (before, after))
    return tuple(_compare(name, old.get(name), new.get(name), table, as_of) for name in sorted({*old, *new}))


def _compare(
    name: str, before: Programme | None, after: Programme | None, table: pl.DataFrame, as_of: date
) -> ProgrammeDifference:
    sides = [_outcome(programme, table, as_of).rename({"verdict": f"verdict_{side}", "award": f"award_{side}"})
             for side, programme in (("before", before), ("after", after))]  # fmt: skip
    dimensions = [column for column in DIMENSIONS if column in table.columns]
    rows = pl.concat([table.select(ID, *dimensions), *sides], how="horizontal").with_columns(outcome=_comparison())
    changes = changes_between(before, after, as_of)
    changed = rows["outcome"] != OUTCOMES.index("same")
    moved = rows.filter(changed)
    moved = moved.with_columns(reason=_reasons(before, after, changes, table.filter(changed), moved, as_of))
    counts = dict(rows["outcome"].value_counts().iter_rows())
    return ProgrammeDifference(
        name,
        before,
        after,
        changes,
        {outcome: counts.get(code, 0) for code, outcome in enumerate(OUTCOMES)},
        sum_exactly(rows["award_before"]),
        sum_exactly(rows["award_after"]),
        pl.concat([pl.DataFrame(schema=GROUPS_SCHEMA), *(_group(rows, dimension) for dimension in dimensions)]),
        _count_reasons(moved),
        _examples(moved),
    )


def _outcome(programme: Programme | None, table: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """`verdict` (code), `award`; without a programme nobody is eligible."""
    if programme is None:
        nothing = [pl.Series("verdict", [0], dtype=pl.UInt8), pl.Series("award", [0], dtype=pl.Int64)]
        return pl.DataFrame([column.new_from_index(0, table.height) for column in nothing])
    wide = decide((programme,), table, as_of).wide
    return wide.select(
        pl.col(verdict_column(programme.id)).alias("verdict"), pl.col(award_column(programme.id)).alias("award")
    )


def _comparison() -> pl.Expr:
    """The code of OUTCOMES. More money is a gain; at equal money, being eligible is."""
    before, after = pl.col("award_before"), pl.col("award_after")
    eligible_before, eligible_after = pl.col("verdict_before") == 1, pl.col("verdict_after") == 1
    same = before.eq_missing(after) & (pl.col("verdict_before") == pl.col("verdict_after"))
    known = before.is_not_null() & after.is_not_null()
    gains = (after > before) | ((after == before) & eligible_after & ~eligible_before)
    outcome = pl.when(same).then(2).when(known & gains).then(0).when(known).then(1).otherwise(3)
    return outcome.cast(pl.UInt8)


def _reasons(
    before: Programme | None, after: Programme | None, changes: tuple[Change, ...], table: pl.DataFrame,
    moved: pl.DataFrame, as_of: date,
) -> pl.Series:  # fmt: skip
    """The reason of every row of `moved`, whose facts are the rows of `table`."""
    if before is None or after is None or not moved.height:
        word = "the programme is new" if before is None else "the programme is gone"
        return pl.Series([word], dtype=pl.String).new_from_index(0, moved.height)
    if not changes:
        return pl.Series(["another part of the text"], dtype=pl.String).new_from_index(0, moved.height)
    alone = _matching(before, after, changes, table, moved.select("verdict_after", "award_after"), as_of)
    text = _joined(alone, changes, " or ")
    open_ = text == ""
    if open_.any():
        rest, rest_moved = table.filter(open_), moved.filter(open_)
        kept = _matching(after, before, changes, rest, rest_moved.select("verdict_after", "award_after"), as_of)
        needed = _joined([~each for each in kept], changes, " with ")
        places = open_.arg_true()
        text = text.scatter(places, needed.replace("", "all changes together"))
    return text.rename("reason")


def _matching(
    base: Programme, other: Programme, changes: tuple[Change, ...], table: pl.DataFrame, wanted: pl.DataFrame,
    as_of: date,
) -> list[pl.Series]:  # fmt: skip
    """For each change, the rows in which `base` with that part of `other` gives the outcome that is wanted."""
    matches = []
    for change in changes:
        got = _outcome(with_change(base, other, change), table, as_of)
        verdict, award = wanted.get_columns()
        matches.append((got["verdict"] == verdict) & got["award"].eq_missing(award))
    return matches


def _joined(masks: list[pl.Series], changes: tuple[Change, ...], between: str) -> pl.Series:
    """The names of the changes whose mask is true, row by row."""
    frame = pl.DataFrame({str(place): mask for place, mask in enumerate(masks)})
    expressions = [pl.when(pl.col(str(place))).then(pl.lit(change.name)) for place, change in enumerate(changes)]
    return frame.select(pl.concat_list(expressions).list.drop_nulls().list.join(between).alias("reason"))["reason"]


def _group(rows: pl.DataFrame, dimension: str) -> pl.DataFrame:
    grouped = rows.group_by(pl.col(dimension).cast(pl.String).fill_null("not known").alias("group")).agg(
        pl.lit(dimension).alias("dimension"),
        pl.len().cast(pl.Int64).alias("subjects"),
        *((pl.col("outcome") == OUTCOMES.index(each)).sum().cast(pl.Int64).alias(each) for each in ("gains", "loses")),
        pl.col("award_before").cast(pl.Int128).sum().alias("before_fen"),
        pl.col("award_after").cast(pl.Int128).sum().alias("after_fen"),
    )
    return grouped.select(list(GROUPS_SCHEMA)).sort("subjects", "group", descending=[True, False])


def _count_reasons(moved: pl.DataFrame) -> pl.DataFrame:
    change = pl.col("award_after").cast(pl.Int128).fill_null(0) - pl.col("award_before").cast(pl.Int128).fill_null(0)
    counted = moved.group_by("reason").agg(
        *((pl.col("outcome") == OUTCOMES.index(each)).sum().cast(pl.Int64).alias(each)
          for each in ("gains", "loses", "undecided")),
        change.sum().alias("change_fen"),
    )  # fmt: skip
    order = pl.col("gains") + pl.col("loses") + pl.col("undecided")
    return counted.select(list(REASONS_SCHEMA)).sort(order, pl.col("reason"), descending=[True, False])


def _examples(moved: pl.DataFrame) -> pl.DataFrame:
    """Of each outcome those whose money changes most."""
    names = [str(verdict) for verdict in VERDICTS]
    change = (pl.col("award_after").cast(pl.Int128) - pl.col("award_before").cast(pl.Int128)).abs()
    parts = []
    for outcome in ("gains", "loses", "undecided"):
        mine = moved.filter(pl.col("outcome") == OUTCOMES.index(outcome))
        top = mine.with_columns(size=change).sort("size", ID, descending=[True, False], nulls_last=True)
        parts.append(top.head(MOST_EXAMPLES).with_columns(outcome=pl.lit(outcome)))
    verdicts = [
        pl.col(f"verdict_{side}").replace_strict(range(len(names)), names, return_dtype=pl.String)
        for side in ("before", "after")
    ]
    amounts = [pl.col(f"award_{side}").alias(f"award_{side}_fen") for side in ("before", "after")]
    return pl.concat(parts).select(ID, "outcome", *verdicts, *amounts, "reason")


def total_costs(differences: tuple[ProgrammeDifference, ...]) -> Iterator[tuple[str, int, int]]:
    """`kind, before, after` over the programmes: what is paid apart from what is only a computed saving of tax."""
    kinds = {"paid": False, "tax_saving": True}
    for kind, is_saving in kinds.items():
        mine = [each for each in differences if _is_saving(each) is is_saving]
        if mine:
            yield kind, sum(each.cost_before_fen for each in mine), sum(each.cost_after_fen for each in mine)


def _is_saving(difference: ProgrammeDifference) -> bool:
    programme = difference.after or difference.before
    assert programme is not None
    return programme.kind == "tax_saving"
