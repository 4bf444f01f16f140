"""What commands print: tables for people, JSON for programs, problems one per line.

What is said in both languages is told in Chinese where the terminal's locale is Chinese; JSON holds both.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from siwei.errors import InputError, Problem, Said, SiweiError, chinese_of

VERBATIM = re.compile(r"('[^'\n]*'|`[^`\n]*`|\n.*)", re.DOTALL)
YES, NO = Said("yes", "是"), Said("no", "否")
WIDEST_TABLE = 10_000
"""Characters of a line."""
console = Console()
error_console = Console(stderr=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=None, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Cells are data: what looks like markup in them ("[/]") is shown, not obeyed, and none is cut. What is `Said`, in
    a cell too, is told in the language of the terminal. A file or a pipe has no width: there a row is a line."""
    table = Table(title=escape(shown(title)), title_justify="left")
    for column in columns:
        table.add_column(escape(shown(column)), overflow="fold")
    for row in rows:
        table.add_row(*(escape(shown(cell)) for cell in row))
    if console.is_terminal:
        console.print(table)
        return
    unbounded = Console(file=console.file, width=WIDEST_TABLE)
    unbounded.width = max(console.width, unbounded.measure(table).maximum)
    unbounded.print(table)


def print_line(said: str, *, error: bool = False) -> None:
    """A line or a few, in the language of the terminal, however wide it is; on standard error where it is beside what
    was asked for."""
    (error_console if error else console).print(shown(said), markup=False, highlight=False, soft_wrap=True)


def shown(cell: object) -> str:
    if isinstance(cell, bool):
        cell = YES if cell else NO
    if isinstance(cell, Said):
        return in_terminal_language(cell)
    return "" if cell is None else str(cell)


def terminal_locale() -> str:
    """As POSIX reads it: the first of three settings that is not empty."""
    return next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")


def in_terminal_language(said: Problem | SiweiError | str) -> str:
    """What it says, in the language of the terminal where it is said in that."""
    locale = terminal_locale().casefold()
    if not locale.startswith("zh"):
        return str(said)
    if isinstance(said, str):
        return _in_characters_of(locale, chinese_of(said))
    if isinstance(said, SiweiError):
        return _in_characters_of(locale, said.in_chinese())
    chinese = said.in_chinese()
    message, fix = (_in_characters_of(locale, text) for text in (chinese.message, chinese.fix))
    return str(replace(chinese, message=message, fix=fix))


def _in_characters_of(locale: str, chinese: str) -> str:
    """繁體 where the locale writes it: all but what is quoted, and lines of a file."""
    if not locale.startswith(("zh_tw", "zh_hk", "zh_mo")):
        return chinese
    from siwei.traditional import traditional

    parts = VERBATIM.split(chinese)
    return "".join(part if place % 2 else traditional(part) for place, part in enumerate(parts))


def print_error(error: SiweiError) -> None:
    problems = error.problems if isinstance(error, InputError) else (error,)
    lines = [in_terminal_language(problem) for problem in problems]
    for line in lines:
        error_console.print(f"[bold red]✗[/] {escape(line)}", markup=True, highlight=False, soft_wrap=True)
    if len(lines) > 1:
        print_line(Said(f"{len(lines)} problems", f"共 {len(lines)} 个问题"), error=True)


def print_interrupted() -> None:
    """After ^C, which the terminal shows at the beginning of the line."""
    told = Said(
        "interrupted: no result is there by half; running the command again is safe",
        "已中断：没有留下半份结果；可以重新运行该命令",
    )
    error_console.print(f"✗ {in_terminal_language(told)}", highlight=False, markup=False, soft_wrap=True)


def print_unexpected() -> int:
    """A fault of ours: details into a file for whoever mends it, a sentence to the person; returns exit code 1."""
    cause = sys.exc_info()[1]
    report: str = Said("it (its details found no place on this disk)", "此事（磁盘上没有空间存放详情）")
    with contextlib.suppress(OSError):  # no room, or no folder for such files
        with tempfile.NamedTemporaryFile("w", prefix="siwei-fault-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        report = file.name
    told = Said(
        f"Something went wrong that should not have ({type(cause).__name__}). What was saved before is kept; "
        "running the command again is safe. Please report",
        f"出现了不应有的错误（{type(cause).__name__}）。此前保存的内容均在；可以重新运行该命令。请报告",
    )
    print_line(f"✗ {in_terminal_language(told)} {shown(report)}", error=True)
    return SiweiError.exit_code
