"""What the database itself refuses, whoever asks: raw SQL, past every action of ours."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from siwei.exchange import migrations
from siwei.exchange.audit import record_event
from siwei.exchange.guards import SUBJECTS, missing_guards
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.seals import seal
from siwei.exchange.ledger.transfers import Entry, refusal
from siwei.exchange.models import Account, Event, Hold, Seal, Transfer, TransferKind

COLUMNS = (
    "idempotency_key",
    "kind",
    "debit_account_id",
    "credit_account_id",
    "amount",
    "unit",
    "hold_id",
    "expires_at",
    "memo",
    "causes",
    "at",
)


@pytest.fixture
def money(cast: Any, now: datetime) -> dict[str, int]:
    """budget → firm 1,000; 600 of it held for the centre for a day under the key `h`."""
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-5_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    ledger.open_account("centre", unit="CNY", purpose="receivable", owner=cast.centre)
    ledger.open_account("seats", unit="seat:course", purpose="seats")
    given: dict[str, Any] = {"actor": cast.olive, "now": now}
    ledger.post_transfer("budget", "firm", 1_000, idempotency_key="fund", **given)
    ledger.hold("firm", "centre", 600, expires_at=now + timedelta(days=1), idempotency_key="h", **given)
    ids = dict(Account.objects.values_list("code", "pk"))
    return ids | {
        "h": Transfer.objects.get(idempotency_key="h").pk,
        "fund": Transfer.objects.get(idempotency_key="fund").pk,
    }


def execute(sql: str, parameters: Sequence[Any] = ()) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        connection.check_constraints()


def insert(money: dict[str, int], now: datetime, verb: str = "INSERT", beside: bool = False, **changes: Any) -> None:
    """One row by one statement; or `beside` a right one: PostgreSQL's guard has a way of its own for one row."""
    values: dict[str, Any] = {
        "idempotency_key": "raw",
        "kind": "post",
        "debit_account_id": money["firm"],
        "credit_account_id": money["centre"],
        "amount": 1,
        "unit": "CNY",
        "hold_id": None,
        "expires_at": None,
        "memo": "",
        "causes": "{}",
        "at": now,
    } | changes
    columns = [*COLUMNS, *(name for name in changes if name not in COLUMNS)]
    values = {name: _raw(values[name]) for name in columns}
    rows = [list(values.values())]
    if beside:
        right = {"idempotency_key": "beside", "kind": "post", "amount": 1, "unit": "CNY", "causes": "{}", "memo": ""}
        right |= {"debit_account_id": money["budget"], "credit_account_id": money["firm"], "at": _raw(now)}
        numbers = {"id": money["h"] + 1_000} if "id" in values else {}
        rows.append([(right | numbers).get(name) for name in columns])
    marks = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
    given = [value for row in rows for value in row]
    execute(f"{verb} INTO exchange_transfer ({', '.join(columns)}) VALUES {marks}", given)


