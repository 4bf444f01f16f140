"""Made-up organisations by a fixed seed: the same first rows whatever the number asked for (in blocks of BLOCK)."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

SEED = 20261123
BLOCK = 100_000
UNKNOWN = 0.05
"""The part of every column that is null."""
DISTRICTS = [
    "nanshan",
    "futian",
    "longhua",
    "longgang",
    "guangming",
    "baoan",
    "luohu",
    "yantian",
    "pingshan",
    "outside",
]
INDUSTRIES = ["I64", "I65", "I63", "C39", "C38", "M73", "M75", "F51", "L72", "P83"]
FORMS = ["firm", "institute", "university", "branch"]
FIRST_DAY, LAST_DAY = np.datetime64("1995-01-01"), np.datetime64("2026-11-01")


def make_block(number: int) -> pl.DataFrame:
    """Rows `number * BLOCK` to the next block: `id` and a column per attribute, one in twenty values null."""
    random = np.random.default_rng([SEED, number])

    def chosen(values: list[str], weights: list[float] | None = None) -> pl.Series:
        places = random.choice(len(values), BLOCK, p=weights)
        return pl.Series(values).gather(places)

    def money(median_fen: float, spread: float, none: float = 0.0) -> np.ndarray:
        amounts = np.minimum(random.lognormal(np.log(median_fen), spread, BLOCK), 1e13).astype(np.int64)
        return np.where(random.random(BLOCK) < none, 0, amounts)

    employees = np.minimum(random.lognormal(3.2, 1.4, BLOCK), 200_000).astype(np.int64)
    revenue = money(1.5e9, 2.0)
    days = (LAST_DAY - FIRST_DAY).astype(int)
    ages = np.minimum(random.exponential(days / 4, BLOCK), days - 1).astype("timedelta64[D]")
    frame = pl.DataFrame(
        {
            "district": chosen(DISTRICTS, [0.2, 0.12, 0.1, 0.12, 0.06, 0.15, 0.08, 0.04, 0.05, 0.08]),
            "legal_form": chosen(FORMS, [0.86, 0.05, 0.01, 0.08]),
            "industry": chosen(INDUSTRIES, [0.1, 0.3, 0.05, 0.15, 0.05, 0.15, 0.05, 0.08, 0.05, 0.02]),
            "founded_on": pl.Series(LAST_DAY - ages).cast(pl.Date),
            "employees": employees,
            "research_staff": (employees * random.beta(1.2, 4, BLOCK)).astype(np.int64),
            "patents": random.poisson(1.2, BLOCK).astype(np.int64),
            "revenue": revenue,
            "rd_expense": (revenue * random.beta(1.1, 14, BLOCK)).astype(np.int64),
            "high_tech_revenue": (revenue * random.random(BLOCK)).astype(np.int64),
            "taxable_income": (revenue * random.normal(0.05, 0.1, BLOCK)).astype(np.int64),
            "compute_spend": money(2e7, 1.8, 0.3),
            "corpus_spend": money(3e6, 1.5, 0.4),
            "model_spend": money(4e6, 1.8, 0.3),
            "rent_spend": money(1.5e7, 1.0, 0.1),
            "serious_violation": random.random(BLOCK) < 0.02,
            "listed_provider": random.random(BLOCK) < 0.03,
        }
    )
    known = {name: pl.Series(random.random(BLOCK) >= UNKNOWN) for name in frame.columns}
    first = number * BLOCK
    ids = pl.int_range(first, first + BLOCK, eager=True).cast(pl.String).str.zfill(9)
    masked = frame.select(pl.when(known[name]).then(pl.col(name)).alias(name) for name in frame.columns)
    return masked.insert_column(0, ("o" + ids).alias("id"))


def write_rows(target: Path, rows: int, first_block: int = 0) -> None:
    """A Parquet file of `rows` rows from block `first_block` on, block by block, so that memory stays small."""
    writer = None
    for number in range(-(-rows // BLOCK)):
        block = make_block(first_block + number).head(rows - number * BLOCK).to_arrow()
        writer = writer or pq.ParquetWriter(target, block.schema, compression="zstd")
        writer.write_table(block, row_group_size=BLOCK)
    if writer:
        writer.close()
