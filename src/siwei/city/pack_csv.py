"""A CSV text → rows of text with their line numbers. Python's csv module, because every problem must name its line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from siwei.errors import Problem

MAX_COLUMNS = 100
MAX_PROBLEMS = 100
MAX_COMPARED = 5_000
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class CsvRow:
    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """`whole` is False where rows may be missing: others then cannot be blamed for naming a row that is not here."""

    rows: tuple[CsvRow, ...]
    problems: tuple[Problem, ...]
    whole: bool


def read_csv_table(text: str, name: str, columns: Sequence[str], required: Sequence[str]) -> CsvTable:
    """Rows as `column → stripped text`, for the declared `columns`; `required` columns must be in the header."""
    records = _records(text)
    line, header = next(records, (1, []))
    if isinstance(header, str):
        return CsvTable((), (Problem(f"the header cannot be read: {header}", "mend the quotes", name, line),), False)
    if not header:
        return CsvTable((), (Problem("is empty", f"begin with the header {','.join(columns)}", name, 1),), False)
    header = [cell.strip() for cell in header]
    problems = check_header(header, name, columns, required)
    if problems:
        return CsvTable((), tuple(problems), False)
    return _read_rows(records, header, name)


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """(first line of the record, its cells), blank lines left out; last, where reading broke off, (line, why)."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, str(error)


def check_header(header: Sequence[str], name: str, columns: Sequence[str], required: Sequence[str]) -> list[Problem]:
    if len(header) == 1:
        for delimiter, words in OTHER_DELIMITERS.items():
            if delimiter in header[0]:
                return [Problem(f"is separated by {words}", "separate the columns by commas", name, 1)]
    if len(header) > MAX_COLUMNS:
        return [Problem(f"has {len(header)} columns", f"keep to these: {', '.join(columns)}", name, 1)]
    problems = []
    for column in sorted({column for column in header if header.count(column) > 1}):
        problems.append(Problem(f"column {column!r} appears twice", "remove one of them", name, 1, field=column))
    missing = [column for column in required if column not in header]
    for column in header:
        if column not in columns and header.count(column) == 1:
            nearest = nearest_name(column, [each for each in columns if each not in header])
            fix = f"rename it {nearest!r}" if nearest else f"remove it; known columns are {', '.join(columns)}"
            problems.append(Problem(f"unknown column {column!r}", fix, name, 1, field=column))
            if nearest in missing:
                missing.remove(nearest)
    problems += [
        Problem(f"column {column!r} is missing", "add it to the header", name, 1, field=column) for column in missing
    ]
    return problems


def too_many_problems(name: str, line: int | None) -> Problem:
    """What stands for the rest: a file that is wrong throughout must not take minutes and megabytes to say so."""
    return Problem(
        f"has more than {MAX_PROBLEMS} problems; later rows were not looked at", "mend these first", name, line
    )


def nearest_name(word: str, known: Sequence[str]) -> str:
    """The known name most like `word`, or an empty string; of very many names none is sought, it would take seconds."""
    if len(known) > MAX_COMPARED:
        return ""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _read_rows(records: Iterator[tuple[int, list[str] | str]], header: list[str], name: str) -> CsvTable:
    rows: list[CsvRow] = []
    problems: list[Problem] = []
    for line, cells in records:
        if len(problems) >= MAX_PROBLEMS:
            problems.append(too_many_problems(name, line))
            break
        if isinstance(cells, str):
            problems.append(
                Problem(f"cannot be read from here on: {cells}", "close the quotes of this row", name, line)
            )
        elif len(cells) != len(header):
            problems.append(
                Problem(
                    f"{len(cells)} cells under {len(header)} columns",
                    "give one cell per column; quote a cell that holds a comma",
                    name,
                    line,
                )
            )
        else:
            stripped = (cell.strip() for cell in cells)
            rows.append(CsvRow(line, dict(zip(header, stripped, strict=True))))
    return CsvTable(tuple(rows), tuple(problems), not problems)
