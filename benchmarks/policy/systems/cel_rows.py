"""Inputs for the interpreters of CEL: a dict per row; what is null is left out, so that reading it is an error, which
`&&` and `||` absorb as they would an unknown."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.policy.rules import ATTRIBUTES


def load(source: Path, rows: int) -> list[dict[str, Any]]:
    """Days become midnight UTC: CEL has instants only."""
    table = pl.read_parquet(source, n_rows=rows).select(ATTRIBUTES)
    found = []
    for row in table.iter_rows(named=True):
        if row["founded_on"] is not None:
            row["founded_on"] = datetime.combine(row["founded_on"], time(), UTC)
        found.append({name: value for name, value in row.items() if value is not None})
    return found
