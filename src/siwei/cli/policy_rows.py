"""Rows of a file for `siwei policy …`: those that can be used, and the others told or written beside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from siwei.cli.output import error_console

if TYPE_CHECKING:
    import polars as pl

    from siwei.policy.deciding.row_parts import RowParts

Rejects = Annotated[
    Path | None,
    Parameter(help="Write the rows that cannot be used, each with every reason: .csv, .parquet or .arrow."),
]
MOST_TOLD = 20


def _lines(rejected: int, rows: int, told: "pl.DataFrame", source: Path) -> list[str]:
    from siwei.policy.files.subject_batches import reject_problem

    lines = [f"! {rejected} of {rows} rows rejected, the others go on (--rejects FILE keeps them all):"]
    return lines + [f"  {reject_problem(row, source)}" for row in told.iter_rows(named=True)]


def tell_rejected(parts: "RowParts", rejects: Path | None) -> None:
    """The same of a file that was gone through part by part."""
    if parts.rejected and rejects is not None:
        error_console.print(f"! {parts.rejected} rows rejected → {rejects}", markup=False, soft_wrap=True)
    elif parts.rejected:
        for line in _lines(parts.rejected, parts.rows, parts.told, parts.source):
            error_console.print(line, markup=False, highlight=False, soft_wrap=True)


def parts_as_dict(parts: "RowParts", rejects: Path | None) -> dict[str, object]:
    """For JSON: `rows` that were used, how many were `rejected`, and the first of them, or the file that has all."""
    used = {"rows": parts.rows - parts.rejected, "rejected": parts.rejected}
    if rejects is not None:
        return {**used, "rejects": rejects if parts.rejected else None}
    return {**used, "rejects": parts.told.to_dicts()}
