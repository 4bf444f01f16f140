"""Share a pot that is too small among the claims on it, exactly to the fen."""

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.money_words import of_money

INSTEAD = "instead_fen"
"""The column of a claim that says what more of other awards its claimant has where it gives this one up, as programmes
may let it once their pot was shared (`choose_again`); null: not known."""


def share_pro_rata(claims_fen: pl.Series, budget_fen: int, ids: pl.Series | None = None) -> pl.Series:
    """What each claim is paid, Int64 in the order given, named `paid_fen`; the sum is min(budget, total of the claims).

    Every claim gets budget × claim ÷ total cut down to the fen; the fen left over go one each to the largest remainders
    (the largest remainder method, Hamilton's), ties to the smaller id, or to the earlier claim where no ids are given.
    Raises InputError for a null or negative claim, a negative budget, or ids that repeat or do not match in number.
    """
    claims = _checked(claims_fen, budget_fen, ids)
    total = sum_exactly(claims)
    if total <= budget_fen:
        return claims.rename("paid_fen")
    order = pl.Series("order", range(len(claims)), dtype=pl.Int64) if ids is None else ids.cast(pl.String)
    frame = pl.DataFrame({"claim": claims, "order": order}).with_row_index("place")
    # budget < total ≤ 2^63 × rows: the product of two 64-bit numbers fits in 128 bits.
    product = pl.col("claim").cast(pl.Int128) * pl.lit(budget_fen, dtype=pl.Int128)
    whole = pl.lit(total, dtype=pl.Int128)
    frame = frame.with_columns(floor=product // whole, remainder=product - product // whole * whole)
    left_over = budget_fen - int(frame["floor"].sum())
    ranked = frame.sort(["remainder", "order"], descending=[True, False]).with_row_index("rank")
    paid = (pl.col("floor") + (pl.col("rank") < left_over).cast(pl.Int128)).cast(pl.Int64).alias("paid_fen")
    return ranked.with_columns(paid).sort("place")["paid_fen"]


def share_groups_pro_rata(claims: pl.Series, ids: pl.Series, groups: pl.Series, amounts: pl.Series) -> pl.Series:
    """The same within every group at once: group g (0, 1 …) shares `amounts[g]`, which is at most its claims' total.

    Returns Int64 in the order given; each group's payments sum to its amount.
    """
    frame = pl.DataFrame({"claim": claims.cast(pl.Int128), "order": ids, "group": groups}).with_row_index("place")
    frame = frame.with_columns(
        amount=amounts.cast(pl.Int128).gather(groups), total=pl.col("claim").sum().over("group")
    ).with_columns(product=pl.col("claim") * pl.col("amount"))
    # A claim and an amount are each below 2^63, so their product fits in 128 bits.
    whole = pl.when(pl.col("total") > 0).then(pl.col("total")).otherwise(pl.lit(1, dtype=pl.Int128))
    frame = frame.with_columns(floor=pl.col("product") // whole)
    frame = frame.with_columns(
        remainder=pl.col("product") - pl.col("floor") * whole,
        left_over=pl.col("amount") - pl.col("floor").sum().over("group"),
    )
    ranked = frame.sort(["group", "remainder", "order"], descending=[False, True, False])
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("group")
    paid = (pl.col("floor") + (rank < pl.col("left_over")).cast(pl.Int128)).cast(pl.Int64).alias("paid_fen")
    return ranked.with_columns(paid).sort("place")["paid_fen"]


def sum_exactly(amounts: pl.Series) -> int:
    """A sum that cannot wrap: Polars adds 64-bit integers modulo 2^64 without a word."""
    return int(amounts.cast(pl.Int128).sum())


def _checked(claims: pl.Series, budget_fen: int, ids: pl.Series | None) -> pl.Series:
    problems = []
    if not claims.dtype.is_integer() and len(claims):
        problems.append(Problem(*of_money("claims_type", type=claims.dtype), field="claims_fen"))
    elif claims.null_count():
        problems.append(Problem(*of_money("claims_null", count=claims.null_count()), field="claims_fen"))
    elif len(claims) and int(claims.min()) < 0:  # type: ignore[arg-type]
        problems.append(Problem(*of_money("claim_negative"), field="claims_fen"))
    if budget_fen < 0:
        problems.append(Problem(*of_money("budget", budget=budget_fen), field="budget_fen"))
    if ids is not None and (len(ids) != len(claims) or ids.null_count() or ids.n_unique() != len(ids)):
        problems.append(Problem(*of_money("ids_of_claims"), field="ids"))
    if problems:
        raise InputError(problems)
    return claims.cast(pl.Int64)
