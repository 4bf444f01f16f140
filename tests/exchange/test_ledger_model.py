"""The ledger beside a plain model of it: whatever is asked, in whatever order and at whatever time, both say the same.

The model collects every reason to refuse; the ledger must take what has none, and refuse for one of them otherwise.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from siwei.errors import Conflict, InputError, InsufficientFunds, NotFound, SiweiError
from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.verification import verify_ledger, verify_rows
from siwei.exchange.models import Account, Hold, Transfer, TransferKind
from siwei.exchange.models.ledger import AMOUNT_LIMIT

START = datetime(2026, 11, 23, tzinfo=UTC)
UNITS = {"budget": "CNY", "a": "CNY", "b": "CNY", "seats": "seat:course"}
FLOORS = {"budget": -10_000, "seats": -5}
SEEN: set[str] = set()
codes = st.one_of(st.sampled_from("ab"), st.sampled_from(sorted(UNITS)))
amounts = st.one_of(st.integers(1, 60), st.integers(-1, 300), st.sampled_from([10_001, 10**16 + 1]))
keys = st.integers(0, 11).map(lambda number: f"k{number}")
hours = st.one_of(st.integers(1, 3), st.integers(-1, 6))
Member = tuple[int, str, str, int, int, int]
MEMBERS = st.tuples(st.integers(0, 4), codes, codes, st.one_of(st.integers(1, 30), amounts), hours, st.integers(0, 9))
"""Of a set: its shape (post, hold, capture, release, reverse), accounts, amount, hours, which earlier one it is of."""


@dataclass(frozen=True)
class Asked:
    """`ref`: the key of the hold or transfer it is of; in a set, one of the set's own names."""

    kind: str
    debit: str
    credit: str
    amount: int
    ends: datetime | None = None
    ref: str | None = None


@dataclass
class Model:
    balance: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    written: dict[str, tuple[Asked, datetime]] = field(default_factory=dict)
    captured: dict[str, int] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)

    def faults(self, asked: Asked, now: datetime) -> set[type[SiweiError]]:
        found: set[type[SiweiError]] = set()
        debit, credit, amount = asked.debit, asked.credit, asked.amount
        if not 0 < amount <= AMOUNT_LIMIT:
            return {InputError}
        if debit == credit or UNITS[debit] != UNITS[credit]:
            found.add(Conflict)
        if asked.kind in ("post", "hold", "reverse"):
            if self.balance[debit] - self.held[debit] - FLOORS.get(debit, 0) < amount:
                found.add(InsufficientFunds)
            if asked.ends is not None and asked.ends <= now:
                found.add(Conflict)
        if asked.ref is not None:
            placed, at = self.written[asked.ref]
            if at > now:
                found.add(Conflict)
            if asked.kind == "reverse":
                reversed_before = any(e.kind == "reverse" and e.ref == asked.ref for e, _ in self.written.values())
                if placed.kind not in ("post", "capture") or placed.amount < amount or reversed_before:
                    found.add(Conflict)
            elif placed.kind != "hold":
                found.add(Conflict)
            else:
                if asked.kind == "capture" and placed.ends is not None and placed.ends <= now:
                    found.add(Conflict)
                if amount > self.remaining(asked.ref):
                    found.add(InsufficientFunds)
        return found

    def remaining(self, key: str) -> int:
        return self.written[key][0].amount - self.captured[key] - self.released[key]

    def apply(self, key: str, asked: Asked, now: datetime) -> None:
        self.written[key] = (asked, now)
        if asked.kind in ("post", "capture", "reverse"):
            self.balance[asked.debit] -= asked.amount
            self.balance[asked.credit] += asked.amount
        if asked.kind == "hold":
            self.held[asked.debit] += asked.amount
            self.captured[key] = self.released[key] = 0
        elif asked.kind in ("capture", "release"):
            assert asked.ref is not None
            self.held[asked.debit] -= asked.amount
            (self.captured if asked.kind == "capture" else self.released)[asked.ref] += asked.amount

    def repeats(self, key: str, asked: Sequence[Asked], names: Sequence[str], also: Sequence[str]) -> bool | None:
        """Whether it is what was written under its key; None where nothing was."""
        if not any(name in self.written for name in (*names, *also)):
            return None
        beyond = f"{key}#{len(names) + 1}" if also else ""
        same = all(
            name in self.written and self.written[name][0] == each for name, each in zip(names, asked, strict=True)
        )
        return same and beyond not in self.written


