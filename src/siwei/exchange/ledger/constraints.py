"""Whether the database still has the constraints our models ask of it: checks, keys, columns that are never empty.

Whoever owns the database can drop a constraint, or put a weaker one under its name. On PostgreSQL, which says a
constraint back in words of its own, each table is made once more as a temporary one, and both are asked what they have.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import CheckConstraint, UniqueConstraint

APPLICATION = "exchange"
PG_STANDING = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE conrelid = %s AND contype IN ('c', 'u', 'p') AND convalidated
UNION ALL
SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
  WHERE indrelid = %s AND indisunique AND indisvalid AND indpred IS NOT NULL
"""


def missing_constraints(connection: Any) -> list[tuple[str, str]]:
    """(table, what of it) for every constraint that should stand and does not, or not as it should."""
    found: list[tuple[str, str]] = []
    for model in apps.get_app_config(APPLICATION).get_models(include_auto_created=True):
        with connection.cursor() as cursor:
            missing = list(_missing_columns(connection, cursor, model))
            if not missing:
                of_vendor = _missing_on_sqlite if connection.vendor == "sqlite" else _missing_on_postgresql
                missing = list(of_vendor(connection, cursor, model))
        found.extend((model._meta.db_table, each) for each in missing)
    return found


def _missing_columns(connection: Any, cursor: Any, model: type[models.Model]) -> Iterator[str]:
    table = model._meta.db_table
    standing = _standing_columns(connection, cursor, table)
    relations = connection.introspection.get_relations(cursor, table)
    for field in model._meta.local_concrete_fields:
        if field.column not in standing:
            yield f"column {field.column}"
        elif standing[field.column] and not field.null:
            yield f"{field.column} NOT NULL"
        remote = field.remote_field
        if remote is not None and getattr(field, "db_constraint", False):
            other = remote.model._meta
            if relations.get(field.column, ())[:2] != (other.pk.column, other.db_table):
                yield f"{field.column} REFERENCES {other.db_table}"


def _standing_columns(connection: Any, cursor: Any, table: str) -> dict[str, bool]:
    """Whether each may be empty. On SQLite Django would read the table's whole text, word by word, for what is not
    asked here: a third of the time of verifying a ledger."""
    if connection.vendor == "sqlite":
        cursor.execute(f"PRAGMA table_info({table})")
        return {row[1]: not row[3] for row in cursor.fetchall()}
    return {column.name: column.null_ok for column in connection.introspection.get_table_description(cursor, table)}


def _editor(connection: Any) -> Any:
    editor = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []
    return editor


def _missing_on_sqlite(connection: Any, cursor: Any, model: type[models.Model]) -> Iterator[str]:
    table, editor = model._meta.db_table, _editor(connection)
    cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL", [table])
    texts = [_squeeze(row[0]) for row in cursor.fetchall()]
    for constraint in model._meta.constraints:
        inline = constraint.constraint_sql(model, editor)
        wanted = _squeeze(str(inline or constraint.create_sql(model, editor)))
        # Inside the table's own text, or the whole text of an index.
        if not any(wanted in text if inline else wanted == text for text in texts):
            yield str(constraint.name)
    for field in model._meta.local_concrete_fields:
        check = field.db_check(connection)
        if check and not any(_squeeze(f"CHECK ({check})") in text for text in texts):
            yield f"CHECK ({check})"
    unique = _unique_columns_on_sqlite(cursor, table)
    for columns in _wanted_unique(model):
        if columns not in unique:
            yield f"UNIQUE ({', '.join(columns)})"


def _unique_columns_on_sqlite(cursor: Any, table: str) -> set[tuple[str, ...]]:
    cursor.execute(f"PRAGMA table_info({table})")
    unique: set[tuple[str, ...]] = {(row[1],) for row in cursor.fetchall() if row[5]}
    cursor.execute(f"PRAGMA index_list({table})")
    for name in [row[1] for row in cursor.fetchall() if row[2] and not row[4]]:
        cursor.execute(f"PRAGMA index_info('{name}')")
        unique.add(tuple(row[2] for row in cursor.fetchall()))
    return unique


def _wanted_unique(model: type[models.Model]) -> list[tuple[str, ...]]:
    fields = model._meta.local_concrete_fields
    columns = {field.name: str(field.column) for field in fields}
    wanted: list[tuple[str, ...]] = [(columns[field.name],) for field in fields if field.unique]
    return wanted + [tuple(columns[name] for name in names) for names in model._meta.unique_together]


def _missing_on_postgresql(connection: Any, cursor: Any, model: type[models.Model]) -> Iterator[str]:
    table, editor = model._meta.db_table, _editor(connection)
    standing = _standing_on_postgresql(cursor, table)
    unnamed = [
        f"CHECK ({check})" for field in model._meta.local_concrete_fields if (check := field.db_check(connection))
    ]
    unnamed += [f"UNIQUE ({', '.join(columns)})" for columns in _wanted_unique(model)]
    asked = [f'ALTER TABLE "{table}" ADD CONSTRAINT unnamed_{each} {text}' for each, text in enumerate(unnamed)]
    named: list[CheckConstraint | UniqueConstraint] = list(model._meta.constraints)  # type: ignore[arg-type]
    asked += [str(constraint.create_sql(model, editor)) for constraint in named]
    definitions = {_anywhere(text).replace("PRIMARY KEY", "UNIQUE") for text in standing.values()}

    def stands(name: str, text: str) -> bool:
        if name.startswith("unnamed_"):
            return _anywhere(text) in definitions
        return _anywhere(standing.get(name, "")) == _anywhere(text)

    with transaction.atomic():
        wanted = _made_on_postgresql(cursor, table, asked)
        missing = [name for name, text in wanted.items() if not stands(name, text)]
        if missing:  # What a dump says of it comes back in yet other words (casts stand elsewhere): either will do.
            cursor.execute(f'DROP TABLE pg_temp."{table}"')
            said = [
                text if text.startswith("CREATE") else f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {text}'
                for name, text in wanted.items()
            ]
            restored = _made_on_postgresql(cursor, table, said)
            missing = [name for name in missing if not stands(name, restored[name])]
        transaction.set_rollback(True)
    for name in missing:
        yield unnamed[int(name.removeprefix("unnamed_"))] if name.startswith("unnamed_") else name


def _made_on_postgresql(cursor: Any, table: str, statements: list[str]) -> dict[str, str]:
    """What a temporary table says of the constraints made by the statements, which go there: it hides the real one of
    its name."""
    cursor.execute(f'CREATE TEMP TABLE "{table}" (LIKE "{table}")')
    for statement in statements:
        cursor.execute(statement)
    return _standing_on_postgresql(cursor, table)


def _standing_on_postgresql(cursor: Any, table: str) -> dict[str, str]:
    cursor.execute("SELECT to_regclass(%s)::oid", [table])
    (oid,) = cursor.fetchone()
    cursor.execute(PG_STANDING, [oid, oid])
    return dict(cursor.fetchall())


def _anywhere(text: str) -> str:
    """Without the table that an index is on."""
    return re.sub(r" ON \S+ ", " ON ", text)


def _squeeze(text: str) -> str:
    return re.sub(r"\s", "", text)
