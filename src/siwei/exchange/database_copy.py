"""The whole database out and in again, at one moment, while others write: SQLite by its online backup, PostgreSQL by
pg_dump within an exported snapshot. How to reach the server goes to its programs by environment, never as arguments."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.utils import load_backend

from siwei.errors import Conflict, EnvironmentMissing

PIECE = 1024 * 1024
ENVIRONMENT = {
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "host": "PGHOST",
    "port": "PGPORT",
    "options": "PGOPTIONS",
    "service": "PGSERVICE",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
"""What libpq's programs read, by the names of libpq's connection parameters."""
EVERY_TABLE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE relkind IN ('r', 'p') AND nspname = 'public'",
}


@contextmanager
def sqlite_copy(target: Path) -> Iterator[None]:
    """The database as it was at one moment, in a file that the default connection reads until the block ends.

    Raises Conflict where SQLite finds the database damaged: such a backup would be worth nothing.
    """
    name = str(connections[DEFAULT_DB_ALIAS].settings_dict["NAME"])
    source = sqlite3.connect(f"{Path(name).absolute().as_uri()}?mode=ro", uri=True, timeout=60)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)  # all pages in one step: one moment, and no writer waits for it
        found = [row[0] for row in copy.execute("PRAGMA quick_check(5)")]
    finally:
        copy.close()
        source.close()
    if found != ["ok"]:
        raise Conflict(
            f"the database {name} is damaged ({'; '.join(found)}) → restore the last good backup",
            f"数据库 {name} 已损坏（{'; '.join(found)}） → 请恢复最近一份完好的备份",
        )
    with at_file(target):
        yield


@contextmanager
def at_file(file: Path) -> Iterator[None]:
    """The default connection leads to another SQLite file until the block ends."""
    before = connections[DEFAULT_DB_ALIAS]
    settings = {**before.settings_dict, "NAME": str(file)}
    connections[DEFAULT_DB_ALIAS] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections[DEFAULT_DB_ALIAS] = before


@contextmanager
def postgresql_snapshot() -> Iterator[str]:
    """Everything read by the default connection until the block ends is of one moment; gives the snapshot's name."""
    connection = connections[DEFAULT_DB_ALIAS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def dump_postgresql(snapshot: str) -> Iterator[bytes]:
    """What pg_dump writes of that snapshot, in its own format. Raises Conflict with its words where it fails."""
    command = [find_program("pg_dump"), "--format=custom", f"--snapshot={snapshot}", "--no-owner", "--no-privileges"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as dumping:
        assert dumping.stdout is not None and dumping.stderr is not None
        try:
            while piece := dumping.stdout.read(PIECE):
                yield piece
        except BaseException:
            dumping.kill()
            raise
        words = dumping.stderr.read().decode(errors="replace").strip()
    if dumping.returncode:
        raise Conflict(
            f"pg_dump failed: {_last_line(words)} → nothing was saved",
            f"pg_dump 失败：{_last_line(words)} → 未保存任何内容",
        )


def load_postgresql(pieces: Iterable[bytes]) -> None:
    """Into an empty database, all of it or nothing. Raises Conflict where it is not empty or pg_restore fails."""
    if tables := every_table():
        name = connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]
        raise Conflict(
            f"the database {name} is not empty ({len(tables)} tables) → name one that is, SIWEI_DATABASE_URL",
            f"数据库 {name} 不是空的（有 {len(tables)} 张表） → 请在 SIWEI_DATABASE_URL 中指定空库",
        )
    connection = connections[DEFAULT_DB_ALIAS]
    name = connection.get_connection_params()["dbname"]
    command = [find_program("pg_restore"), "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with subprocess.Popen(
        [*command, f"--dbname={name}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=_environment(),
    ) as loading:  # fmt: skip
        assert loading.stdin is not None and loading.stderr is not None
        try:
            for piece in pieces:
                loading.stdin.write(piece)
            loading.stdin.close()
        except BrokenPipeError:
            pass  # it has said why
        except BaseException:
            loading.kill()
            raise
        words = loading.stderr.read().decode(errors="replace").strip()
    if loading.returncode:
        raise Conflict(
            f"pg_restore failed: {_last_line(words)} → the database is as it was",
            f"pg_restore 失败：{_last_line(words)} → 数据库保持原样",
        )


def empty_postgresql() -> None:
    """Take away again what `load_postgresql` brought."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        for table in every_table():
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)} CASCADE")
        cursor.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
            "AND proname LIKE 'siwei%'"
        )
        for (function,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {function} CASCADE")


def every_table() -> list[str]:
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        cursor.execute(EVERY_TABLE[connection.vendor])
        return sorted(name for (name,) in cursor.fetchall())


def count_rows() -> dict[str, int]:
    """Of every table, Django's own too."""
    connection, counts = connections[DEFAULT_DB_ALIAS], {}
    with connection.cursor() as cursor:
        for table in every_table():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            counts[table] = int(cursor.fetchone()[0])
    return counts


def damage_in_sqlite() -> list[str]:
    """What SQLite finds wrong with the file that the default connection leads to; empty when all is well."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("PRAGMA integrity_check(20)")
        faults = [row[0] for row in cursor.fetchall() if row[0] != "ok"]
        cursor.execute("PRAGMA foreign_key_check")
        faults += [f"{row[0]}: row {row[1]} refers to {row[2]}, which lacks it" for row in cursor.fetchmany(20)]
    return faults


def find_program(name: str) -> str:
    """PostgreSQL's own program, the newest there is: an older one refuses a newer server."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: float(path.parents[1].name), default=None)
    found = str(newest) if newest else shutil.which(name)
    if found is None:
        raise EnvironmentMissing(
            f"{name} is not installed → apt-get install postgresql-client",
            f"未安装 {name} → apt-get install postgresql-client",
        )
    return found


def _environment() -> dict[str, str]:
    parameters: dict[str, Any] = connections[DEFAULT_DB_ALIAS].get_connection_params()
    told = {ENVIRONMENT[name]: str(value) for name, value in parameters.items() if name in ENVIRONMENT and value}
    return os.environ | told | {"LC_ALL": "C.UTF-8"}


def _last_line(words: str) -> str:
    return next(
        (line for line in words.splitlines() if "error" in line.lower()), words.splitlines()[-1] if words else "?"
    )
