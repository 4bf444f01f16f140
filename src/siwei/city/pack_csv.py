"""A CSV text → rows of text with their line numbers. Python's csv module, because every problem must name its line."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from siwei.city.table_words import DELIMITERS, of_table, reader_in_both
from siwei.errors import Problem

MAX_COLUMNS = 100
MAX_PROBLEMS = 100
MAX_COMPARED = 5_000


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
        return CsvTable((), (Problem(*of_table("header_unreadable", why=reader_in_both(header)), name, line),), False)
    if not header:
        return CsvTable((), (Problem(*of_table("empty", columns=",".join(columns)), name, 1),), False)
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
        for delimiter, sign in DELIMITERS.items():
            if delimiter in header[0]:
                return [Problem(*of_table("delimiter", sign=sign), name, 1)]
    if len(header) > MAX_COLUMNS:
        return [Problem(*of_table("many_columns", count=len(header), columns=", ".join(columns)), name, 1)]
    problems = []
    for column in sorted({column for column in header if header.count(column) > 1}):
        problems.append(Problem(*of_table("column_twice", name=column), name, 1, field=column))
    missing = [column for column in required if column not in header]
    for column in header:
        if column not in columns and header.count(column) == 1:
            nearest = nearest_name(column, [each for each in columns if each not in header])
            words = of_table("unknown", name=column, columns=", ".join(columns))
            if nearest:
                words = of_table("misspelt", name=column, near=nearest)
            problems.append(Problem(*words, name, 1, field=column))
            if nearest in missing:
                missing.remove(nearest)
    problems += [Problem(*of_table("missing", name=column), name, 1, field=column) for column in missing]
    return problems


def too_many_problems(name: str, line: int | None) -> Problem:
    """What stands for the rest: a file that is wrong throughout must not take minutes and megabytes to say so."""
    return Problem(*of_table("many_problems", most=MAX_PROBLEMS), name, line)


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
            problems.append(Problem(*of_table("broken_off", why=reader_in_both(cells)), name, line))
        elif len(cells) != len(header):
            problems.append(
                Problem(
                    *of_table("cells", count=len(cells), columns=len(header)),
                    name,
                    line,
                )
            )
        else:
            stripped = (cell.strip() for cell in cells)
            rows.append(CsvRow(line, dict(zip(header, stripped, strict=True))))
    return CsvTable(tuple(rows), tuple(problems), not problems)
