"""Linked sets, batches and reversals: all or nothing, each for itself, once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from siwei.errors import Conflict, InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.actions import Chain, Entry, of_hold, of_reversal, write_batch, write_transfers
from siwei.exchange.models import Account, Hold, Transfer, TransferKind

POST, HOLD, CAPTURE, RELEASE = TransferKind.POST, TransferKind.HOLD, TransferKind.CAPTURE, TransferKind.RELEASE


class Bank:
    """budget (down to −10,000), three firms, one account of seats; a short way to write entries between them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts = {
            code: ledger.open_account(code, unit="CNY", purpose="test", floor=-10_000 if code == "budget" else 0)
            for code in ("budget", "a", "b", "c")
        }
        self.accounts["seats"] = ledger.open_account("seats", unit="seat:course", purpose="test", floor=-10)

    def post(self, debit: str, credit: str, amount: int, **given: Any) -> Entry:
        return Entry(POST, self.accounts[debit], self.accounts[credit], amount, **given)

    def hold(self, debit: str, credit: str, amount: int, hours: int = 1) -> Entry:
        until = self.now + timedelta(hours=hours)
        return Entry(HOLD, self.accounts[debit], self.accounts[credit], amount, expires_at=until)

    def set(self, *entries: Entry, key: str = "set", now: datetime | None = None) -> list[Transfer]:
        return write_transfers(entries, key=key, now=now or self.now)

    def fund(self, code: str, amount: int) -> Transfer:
        return ledger.write_transfer(self.post("budget", code, amount), key=f"fund-{code}", now=self.now)


@pytest.fixture
def bank(db: None, now: datetime) -> Bank:
    return Bank(now)


def balances() -> dict[str, tuple[int, int]]:
    return {a.code: (a.balance, a.held) for a in Account.objects.all() if a.balance or a.held}


