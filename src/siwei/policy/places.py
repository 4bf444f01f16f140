"""Where something of a programme stands in its file, and a problem there shown with its line and a caret."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from siwei.city.pack_yaml import KeyPath, read_yaml
from siwei.errors import Problem, said_between

WIDEST = 100
"""Characters of a line that are shown around a caret."""


@dataclass(frozen=True, slots=True)
class Places:
    """`places` gives the line and column (from 1) of every value of the YAML text `text`, which was read from
    `file`."""

    text: str
    places: Mapping[KeyPath, tuple[int, int]]
    file: str

    def problem(
        self, path: KeyPath, expression: str, message: str, fix: str, line: int = 1, column: int = 1
    ) -> Problem:
        """A problem at a character of the expression at `path`: `line` and `column` count from 1 within it."""
        place = self._in_file(path, line, column)
        lines = expression.split("\n")
        shown, caret = _excerpt(lines[min(line, len(lines)) - 1], column)
        name = ".".join(str(part) for part in path)
        told = said_between("", message, f"\n    {shown}\n    {_indent(shown, caret)}^\n   ")
        return Problem(told, fix, self.file, *place, name)

    def problem_at(self, path: KeyPath, message: str, fix: str) -> Problem:
        """A problem of a whole value, or of the nearest thing around it that is written in the file."""
        known = next(path[:size] for size in range(len(path), -1, -1) if path[:size] in self.places)
        return Problem(message, fix, self.file, *self.places[known], ".".join(str(part) for part in path))

    def _in_file(self, path: KeyPath, line: int, column: int) -> tuple[int, int]:
        """Plain, quoted and `|` scalars are followed exactly, a folded one to its first line."""
        start_line, start_column = self.places[path]
        lines = self.text.split("\n")
        opening = lines[start_line - 1][start_column - 1 : start_column]
        if opening in "'\"":
            return start_line, start_column + column
        if opening == "|" and start_line + line - 1 < len(lines):
            content = lines[start_line + line - 1]
            first = lines[start_line]
            return start_line + line, len(first) - len(first.lstrip()) + column if content else column
        return start_line, start_column + (column - 1 if opening != ">" else 0)


def with_line(problem: Problem, text: str) -> Problem:
    """The problem with its line of the file and a caret, where it has a place and does not show one yet."""
    lines = text.split("\n")
    if problem.line is None or problem.column is None or "\n" in problem.message or problem.line > len(lines):
        return problem
    shown, caret = _excerpt(lines[problem.line - 1].rstrip("\r"), problem.column)
    return replace(
        problem, message=said_between("", problem.message, f"\n    {shown}\n    {_indent(shown, caret)}^\n   ")
    )


def _excerpt(written: str, column: int) -> tuple[str, int]:
    """The part of a line around a column, and the column within it."""
    start = max(0, column - WIDEST // 2) if len(written) > WIDEST else 0
    shown = written[start : start + WIDEST]
    # Whatever would move the cursor or colour the terminal is not sent to it.
    return "".join(sign if sign == "\t" or sign.isprintable() else "\ufffd" for sign in shown), column - start


def _indent(written: str, column: int) -> str:
    """Spaces as wide as the text before the place: a Chinese character takes two columns of a terminal."""
    before = written[: column - 1]
    return "".join("\t" if sign == "\t" else "  " if ord(sign) >= 0x1100 else " " for sign in before)


def read_places(path: Path) -> Places:
    """The places of a file that has been read as a programme before."""
    text = path.read_bytes().decode("utf-8-sig")
    return Places(text, read_yaml(text, str(path)).places, str(path))