def _raw(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def state() -> list[Any]:
    return [
        list(Account.objects.order_by("pk").values_list("code", "balance", "held")),
        list(Hold.objects.values_list("amount", "captured", "released")),
        Transfer.objects.count(),
    ]


def refused(money: dict[str, int], now: datetime, **changes: Any) -> None:
    """Alone, and beside a right one in the same statement."""
    before = state()
    for beside in (False, True):
        with pytest.raises(DatabaseError):
            insert(money, now, beside=beside, **changes)
        assert state() == before


@pytest.mark.parametrize("beside", [False, True])
def test_a_right_transfer_is_taken_from_raw_sql_too(money: dict[str, int], now: datetime, beside: bool) -> None:
    insert(money, now, amount=400, beside=beside)
    more = 1 if beside else 0
    assert state()[0] == [
        ("budget", -1_000 - more, 0), ("firm", 600 + more, 600), ("centre", 400, 0), ("seats", 0, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("amount", [0, -1, 401, 10**16 + 1, 2**63 - 1, None])
def test_amounts(money: dict[str, int], now: datetime, amount: int | None) -> None:
    refused(money, now, amount=amount)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's column takes integers only")
def test_a_fraction_is_no_amount(money: dict[str, int], now: datetime) -> None:
    refused(money, now, amount=0.5)


def test_a_key_used_before(money: dict[str, int], now: datetime) -> None:
    refused(money, now, idempotency_key="fund")


def test_units(money: dict[str, int], now: datetime) -> None:
    refused(money, now, credit_account_id=money["seats"])
    refused(money, now, unit="seats")


def test_accounts(money: dict[str, int], now: datetime) -> None:
    refused(money, now, credit_account_id=money["firm"])
    refused(money, now, credit_account_id=10**9)
    refused(money, now, debit_account_id=10**9)


def test_floor_of_the_budget(money: dict[str, int], now: datetime) -> None:
    refused(money, now, debit_account_id=money["budget"], amount=4_001)


def test_shapes(money: dict[str, int], now: datetime) -> None:
    later = now + timedelta(days=1)
    refused(money, now, kind="gift")
    refused(money, now, kind="post", hold_id=money["h"])
    refused(money, now, kind="post", expires_at=later)
    refused(money, now, kind="hold")
    refused(money, now, kind="hold", expires_at=now)
    refused(money, now, kind="capture")
    refused(money, now, kind="capture", hold_id=money["h"], expires_at=later)


def test_captures_and_releases(money: dict[str, int], now: datetime) -> None:
    refused(money, now, kind="capture", hold_id=money["h"], amount=601)
    refused(money, now, kind="release", hold_id=money["h"], amount=601)
    refused(money, now, kind="capture", hold_id=money["fund"], amount=1)
    refused(money, now, kind="capture", hold_id=money["h"], credit_account_id=money["budget"])
    refused(money, now, kind="capture", hold_id=money["h"], at=now + timedelta(days=1))
    refused(money, now, kind="capture", hold_id=money["h"], at=now - timedelta(seconds=1))
    insert(money, now, kind="capture", hold_id=money["h"], amount=500)
    refused(money, now, kind="capture", hold_id=money["h"], amount=101)
    insert(
        money, now, kind="release", hold_id=money["h"], amount=100, idempotency_key="rest", at=now + timedelta(days=2)
    )
    refused(money, now, kind="release", hold_id=money["h"], amount=1)
    refused(money, now, kind="capture", hold_id=money["h"], amount=1)


def test_reversals(money: dict[str, int], now: datetime) -> None:
    given: dict[str, Any] = {"kind": "reverse", "debit_account_id": money["firm"], "credit_account_id": money["budget"]}
    refused(money, now, **given)
    refused(money, now, reverses_id=money["fund"])
    refused(money, now, **given | {"reverses_id": money["h"]})
    refused(money, now, **given | {"reverses_id": 999_999})
    refused(money, now, **given | {"reverses_id": money["fund"], "amount": 1_001})
    refused(money, now, **given | {"reverses_id": money["fund"], "hold_id": money["h"]})
    refused(money, now, **given | {"reverses_id": money["fund"], "at": now - timedelta(seconds=1)})
    refused(money, now, **given | {"reverses_id": money["fund"], "credit_account_id": money["centre"]})
    insert(money, now, idempotency_key="back", **given | {"reverses_id": money["fund"], "amount": 400})
    back = Transfer.objects.get(idempotency_key="back").pk
    refused(money, now, **given | {"reverses_id": money["fund"]})
    refused(
        money, now, kind="reverse", debit_account_id=money["budget"], credit_account_id=money["firm"], reverses_id=back
    )


def test_what_is_not_there(money: dict[str, int], now: datetime) -> None:
    refused(money, now, debit_account_id=999_999)
    refused(money, now, credit_account_id=999_999)
    refused(money, now, debit_account_id=None)
    refused(money, now, kind="capture", hold_id=999_999)


def test_rows_of_one_statement_come_in_order(money: dict[str, int], now: datetime) -> None:
    """Several rows at once are held to the same: nothing is spent before it came, or captured before it was held."""
    last = max(money["h"], money["fund"])

    def rows(*given: tuple[Any, ...]) -> None:
        values = [
            (
                last + number,
                f"m{number}",
                kind,
                money[debit],
                money[credit],
                amount,
                "CNY",
                hold,
                until,
                "",
                "{}",
                _raw(now),
            )
            for number, kind, debit, credit, amount, hold, until in given
        ]
        marks = ", ".join(["(" + ", ".join(["%s"] * 12) + ")"] * len(values))
        names = "id, " + ", ".join(COLUMNS)
        execute(f"INSERT INTO exchange_transfer ({names}) VALUES {marks}", [each for row in values for each in row])

    until = _raw(now + timedelta(hours=1))
    before = state()
    for wrong in (
        [(1, "post", "centre", "budget", 1, None, None), (2, "post", "firm", "centre", 1, None, None)],
        [(1, "post", "firm", "centre", 300, None, None), (2, "post", "firm", "centre", 101, None, None)],
        [(1, "hold", "firm", "centre", 10, None, until), (2, "capture", "firm", "centre", 11, last + 1, None)],
        [(1, "capture", "firm", "centre", 1, last + 2, None), (2, "hold", "firm", "centre", 10, None, until)],
        [(1, "post", "firm", "centre", 1, None, None), (2, "post", "firm", "seats", 1, None, None)],
        [(-(10**6), "post", "firm", "centre", 1, None, None)],
    ):
        with pytest.raises(DatabaseError):
            rows(*wrong)
        assert state() == before
    rows(
        (1, "post", "firm", "centre", 400, None, None),
        (2, "post", "centre", "budget", 400, None, None),
        (3, "post", "budget", "firm", 5_000 - 600, None, None),
        (4, "hold", "firm", "centre", 10, None, until),
        (5, "capture", "firm", "centre", 4, last + 4, None),
        (6, "release", "firm", "centre", 6, last + 4, None),
    )
    assert state()[0][:3] == [("budget", -5_000, 0), ("firm", 4_996, 600), ("centre", 4, 0)]


def test_whatever_is_refused_of_a_transfer_has_words_in_both_languages(money: dict[str, int]) -> None:
    """Everything that the guards say of a transfer's row; not what they say of other tables, of a change, of a key used
    before (whose transfer is the answer), and of an amount that no entry can have."""
    others = {
        "ledger: an account begins at zero", "ledger: code, unit and owner of an account never change",
        "ledger: balances are written by transfers", "ledger: holds are written by transfers",
        "ledger: transfers are append-only", "ledger: accounts stay",
        "ledger: account code repeated", "ledger: repeated key", "ledger: amount is not an integer",
    }  # fmt: skip
    sql = Path(migrations.__path__[0], "sql", f"guards_{connection.vendor}.sql").read_text(encoding="utf-8")
    said = set(re.findall(r"'(ledger: [^']+)'", sql)) - others
    assert "ledger: that number lies in a sealed block" in said
    debit, credit = Account.objects.get(pk=money["firm"]), Account.objects.get(pk=money["centre"])
    entry = Entry(TransferKind.POST, debit, credit, 1)
    for words in sorted(said):
        told = refusal(words, entry)
        assert "ledger" not in f"{told} {told.in_chinese()}", words
        assert told.in_chinese().startswith("从 firm 记账 1 CNY 被拒："), words


def test_nothing_enters_a_sealed_block(cast: Any, money: dict[str, int], now: datetime) -> None:
    record_event("open", "key", {}, subject="x:y", actor=cast.olive, now=now)
    insert(money, now, id=money["h"] + 50)
    assert seal(actor=cast.olive, now=now) is not None
    refused(money, now, id=money["h"] + 1)
    columns = "action, key, content_sha256, subject, actor_name, payload, at"
    with pytest.raises(DatabaseError):
        execute(f"INSERT INTO exchange_event (id, {columns}) SELECT 0, {columns} FROM exchange_event")
    for wrong in ("number", "number + 2", "number + 1"):
        with pytest.raises(DatabaseError):
            execute(
                "INSERT INTO exchange_seal (number, previous_sha256, sha256, last_event_id, last_transfer_id, events, "
                f"transfers, at) SELECT {wrong}, '', '', last_event_id, last_transfer_id, 0, 0, at FROM exchange_seal"
            )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE exchange_transfer SET amount = 2",
        "UPDATE exchange_transfer SET memo = 'x'",
        "DELETE FROM exchange_transfer",
        "UPDATE exchange_account SET balance = balance + 1",
        "UPDATE exchange_account SET balance = balance + 1, last_transfer_id = last_transfer_id + 1",
        "UPDATE exchange_account SET held = 0 WHERE held > 0",
        "UPDATE exchange_account SET last_transfer_id = 999",
        "UPDATE exchange_account SET unit = 'seats'",
        "UPDATE exchange_account SET owner_id = NULL WHERE code = 'firm'",
        "UPDATE exchange_account SET code = code || 'x'",
        "UPDATE exchange_account SET floor = 1",
        "UPDATE exchange_account SET floor = -999 WHERE code = 'budget'",
        "DELETE FROM exchange_account WHERE code = 'firm'",
        "DELETE FROM exchange_account WHERE code = 'centre'",
        "DELETE FROM exchange_account WHERE code = 'seats'",
        "INSERT INTO exchange_account (code, unit, purpose, floor, balance, held, last_transfer_id) "
        "VALUES ('rich', 'CNY', 'x', 0, 100, 0, 0)",
        "UPDATE exchange_hold SET captured = 0, released = 0, amount = 1000",
        "UPDATE exchange_hold SET released = 600",
        "UPDATE exchange_hold SET expires_at = '2999-01-01 00:00:00+00'",
        "DELETE FROM exchange_hold",
        "INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id) "
        "SELECT id, amount, 0, 0, at, id FROM exchange_transfer WHERE kind = 'post'",
    ],
)
def test_tampering(money: dict[str, int], sql: str) -> None:
    before = state()
    with pytest.raises(DatabaseError):
        execute(sql)
    assert state() == before


def test_a_stale_object_cannot_write_a_balance_back(money: dict[str, int], now: datetime) -> None:
    stale = Account.objects.get(code="firm")
    insert(money, now, amount=10)
    with pytest.raises(DatabaseError), transaction.atomic():
        stale.save()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="INSERT OR REPLACE is SQLite's own")
