"""Every system the benchmark compares, behind the same four steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from siwei.policy.files.table_files import beside, open_parquet


@dataclass(frozen=True, slots=True)
class System:
    """`compile()` makes what evaluation needs from the rules. `load(source, rows)` reads the first rows of a Parquet
    file into what the system reads best. `evaluate(compiled, inputs)` works out every rule, in the system's own form.
    `as_frame(result)` is that as the columns of `rules.RESULT_SCHEMA`, with `id` or in the order of the rows.

    `stream(source, rows, target)` does it all, reading and writing, where the system works on files itself; otherwise
    the four steps are done one after the other and the frame is written.
    """

    compile: Callable[[], Any]
    load: Callable[[Path, int], Any]
    evaluate: Callable[[Any, Any], Any]
    as_frame: Callable[[Any], pl.DataFrame]
    stream: Callable[[Path, int, Path], None] | None = None


ROWS_PER_GROUP = 100_000


def write_result(result: pl.DataFrame | pl.LazyFrame, target: Path) -> None:
    """Every result but DuckDB's, by the writer of `siwei policy decide`: it takes little more than half of the
    processor time of Polars' own. A lazy one is written while it is made."""
    parts: Iterable[pl.DataFrame] = [result] if isinstance(result, pl.DataFrame) else result.collect_batches(
        chunk_size=ROWS_PER_GROUP, maintain_order=True, engine="streaming"
    )  # fmt: skip
    write_parts(result.lazy().collect_schema(), parts, target)


def write_parts(schema: Mapping[str, pl.DataType], parts: Iterable[pl.DataFrame], target: Path) -> None:
    filled = [name for name, dtype in schema.items() if dtype == pl.UInt8 or name == "id"]
    with target.open("wb") as file, open_parquet(file, pl.Schema(schema), filled) as write, beside(write) as add:
        for part in parts:
            for group in part.iter_slices(ROWS_PER_GROUP):
                add(group)


NAMES = (
    "ours", "polars", "duckdb", "openfisca", "openfisca:documented", "zen_engine", "zen_engine:decision", "rust_cel",
    "cel_expr_python", "python", "ours:verdicts_only", "polars:verdicts_only",
)  # fmt: skip
"""A module of this package, and which of its ways of working where it has several."""


def find_system(name: str) -> System:
    """Imports only the one asked for, so that each process holds one system."""
    module, _, variant = name.partition(":")
    found: dict[str, System] = import_module(f"benchmarks.policy.systems.{module}").SYSTEMS
    return found[variant or "whole"]
