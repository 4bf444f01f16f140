"""Events, keys and seals."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from siwei.errors import Conflict, InputError, NotAllowed
from siwei.exchange import audit
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger import seals
from siwei.exchange.models import Event, Seal


@pytest.fixture
def written(cast: Any, now: datetime) -> Any:
    """Three events and a transfer."""
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-1_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    for number in range(3):
        audit.record_event(
            "open", f"k{number}", {}, subject="x:y", actor=cast.olive, now=now, organisations=[cast.firm]
        )
    ledger.post_transfer("budget", "firm", 1, actor=cast.olive, now=now, idempotency_key="t")
    return cast


def tamper(sql: str) -> None:
    """As somebody would who owns the database: take the guard away first."""
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for name, table in (("event_update", "event"), ("transfer_update", "transfer"), ("event_delete", "event")):
            if postgres and name == "event_delete":
                continue
            cursor.execute(f"DROP TRIGGER siwei_{name}" + (f" ON exchange_{table}" if postgres else ""))
        cursor.execute(sql)


def test_a_seal_covers_what_is_new(written: Any, now: datetime) -> None:
    first = seals.seal(actor=written.olive, now=now)
    assert first is not None
    assert (first.number, first.events, first.transfers, first.previous_sha256) == (1, 3, 1, "")
    assert seals.seal(actor=written.olive, now=now) is None
    audit.record_event("open", "k9", {}, subject="x:y", actor=written.olive, now=now)
    second = seals.seal(actor=written.olive, now=now + timedelta(hours=1))
    assert second is not None
    assert (second.number, second.events, second.transfers, second.previous_sha256) == (2, 1, 0, first.sha256)
    assert list(seals.verify_seals()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE exchange_event SET actor_name = 'nobody' WHERE key = 'k1'",
        "UPDATE exchange_transfer SET memo = 'gift'",
        "UPDATE exchange_event SET payload = '{\"a\": 1}' WHERE key = 'k0'",
    ],
)
def test_a_change_under_the_guards_is_seen(written: Any, now: datetime, sql: str) -> None:
    seals.seal(actor=written.olive, now=now)
    tamper(sql)
    assert [f"{fault.check} {fault.row}" for fault in seals.verify_seals()] == ["seal 1"]


def test_a_missing_event_is_seen(written: Any, now: datetime) -> None:
    seals.seal(actor=written.olive, now=now)
    connection.check_constraints()
    name, on = ("update", " ON exchange_event_organisations") if connection.vendor == "postgresql" else ("delete", "")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER siwei_concerned_{name}{on}")
    tamper("DELETE FROM exchange_event_organisations")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM exchange_event WHERE key = 'k2'")
    assert any("events is 2, sealed was 3" in str(fault) for fault in seals.verify_seals())


def test_a_missing_seal_is_seen(written: Any, now: datetime) -> None:
    seals.seal(actor=written.olive, now=now)
    audit.record_event("open", "k9", {}, subject="x:y", actor=written.olive, now=now)
    seals.seal(actor=written.olive, now=now)
    with connection.cursor() as cursor:
        name = "update" if connection.vendor == "postgresql" else "delete"
        cursor.execute(f"DROP TRIGGER siwei_seal_{name}" + (" ON exchange_seal" if name == "update" else ""))
        cursor.execute("DELETE FROM exchange_seal WHERE number = 1")
    assert "seal 2: the one before it is missing" in map(str, seals.verify_seals())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_sealing_lets_a_writer_end_that_takes_the_tables_the_other_way(written: Any, now: datetime) -> None:
    """A post locks its transfer's table, then its accounts'; sealing asks for both."""
    writer = connection.copy()

    def go_on() -> None:
        time.sleep(0.5)
        with writer.cursor() as cursor:
            cursor.execute("LOCK TABLE exchange_account IN ROW EXCLUSIVE MODE")
        writer.rollback()

    with ThreadPoolExecutor() as pool:
        writer.inc_thread_sharing()
        writer.set_autocommit(False)
        with writer.cursor() as cursor:
            cursor.execute("LOCK TABLE exchange_transfer IN ROW EXCLUSIVE MODE")
        ended = pool.submit(go_on)
        assert seals.seal(actor=written.olive, now=now) is not None
        ended.result()
    writer.close()


def test_only_the_operator_seals(written: Any, now: datetime) -> None:
    for actor in (written.alice, written.charlie, written.ann):
        with pytest.raises(NotAllowed):
            seals.seal(actor=actor, now=now)
    assert not Seal.objects.exists()


def test_a_repeat_is_a_look_up_and_a_clash_a_conflict(cast: Any, now: datetime) -> None:
    event = audit.record_event("open", "k", {"a": 1}, subject="x:y", actor=cast.olive, now=now)
    assert audit.repeated("open", "k", {"a": 1}) == event
    assert audit.repeated("close", "k", {"a": 2}) is None
    with pytest.raises(Conflict, match="another open"):
        audit.repeated("open", "k", {"a": 2})
    for key in ("", "k" * 81):
        with pytest.raises(InputError, match="1 to 80"):
            audit.repeated("open", key, {})


def test_an_action_leaves_all_or_nothing(cast: Any, now: datetime) -> None:
    @audit.action
    def half_done() -> None:
        audit.record_event("open", "k", {}, subject="x:y", actor=cast.olive, now=now)
        raise Conflict("no further")

    with pytest.raises(Conflict, match="no further"):
        half_done()
    assert not Event.objects.exists()


def test_a_lost_race_is_told_as_a_conflict(cast: Any, now: datetime) -> None:
    @audit.action
    def twice() -> None:
        for _ in range(2):
            audit.record_event("open", "k", {}, subject="x:y", actor=cast.olive, now=now)

    with pytest.raises(Conflict, match="another writer"):
        twice()
