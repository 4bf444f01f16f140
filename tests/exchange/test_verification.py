"""Tampering, as whoever owns the database can: guards taken away, rows changed, guards put back. Each is found."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from exchange_deal import DAY, Deal

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.audit import record_event
from siwei.exchange.canonical import canonical_json
from siwei.exchange.guards import drop_guards, install_guards
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger import seals
from siwei.exchange.ledger.accounts import bank_account
from siwei.exchange.ledger.seals import export_heads, read_heads, seal
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, Cap, Event, Seal, Transfer
from siwei.exchange.trading import caps

POSTGRES = connection.vendor == "postgresql"


@pytest.fixture
def kept(cast: Any, now: datetime, tmp_path: Path) -> Path:
    """Two sealed blocks, a few entries after them, and the heads as they were exported."""
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-5_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    ledger.open_account("centre", unit="CNY", purpose="receivable", owner=cast.centre)
    given: dict[str, Any] = {"actor": cast.olive, "now": now}
    ledger.post_transfer("budget", "firm", 1_000, idempotency_key="fund", **given)
    ledger.hold("firm", "centre", 600, expires_at=now + timedelta(days=1), idempotency_key="h", **given)
    both = [cast.firm, cast.centre]
    record_event("open", "k0", {}, subject="x:y", payload={"fen": 1_000}, organisations=both, **given)
    seal(**given)
    ledger.capture("h", 200, idempotency_key="c1", **given)
    ledger.post_transfer("firm", "centre", 50, idempotency_key="p1", **given)
    ledger.post_transfer("firm", "centre", 70, idempotency_key="p2", **given)
    record_event("open", "k1", {}, subject="x:y", organisations=[cast.firm], **given)
    seal(**given)
    ledger.reverse("p1", 20, idempotency_key="r1", **given)
    record_event("open", "k2", {}, subject="x:y", organisations=[cast.centre], **given)
    assert export_heads(tmp_path / "heads.jsonl") == 2
    return tmp_path / "heads.jsonl"


def tamper(*statements: str) -> None:
    connection.check_constraints()
    editor = connection.schema_editor()
    drop_guards(None, editor)
    with without_guards("exchange_event_organisations"), connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        connection.check_constraints()
    install_guards(None, editor)


@contextmanager
def without_guards(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        if POSTGRES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        standing = cursor.fetchall()
        for name, _ in standing:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in standing:
            cursor.execute(sql)


def found(cast: Any, heads: Path | None = None) -> list[str]:
    return [str(finding) for finding in verify_ledger(actor=cast.ann, heads=heads).findings]


def number(key: str) -> int:
    return Transfer.objects.get(idempotency_key=key).pk


def test_a_ledger_left_alone_is_whole(cast: Any, kept: Path) -> None:
    result = verify_ledger(actor=cast.olive, heads=kept)
    assert result.findings == ()
    assert result.rows == {"accounts": 3, "transfers": 6, "holds": 1, "events": 3, "seals": 2, "heads": 2}
    assert (result.unsealed, result.last_seal.number) == ({"events": 1, "transfers": 1}, 2)


BALANCES = "UPDATE exchange_account SET balance = balance {} WHERE code = '{}'"


class TestRows:
    def test_an_amount_changed(self, cast: Any, kept: Path) -> None:
        tamper("UPDATE exchange_transfer SET amount = 51 WHERE idempotency_key = 'p1'")
        seals = [each for each in found(cast) if each.startswith("seal")]
        assert [each for each in found(cast) if not each.startswith("seal")] == [
            "account firm: balance is 700, its entries come to 699",
            "account centre: balance is 300, its entries come to 301",
        ]
        assert len(seals) == 1
        assert seals[0].startswith("seal 2: sha256 is")

    def test_an_amount_changed_with_its_balances(self, cast: Any, kept: Path) -> None:
        tamper(
            "UPDATE exchange_transfer SET amount = 51 WHERE idempotency_key = 'p1'",
            BALANCES.format("- 1", "firm"),
            BALANCES.format("+ 1", "centre"),
        )
        assert [each.split(" is ")[0] for each in found(cast)] == ["seal 2: sha256"]

    def test_an_entry_deleted(self, cast: Any, kept: Path) -> None:
        tamper("DELETE FROM exchange_transfer WHERE idempotency_key = 'p2'")
        assert "account firm: balance is 700, its entries come to 770" in found(cast)
        assert "seal 2: transfers is 2, sealed was 3" in found(cast)

    def test_an_unsealed_entry_deleted(self, cast: Any, kept: Path) -> None:
        last = number("r1")
        tamper("DELETE FROM exchange_transfer WHERE idempotency_key = 'r1'")
        assert found(cast) == [
            "account firm: balance is 700, its entries come to 680",
            f"account firm: last entry is {last}, its entries come to {number('p2')}",
            "account centre: balance is 300, its entries come to 320",
            f"account centre: last entry is {last}, its entries come to {number('p2')}",
        ]

    def test_an_entry_inserted_in_a_sealed_block(self, cast: Any, kept: Path) -> None:
        columns = "kind, debit_account_id, credit_account_id, amount, unit, memo, causes, at"
        free = number("p1")
        tamper(
            "UPDATE exchange_transfer SET id = -id WHERE idempotency_key = 'p1'",
            f"INSERT INTO exchange_transfer (id, idempotency_key, {columns}) SELECT {free}, 'forged', {columns} "
            "FROM exchange_transfer WHERE idempotency_key = 'p1'",
            BALANCES.format("- 50", "firm"),
            BALANCES.format("+ 50", "centre"),
        )
        assert "seal 1: transfers is 3, sealed was 2" in found(cast)

    def test_two_entries_swapped(self, cast: Any, kept: Path) -> None:
        one, two = number("p1"), number("p2")
        tamper(
            f"UPDATE exchange_transfer SET id = -1 WHERE id = {one}",
            f"UPDATE exchange_transfer SET id = {one} WHERE id = {two}",
            f"UPDATE exchange_transfer SET id = {two} WHERE id = -1",
        )
        assert [each.split(" is ")[0] for each in found(cast)] == ["seal 2: sha256"]

    def test_an_event_edited(self, cast: Any, kept: Path) -> None:
        tamper("UPDATE exchange_event SET payload = '{\"fen\": 9}' WHERE key = 'k0'")
        assert [each.split(" is ")[0] for each in found(cast)] == ["seal 1: sha256"]

    @pytest.mark.parametrize(
        ("sql", "what"),
        [
            ("UPDATE {table} SET organisation_id = {outsider} WHERE event_id = {k1}", "2: sha256"),
            ("UPDATE {table} SET event_id = {k0} WHERE event_id = {k1}", "2: sha256"),
            ("DELETE FROM {table} WHERE event_id = {k1}", "2: concerned"),
        ],
    )  # fmt: skip
    def test_whom_an_event_concerned_changed(self, cast: Any, kept: Path, sql: str, what: str) -> None:
        events = dict(Event.objects.values_list("key", "pk"))
        if "SET event_id" in sql:
            tamper(f"DELETE FROM exchange_event_organisations WHERE event_id = {events['k0']}")
        names = {"outsider": cast.outsider.pk, "firm": cast.firm.pk} | events
        tamper(sql.format(table="exchange_event_organisations", **names))
        assert f"seal {what}" in [each.split(" is ")[0] for each in found(cast, kept)]

    def test_somebody_added_whom_a_sealed_event_concerns(self, cast: Any, kept: Path) -> None:
        """The next block would hash the row as any other."""
        event, row = Event.objects.get(key="k0").pk, Event.organisations.through.objects.latest("pk").pk + 1
        columns = "exchange_event_organisations (id, event_id, organisation_id)"
        tamper(f"INSERT INTO {columns} VALUES ({row}, {event}, {cast.outsider.pk})")
        told = [f"event {event}: an organisation it concerned was added after it was sealed (row {row})"]
        assert found(cast, kept) == told
        seal(actor=cast.olive, now=Event.objects.get(key="k2").at)
        assert found(cast, kept) == told

    def test_an_account_given_to_another(self, cast: Any, kept: Path) -> None:
        tamper(f"UPDATE exchange_account SET owner_id = {cast.outsider.pk} WHERE code = 'firm'")
        assert [each.split(" is ")[0] for each in found(cast)] == ["seal 1: sha256"]

    def test_a_balance_changed(self, cast: Any, kept: Path) -> None:
        tamper(BALANCES.format("+ 7", "firm"))
        assert found(cast) == [
            "account firm: balance is 707, its entries come to 700",
            "account CNY: the balances of the unit sum to 7, not to zero",
        ]

    def test_a_hold_changed(self, cast: Any, kept: Path) -> None:
        tamper(
            "UPDATE exchange_hold SET captured = 100, released = 100",
            "UPDATE exchange_account SET held = 300 WHERE code = 'firm'",
        )
        assert found(cast) == [
            "account firm: held is 300, its entries come to 400",
            f"hold {number('h')} h: captured is 100, its entries come to 200",
            f"hold {number('h')} h: released is 100, its entries come to 0",
        ]

    def test_a_hold_gone(self, cast: Any, kept: Path) -> None:
        tamper("DELETE FROM exchange_hold")
        assert found(cast) == [f"hold {number('h')} h: its progress is not there"]

    @pytest.mark.parametrize("last", [10**6, 1])
    def test_a_hold_that_could_be_captured_no_more(self, cast: Any, kept: Path, last: int) -> None:
        tamper(f"UPDATE exchange_hold SET last_transfer_id = {last}")
        assert found(cast) == [f"hold {number('h')} h: its last entry is none of its own"]

    def test_a_capture_after_the_end(self, cast: Any, kept: Path) -> None:
        tamper("UPDATE exchange_transfer SET at = '2027-01-01 00:00:00+00:00' WHERE idempotency_key = 'c1'")
        assert f"transfer {number('c1')} c1: it captures a hold that had expired" in found(cast)

    @pytest.mark.skipif(not POSTGRES, reason="SQLite's key goes with its whole table")
    def test_a_key_twice(self, cast: Any, kept: Path) -> None:
        tamper(
            "ALTER TABLE exchange_transfer DROP CONSTRAINT one_transfer_per_key",
            "UPDATE exchange_transfer SET idempotency_key = 'p2' WHERE idempotency_key = 'p1'",
        )
        assert "transfer p2: the key is used 2 times" in found(cast)
        assert "constraint exchange_transfer: one_transfer_per_key is not there, or not as it was made" in found(cast)


class TestFloors:
    """How far an account may go below zero is no entry: the events that set it prove it."""

    @pytest.fixture
    def dealt(self, deal: Deal) -> Deal:
        deal.signed()
        caps.set_cap(
            "n-firm", 20_000, starts_on=DAY, ends_on=DAY, actor=deal.cast.alice, now=deal.now, idempotency_key="hard"
        )
        caps.set_cap(
            "n-firm", 20_000, starts_on=DAY, ends_on=DAY, unit="accelerator-second", is_hard=False,
            actor=deal.cast.alice, now=deal.now, idempotency_key="soft",
        )  # fmt: skip
        bank_account("bank-difference", None)
        return deal

    def test_as_they_were_set_and_set_again(self, dealt: Deal) -> None:
        assert found(dealt.cast) == []
        dealt.budget(70_000)
        caps.set_cap(
            "n-firm", 30_000, starts_on=DAY, ends_on=DAY, actor=dealt.cast.alice, now=dealt.now, idempotency_key="more"
        )
        assert found(dealt.cast) == []

    @pytest.mark.parametrize(
        ("account", "set_to", "due"),
        [
            ("CNY:commitment:n-firm", -900_000, -100_000), ("CNY:budget:xunli:2026", -2_000_000, -1_000_000),
            ("CNY:own-share:n-firm", -1, 0), ("CNY:pot:xunli:2026", -1, 0), ("CNY:voucher:voucher", -1, 0),
            ("CNY:receivable:n-centre", -1, 0), ("CNY:bank-difference:city", 0, -(4 * 10**18)),
        ],
    )  # fmt: skip
    def test_lowered_by_hand(self, dealt: Deal, account: str, set_to: int, due: int) -> None:
        # No guard stands in the way of this one.
        assert Account.objects.filter(code=account).update(floor=set_to) == 1
        assert found(dealt.cast) == [f"account {account}: its floor is {set_to}, what was set is {due}"]

    @pytest.mark.parametrize(("is_hard", "due"), [(True, -20_000), (False, -(4 * 10**18))])
    def test_a_cap_lowered_by_hand(self, dealt: Deal, is_hard: bool, due: int) -> None:
        account = Cap.objects.get(is_hard=is_hard).account
        Account.objects.filter(pk=account.pk).update(floor=-20_001)
        assert found(dealt.cast) == [f"account {account.code}: its floor is -20001, what was set is {due}"]

    @pytest.mark.parametrize(
        ("account", "set_to", "due"), [("used:n-firm", -1, 0), ("delivered:n-centre", -120, -(4 * 10**18))]
    )
    def test_lowered_by_hand_in_another_unit(self, dealt: Deal, account: str, set_to: int, due: int) -> None:
        dealt.submit()
        dealt.finish()
        dealt.settle()
        code = f"accelerator-second:cpu:{account}"
        assert Account.objects.filter(code=code).update(floor=set_to) == 1
        assert found(dealt.cast) == [f"account {code}: its floor is {set_to}, what was set is {due}"]

    def test_with_the_event_that_set_it_gone(self, dealt: Deal) -> None:
        tamper("DELETE FROM exchange_event_organisations", "DELETE FROM exchange_event WHERE action = 'open_pot'")
        assert found(dealt.cast) == ["account CNY:budget:xunli:2026: its floor is -1000000, and no event set it"]


@contextmanager
def without_constraint(table: str, text: str, other: str, *for_postgres: str) -> Iterator[None]:
    """A constraint taken away; on SQLite out of the text of its table, as one would who knows how."""
    connection.check_constraints()
    if POSTGRES:
        with connection.cursor() as cursor:
            for sql in for_postgres:
                cursor.execute(sql)
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [table])
        before = cursor.fetchone()[0]
    assert text in before
    _write_schema(table, before.replace(text, other))
    yield
    # The connection would keep the other schema, whatever is rolled back.
    _write_schema(table, before)


def _write_schema(table: str, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute("UPDATE sqlite_master SET sql = %s WHERE name = %s", [text, table])
        cursor.execute("PRAGMA writable_schema = RESET")


class TestConstraints:
    CHECK = 'CONSTRAINT "account_not_overdrawn" CHECK ("balance" >= ("floor" + "held"))'
    DROP = "ALTER TABLE exchange_account DROP CONSTRAINT account_not_overdrawn"
    SAID = ("constraint exchange_account: account_not_overdrawn is not there, or not as it was made",)

    def test_a_check_dropped(self, cast: Any, kept: Path) -> None:
        with without_constraint("exchange_account", f", {self.CHECK}", "", self.DROP):
            assert found(cast) == [*self.SAID]

    def test_a_weaker_check_under_its_name(self, cast: Any, kept: Path) -> None:
        weaker = 'CONSTRAINT "account_not_overdrawn" CHECK ("balance" >= ("floor"))'
        add = f"ALTER TABLE exchange_account ADD {weaker}"
        with without_constraint("exchange_account", self.CHECK, weaker, self.DROP, add):
            assert found(cast) == [*self.SAID]

    @pytest.mark.skipif(not POSTGRES, reason="PostgreSQL alone has constraints that old rows need not meet")
    def test_a_check_not_validated(self, cast: Any, kept: Path) -> None:
        add = f"ALTER TABLE exchange_account ADD {self.CHECK} NOT VALID"
        with without_constraint("exchange_account", "", "", self.DROP, add):
            assert found(cast) == [*self.SAID]

    def test_a_column_that_may_be_empty(self, cast: Any, kept: Path) -> None:
        sql = "ALTER TABLE exchange_transfer ALTER COLUMN amount DROP NOT NULL"
        with without_constraint("exchange_transfer", '"amount" bigint NOT NULL', '"amount" bigint NULL', sql):
            assert found(cast) == ["constraint exchange_transfer: amount NOT NULL is not there, or not as it was made"]

    def test_a_unique_index_dropped(self, cast: Any, kept: Path) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX transfer_reversed_once")
        assert found(cast) == [
            "constraint exchange_transfer: transfer_reversed_once is not there, or not as it was made"
        ]

    def test_a_trigger_dropped(self, cast: Any, kept: Path) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER siwei_usage_insert" + (" ON exchange_usage" if POSTGRES else ""))
        assert found(cast) == ["guard siwei_usage_insert: the trigger is not there, or not as it was installed"]


class TestHeads:
    def rewrite(self, cast: Any) -> None:
        """Everything anew, seals too, as if p1 had always been of 60."""
        times = list(Seal.objects.order_by("number").values_list("at", "last_transfer_id", "last_event_id"))
        after = times[0][1]
        tamper(
            "UPDATE exchange_transfer SET amount = 60 WHERE idempotency_key = 'p1'",
            "UPDATE exchange_account SET balance = balance - 10 WHERE code = 'firm'",
            "UPDATE exchange_account SET balance = balance + 10 WHERE code = 'centre'",
            "DELETE FROM exchange_seal WHERE number = 2",
        )
        assert after < number("p1")
        seal(actor=cast.olive, now=times[1][0])

    def test_a_chain_rewritten_whole_is_found_against_its_heads_alone(self, cast: Any, kept: Path) -> None:
        self.rewrite(cast)
        assert found(cast) == []
        said = found(cast, kept)
        assert {each.split(" is ")[0] for each in said} >= {"head 2: sha256"}
        assert all(each.startswith("head 2") for each in said)
        with pytest.raises(Conflict, match="disagree in head 2"):
            export_heads(kept)

    def test_seals_deleted(self, cast: Any, kept: Path) -> None:
        tamper("DELETE FROM exchange_seal WHERE number = 2")
        assert found(cast) == []
        assert found(cast, kept) == ["head 2: its seal is not in the database"]

    def test_a_first_seal_deleted(self, cast: Any, kept: Path) -> None:
        tamper("DELETE FROM exchange_seal WHERE number = 1")
        assert "seal 2: the one before it is missing" in found(cast)

    def test_a_file_of_heads_that_was_changed(self, cast: Any, kept: Path) -> None:
        lines = kept.read_text().splitlines()
        kept.write_text(lines[0].replace('"events":1', '"events":2') + "\n" + lines[1] + "\n")
        assert found(cast, kept) == ["head 1: events is 1, exported was 2"]
        kept.write_text(lines[1] + "\n" + lines[0] + "\n")
        assert found(cast, kept)[0] == "head 1: it does not follow head 2 in its own file"

    @pytest.mark.parametrize("spoil", [lambda text: text + "x\n", lambda text: "[]\n" + text, lambda text: '{"a":1}\n'])
    def test_no_file_of_heads(self, cast: Any, kept: Path, spoil: Callable[[str], str]) -> None:
        kept.write_text(spoil(kept.read_text()))
        with pytest.raises(InputError, match="not the head of a block"):
            verify_ledger(actor=cast.olive, heads=kept)

    def test_no_file(self, cast: Any, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="siwei ledger heads"):
            verify_ledger(actor=cast.olive, heads=tmp_path / "nowhere")

    def test_exports_append(self, cast: Any, kept: Path, now: datetime) -> None:
        before = kept.read_bytes()
        assert export_heads(kept) == 0
        seal(actor=cast.olive, now=now)
        assert export_heads(kept) == 1
        assert kept.read_bytes().startswith(before)
        assert [head["number"] for head in read_heads(kept)] == [1, 2, 3]
        assert json.loads(kept.read_text().splitlines()[0])["sha256"] == Seal.objects.get(number=1).sha256

    @pytest.mark.parametrize("cut", [1, 2, 40, 300])
    def test_half_a_line_is_completed(self, cast: Any, kept: Path, cut: int) -> None:
        before = kept.read_bytes()
        kept.write_bytes(before[:-cut])
        export_heads(kept)
        assert kept.read_bytes() == before

    def test_half_a_line_of_something_else_is_not(self, cast: Any, kept: Path) -> None:
        kept.write_bytes(kept.read_bytes() + b'{"some')
        before = kept.read_bytes()
        with pytest.raises(Conflict, match="the line it ends with"):
            export_heads(kept)
        assert kept.read_bytes() == before


def test_amounts_that_are_none_and_sums_that_overflow(cast: Any, kept: Path) -> None:
    check = 'CONSTRAINT "transfer_amount_positive" CHECK (("amount" > 0 AND "amount" <= 10000000000000000))'
    drop = "ALTER TABLE exchange_transfer DROP CONSTRAINT transfer_amount_positive"
    with without_constraint("exchange_transfer", f", {check}", "", drop):
        huge = "UPDATE exchange_transfer SET amount = {} WHERE idempotency_key = '{}'"
        tamper(huge.format(9 * 10**18, "p1"), huge.format(9 * 10**18, "p2"), huge.format(0, "fund"))
        said = found(cast)
        assert f"transfer {number('p1')} p1: its amount is out of bounds" in said
        assert f"transfer {number('fund')} fund: its amount is out of bounds" in said
        if POSTGRES:  # whose sums do not overflow
            assert "account firm: balance is 700, its entries come to -18000000000000000180" in said
        else:
            assert "account all: cannot be checked: integer overflow" in said
            tamper(huge.format(50.5, "p1"), huge.format("'some'", "p2"))
            assert {f"transfer {number(key)} {key}: its amount is not an integer" for key in ("p1", "p2")} <= {
                *found(cast)
            }


def test_only_those_who_see_all(cast: Any, kept: Path) -> None:
    for actor in (cast.alice, cast.bob, cast.charlie):
        with pytest.raises(NotAllowed):
            verify_ledger(actor=actor)


def test_earlier_blocks_keep_their_hashes(cast: Any, now: datetime) -> None:
    """A block sealed before accounts were sealed hashes as it did; the next one covers all accounts there were."""
    ledger.open_account("budget", unit="CNY", purpose="budget", floor=-5_000)
    ledger.open_account("firm", unit="CNY", purpose="own-share", owner=cast.firm)
    ledger.post_transfer("budget", "firm", 10, actor=cast.olive, now=now, idempotency_key="a")
    row = {k: v for k, v in Transfer.objects.values().get().items() if k != "reverses_id"}
    digest = hashlib.sha256(canonical_json(row).encode() + b"\n").hexdigest()
    Seal.objects.create(
        number=1,
        previous_sha256="",
        sha256=digest,
        last_event_id=0,
        last_transfer_id=row["id"],
        events=0,
        transfers=1,
        at=now,
    )
    ledger.post_transfer("budget", "firm", 11, actor=cast.olive, now=now, idempotency_key="b")
    second = seal(actor=cast.olive, now=now)
    assert second is not None
    assert (second.accounts, second.last_account_id) == (2, Account.objects.latest("pk").pk)
    assert verify_ledger(actor=cast.olive).findings == ()


def test_blocks_and_heads_from_before_whom_events_concern_was_sealed(cast: Any, now: datetime, tmp_path: Path) -> None:
    """They verify as they did; the next block covers all such rows there were, and copies of heads go on."""
    given: dict[str, Any] = {"actor": cast.olive, "now": now}
    record_event("open", "old", {}, subject="x:y", organisations=[cast.firm], **given)
    [row] = Event.objects.values()
    digest = hashlib.sha256(canonical_json(row).encode() + b"\n").hexdigest()
    Seal.objects.create(number=1, previous_sha256="", sha256=digest, last_event_id=row["id"], last_transfer_id=0,
                        events=1, transfers=0, at=now)  # fmt: skip
    copy = tmp_path / "heads.jsonl"
    early = ("accounts", "at", "events", "last_account_id", "last_event_id", "last_transfer_id", "number",
             "previous_sha256", "sha256", "transfers")  # fmt: skip
    copy.write_text(canonical_json(Seal.objects.values(*early).get()) + "\n")
    before = copy.read_text()
    assert (export_heads(copy), copy.read_text()) == (0, before)
    record_event("open", "new", {}, subject="x:y", organisations=[cast.firm, cast.centre], **given)
    second = seal(**given)
    assert second is not None
    assert (second.concerned, second.last_concerned_id) == (3, Event.organisations.through.objects.latest("pk").pk)
    assert export_heads(copy) == 1
    assert copy.read_text().startswith(before)
    assert [set(each) - set(early) for each in read_heads(copy)] == [set(), set(seals.LATER_IN_HEADS)]
    assert found(cast, copy) == []
    # A copy that tells them all, as one of today's would, is the same head.
    told = [{"concerned": 0, "last_concerned_id": 0} | each for each in read_heads(copy)]
    copy.write_text("".join(canonical_json(each) + "\n" for each in told))
    assert (found(cast, copy), export_heads(copy)) == ([], 0)
    tamper(f"DELETE FROM exchange_event_organisations WHERE event_id = {row['id']}")
    assert "seal 2: concerned is 2, sealed was 3" in found(cast, copy)
