"""A claim paid in parts (a share, and the rest in a supplementary round): decided again, it gets one award in all."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pot_counts import voucher_of
from test_rounds import AWARD, City, attributes, programme
from test_supplements import again, finish, lapse, made, of

from siwei.errors import Conflict
from siwei.exchange.awards.true_ups import award_of, true_up_voucher
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Application, Decision, TrueUp, Voucher
from siwei.portal.queries import true_ups as queries

__all__ = ["attributes", "made", "programme"]
pytestmark = pytest.mark.database
FIRST, REST = 75_000_000, 25_000_000


def two_parts(made: Any) -> tuple[City, Application, Application]:
    """One claim of AWARD: FIRST of the round, REST of a supplementary one; both awarded, neither granted yet."""
    city: City = made()
    lapse(city)
    shared = again(city)
    finish(city, shared)
    return city, of("n-outsider"), shared.applications.get()


@pytest.fixture
def granted(made: Any) -> tuple[City, list[Voucher]]:
    city, *parts = two_parts(made)
    return city, [voucher_of(city, each) for each in parts]


def decided(city: City, award_fen: int, key: str) -> Decision:
    first = of("n-outsider").decision
    assert first is not None
    return Decision.objects.create(
        key=key, organisation=city.cast.outsider, programme=first.programme, version_sha256=first.version_sha256,
        is_draft=False, as_of=first.as_of, verdict="eligible" if award_fen else "not_eligible",
        award_fen=award_fen or None, inputs={}, result={}, decided_at=city.now.replace(year=city.now.year + 1),
    )  # fmt: skip


def true_up(city: City, voucher: Voucher, decision: Decision, key: str = "") -> TrueUp:
    return true_up_voucher(
        voucher, decision, because="年度清算", actor=city.cast.olive, now=city.now,
        idempotency_key=f"{voucher.key[:20]}-{decision.key}{key}",
    )  # fmt: skip


def told(city: City) -> list[tuple[str, str, int, int]]:
    return [
        (each.voucher.key, each.decision.key, each.before_fen, each.after_fen)
        for each in queries.waiting(city.cast.olive)
        if each.voucher.organisation == city.cast.outsider
    ]


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0, 10, 24, 25, 26, 60, 75, 90, 100]), st.booleans()), min_size=1, max_size=4
    )
)
def test_the_parts_never_come_to_more_than_the_award(
    granted: tuple[City, list[Voucher]], steps: list[tuple[int, bool]]
) -> None:
    mark = transaction.savepoint()
    try:
        _true_up_in_steps(*granted, steps)
    finally:
        transaction.savepoint_rollback(mark)


def _true_up_in_steps(city: City, parts: list[Voucher], steps: list[tuple[int, bool]]) -> None:
    old: list[Decision] = []
    for place, (millions, is_rest_first) in enumerate(steps):
        decision = decided(city, millions * 1_000_000, f"again-{place}")
        for voucher in parts[::-1] if is_rest_first else parts:
            before = sum(award_of(each) for each in parts)
            try:
                true_up(city, voucher, decision)
            except Conflict:
                assert before == millions * 1_000_000
            assert sum(award_of(each) for each in parts) <= max(millions * 1_000_000, before)
        assert sum(award_of(each) for each in parts) == millions * 1_000_000
        old.append(decision)
        for voucher in parts:
            for used in old:
                with pytest.raises(Conflict):
                    true_up(city, voucher, used, "-once-more")
    assert verify_ledger(actor=city.cast.olive).findings == ()


def test_what_is_too_much_for_one_part_is_taken_from_the_other(made: Any) -> None:
    city, first, rest = two_parts(made)
    parts = {"first": voucher_of(city, first), "rest": voucher_of(city, rest)}
    decision = decided(city, 10_000_000, "again")
    keys = {name: voucher.key for name, voucher in parts.items()}
    assert sorted(told(city)) == sorted([
        (keys["first"], "again", FIRST, 0), (keys["rest"], "again", REST, 0),
    ])  # fmt: skip
    assert true_up(city, parts["first"], decision).after_fen == 0
    assert told(city) == [(keys["rest"], "again", REST, 10_000_000)]
    assert true_up(city, parts["rest"], decision).after_fen == 10_000_000
    assert told(city) == []


def test_a_part_that_is_promised_counts_before_it_is_granted(made: Any) -> None:
    city, first, rest = two_parts(made)
    voucher = voucher_of(city, first)
    assert true_up(city, voucher, decided(city, 90_000_000, "again")).after_fen == 90_000_000 - REST
    assert award_of(voucher) + award_of(voucher_of(city, rest)) == 90_000_000


def test_a_part_is_not_trued_up_on_what_another_part_was_applied_for_on(made: Any) -> None:
    city, first, rest = two_parts(made)
    assert first.decision is not None
    assert rest.decision is not None
    parts = [(voucher_of(city, first), rest.decision), (voucher_of(city, rest), first.decision)]
    for voucher, other in parts:
        with pytest.raises(Conflict, match="another part of the same claim") as said:
            true_up(city, voucher, other)
        assert "同一申报另一部分" in said.value.in_chinese()
    assert (sum(award_of(each) for each, _ in parts), TrueUp.objects.count()) == (AWARD, 0)
