"""Rows of a file for `siwei policy …`: those that can be used, and the others told or written beside."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from siwei.cli.output import error_console

if TYPE_CHECKING:
    import polars as pl

    from siwei.city.attributes import Attribute
    from siwei.policy import Programme
    from siwei.policy.row_parts import RowParts
    from siwei.policy.tables import UsableRows

Rejects = Annotated[
    Path | None,
    Parameter(help="Write the rows that cannot be used, each with every reason: .csv, .parquet or .arrow."),
]
MOST_TOLD = 20


def usable_rows(
    source: Path,
    programmes: "tuple[Programme, ...]",
    attributes: "dict[str, Attribute]",
    besides: Collection[str] = (),
    added: Collection[str] = (),
    rejects: Path | None = None,
) -> "UsableRows":
    """Judged as `decide` does. What cannot be used goes to the file `rejects`, or is told on standard error."""
    from siwei.policy.subject_batches import harmless
    from siwei.policy.table_files import check_target, write_table
    from siwei.policy.tables import read_usable_rows

    if rejects is not None:
        check_target(rejects)
    found = read_usable_rows(source, programmes, attributes, besides, added)
    if found.rejected and rejects is not None:
        write_table(harmless(found.rejects), rejects)
        error_console.print(f"! {found.rejected} rows rejected → {rejects}", markup=False, soft_wrap=True)
    elif found.rejected:
        for line in _told(found, source):
            error_console.print(line, markup=False, highlight=False, soft_wrap=True)
    return found


def _told(found: "UsableRows", source: Path) -> list[str]:
    return _lines(found.rejected, found.rows, found.rejects.head(MOST_TOLD), source)


def _lines(rejected: int, rows: int, told: "pl.DataFrame", source: Path) -> list[str]:
    from siwei.policy.subject_batches import reject_problem

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
