"""Many rows into one table, quickly, on the databases we know: COPY on PostgreSQL, one prepared statement elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert `rows` (values in the order of `columns`, database column names) in the present transaction.

    The ORM's own objects would cost ten times the insert. Values are plain: text, whole numbers, ISO days, None.
    """
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(quote(column) for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Django wraps what its own cursor raises, and not this.
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(  # a generator: the rows never stand in memory together
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  (names of our own models)
            rows,  # type: ignore[arg-type]
        )


def add_to_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[int]]) -> None:
    """For each row of `rows`, amounts in the order of `columns` and the primary key: add them to what stands there."""
    quote = connection.ops.quote_name
    sums = ", ".join(f"{quote(column)} = {quote(column)} + %s" for column in columns)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {sums} WHERE {quote('id')} = %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


def fill_empty(model: type[models.Model], column: str, empty: str | None, values: Iterable[tuple[str, str]]) -> None:
    """For each (value, key): write `column` of the row with that `key` where it is still `empty`."""
    quote = connection.ops.quote_name
    still_empty = f"{quote(column)} IS NULL" if empty is None else f"{quote(column)} = ''"
    statement = (
        f"UPDATE {quote(model._meta.db_table)} SET {quote(column)} = %s WHERE {quote('key')} = %s AND {still_empty}"  # noqa: S608
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(values))