def test_replacing_is_no_way_around(money: dict[str, int], now: datetime) -> None:
    refused(money, now, verb="INSERT OR REPLACE", idempotency_key="fund", amount=900)
    refused(money, now, verb="INSERT OR REPLACE", id=money["fund"])
    back: dict[str, Any] = {"kind": "reverse", "debit_account_id": money["firm"], "credit_account_id": money["budget"]}
    insert(money, now, idempotency_key="back", **back, reverses_id=money["fund"])
    refused(money, now, verb="INSERT OR REPLACE", **back, reverses_id=money["fund"])
    before = state()
    for sql in (
        "INSERT OR REPLACE INTO exchange_account SELECT id, code, unit, purpose, floor, 0, 0, 0, owner_id "
        "FROM exchange_account WHERE code = 'firm'",
        "REPLACE INTO exchange_hold SELECT transfer_id, amount, 0, 0, expires_at, last_transfer_id FROM exchange_hold",
        "UPDATE OR REPLACE exchange_transfer SET idempotency_key = 'fund' WHERE idempotency_key = 'h'",
    ):
        with pytest.raises(DatabaseError):
            execute(sql)
    assert state() == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", ["transfer", "account", "event", "event_organisations", "hold", "seal"])
def test_truncating(money: dict[str, int], table: str) -> None:
    with pytest.raises(DatabaseError):
        execute(f"TRUNCATE exchange_{table} CASCADE")


