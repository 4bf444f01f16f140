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
    `as_frame(result)` is that as columns (`rules.RESULT_SCHEMA`, in the order of the rows).

    `stream(source, rows, target)` does it all, reading and writing, where the system works on files itself; otherwise
    the four steps are done one after the other and the frame is written. `most_rows` bounds what is asked of a slow
    one. `renew` gives inputs back as new where evaluating keeps results in them, outside the time.
    """

    compile: Callable[[], Any]
    load: Callable[[Path, int], Any]
    evaluate: Callable[[Any, Any], Any]
    as_frame: Callable[[Any], pl.DataFrame]
    stream: Callable[[Path, int, Path], None] | None = None
    most_rows: int | None = None
    renew: Callable[[Any], Any] = lambda inputs: inputs


NAMES = (
    "ours", "ours_verdicts_only", "polars", "polars_verdicts_only", "duckdb", "openfisca", "zen_engine", "rust_cel",
    "cel_expr_python", "python",
)  # fmt: skip


def find_system(name: str) -> System:
    """Imports only the one asked for, so that each process holds one system."""
    module, _, variant = name.partition("_verdicts_only")
    found: dict[str, System] = import_module(f"benchmarks.policy.systems.{module}").SYSTEMS
    return found["verdicts_only" if name.endswith("_verdicts_only") else "whole"]
