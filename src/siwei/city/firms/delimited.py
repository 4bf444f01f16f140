"""Delimited text to a table of text cells; what cannot be split is kept as a broken row, never dropped."""

import csv
import io
import json
from collections import deque
from collections.abc import Collection, Iterator

import polars as pl

from siwei.city.firms.opening import LIMITS, Limits, OpenedFile, open_bytes, refuse
from siwei.city.firms.shapes import normalise_column, recognise, refuse_header
from siwei.city.firms.tables import BROKEN, ROW, RawTable, name_columns, raw_schema

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "，": "full-width comma"}
BATCH_ROWS = 50_000


class Lines:
    """Physical lines with their numbers; lines of a record that failed can be handed back to be read alone."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._returned, self._number = text, deque[tuple[int, str]](), 0
        self.of_record: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._returned:
            numbered = self._returned.popleft()
        else:
            line = self._text.readline()
            if not line:
                raise StopIteration
            self._number += 1
            numbered = (self._number, line)
        self.of_record.append(numbered)
        return numbered[1]

    def hand_back_all_but_first(self) -> None:
        self._returned.extendleft(reversed(self.of_record[1:]))


def read_delimited(opened: OpenedFile, attributes: Collection[str], limits: Limits = LIMITS) -> RawTable:
    """Raises `ImportRefused` where no delimiter gives a header we know, or the quoting is hopeless."""
    text = io.TextIOWrapper(open_bytes(opened), encoding=opened.encoding, newline="")
    try:
        lines = Lines(text)
        delimiter, header = _find_header(opened.name, lines, attributes, limits)
        return _read_rows(opened, lines, delimiter, header, limits)
    finally:
        text.detach()  # the descriptor belongs to `opened`


def _find_header(name: str, lines: Lines, attributes: Collection[str], limits: Limits) -> tuple[str, tuple[str, ...]]:
    first = next((line for line in lines if line.strip("\r\n\t ,;")), None)
    if first is None:
        raise refuse(name, "the file holds no header", "export it again with its column names in the first line")
    headers = {}
    for delimiter in DELIMITERS:
        cells = next(csv.reader([first.strip("\r\n")], delimiter=delimiter), [])
        headers[delimiter] = name_columns([normalise_column(cell) for cell in cells])
    recognised = [delimiter for delimiter, header in headers.items() if recognise(header, attributes)]
    # `name` alone is a generic header under every delimiter; the one that splits furthest is meant.
    delimiter = max(recognised or headers, key=lambda candidate: len(headers[candidate]))
    header = headers[delimiter]
    if not recognised:
        counts = ", ".join(f"{word} × {first.count(mark)}" for mark, word in DELIMITERS.items() if mark in first)
        seen = f"seen: {first.strip()[:120]!r} (delimiters: {counts or 'none'}; encoding {'read as text'})"
        raise refuse_header(name, header, attributes, seen=seen)
    check_header(name, header, limits)
    return delimiter, header


def check_header(name: str, header: tuple[str, ...], limits: Limits) -> None:
    doubled = sorted({column for column in header if header.count(column) > 1}) if len(header) <= limits.columns else []
    if len(header) > limits.columns:
        raise refuse(
            name, f"{len(header):,} columns, more than {limits.columns:,}", "keep only the columns needed", line=1
        )
    if doubled:
        raise refuse(name, f"columns named twice: {', '.join(doubled)}", "rename or remove one of each", line=1)


def check_size(name: str, rows: int, columns: int, limits: Limits) -> None:
    if rows > limits.rows or rows * columns > limits.cells:
        most = f"at most {limits.rows:,} rows and {limits.cells:,} cells are read"
        message = f"over {rows:,} rows of {columns:,} columns; {most}"
        raise refuse(name, message, "split the file")


def _read_rows(opened: OpenedFile, lines: Lines, delimiter: str, header: tuple[str, ...], limits: Limits) -> RawTable:
    frames: list[pl.DataFrame] = []
    numbers: list[int] = []
    rows: list[list[str]] = []
    broken: list[tuple[int, str, str, str]] = []
    quotes = 0

    def flush() -> None:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
        data = dict(zip(raw_schema(header), columns, strict=True))
        frames.append(
            pl.DataFrame(data, schema=raw_schema(header)).insert_column(0, pl.Series(ROW, numbers, pl.UInt32))
        )
        rows.clear()
        numbers.clear()

    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.of_record.clear()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            quotes += 1
            if quotes > limits.broken_quotes:
                message = f"more than {limits.broken_quotes:,} rows with broken quotes"
                raise refuse(opened.name, message, "export it again with standard quoting", line=broken[0][0]) from None
            number, line = lines.of_record[0]
            broken.append((number, "", f"the row cannot be split into cells ({error})", _line_record(line)))
            lines.hand_back_all_but_first()
            continue
        number = lines.of_record[0][0]
        if not cells:
            continue
        if len(cells) > len(header) and not any(cells[len(header) :]):
            cells = cells[: len(header)]  # delimiters after the last cell hold nothing
        reason = f"{len(cells)} cells, the header has {len(header)}" if len(cells) != len(header) else ""
        if opened.has_nul and any("\0" in cell for cell in cells):
            reason = "the row holds a NUL byte"
        if reason:
            line = "".join(part for _, part in lines.of_record)
            broken.append((number, "", reason, _line_record(line)))
            continue
        numbers.append(number)
        rows.append(cells)
        if len(rows) >= BATCH_ROWS:
            flush()
            check_size(opened.name, sum(frame.height for frame in frames), len(header), limits)
    flush()
    return RawTable(header, pl.concat(frames), pl.DataFrame(broken, schema=BROKEN, orient="row"))


def _line_record(line: str) -> str:
    """The line as it was; a NUL byte, which a database cannot keep, is shown by its symbol."""
    return json.dumps({"line": line.rstrip("\r\n").replace("\0", "␀")}, ensure_ascii=False)
