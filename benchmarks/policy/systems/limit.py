"""The sum limit over three awards in plain Polars, until stacking is part of a programme's own text."""

import polars as pl

from benchmarks.policy.rules import STACKED

HALF_SPENT = (pl.col("compute_spend") + pl.col("corpus_spend") + pl.col("model_spend")) // 2
"""Null where one of the amounts is; none of them is negative."""


def stacked_columns(limit: pl.Expr) -> list[pl.Expr]:
    """Awards kept in the declared order up to the limit; null where the limit or one of the awards is."""
    awards = [pl.col(f"{name}:award_fen") for name in STACKED]
    known = pl.all_horizontal([limit.is_not_null(), *(award.is_not_null() for award in awards)])
    columns, before = [], pl.lit(0, dtype=pl.Int64)
    for name, award in zip(STACKED, awards, strict=True):
        left = pl.max_horizontal(limit - before, 0)
        columns.append(pl.when(known).then(pl.min_horizontal(award, left)).alias(f"{name}:stacked_fen"))
        before = before + award
    return columns
