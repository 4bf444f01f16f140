"""Rows of a file for `siwei policy …`: those that can be used, and the others told or written beside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from siwei.cli.output import in_terminal_language, print_line, shown
from siwei.cli.policy_words import line

if TYPE_CHECKING:
    from siwei.policy.deciding.row_parts import RowParts

Rejects = Annotated[
    Path | None,
    Parameter(help="Write the rows that cannot be used, each with every reason: .csv, .parquet or .arrow."),
]
MOST_TOLD = 20


def tell_rejected(parts: "RowParts", rejects: Path | None) -> None:
    """The same of a file that was gone through part by part."""
    from siwei.policy.files.subject_batches import reject_problem

    if not parts.rejected:
        return
    if rejects is not None:
        print_line(f"! {shown(line('rejected', rejected=parts.rejected))} → {rejects}", error=True)
        return
    print_line(line("rejected_first", rejected=parts.rejected, rows=parts.rows), error=True)
    for row in parts.told.iter_rows(named=True):
        print_line(f"  {in_terminal_language(reject_problem(row, parts.source))}", error=True)


def parts_as_dict(parts: "RowParts", rejects: Path | None) -> dict[str, object]:
    """For JSON: `rows` that were used, how many were `rejected`, and the first of them, or the file that has all."""
    used = {"rows": parts.rows - parts.rejected, "rejected": parts.rejected}
    if rejects is not None:
        return {**used, "rejects": rejects if parts.rejected else None}
    return {**used, "rejects": parts.told.to_dicts()}