class TestSets:
    def test_a_later_entry_uses_what_an_earlier_one_brought(self, bank: Bank) -> None:
        placed = bank.hold("b", "c", 30)
        written = bank.set(
            bank.post("budget", "a", 50),
            bank.post("a", "b", 50),
            placed,
            of_hold(CAPTURE, placed, 20),
            of_hold(RELEASE, placed, 10),
        )
        assert [t.idempotency_key for t in written] == [f"set#{n}" for n in range(1, 6)]
        assert balances() == {"budget": (-50, 0), "b": (30, 0), "c": (20, 0)}
        # What is answered is what stands.
        for transfer in written:
            stored = Transfer.objects.get(pk=transfer.pk)
            for name in ("kind", "amount", "unit", "hold_id", "expires_at", "memo", "causes", "at"):
                assert getattr(stored, name) == getattr(transfer, name), name

    def test_not_what_a_later_one_brings(self, bank: Bank) -> None:
        with pytest.raises(InsufficientFunds):
            bank.set(bank.post("a", "b", 50), bank.post("budget", "a", 50))
        assert not Transfer.objects.exists()

    def test_all_or_none(self, bank: Bank) -> None:
        with pytest.raises(Conflict, match="another unit"):
            bank.set(bank.post("budget", "a", 50), bank.post("a", "seats", 1))
        assert (Transfer.objects.count(), balances()) == (0, {})

    def test_the_same_set_again_is_the_first_result(self, bank: Bank, now: datetime) -> None:
        def members() -> list[Entry]:
            placed = bank.hold("a", "c", 30)
            return [bank.post("budget", "a", 50, causes={"of": ("x", 1)}), placed, of_hold(CAPTURE, placed, 5)]

        first = bank.set(*members())
        # Whatever has become of the accounts, and whatever the clock says.
        bank.set(bank.post("a", "b", 20), key="spent")
        again = bank.set(*members(), now=now + timedelta(days=3))
        assert [t.pk for t in again] == [t.pk for t in first]
        assert Transfer.objects.count() == 4

    @pytest.mark.parametrize("change", ["amount", "shorter", "longer", "single", "order", "memo", "hold"])
    def test_a_changed_set_is_a_conflict(self, bank: Bank, change: str) -> None:
        def members(which: str) -> list[Entry]:
            fund, placed, other = bank.post("budget", "a", 50), bank.hold("a", "c", 30), bank.hold("a", "c", 10)
            captured = of_hold(CAPTURE, other if which == "hold" else placed, 5)
            entries = [fund, placed, other, captured]
            if which == "amount":
                entries[0] = bank.post("budget", "a", 51)
            if which == "memo":
                entries[0] = bank.post("budget", "a", 50, memo="x")
            if which == "order":
                entries[1:3] = [other, placed]
            if which == "shorter":
                entries.pop()
            if which == "longer":
                entries.append(bank.post("budget", "a", 1))
            return entries[:1] if which == "single" else entries

        bank.set(*members(""))
        before = balances()
        with pytest.raises(Conflict, match="other content"):
            bank.set(*members(change))
        assert balances() == before

    def test_a_single_entry_and_a_set_share_their_keys(self, bank: Bank) -> None:
        alone = bank.set(bank.post("budget", "a", 5))[0]
        assert alone.idempotency_key == "set"
        with pytest.raises(Conflict, match="other content"):
            bank.set(bank.post("budget", "a", 5), bank.post("budget", "a", 6))
        assert ledger.write_transfer(bank.post("budget", "a", 5), key="set", now=bank.now) == alone

    @pytest.mark.parametrize("amount", [0, -1, 1.0, True, 10**16 + 1, "5", None])
    def test_bad_amounts(self, bank: Bank, amount: Any) -> None:
        with pytest.raises(InputError, match="amount is"):
            bank.set(bank.post("budget", "a", 5), bank.post("budget", "a", amount))
        assert not Transfer.objects.exists()

    def test_what_is_no_set(self, bank: Bank) -> None:
        twice = bank.post("budget", "a", 1)
        with pytest.raises(InputError, match="the same entry twice"):
            bank.set(twice, twice)
        with pytest.raises(InputError, match="a set of 0"):
            bank.set()
        with pytest.raises(InputError, match="with its set"):
            ledger.write_transfer(of_hold(CAPTURE, bank.hold("a", "b", 1), 1), key="x", now=bank.now)
        with pytest.raises(Conflict, match="not a hold"):
            bank.set(of_hold(CAPTURE, bank.hold("a", "b", 1), 1), bank.post("budget", "a", 1))


