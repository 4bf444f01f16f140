"""Bars on standard error, for whoever looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from siwei.cli.output import error_console


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Any]:
    """A callback that draws bars on standard error; None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=error_console)
    tasks: dict[str, Any] = {}
    with bars:

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield advance
