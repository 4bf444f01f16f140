"""DuckDB: one SQL statement. Its three-valued logic is Kleene's; its integers fail the whole statement on overflow."""

from pathlib import Path

import duckdb
import polars as pl

from benchmarks.policy.rules import AWARD_COLUMNS, CHOICES, CLAUSE_COLUMNS, CLAUSES, CODES, STACKED
from benchmarks.policy.systems import System

CONDITIONS: dict[str, tuple[str, ...]] = {
    "compute-voucher": (
        "district IN ('nanshan', 'futian', 'longhua', 'longgang', 'guangming', 'baoan')",
        "legal_form IN ('firm', 'institute')",
        "compute_spend >= 1000000",
        "NOT serious_violation",
        "founded_on <= DATE '2025-11-23'",
    ),
    "corpus-voucher": (
        "corpus_spend > 0",
        "starts_with(industry, 'I6')",
        "employees >= 10 OR research_staff >= 5",
        "district <> 'outside'",
        "NOT listed_provider",
    ),
    "model-voucher": (
        "model_spend >= 10000",
        "model_spend * 2 <= revenue OR research_staff > 20",
        "district = 'nanshan' OR district = 'futian'",
        "employees > 0 AND employees < 5000",
        "NOT serious_violation",
    ),
    "research-grant": (
        "rd_expense * 10000 >= revenue * 300",
        "research_staff * 10 >= employees",
        "patents >= 1 OR rd_expense >= 1000000000",
        "legal_form = 'firm'",
        "founded_on < DATE '2025-01-01'",
    ),
    "start-up": (
        "founded_on > DATE '2021-11-23'",
        "employees <= 100",
        "revenue < 2000000000",
        "NOT (serious_violation OR listed_provider)",
        "industry IN ('I64', 'I65', 'C39', 'M73')",
    ),
    "tax-relief": (
        "taxable_income > 0",
        "high_tech_revenue * 100 >= revenue * 60",
        "rd_expense * 10000 >= revenue * CASE WHEN revenue <= 5000000000 THEN 500 WHEN revenue <= 20000000000 THEN 400 "
        "ELSE 300 END",
        "patents > 0",
        "founded_on <= DATE '2025-11-23'",
    ),
}
UNCUT: dict[str, tuple[str, int]] = {
    "compute-voucher": (
        "compute_spend * CASE WHEN founded_on > DATE '2020-11-23' THEN 6000 WHEN founded_on IS NOT NULL THEN 5000 END "
        "// 10000",
        1_000_000_000,
    ),
    "corpus-voucher": ("corpus_spend * 3000 // 10000", 200_000_000),
    "model-voucher": (
        "model_spend * CASE WHEN model_spend <= 10000000 THEN 3000 WHEN model_spend <= 100000000 THEN 2500 "
        "ELSE 2000 END // 10000",
        100_000_000,
    ),
    "research-grant": ("rd_expense * 1000 // 10000", 500_000_000),
    "start-up": (
        "CASE WHEN employees * 500000 < rent_spend THEN employees * 500000 "
        "WHEN employees * 500000 >= rent_spend THEN rent_spend END",
        30_000_000,
    ),
    "tax-relief": ("taxable_income * 10 // 100", 100_000_000_000),
}


def write_statement(table: str) -> str:
    """`id` and the columns of `rules.RESULT_COLUMNS`. `IN` with five or more constants is a join to DuckDB and loses
    the order of rows, so results are told apart by `id`."""
    told = [f'({text}) AS "{programme}:{clause}"' for programme, clauses in CLAUSES.items()
            for clause, text in zip(clauses, CONDITIONS[programme], strict=True)]  # fmt: skip
    verdicts, uncut, paid = [], [], []
    for programme, clauses in CLAUSES.items():
        verdicts.append(" AND ".join(f'"{programme}:{clause}"' for clause in clauses) + f' AS "{programme}"')
        amount, cap = UNCUT[programme]
        uncut.append(f'{amount} AS "{programme}:uncut"')
        paid.append(
            f'CASE WHEN "{programme}" THEN '
            f'CASE WHEN "{programme}:uncut" > {cap} THEN {cap} ELSE "{programme}:uncut" END '
            f'WHEN NOT "{programme}" THEN 0 END AS "{programme}:award_fen"'
        )
    awards = [f'"{name}:award_fen"' for name in STACKED]
    sums = [" + ".join(f"coalesce({awards[place]}, 0)" for place in choice) for choice in CHOICES]
    tests = [f"WHEN {amount} >= target THEN {sum(1 << place for place in choice)}"
             for choice, amount in zip(CHOICES, sums, strict=True)]  # fmt: skip
    taken = f"CASE {' '.join(tests)} END"
    stacked = []
    for place, name in enumerate(STACKED):
        before = [f"CASE WHEN taken & {1 << earlier} <> 0 THEN coalesce({awards[earlier]}, 0) ELSE 0 END"
                  for earlier in range(place)]  # fmt: skip
        left = " - ".join(["spent_limit", *before])
        stacked.append(
            f"CASE WHEN {awards[place]} = 0 THEN 0 WHEN {awards[place]} IS NULL OR spent_limit IS NULL THEN NULL "
            f"WHEN taken & {1 << place} <> 0 THEN least({awards[place]}, greatest({left}, 0)) ELSE 0 END "
            f'AS "{name}:stacked_fen"'
        )
    codes = [f'coalesce("{name}"::UTINYINT, 2)::UTINYINT AS "{name}"' for name in CODES]
    amounts = [f'"{name}"' for name in (*AWARD_COLUMNS, *(f"{name}:stacked_fen" for name in STACKED))]
    assert len(told) == len(CLAUSE_COLUMNS)
    return f"""
        WITH told AS (SELECT *, {", ".join(told)},
                             (compute_spend + corpus_spend + model_spend) // 2 AS spent_limit FROM {table}),
             uncut AS (SELECT *, {", ".join(verdicts)}, {", ".join(uncut)} FROM told),
             paid AS (SELECT *, {", ".join(paid)} FROM uncut),
             aimed AS (SELECT *, least(spent_limit, {sums[-1]}) AS target FROM paid),
             chosen AS (SELECT *, {taken} AS taken FROM aimed)
        SELECT id, {", ".join([*codes, *amounts[: len(AWARD_COLUMNS)], *stacked])} FROM chosen"""


def load(source: Path, rows: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE subjects AS SELECT * FROM read_parquet('{source}') LIMIT {rows}")
    return connection


def evaluate(statement: str, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute(f"CREATE OR REPLACE TABLE decided AS {statement}")
    return connection


def as_frame(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return connection.sql("SELECT * FROM decided").pl()


def stream(source: Path, rows: int, target: Path) -> None:
    statement = write_statement(f"(SELECT * FROM read_parquet('{source}') LIMIT {rows})")
    duckdb.connect().execute(f"COPY ({statement}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


SYSTEMS = {"whole": System(lambda: write_statement("subjects"), load, evaluate, as_frame, stream)}