@pytest.mark.parametrize("sql", ["UPDATE exchange_event SET actor_name = 'x'", "DELETE FROM exchange_event"])
def test_events_stay(cast: Any, now: datetime, sql: str) -> None:
    record_event("open", "key", {}, subject="x:y", actor=cast.olive, now=now)
    with pytest.raises(DatabaseError):
        execute(sql)
    assert Event.objects.get().actor_name == "olive"


class TestWhomAnEventConcerns:
    """Who sees it: written with the event and never again."""

    TABLE = "exchange_event_organisations"

    @pytest.fixture
    def row(self, cast: Any, now: datetime) -> dict[str, int]:
        event = record_event("open", "key", {}, subject="x:y", actor=cast.olive, now=now, organisations=[cast.firm])
        later = record_event("open", "next", {}, subject="x:y", actor=cast.olive, now=now)
        number = Event.organisations.through.objects.get().pk
        return {"id": number, "event": event.pk, "later": later.pk, "firm": cast.firm.pk, "other": cast.outsider.pk}

    @pytest.mark.parametrize("is_sealed", [False, True])
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE {table} SET organisation_id = {other}",
            "UPDATE {table} SET event_id = {later}",
            "UPDATE {table} SET id = id + 1",
            "DELETE FROM {table}",
            "INSERT INTO {table} (event_id, organisation_id) VALUES ({event}, {firm})",
            "INSERT INTO {table} (id, event_id, organisation_id) VALUES ({id}, {later}, {other})",
        ],
    )
    def test_stays(self, cast: Any, now: datetime, row: dict[str, int], sql: str, is_sealed: bool) -> None:
        if is_sealed:
            seal(actor=cast.olive, now=now)
        with pytest.raises(DatabaseError):
            execute(sql.format(table=self.TABLE, **row))
        links = Event.organisations.through.objects.values("id", "event_id", "organisation_id")
        assert list(links) == [{"id": row["id"], "event_id": row["event"], "organisation_id": row["firm"]}]

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no REPLACE")
    @pytest.mark.parametrize("id", ["{id}", "NULL"])
    def test_is_not_replaced(self, row: dict[str, int], id: str) -> None:
        values = f"({id}, {{event}}, {{firm}})".format(**row)
        with pytest.raises(DatabaseError, match="append-only"):
            execute(f"INSERT OR REPLACE INTO {self.TABLE} (id, event_id, organisation_id) VALUES {values}")

    def test_of_a_sealed_event_is_added_to_by_nobody(self, cast: Any, now: datetime, row: dict[str, int]) -> None:
        seal(actor=cast.olive, now=now)
        with pytest.raises(DatabaseError, match="sealed block"):
            execute(
                f"INSERT INTO {self.TABLE} (event_id, organisation_id) VALUES (%s, %s)", [row["event"], row["other"]]
            )

    def test_takes_no_number_of_a_sealed_block(self, cast: Any, now: datetime, row: dict[str, int]) -> None:
        seal(actor=cast.olive, now=now)
        fresh = record_event("open", "fresh", {}, subject="x:y", actor=cast.olive, now=now)
        given = [row["id"] - 1, fresh.pk, row["other"]]
        with pytest.raises(DatabaseError, match="sealed block"):
            execute(f"INSERT INTO {self.TABLE} (id, event_id, organisation_id) VALUES (%s, %s, %s)", given)

    def test_a_seal_does_not_go_back(self, cast: Any, now: datetime, row: dict[str, int]) -> None:
        first = seal(actor=cast.olive, now=now)
        assert first is not None
        assert first.last_concerned_id == row["id"]
        with pytest.raises(DatabaseError, match="follows the one before"), transaction.atomic():
            Seal.objects.create(
                number=2, previous_sha256=first.sha256, sha256="0" * 64, last_event_id=first.last_event_id,
                last_transfer_id=first.last_transfer_id, last_account_id=first.last_account_id, events=0, transfers=0,
                at=now,
            )  # fmt: skip


@pytest.mark.django_db
def test_every_guard_stands() -> None:
    """A later migration that rebuilds a guarded table on SQLite drops its triggers: install them again in it."""
    assert {*SUBJECTS} >= {"guards", "usage", "payments", "statements", "invoices"}
    assert [missing_guards(connection, subject) for subject in SUBJECTS] == [[]] * len(SUBJECTS)


def test_a_lost_guard_is_seen(money: dict[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER siwei_transfer_update"
            + (" ON exchange_transfer" if connection.vendor == "postgresql" else "")
        )
    assert missing_guards(connection) == ["siwei_transfer_update"]