class TestBatches:
    def test_the_good_ones_go_on(self, bank: Bank) -> None:
        bank.fund("a", 100)
        hold = bank.hold("a", "b", 60)
        late = bank.hold("a", "b", 10)
        outcomes = write_batch(
            [
                Chain("pay", (bank.post("a", "b", 40),)),
                Chain("too much", (bank.post("a", "c", 61),)),
                Chain("two phases", (hold, of_hold(CAPTURE, hold, 60))),
                Chain("half", (bank.post("b", "c", 100), bank.post("a", "c", 1))),
                Chain("units", (bank.post("a", "seats", 1),)),
                Chain("bad", (bank.post("a", "b", -1),)),
                Chain("fund-a", (bank.post("budget", "a", 100),)),
                Chain("pay", (bank.post("a", "b", 40),)),
                Chain("pay", (bank.post("a", "b", 41),)),
                Chain("expired", (late, of_hold(CAPTURE, late, 11))),
                Chain("last", (bank.post("b", "c", 100),)),
            ],
            now=bank.now,
        )
        refusals = [type(o.refusal).__name__ if o.refusal else len(o.transfer_ids) for o in outcomes]
        assert refusals == [
            1,
            "InsufficientFunds",
            2,
            "InsufficientFunds",
            "Conflict",
            "InputError",
            1,
            1,
            "Conflict",
            "InsufficientFunds",
            1,
        ]
        assert (outcomes[3].refused_entry, outcomes[7].transfer_ids) == (1, outcomes[0].transfer_ids)
        assert balances() == {"budget": (-100, 0), "c": (100, 0)}
        assert Transfer.objects.count() == 5

    def test_a_batch_again_changes_nothing(self, bank: Bank) -> None:
        def chains() -> list[Chain]:
            made = [Chain("fund", (bank.post("budget", "a", 1_000),))]
            for number in range(300):
                placed = bank.hold("a", "b", 5)
                made.append(Chain(f"c{number}", (placed, of_hold(CAPTURE, placed, 3))))
            return made

        first = write_batch(chains(), now=bank.now)
        before = balances()
        # 1,000 fen are 428 holds of 5 of which 2 stay held: 200 when all is held, the rest refused.
        assert sum(o.refusal is None for o in first) == 201
        again = write_batch(chains(), now=bank.now + timedelta(minutes=1))
        assert [o.transfer_ids for o in again] == [o.transfer_ids for o in first]
        assert [str(o.refusal) for o in again] == [str(o.refusal) for o in first]
        assert balances() == before

    @pytest.mark.parametrize("text", ["\\", "\\N", 'a "b" {c}, d', "tab\tline\nreturn\r", "NULL", "'", "四维 %s"])
    def test_texts_come_back_as_they_were(self, bank: Bank, text: str) -> None:
        """Whatever the statements that carry many rows would read otherwise."""
        bank.fund("a", 10)
        causes = {text: [text, None, True, 1.5]}
        given = {"memo": text, "causes": causes}
        chains = [
            Chain(text, (bank.post("a", "b", 1, **given),)),
            Chain(f"{text}s", (bank.post("a", "b", 1, **given), bank.post("b", "c", 2, **given))),
        ]
        first = write_batch(chains, now=bank.now)
        assert [outcome.refusal for outcome in first] == [None, None]
        written = Transfer.objects.exclude(idempotency_key="fund-a").order_by("pk")
        assert {(each.memo, str(each.causes)) for each in written} == {(text, str(causes))}
        assert [each.idempotency_key for each in written] == [text, f"{text}s#1", f"{text}s#2"]
        assert write_batch(chains, now=bank.now) == first
        one = ledger.write_transfer(bank.post("a", "b", 1, **given), key=f"{text}1", now=bank.now)
        one_again = Transfer.objects.get(pk=one.pk)
        for each in Transfer._meta.concrete_fields:
            assert getattr(one, each.attname) == getattr(one_again, each.attname)
        assert (one.debit_account, one.credit_account, one.hold) == (bank.accounts["a"], bank.accounts["b"], None)

    def test_holds_of_this_batch_and_of_before(self, bank: Bank) -> None:
        bank.fund("a", 100)
        before = ledger.write_transfer(bank.hold("a", "b", 40), key="before", now=bank.now)
        bank.set(of_hold(CAPTURE, before, 5), of_hold(RELEASE, before, 5))
        fresh, untouched = bank.hold("a", "b", 30), bank.hold("a", "c", 20)
        outcomes = write_batch(
            [
                Chain("more of before", (of_hold(CAPTURE, before, 10),)),
                Chain("both", (fresh, of_hold(CAPTURE, fresh, 12), of_hold(RELEASE, fresh, 18))),
                Chain("rest", (of_hold(RELEASE, before, 20),)),
                Chain("untouched", (untouched,)),
            ],
            now=bank.now,
        )
        assert [outcome.refusal for outcome in outcomes] == [None] * 4
        last = {number: max(Transfer.objects.filter(hold=number).values_list("pk", flat=True), default=number)
                for number in Hold.objects.values_list("pk", flat=True)}  # fmt: skip
        assert sorted(Hold.objects.values_list("amount", "captured", "released")) == [
            (20, 0, 0), (30, 12, 18), (40, 15, 25)
        ]  # fmt: skip
        assert {hold.pk: hold.last_transfer_id for hold in Hold.objects.all()} == last
        assert balances() == {"budget": (-100, 0), "a": (73, 20), "b": (27, 0)}

    def test_a_right_batch_reads_no_account(self, bank: Bank) -> None:
        bank.fund("a", 100)
        placed = bank.hold("a", "b", 5)
        with CaptureQueriesContext(connection) as asked:
            outcomes = write_batch(
                [Chain("pair", (placed, of_hold(CAPTURE, placed, 5))), Chain("one", (bank.post("a", "c", 1),))],
                now=bank.now,
            )
        assert [outcome.refusal for outcome in outcomes] == [None, None]
        assert [each["sql"] for each in asked if "FROM exchange_account" in each["sql"]] == []

    def test_beside_a_bad_one_the_good_ones_come_to_the_same(self, bank: Bank) -> None:
        """Both ways a batch is written: as it is, and played because something in it is refused."""
        bank.fund("a", 1_000)

        def chains(name: str) -> list[Chain]:
            placed, open_one = bank.hold("a", "b", 30), bank.hold("b", "c", 2)
            posted = bank.post("a", "c", 7)
            parts = (of_hold(CAPTURE, placed, 20), of_hold(RELEASE, placed, 10))
            return [
                Chain(f"{name}-hold", (placed, *parts)),
                Chain(f"{name}-passed on", (bank.post("b", "c", 20), bank.post("c", "b", 20), open_one)),
                Chain(f"{name}-back", (posted, of_reversal(posted))),
                Chain(f"{name}-one", (bank.post("c", "a", 1, memo="m", causes={"line": 1}),)),
            ]

        def rows(name: str) -> list[tuple[Any, ...]]:
            found = Transfer.objects.filter(idempotency_key__startswith=f"{name}-").order_by("pk")
            first = found[0].pk
            return [
                (t.idempotency_key.removeprefix(name), t.kind, t.debit_account_id, t.credit_account_id, t.amount,
                 t.unit, t.hold_id and t.hold_id - first, t.reverses_id and t.reverses_id - first, t.expires_at, t.memo,
                 t.causes, t.at, t.pk - first)
                for t in found
            ]  # fmt: skip

        bank.fund("c", 100)
        plain = write_batch(chains("plain"), now=bank.now)
        after_plain = balances()
        played = write_batch([*chains("played"), Chain("bad", (bank.post("seats", "a", 1),))], now=bank.now)
        assert [each.refusal for each in (*plain, *played[:-1])] == [None] * 8
        assert type(played[-1].refusal) is Conflict
        assert rows("plain") == rows("played")
        assert (after_plain["a"], balances()["a"]) == ((981, 0), (962, 0))
        assert write_batch(chains("plain"), now=bank.now) == plain

    def test_keys_of_sets_do_not_meet(self, bank: Bank) -> None:
        pair = (bank.post("budget", "a", 1), bank.post("budget", "a", 2))
        outcomes = write_batch([Chain("x", pair), Chain("x#2", (bank.post("budget", "a", 9),))], now=bank.now)
        assert [o.refusal is None for o in outcomes] == [True, False]
        assert balances()["a"] == (3, 0)

    def test_only_the_operator(self, cast: Any, bank: Bank) -> None:
        entry = bank.post("budget", "a", 1)
        for actor in (cast.alice, cast.bob, cast.charlie, cast.ann):
            with pytest.raises(NotAllowed):
                ledger.post_set([entry], actor=actor, now=bank.now, idempotency_key="x")
            with pytest.raises(NotAllowed):
                ledger.post_batch([Chain("x", (entry,))], actor=actor, now=bank.now)
            with pytest.raises(NotAllowed):
                ledger.reverse("x", actor=actor, now=bank.now, idempotency_key="x")
        assert len(ledger.post_batch([Chain("x", (entry,))], actor=cast.olive, now=bank.now)[0].transfer_ids) == 1


