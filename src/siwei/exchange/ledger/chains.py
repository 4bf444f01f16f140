"""Linked sets of transfers as values; and how the rows of many of them come into the database at once: COPY on
PostgreSQL, one prepared statement on SQLite. Decides nothing."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from siwei.errors import SiweiError
from siwei.exchange.ledger.transfer_rows import COLUMNS
from siwei.exchange.ledger.transfers import Entry
from siwei.exchange.models import Transfer

LONGEST_SET = 1_000
SPECIAL = re.compile(r"[\\\t\n\r]")
"""What COPY wants written otherwise."""
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
NULL = r"\N"
TEXTS = (1, 6, 10, 11)
"""Places in COLUMNS where somebody else's text stands: key, unit, memo, causes."""
COPIED = "\t".join(["%s"] * len(COLUMNS)) + "\n"
Line = tuple[Any, ...]
"""A row in the order of COLUMNS, as `absent` and `moments` write what the database has a way of its own for."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Entries that stand or fall together, in order: a later one may use what an earlier one brought.

    A single entry is written under `key` itself, several under `key#1`, `key#2` …
    """

    key: str
    entries: tuple[Entry, ...]

    def keys(self) -> list[str]:
        if len(self.entries) == 1:
            return [self.key]
        return [f"{self.key}#{number}" for number in range(1, len(self.entries) + 1)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a chain: the numbers of its transfers, or why none of it was written."""

    key: str
    transfer_ids: tuple[int, ...] = ()
    refusal: SiweiError | None = None
    refused_entry: int | None = None
    """Which of its entries (from 0) was refused."""


def number_of(earlier: Transfer | Entry | None, ids: Mapping[int, int]) -> int | None:
    """The number of an earlier transfer; 0, which none has, for an entry that is not in this set before."""
    if isinstance(earlier, Entry):
        return ids.get(id(earlier), 0)
    return None if earlier is None else earlier.pk


def draw_numbers(count: int, unused: Sequence[str] = ()) -> list[int] | None:
    """Numbers for so many new rows, in this transaction; None where a transfer has one of the keys `unused`."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT siwei_draw_numbers(%s, %s::text[])", [count, array(unused)])
            drawn: list[int] | None = cursor.fetchone()[0]
            return drawn
        if select("SELECT 1 FROM exchange_transfer WHERE idempotency_key", unused):
            return None
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exchange_transfer'")
        row = cursor.fetchone()
        last = row[0] if row else 0
        return list(range(last + 1, last + 1 + count))


class Moments(dict[datetime, str]):
    """Each moment as the database takes it, written once."""

    def __missing__(self, moment: datetime) -> str:
        is_text = connection.vendor == "postgresql"
        text = self[moment] = str(moment if is_text else connection.ops.adapt_datetimefield_value(moment))
        return text


def absent() -> str | None:
    """What stands in a row for nothing."""
    return NULL if connection.vendor == "postgresql" else None


def insert(lines: Sequence[Line], are_plain: bool = False) -> None:
    """Write rows by one statement. `are_plain`: none of their texts holds anything SPECIAL."""
    if not lines:
        return
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = lines if are_plain else [_escaped(line) for line in lines]
            # COPY fires the same triggers as INSERT, and is the quickest way in.
            with connection.wrap_database_errors, cursor.copy(f"COPY exchange_transfer ({names}) FROM STDIN") as copy:
                copy.write("".join(map(COPIED.__mod__, rows)))
            return
        marks = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(
            f"INSERT INTO exchange_transfer ({names}) VALUES ({marks})",  # noqa: S608
            lines,
        )


def _escaped(line: Line) -> Line:
    if not SPECIAL.search("".join([line[place] for place in TEXTS])):
        return line
    return tuple(each.translate(ESCAPED) if place in TEXTS else each for place, each in enumerate(line))


def select(sql: str, values: Collection[int] | Collection[str], then: str = "") -> list[Any]:
    """`sql IN values then`: one array on PostgreSQL, in parts that every SQLite takes there."""
    rows: list[Any] = []
    if not values:
        return rows
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            kind = "text" if isinstance(next(iter(values)), str) else "bigint"
            cursor.execute(f"{sql} = ANY (%s::{kind}[]) {then}", [array(values)])
            return cursor.fetchall()
        for part in parts(values):
            cursor.execute(f"{sql} IN ({', '.join(['%s'] * len(part))}) {then}", part)
            rows.extend(cursor.fetchall())
    return rows


def array(values: Iterable[int] | Iterable[str]) -> str:
    """As PostgreSQL reads an array, all of it quoted at once; no text of ours holds NUL (`check_storable`)."""
    text = "\0".join(map(str, values)).replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + text.replace("\0", '","') + '"}' if text else "{}"


def parts(values: Iterable[Any]) -> Iterable[list[Any]]:
    ordered = sorted(values)
    return (ordered[start : start + 900] for start in range(0, len(ordered), 900))
