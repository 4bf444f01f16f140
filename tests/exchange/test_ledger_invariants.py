"""Random transfers, good and bad, in random order: what must always hold of a ledger holds after each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from siwei.errors import SiweiError
from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import Account, Hold, Transfer

START = datetime(2026, 11, 23, tzinfo=UTC)
CODES = {"budget": "CNY", "a": "CNY", "b": "CNY", "c": "CNY", "seats": "seat:course", "more-seats": "seat:course"}
FLOORS = {"budget": -10_000, "seats": -5}
codes = st.one_of(st.sampled_from("abc"), st.sampled_from(sorted(CODES)))
amounts = st.one_of(st.integers(1, 20), st.integers(-2, 40), st.integers(1, 20_000), st.sampled_from([10**16, 2**62]))
KINDS_SEEN: set[str] = set()
keys = st.integers(0, 99).map(lambda number: f"k{number}")


class Ledger(RuleBasedStateMachine):
    """Refusals are part of the game; a refusal must leave no trace (the invariants would see one)."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        for code, unit in CODES.items():
            ledger.open_account(code, unit=unit, purpose="test", floor=FLOORS.get(code, 0))
        self.now = START
        for code in "ab":
            ledger.post_transfer("budget", code, 100, actor=PLATFORM, now=START, idempotency_key=f"fund-{code}")

    def teardown(self) -> None:
        KINDS_SEEN.update(Transfer.objects.values_list("kind", flat=True))
        transaction.savepoint_rollback(self.savepoint)

    holds = Bundle("holds")

    def attempt(self, act: Any, *args: Any, **given: Any) -> None:
        before = Transfer.objects.count()
        try:
            act(*args, actor=PLATFORM, now=self.now, **given)
        except SiweiError:
            assert Transfer.objects.count() == before

    @rule(debit=codes, credit=codes, amount=amounts, key=keys)
    def post(self, debit: str, credit: str, amount: int, key: str) -> None:
        self.attempt(ledger.post_transfer, debit, credit, amount, idempotency_key=key)

    @rule(target=holds, debit=codes, credit=codes, amount=amounts, key=keys, hours=st.integers(-1, 9))
    def hold(self, debit: str, credit: str, amount: int, key: str, hours: int) -> Any:
        until = self.now + timedelta(hours=hours)
        self.attempt(ledger.hold, debit, credit, amount, expires_at=until, idempotency_key=key)
        placed = Transfer.objects.filter(idempotency_key=key, kind="hold").exists()
        return key if placed else multiple()

    @rule(which=holds, amount=amounts, key=keys)
    def capture(self, which: str, amount: int, key: str) -> None:
        self.attempt(ledger.capture, which, amount, idempotency_key=key)

    @rule(which=holds, amount=amounts, key=keys)
    def release(self, which: str, amount: int, key: str) -> None:
        self.attempt(ledger.release, which, amount, idempotency_key=key)

    @rule(hours=st.integers(0, 2))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def expire(self) -> None:
        ledger.expire_holds(actor=PLATFORM, now=self.now)
        assert not Hold.objects.filter(expires_at__lte=self.now, amount__gt=F("captured") + F("released")).exists()

    @invariant()
    def each_unit_sums_to_zero(self) -> None:
        sums = dict(Account.objects.values_list("unit").annotate(Sum("balance")))
        assert sums == {"CNY": 0, "seat:course": 0}

    @invariant()
    def nothing_is_overdrawn(self) -> None:
        assert not Account.objects.filter(balance__lt=F("floor") + F("held")).exists()
        assert not Account.objects.filter(held__lt=0).exists()

    @invariant()
    def balances_are_the_sum_of_their_transfers(self) -> None:
        expected = {code: [0, 0] for code in CODES}
        for kind, debit, credit, amount in Transfer.objects.values_list(
            "kind", "debit_account__code", "credit_account__code", "amount"
        ):
            if kind in ("post", "capture"):
                expected[debit][0] -= amount
                expected[credit][0] += amount
            if kind == "hold":
                expected[debit][1] += amount
            elif kind in ("capture", "release"):
                expected[debit][1] -= amount
        assert {a.code: [a.balance, a.held] for a in Account.objects.all()} == expected

    @invariant()
    def a_hold_is_captured_released_or_remaining(self) -> None:
        for held in Hold.objects.all():
            parts = {
                kind: Transfer.objects.filter(hold_id=held.pk, kind=kind).aggregate(total=Sum("amount"))["total"] or 0
                for kind in ("capture", "release")
            }
            assert parts == {"capture": held.captured, "release": held.released}
            assert held.remaining == held.amount - held.captured - held.released >= 0


@pytest.fixture
def in_transaction(db: None) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("in_transaction")
def test_random_ledgers_keep_their_invariants() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    # Were all refused, every invariant would hold for nothing.
    assert {"post", "hold"} <= KINDS_SEEN
    assert KINDS_SEEN & {"capture", "release"}
