"""Rows of a sealed table as the lines that are hashed: each its row's canonical JSON, made a column at a time.

One line is `canonical_json` of the row as a mapping, and a newline; `test_sealed_rows.py` compares them.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC
from json.encoder import encode_basestring
from typing import Any, Self

from django.db import connection, models
from django.utils.dateparse import parse_datetime

from siwei.exchange.canonical import canonical_json

PART = 2_000
"""Rows that are read, and stand in memory, at a time."""
MOST_KEPT = 2_000
"""Values whose text is kept, of moments and of JSON each: entries come in runs of one moment and one cause."""
LATER_COLUMNS = ("reverses_id",)
"""Columns younger than the first seals, hashed only where they hold something: older blocks keep their hashes."""
STORED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.(?!000000)\d{6})?", re.ASCII)
WRITTEN = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{5}[1-9])?\+00:00"', re.ASCII)
"""Moments as SQLite keeps them and as PostgreSQL says them, where only the frame is to change, or nothing."""
Part = tuple[int, int, bytes]
"""How many rows, the id of the last of them, their lines."""


class SealedRows:
    """Rows of a model in order of id, after one (None: all); what was not taken yet is read when it is asked for."""

    def __init__(self, model: type[models.Model], after: int | None, columns: Sequence[str] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if not columns or field.attname in columns]
        self.fields = sorted(fields, key=lambda field: field.attname)
        self.place = [field.attname for field in self.fields].index("id")
        self.template = _template([field.attname for field in self.fields])
        moment = _said_by_postgresql if connection.vendor == "postgresql" else _kept_by_sqlite
        self.kept = {"moment": _Kept(moment), "json": _Kept(_json)}
        names = ", ".join(_selected(field) for field in self.fields)
        table = connection.ops.quote_name(model._meta.db_table)
        beginning = "" if after is None else f"WHERE id > {after:d}"
        self.sql = f"SELECT {names} FROM {table} {beginning} ORDER BY id"  # noqa: S608
        self.parts = self._read()
        self.ids: list[int] = []
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.parts.close()

    def until(self, last: int | None) -> Iterator[Part]:
        """Part by part, up to the row of that id (None: all)."""
        while True:
            if not self.ids:
                self.ids, self.lines = next(self.parts, ([], []))
                if not self.ids:
                    return
            taken = len(self.ids) if last is None else bisect_right(self.ids, last)
            if taken:
                yield taken, self.ids[taken - 1], "".join(self.lines[:taken]).encode("utf-8", "surrogatepass")
                self.ids, self.lines = self.ids[taken:], self.lines[taken:]
            if self.ids:
                return

    def _read(self) -> Generator[tuple[list[int], list[str]], None, None]:
        with connection.chunked_cursor() as cursor:
            cursor.execute(self.sql)
            while rows := cursor.fetchmany(PART):
                columns = list(zip(*rows, strict=True))
                written = [self._write(field, column) for field, column in zip(self.fields, columns, strict=True)]
                yield list(columns[self.place]), list(map(self.template.__mod__, zip(*written, strict=True)))

    def _write(self, field: Any, column: Sequence[Any]) -> Iterable[str]:
        if field.attname in LATER_COLUMNS:
            return ["" if value is None else f'"{field.attname}":{canonical_json(value)},' for value in column]
        if isinstance(field, models.JSONField):
            return map(self.kept["json"].__getitem__, column)
        if isinstance(field, models.DateTimeField):
            return map(self.kept["moment"].__getitem__, column)
        if isinstance(field, models.CharField | models.TextField):
            try:
                return list(map(encode_basestring, column))
            except TypeError:  # somebody made it hold something else
                return map(canonical_json, column)
        return [_number(value) if type(value) is not int else int.__repr__(value) for value in column]


class _Kept(dict[Any, str]):
    """The text of each value, made once while it is kept."""

    def __init__(self, write: Callable[[Any], str]) -> None:
        super().__init__()
        self.write = write

    def __missing__(self, value: Any) -> str:
        if len(self) >= MOST_KEPT:
            self.clear()
        text = self[value] = self.write(value)
        return text


def _template(names: Sequence[str]) -> str:
    """Where the text of each column goes; one of LATER_COLUMNS brings its name along, and is never the last."""
    places = ["%s" if name in LATER_COLUMNS else f'"{name}":%s,' for name in names]
    return "{" + "".join(places).removesuffix(",") + "}\n"


def _selected(field: Any) -> str:
    """Moments as text: making one of each costs more than all the rest. As JSON, PostgreSQL says them in one way."""
    name = connection.ops.quote_name(field.column)
    if not isinstance(field, models.DateTimeField):
        return str(name)
    return f"to_json({name})::text" if connection.vendor == "postgresql" else f"CAST({name} AS text)"


def _number(value: Any) -> str:
    return "null" if value is None else canonical_json(value)


def _said_by_postgresql(value: str | None) -> str:
    """A moment as JSON: what it is in the canonical form too, but for zeros at the end of a fraction."""
    if value is None or WRITTEN.fullmatch(value):
        return value or "null"
    return _parsed(json.loads(value))


def _kept_by_sqlite(value: Any) -> str:
    """A moment as text in UTC; what somebody put there instead is hashed as it stands."""
    if type(value) is not str:
        return _number(value)
    return f'"{value[:10]}T{value[11:]}+00:00"' if STORED.fullmatch(value) else _parsed(value)


def _parsed(text: str) -> str:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        return canonical_json(text)
    return canonical_json(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _json(value: Any) -> str:
    return canonical_json(None if value is None else json.loads(value))
