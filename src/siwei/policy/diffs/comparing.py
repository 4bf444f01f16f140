"""Two outcomes of the same subjects beside each other: who gains, who loses, in which group, by what reason."""

from collections.abc import Callable, Sequence

import polars as pl

from siwei.policy.decide import VERDICTS
from siwei.policy.diffs.change_words import OR, WITH, change_text, reason_in_both
from siwei.policy.diffs.changes import Change
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
UNEXPLAINED = str(change_text("unexplained"))
Exchanged = Callable[[Change, pl.Series], pl.DataFrame]
"""The outcome (`verdict`, `award`) of the subjects of a mask, one part of a text exchanged."""


def comparison() -> pl.Expr:
    """The code of OUTCOMES. More money is a gain; at equal money, being eligible is."""
    before, after = pl.col("award_before"), pl.col("award_after")
    eligible_before, eligible_after = pl.col("verdict_before") == 1, pl.col("verdict_after") == 1
    same = before.eq_missing(after) & (pl.col("verdict_before") == pl.col("verdict_after"))
    known = before.is_not_null() & after.is_not_null()
    gains = (after > before) | ((after == before) & eligible_after & ~eligible_before)
    outcome = pl.when(same).then(2).when(known & gains).then(0).when(known).then(1).otherwise(3)
    return outcome.cast(pl.UInt8)


def count_outcomes(rows: pl.DataFrame) -> dict[str, int]:
    counts = dict(rows["outcome"].value_counts().iter_rows())
    return {outcome: counts.get(code, 0) for code, outcome in enumerate(OUTCOMES)}


def find_reasons(
    changes: Sequence[Change], rows: pl.DataFrame, into_before: Exchanged, into_after: Exchanged
) -> pl.Series:
    """The reason of every row that is not the same: the changes of which each alone, put into the old text, gives the
    new outcome; where none does, those without which the new text does not."""
    moved = rows["outcome"] != OUTCOMES.index("same")
    if not changes or not moved.any():
        return pl.Series("reason", [UNEXPLAINED], dtype=pl.String).new_from_index(0, int(moved.sum()))
    alone = [_matches(into_before(change, moved), rows.filter(moved)) for change in changes]
    text = _joined(alone, changes, str(OR))
    open_ = text == ""
    if open_.any():
        places = moved.arg_true().filter(open_)
        rest = pl.Series([False], dtype=pl.Boolean).new_from_index(0, rows.height).scatter(places, True)
        kept = [_matches(into_after(change, rest), rows.filter(rest)) for change in changes]
        needed = _joined([~each for each in kept], changes, str(WITH))
        text = text.scatter(open_.arg_true(), needed.replace("", str(change_text("together"))))
    return text.rename("reason")


def _matches(got: pl.DataFrame, wanted: pl.DataFrame) -> pl.Series:
    return (got["verdict"] == wanted["verdict_after"]) & got["award"].eq_missing(wanted["award_after"])


def _joined(masks: list[pl.Series], changes: Sequence[Change], between: str) -> pl.Series:
    """The names of the changes whose mask is true, row by row."""
    frame = pl.DataFrame({str(place): mask for place, mask in enumerate(masks)})
    expressions = [pl.when(pl.col(str(place))).then(pl.lit(str(change.name))) for place, change in enumerate(changes)]
    return frame.select(pl.concat_list(expressions).list.drop_nulls().list.join(between).alias("reason"))["reason"]


def group_rows(rows: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """GROUPS_SCHEMA, one dimension after the other."""
    return pl.concat([pl.DataFrame(schema=GROUPS_SCHEMA), *(_group(rows, each) for each in dimensions)])


def _group(rows: pl.DataFrame, dimension: str) -> pl.DataFrame:
    grouped = rows.group_by(pl.col(dimension).cast(pl.String).fill_null("not known").alias("group")).agg(
        pl.lit(dimension).alias("dimension"),
        pl.len().cast(pl.Int64).alias("subjects"),
        *((pl.col("outcome") == OUTCOMES.index(each)).sum().cast(pl.Int64).alias(each) for each in ("gains", "loses")),
        pl.col("award_before").cast(pl.Int128).sum().alias("before_fen"),
        pl.col("award_after").cast(pl.Int128).sum().alias("after_fen"),
    )
    return grouped.select(list(GROUPS_SCHEMA)).sort("subjects", "group", descending=[True, False])


def count_reasons(moved: pl.DataFrame) -> pl.DataFrame:
    """REASONS_SCHEMA, what moves most subjects first."""
    change = pl.col("award_after").cast(pl.Int128).fill_null(0) - pl.col("award_before").cast(pl.Int128).fill_null(0)
    counted = moved.group_by("reason").agg(
        *((pl.col("outcome") == OUTCOMES.index(each)).sum().cast(pl.Int64).alias(each)
          for each in ("gains", "loses", "undecided")),
        change.sum().alias("change_fen"),
    )  # fmt: skip
    order = pl.col("gains") + pl.col("loses") + pl.col("undecided")
    return counted.select(list(REASONS_SCHEMA)).sort(order, pl.col("reason"), descending=[True, False])


def with_chinese(reasons: pl.DataFrame) -> list[dict[str, object]]:
    """Rows of REASONS_SCHEMA or EXAMPLES_SCHEMA for programs, which are given `reason` in both languages."""
    return [{**row, "reason_zh": reason_in_both(row["reason"]).zh} for row in reasons.iter_rows(named=True)]


def choose_examples(moved: pl.DataFrame) -> pl.DataFrame:
    """EXAMPLES_SCHEMA: of each outcome those whose money changes most."""
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
