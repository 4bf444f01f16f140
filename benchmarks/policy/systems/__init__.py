"""Every system the benchmark compares, behind the same four steps."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl


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


WRITE_OPTIONS: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
"""Of every result that Polars writes: at its default level zstd takes a tenth longer, for files no smaller."""
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