class Beside(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.model, self.now = Model(), START
        self.sets: dict[str, tuple[list[Member], datetime]] = {}
        for code, unit in UNITS.items():
            ledger.open_account(code, unit=unit, purpose="test", floor=FLOORS.get(code, 0))
        for code in "ab":
            self.one(f"fund-{code}", Asked("post", "budget", code, 200), self.post_of("budget", code, 200))

    def teardown(self) -> None:
        SEEN.update(Transfer.objects.values_list("kind", flat=True))
        findings = list(verify_rows())
        transaction.savepoint_rollback(self.savepoint)
        assert findings == []

    def one(self, key: str, asked: Asked, act: Callable[..., Transfer]) -> None:
        faults = {InputError} if not 0 < asked.amount <= AMOUNT_LIMIT else set()
        repeat = None if faults else self.model.repeats(key, [asked], [key], ())
        faults = faults or ({Conflict} if repeat is False else set())
        if not faults and repeat is None:
            faults = self.model.faults(asked, self.now)
        self.told(faults, lambda: act(actor=PLATFORM, now=self.now, idempotency_key=key))
        if not faults and repeat is None:
            self.model.apply(key, asked, self.now)
        SEEN.add("same" if repeat else "changed" if repeat is False else "refused" if faults else "new")

    def told(self, faults: set[type[SiweiError]], act: Callable[[], Any]) -> None:
        if not faults:
            act()
            return
        with pytest.raises(SiweiError) as refused:
            act()
        assert type(refused.value) in faults

    def post_of(self, debit: str, credit: str, amount: int) -> Callable[..., Transfer]:
        return lambda **given: ledger.post_transfer(debit, credit, amount, **given)

    @rule(debit=codes, credit=codes, amount=amounts, key=keys)
    def post(self, debit: str, credit: str, amount: int, key: str) -> None:
        self.one(key, Asked("post", debit, credit, amount), self.post_of(debit, credit, amount))

    @rule(debit=codes, credit=codes, amount=amounts, key=keys, until=hours)
    def hold(self, debit: str, credit: str, amount: int, key: str, until: int) -> None:
        ends = self.now + timedelta(hours=until)
        asked = Asked("hold", debit, credit, amount, ends)
        self.one(key, asked, lambda **given: ledger.hold(debit, credit, amount, expires_at=ends, **given))

    @rule(data=st.data(), amount=amounts, key=keys, kind=st.sampled_from(["capture", "capture", "release"]))
    def settle(self, data: st.DataObject, amount: int, key: str, kind: str) -> None:
        holds = [*sorted(self.model.captured)] * 4
        which = data.draw(st.sampled_from([*holds, *sorted(self.model.written), "nothing"]))
        act = {"capture": ledger.capture, "release": ledger.release}[kind]
        placed = self.model.written.get(which)
        if placed is None or placed[0].kind != "hold":
            self.told({NotFound}, lambda: act(which, amount, actor=PLATFORM, now=self.now, idempotency_key=key))
            return
        asked = Asked(kind, placed[0].debit, placed[0].credit, amount, ref=which)
        self.one(key, asked, lambda **given: act(which, amount, **given))

    @rule(data=st.data(), amount=st.one_of(st.none(), amounts), key=keys)
    def reverse(self, data: st.DataObject, amount: int | None, key: str) -> None:
        which = data.draw(st.sampled_from(sorted(self.model.written)))
        placed = self.model.written[which][0]
        asked = Asked("reverse", placed.credit, placed.debit, placed.amount if amount is None else amount, ref=which)
        self.one(key, asked, lambda **given: ledger.reverse(which, amount, **given))

    @rule(key=st.sampled_from(["s0", "s1", "s2", "s3"]), drawn=st.lists(MEMBERS, min_size=2, max_size=4))
    def linked_set(self, key: str, drawn: list[Member]) -> None:
        self.write_set(key, drawn, self.now)

    @rule(data=st.data(), change=st.sampled_from(["", "", "shorter", "longer", "amount"]))
    def set_again(self, data: st.DataObject, change: str) -> None:
        key = data.draw(st.sampled_from([*sorted(self.sets), ""]))
        if not key:
            return
        drawn, at = self.sets[key]
        last = drawn[-1]
        dearer = [*drawn[:-1], (*last[:3], last[3] + 1, *last[4:])]
        others = {"shorter": drawn[:-1], "longer": [*drawn, drawn[0]], "amount": dearer}
        given = others.get(change, drawn)
        if len(given) > 1:
            self.write_set(key, given, at)

    def write_set(self, key: str, drawn: list[Member], at: datetime) -> None:
        """`at`: when it was first asked, from which its holds' ends are counted."""
        asked: list[Asked] = []
        entries: list[ledger.Entry] = []
        names = [f"{key}#{number}" for number in range(1, len(drawn) + 1)]
        accounts = {account.code: account for account in Account.objects.all()}
        for shape, debit, credit, amount, until, place in drawn:
            ends = at + timedelta(hours=until) if shape == 1 else None
            if shape < 2 or not entries:
                kind = "hold" if shape == 1 else "post"
                asked.append(Asked(kind, debit, credit, amount, ends))
                entries.append(ledger.Entry(TransferKind(kind), accounts[debit], accounts[credit], amount, None, ends))
                continue
            kind, earlier = ("capture", "release", "reverse")[shape - 2], place % len(entries)
            placed = asked[earlier]
            sides = (placed.credit, placed.debit) if kind == "reverse" else (placed.debit, placed.credit)
            asked.append(Asked(kind, *sides, amount, ref=names[earlier]))
            of = ledger.of_reversal(entries[earlier], amount) if kind == "reverse" else ledger.of_hold(
                TransferKind(kind), entries[earlier], amount
            )  # fmt: skip
            entries.append(of)
        self.compare_set(key, names, asked, entries)
        if names[0] in self.model.written:
            self.sets.setdefault(key, (drawn, at))

    def compare_set(self, key: str, names: list[str], asked: list[Asked], entries: list[ledger.Entry]) -> None:
        faults: set[type[SiweiError]] = set()
        if any(not 0 < each.amount <= AMOUNT_LIMIT for each in asked):
            faults = {InputError}
        repeat = None if faults else self.model.repeats(key, asked, names, (key, f"{key}#1"))
        after = copy.deepcopy(self.model)
        if repeat is False:
            faults = {Conflict}
        elif repeat is None and not faults:
            for name, each in zip(names, asked, strict=True):
                if faults := after.faults(each, self.now):
                    break
                after.apply(name, each, self.now)
        self.told(faults, lambda: ledger.post_set(entries, actor=PLATFORM, now=self.now, idempotency_key=key))
        if repeat is None and not faults:
            self.model = after
        SEEN.add("set same" if repeat else "set changed" if repeat is False else "set refused" if faults else "set new")

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """What was written is asked once more, as it was, whatever the clock says and has become of the accounts."""
        key = data.draw(st.sampled_from(sorted(key for key in self.model.written if "#" not in key)))
        asked, _ = self.model.written[key]
        if key.startswith("expire:"):
            return
        act: Callable[..., Transfer] = self.post_of(asked.debit, asked.credit, asked.amount)
        if asked.kind == "hold":
            act = lambda **given: ledger.hold(asked.debit, asked.credit, asked.amount, expires_at=asked.ends, **given)  # noqa: E731
        elif asked.kind != "post":
            of = {"capture": ledger.capture, "release": ledger.release, "reverse": ledger.reverse}[asked.kind]
            act = lambda **given: of(asked.ref, asked.amount, **given)  # noqa: E731
        self.one(key, asked, act)

    @rule(step=st.integers(-3, 5))
    def clock(self, step: int) -> None:
        self.now += timedelta(hours=step)

    @rule()
    def expire(self) -> None:
        due = [
            key for key, (asked, _) in self.model.written.items()
            if asked.kind == "hold" and asked.ends is not None and asked.ends <= self.now and self.model.remaining(key)
        ]  # fmt: skip
        assert ledger.expire_holds(actor=PLATFORM, now=self.now) == len(due)
        for key in due:
            asked = self.model.written[key][0]
            rest = self.model.remaining(key)
            self.model.apply(f"expire:{key}", Asked("release", asked.debit, asked.credit, rest, ref=key), self.now)
        SEEN.update({"expired"} if due else ())

    @invariant()
    def both_say_the_same(self) -> None:
        stands = {a.code: (a.balance, a.held) for a in Account.objects.all()}
        assert stands == {code: (self.model.balance[code], self.model.held[code]) for code in UNITS}
        holds = Hold.objects.select_related("transfer")
        assert {h.transfer.idempotency_key: (h.captured, h.released) for h in holds} == {
            key: (self.model.captured[key], self.model.released[key]) for key in self.model.captured
        }
        assert set(Transfer.objects.values_list("idempotency_key", flat=True)) == set(self.model.written)


@pytest.fixture
def in_transaction(db: None) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


# Were nothing of a sort tried, both would agree on it for nothing.
TRIED = {
    "post", "hold", "capture", "release", "reverse", "same", "changed", "refused", "expired", "set new", "set refused",
}  # fmt: skip


def a_hold_runs_out() -> None:
    """What chance leaves out most: part of a hold is released, the rest of it expires."""
    story = Beside()
    story.hold(debit="a", credit="b", amount=10, key="k0", until=2)
    asked = Asked("release", "a", "b", 4, ref="k0")
    story.one("k1", asked, lambda **given: ledger.release("k0", 4, **given))
    story.clock(step=3)
    story.expire()
    story.both_say_the_same()
    story.teardown()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("in_transaction")
def test_the_ledger_and_its_model_say_the_same() -> None:
    a_hold_runs_out()
    for _ in range(5):
        run_state_machine_as_test(
            Beside,
            settings=settings(
                max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck),
                database=None, derandomize=False,  # CI's profile would play the same stories each time
            ),
        )  # fmt: skip
        # By chance a run may leave a sort out; five in a row do not.
        if TRIED <= SEEN:
            break
    assert TRIED <= SEEN
    assert verify_ledger(actor=PLATFORM).findings == ()  # what guards the rows stands as it stood
