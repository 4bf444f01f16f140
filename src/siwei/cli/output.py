"""What commands print: tables for people, JSON for programs, problems one per line."""

import json
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from siwei.errors import InputError, SiweiError

console = Console()
error_console = Console(stderr=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=None, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Cells are data: what looks like markup in them ("[/]") is shown, not obeyed."""
    table = Table(title=escape(title), title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)


def print_error(error: SiweiError) -> None:
    lines = [str(problem) for problem in error.problems] if isinstance(error, InputError) else [str(error)]
    for line in lines:
        error_console.print(f"[bold red]✗[/] {escape(line)}", markup=True, highlight=False, soft_wrap=True)
    if len(lines) > 1:
        error_console.print(f"{len(lines)} problems", highlight=False)


def print_unexpected() -> int:
    """A fault of ours: details into a file for whoever mends it, a sentence to the person; returns exit code 1."""
    with tempfile.NamedTemporaryFile("w", prefix="siwei-fault-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    cause = sys.exc_info()[1]
    error_console.print(
        f"✗ Something went wrong that should not have ({type(cause).__name__}). What was saved before is kept; "
        f"running the command again is safe. Please report {file.name}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    return SiweiError.exit_code
