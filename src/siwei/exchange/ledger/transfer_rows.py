"""One transfer's row into the database, by as little as a client can do. Decides nothing: the guards do.

On PostgreSQL libpq itself is called: a cursor takes more of the client's processor than all else there is to do.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any
from weakref import WeakSet

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from psycopg import Connection, OperationalError
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

COLUMNS = (
    "id",
    "idempotency_key",
    "kind",
    "debit_account_id",
    "credit_account_id",
    "amount",
    "unit",
    "hold_id",
    "reverses_id",
    "expires_at",
    "memo",
    "causes",
    "at",
)
NAMES = ", ".join(COLUMNS[1:])
GIVEN = (
    "$1::text, $2::text, $3::bigint, $4::bigint, $5::bigint, $6::text, $7::bigint, $8::bigint, $9::timestamptz, "
    "$10::text, $11::jsonb, $12::timestamptz"
)
ALONE = f"INSERT INTO exchange_transfer ({NAMES}) VALUES ({GIVEN}) RETURNING id".encode()  # noqa: S608
ALONE_NAME = f"siwei_transfer_{sha256(ALONE).hexdigest()[:16]}".encode()
"""Behind a pooler a server outlives the program: another edition's text must not be found under this name."""
WITHIN = f"SELECT number, refused FROM siwei_try_transfer({GIVEN})".encode()  # noqa: S608
ON_SQLITE = f"INSERT INTO exchange_transfer ({NAMES}) VALUES ({', '.join(['%s'] * 12)}) RETURNING id"  # noqa: S608

_prepared: WeakSet[Connection[Any]] = WeakSet()
"""Connections that know ALONE under its name."""


def insert_row(values: Sequence[Any]) -> int:
    """Write the row (COLUMNS but for the number) and answer its number; IntegrityError with the database's words where
    it is refused, which ends no transaction it stands in."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        # Outside a transaction the statement is one by itself; inside, a refusal must not end the caller's.
        if connection.in_atomic_block:
            with transaction.atomic():
                return _insert_on_sqlite(connection, values)
        return _insert_on_sqlite(connection, values)
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    given = [None if value is None else str(value).encode() for value in values]
    with connection.wrap_database_errors:
        if connection.in_atomic_block:
            return _insert_within(connection, given)
        return int(_insert_alone(connection.connection, given).get_value(0, 0) or 0)


def _insert_on_sqlite(connection: Any, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ON_SQLITE, values)
        number: int = cursor.fetchall()[0][0]
    return number


def _insert_alone(raw: Connection[Any], given: list[bytes | None]) -> PGresult:
    """A statement and a transaction in one; planned once a connection."""
    if raw not in _prepared:
        # There already: a pooler gave us a server that another client had prepared it on, the same text.
        with suppress(DuplicatePreparedStatement):
            _checked(raw.pgconn.prepare(ALONE_NAME, ALONE))
        _prepared.add(raw)
    try:
        return _checked(raw.pgconn.exec_prepared(ALONE_NAME, given))  # type: ignore[arg-type]  # None is taken
    except InvalidSqlStatementName:
        _prepared.discard(raw)  # a pooler gave us another server
        return _checked(raw.pgconn.exec_params(ALONE, given))


def _insert_within(connection: Any, given: list[bytes | None]) -> int:
    """In the caller's transaction: the server keeps the savepoint, which saves two round trips."""
    pgconn = connection.connection.pgconn
    if pgconn.transaction_status == TransactionStatus.IDLE:
        with connection.cursor() as cursor:  # Django has asked for a transaction that the first statement opens
            cursor.execute("SELECT 1")
    if pgconn.transaction_status != TransactionStatus.INTRANS:
        raise AssertionError("a transfer outside the transaction it belongs to")
    result = _checked(pgconn.exec_params(WITHIN, given))
    number = result.get_value(0, 0)
    if number is None:
        raise IntegrityError((result.get_value(0, 1) or b"").decode())
    return int(number)


def _checked(result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        if result.error_field(DiagnosticField.SQLSTATE) is None:
            # The client's own words, not the server's: the connection is lost.
            raise OperationalError(result.get_error_message())
        raise error_from_result(result, "utf-8")
    return result
