"""`siwei.policy`: the pack as it stands; every clause's verdict kept with what it misses, or the verdicts alone. Into a
file go the columns that every system writes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.policy.rules import AS_OF, PACK, RESULT_COLUMNS, RESULT_SCHEMA, STACKED, SUMMARY_COLUMNS
from benchmarks.policy.systems import System, write_parts
from siwei.city.attributes import load_attributes
from siwei.policy import Programme, load_programmes
from siwei.policy.combinations.choosing import kept_column
from siwei.policy.combinations.combining import combine_lazily
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.stacking import Stacking

Compiled = tuple[tuple[Programme, ...], Stacking]
ROWS_PER_PART = 200_000
"""Decided at once, their least and greatest numbers known, as `siwei policy decide` does with fewer."""


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
    subjects = pl.scan_parquet(source, n_rows=rows)
    # Reading begins here, beside the compiling.
    parts = subjects.collect_batches(chunk_size=ROWS_PER_PART, maintain_order=True, engine="streaming")
    compiled, columns = compile_pack(), RESULT_COLUMNS if whole else SUMMARY_COLUMNS

    def decided() -> Iterator[pl.DataFrame]:
        for part in parts:
            yield plan(compiled, part, whole).select("id", *columns).collect(engine="streaming")

    write_parts({"id": pl.String(), **{name: RESULT_SCHEMA[name] for name in columns}}, decided(), target)


def as_frame(result: pl.DataFrame) -> pl.DataFrame:
    return result.select(name for name in RESULT_COLUMNS if name in result.columns)


def system(whole: bool) -> System:
    return System(
        compile_pack, load, partial(evaluate, whole=whole), as_frame, stream=partial(stream, whole=whole)
    )  # fmt: skip


SYSTEMS = {"whole": system(True), "verdicts_only": system(False)}