class TestReversals:
    def reverse(self, key: str, amount: int | None = None, name: str = "r", **given: Any) -> Transfer:
        return ledger.reverse(key, amount, actor=PLATFORM, idempotency_key=name, **given)

    def test_a_post_comes_back_once(self, bank: Bank) -> None:
        bank.fund("a", 100)
        bank.set(bank.post("a", "b", 40, causes={"agreement": "x"}), key="pay")
        back = self.reverse("pay", now=bank.now)
        assert (back.kind, back.reverses.idempotency_key, back.causes) == ("reverse", "pay", {"agreement": "x"})
        assert balances() == {"budget": (-100, 0), "a": (100, 0)}
        assert self.reverse("pay", now=bank.now).pk == back.pk
        with pytest.raises(Conflict, match="reversed already"):
            self.reverse("pay", 1, "r2", now=bank.now)
        with pytest.raises(Conflict, match="other content"):
            self.reverse("pay", 1, now=bank.now)

    def test_a_capture_names_what_it_was(self, bank: Bank) -> None:
        bank.fund("a", 100)
        placed = bank.hold("a", "b", 40)
        bank.set(placed, of_hold(CAPTURE, placed, 30), key="s")
        back = self.reverse("s#2", 10, now=bank.now)
        assert (back.reverses.kind, back.amount, balances()["a"]) == ("capture", 10, (80, 10))
        # The hold itself is as it was: 30 of 40 captured.
        assert Hold.objects.values_list("captured", "released").get() == (30, 0)

    def test_what_is_not_reversed(self, bank: Bank) -> None:
        bank.fund("a", 100)
        placed = bank.hold("a", "b", 40)
        bank.set(placed, of_hold(CAPTURE, placed, 30), of_hold(RELEASE, placed, 5), key="s")
        self.reverse("fund-a", 1, "once", now=bank.now)
        for key in ("s#1", "s#3", "once"):
            with pytest.raises(Conflict, match="only a post or a capture"):
                self.reverse(key, now=bank.now)
        with pytest.raises(Conflict, match="more than the transfer"):
            self.reverse("s#2", 31, now=bank.now)
        with pytest.raises(Conflict, match="not before it"):
            self.reverse("s#2", now=bank.now - timedelta(seconds=1))
        with pytest.raises(InputError, match="amount is 0"):
            self.reverse("s#2", 0, now=bank.now)
        with pytest.raises(NotFound, match="no transfer"):
            self.reverse("nothing", now=bank.now)

    def test_what_was_spent_cannot_come_back(self, bank: Bank) -> None:
        bank.fund("a", 100)
        bank.set(bank.post("a", "b", 40), key="pay")
        bank.set(bank.post("b", "c", 1), key="spent")
        with pytest.raises(InsufficientFunds):
            self.reverse("pay", now=bank.now)
        self.reverse("pay", 39, now=bank.now)

    def test_in_a_set(self, bank: Bank) -> None:
        pay = bank.post("budget", "a", 40)
        written = bank.set(pay, of_reversal(pay, 15), bank.post("a", "b", 25))
        assert written[1].reverses == written[0]
        assert balances() == {"budget": (-25, 0), "b": (25, 0)}
        with pytest.raises(Conflict, match="reversed already"):
            bank.set(of_reversal(written[0], 1), key="again")
        with pytest.raises(Conflict, match="reversed already"):
            bank.set(of_reversal(written[2], 20), of_reversal(written[2], 5), key="twice")
        assert balances() == {"budget": (-25, 0), "b": (25, 0)}


class TestUnits:
    @pytest.mark.parametrize(
        "unit", ["CNY", "accelerator-second:Ascend 910B", "token:bge-small", "seat:n-1", "voucher:v/1"]
    )
    def test_known(self, bank: Bank, unit: str) -> None:
        left = ledger.open_account("left", unit=unit, purpose="test", floor=-5)
        right = ledger.open_account("right", unit=unit, purpose="test")
        ledger.write_transfer(Entry(POST, left, right, 5), key="u", now=bank.now)
        right.refresh_from_db()
        assert right.available == 5

    @pytest.mark.parametrize("unit", ["", "cny", "USD", "seat", "seat:", "seat: ", "gpu:h", "token:" + "x" * 80])
    def test_unknown(self, bank: Bank, unit: str) -> None:
        with pytest.raises(InputError, match="no unit of account"):
            ledger.open_account("x", unit=unit, purpose="test")
