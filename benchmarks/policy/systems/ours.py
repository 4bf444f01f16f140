"""`siwei.policy`: the pack as it stands; every clause's verdict kept with what it misses, or the verdicts alone."""

from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.policy.rules import AS_OF, PACK, RESULT_COLUMNS, SUMMARY_COLUMNS
from benchmarks.policy.systems import System
from benchmarks.policy.systems.limit import HALF_SPENT, stacked_columns
from siwei.city.attributes import load_attributes
from siwei.policy import Programme, decide_lazily, load_programmes


def compile_pack() -> tuple[Programme, ...]:
    return load_programmes(PACK / "programmes", load_attributes(PACK, today=AS_OF))


def plan(programmes: tuple[Programme, ...], subjects: pl.LazyFrame, whole: bool) -> pl.LazyFrame:
    decided = decide_lazily(programmes, subjects, AS_OF)
    beside = pl.concat([decided, subjects.select(limit=HALF_SPENT)], how="horizontal")
    result = beside.with_columns(stacked_columns(pl.col("limit"))).drop("limit")
    return result if whole else result.select("id", *SUMMARY_COLUMNS)


def load(source: Path, rows: int) -> pl.DataFrame:
    return pl.read_parquet(source, n_rows=rows)


def evaluate(programmes: tuple[Programme, ...], table: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
    return plan(programmes, table.lazy(), whole).collect(engine="streaming")


def stream(source: Path, rows: int, target: Path, *, whole: bool) -> None:
    plan(compile_pack(), pl.scan_parquet(source, n_rows=rows), whole).sink_parquet(target)


def as_frame(result: pl.DataFrame) -> pl.DataFrame:
    return result.select(name for name in RESULT_COLUMNS if name in result.columns)


def system(whole: bool) -> System:
    return System(
        compile_pack, load, partial(evaluate, whole=whole), as_frame, stream=partial(stream, whole=whole)
    )  # fmt: skip


SYSTEMS = {"whole": system(True), "verdicts_only": system(False)}
