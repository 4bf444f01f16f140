"""`siwei.policy`: the pack as it stands; every clause's verdict kept with what it misses, or the verdicts alone. Into a
file go the columns that every system writes."""

from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.policy.rules import AS_OF, PACK, RESULT_COLUMNS, STACKED, SUMMARY_COLUMNS
from benchmarks.policy.systems import System, write_result
from siwei.city.attributes import load_attributes
from siwei.policy import Programme, load_programmes
from siwei.policy.combining import combine_lazily, kept_column
from siwei.policy.loading_stacking import load_stacking
from siwei.policy.stacking import Stacking

Compiled = tuple[tuple[Programme, ...], Stacking]


def compile_pack() -> Compiled:
    attributes = load_attributes(PACK, today=AS_OF)
    programmes = load_programmes(PACK / "programmes", attributes)
    return programmes, load_stacking(PACK, attributes, programmes)


def plan(compiled: Compiled, subjects: pl.DataFrame | pl.LazyFrame, whole: bool) -> pl.LazyFrame:
    programmes, stacking = compiled
    combined = combine_lazily(stacking, programmes, subjects, AS_OF)
    result = combined.rename({kept_column(name): f"{name}:stacked_fen" for name in STACKED})
    # With the clauses goes what each of them misses, and what bound each award.
    return result if whole else result.select("id", *SUMMARY_COLUMNS)


def load(source: Path, rows: int) -> pl.DataFrame:
    return pl.read_parquet(source, n_rows=rows)


def evaluate(compiled: Compiled, table: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
    return plan(compiled, table, whole).collect(engine="streaming")


def stream(source: Path, rows: int, target: Path, *, whole: bool) -> None:
    result = plan(compile_pack(), pl.scan_parquet(source, n_rows=rows), whole)
    columns = RESULT_COLUMNS if whole else SUMMARY_COLUMNS
    write_result(result.select("id", *columns), target)


def as_frame(result: pl.DataFrame) -> pl.DataFrame:
    return result.select(name for name in RESULT_COLUMNS if name in result.columns)


def system(whole: bool) -> System:
    return System(
        compile_pack, load, partial(evaluate, whole=whole), as_frame, stream=partial(stream, whole=whole)
    )  # fmt: skip


SYSTEMS = {"whole": system(True), "verdicts_only": system(False)}
