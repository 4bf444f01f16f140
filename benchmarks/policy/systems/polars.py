"""Polars by hand: the plainest expressions an expert would write for these rules.

Null is unknown, which Kleene's `&` and `|` carry; dates are compared with constants worked out beforehand; sums and
products are 64-bit. It does not check overflow (Polars wraps), does not tell an error from an unknown, and does not
say which facts a clause misses.
"""

from functools import partial, reduce
from operator import add
from pathlib import Path

import polars as pl

from benchmarks.policy.rules import (
    CHOICES,
    CITY,
    CLAUSES,
    FIELDS,
    FIVE_YEARS_AGO,
    ONE_YEAR_AGO,
    RESULT_COLUMNS,
    SIX_YEARS_AGO,
    STACKED,
    SUMMARY_COLUMNS,
    YEAR_2025,
)  # fmt: skip
from benchmarks.policy.systems import System, write_result

c = pl.col
NO_VIOLATION = ~c("serious_violation")
OLD_ENOUGH = c("founded_on") <= ONE_YEAR_AGO
RD_RATE = pl.when(c("revenue") <= 5_000_000_000).then(500).when(c("revenue") <= 20_000_000_000).then(400).otherwise(300)
MODEL_RATE = (
    pl.when(c("model_spend") <= 10_000_000).then(3000).when(c("model_spend") <= 100_000_000).then(2500).otherwise(2000)
)
COMPUTE_RATE = (
    pl.when(c("founded_on").is_null()).then(None).when(c("founded_on") > SIX_YEARS_AGO).then(6000).otherwise(5000)
)

CONDITIONS: dict[str, tuple[pl.Expr, ...]] = {
    "compute-voucher": (
        c("district").is_in(CITY),
        c("legal_form").is_in(["firm", "institute"]),
        c("compute_spend") >= 1_000_000,
        NO_VIOLATION,
        OLD_ENOUGH,
    ),
    "corpus-voucher": (
        c("corpus_spend") > 0,
        c("industry").str.starts_with("I6"),
        (c("employees") >= 10) | (c("research_staff") >= 5),
        c("district") != "outside",
        ~c("listed_provider"),
    ),
    "model-voucher": (
        c("model_spend") >= 10_000,
        (c("model_spend") * 2 <= c("revenue")) | (c("research_staff") > 20),
        (c("district") == "nanshan") | (c("district") == "futian"),
        (c("employees") > 0) & (c("employees") < 5000),
        NO_VIOLATION,
    ),
    "research-grant": (
        c("rd_expense") * 10_000 >= c("revenue") * 300,
        c("research_staff") * 10 >= c("employees"),
        (c("patents") >= 1) | (c("rd_expense") >= 1_000_000_000),
        c("legal_form") == "firm",
        c("founded_on") < YEAR_2025,
    ),
    "start-up": (
        c("founded_on") > FIVE_YEARS_AGO,
        c("employees") <= 100,
        c("revenue") < 2_000_000_000,
        ~(c("serious_violation") | c("listed_provider")),
        c("industry").is_in(FIELDS),
    ),
    "tax-relief": (
        c("taxable_income") > 0,
        c("high_tech_revenue") * 100 >= c("revenue") * 60,
        c("rd_expense") * 10_000 >= c("revenue") * RD_RATE,
        c("patents") > 0,
        OLD_ENOUGH,
    ),
}
# `min_horizontal` skips nulls, so an amount that is not known must be kept from becoming its cap.
PER_HEAD = c("employees") * 500_000
UNCUT: dict[str, tuple[pl.Expr, int]] = {
    "compute-voucher": (c("compute_spend") * COMPUTE_RATE // 10_000, 1_000_000_000),
    "corpus-voucher": (c("corpus_spend") * 3000 // 10_000, 200_000_000),
    "model-voucher": (c("model_spend") * MODEL_RATE // 10_000, 100_000_000),
    "research-grant": (c("rd_expense") * 1000 // 10_000, 500_000_000),
    "start-up": (
        pl.when(c("rent_spend") > PER_HEAD).then(PER_HEAD).when(c("rent_spend") <= PER_HEAD).then(c("rent_spend")),
        30_000_000,
    ),
    # Taxable income may be negative, where `//` rounds down; but then the award is not paid.
    "tax-relief": (c("taxable_income") * 10 // 100, 100_000_000_000),
}


HALF_SPENT = (c("compute_spend") + c("corpus_spend") + c("model_spend")) // 2
"""None of the amounts is negative."""


def stack(frame: pl.LazyFrame) -> pl.LazyFrame:
    awards = [c(f"{name}:award_fen") for name in STACKED]
    # Plain sums are faster than `sum_horizontal`.
    known = [award.fill_null(0) for award in awards]
    frame = frame.with_columns(limit=HALF_SPENT)
    frame = frame.with_columns(target=pl.min_horizontal("limit", reduce(add, known)))
    code = pl.lit(7, dtype=pl.UInt8)
    for choice in reversed(CHOICES[:-1]):
        bits = pl.lit(sum(1 << place for place in choice), dtype=pl.UInt8)
        reached = reduce(add, [known[place] for place in choice]) >= c("target")
        code = pl.when(reached).then(bits).otherwise(code)
    frame = frame.with_columns(taken=code)
    kept, left = [], c("limit")
    for place, (name, award) in enumerate(zip(STACKED, awards, strict=True)):
        is_taken = (c("taken") & (1 << place)) != 0
        part = pl.when(is_taken).then(pl.min_horizontal(award, left)).otherwise(0)
        told = award.is_not_null() & (c("limit").is_not_null() | (award == 0))
        kept.append(pl.when(told).then(part).alias(f"{name}:stacked_fen"))
        left = pl.max_horizontal(left - pl.when(is_taken).then(known[place]).otherwise(0), 0)
    return frame.with_columns(kept)


def plan(subjects: pl.LazyFrame, whole: bool) -> pl.LazyFrame:
    conditions, verdicts, awards = [], [], []
    for programme, clauses in CLAUSES.items():
        names = [f"{programme}:{clause}" for clause in clauses]
        conditions += [made.alias(name) for made, name in zip(CONDITIONS[programme], names, strict=True)]
        verdicts.append(pl.all_horizontal(names).alias(programme))
        uncut, cap = UNCUT[programme]
        award = pl.when(uncut > cap).then(cap).otherwise(uncut)
        paid = pl.when(c(programme)).then(award).when(~c(programme)).then(0)
        awards.append(paid.cast(pl.Int64).alias(f"{programme}:award_fen"))
    frame = subjects.with_columns(conditions).with_columns(verdicts).with_columns(awards)
    frame = stack(frame)
    codes = pl.selectors.boolean() - pl.selectors.by_name("serious_violation", "listed_provider")
    frame = frame.with_columns(codes.cast(pl.UInt8).fill_null(2))
    return frame.select("id", *(RESULT_COLUMNS if whole else SUMMARY_COLUMNS))


def load(source: Path, rows: int) -> pl.DataFrame:
    return pl.read_parquet(source, n_rows=rows)


def evaluate(_compiled: None, table: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
    return plan(table.lazy(), whole).collect(engine="streaming")


def stream(source: Path, rows: int, target: Path, *, whole: bool) -> None:
    write_result(plan(pl.scan_parquet(source, n_rows=rows), whole), target)


def system(whole: bool) -> System:
    return System(
        lambda: None, load, partial(evaluate, whole=whole), lambda result: result.drop("id"),
        stream=partial(stream, whole=whole),
    )  # fmt: skip


SYSTEMS = {"whole": system(True), "verdicts_only": system(False)}
