"""The day's run charges many agreements at once, and each of them as it would have been charged by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from exchange_days import HELD_FEN, PRICE_FEN, Days

from siwei.exchange.audit import record_event
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger.actions import Entry
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, Agreement, Event, Hold, Settlement, Transfer, TransferKind, Usage
from siwei.exchange.trading import settlement


@pytest.fixture
def days(cast: Any, now: Any) -> Days:
    return Days(cast, now)


def run(days: Days, day: int = 1) -> settlement.SettlementDay:
    later = days.now + timedelta(days=day)
    return settlement.settle_day(as_of=later.date(), actor=days.cast.olive, now=later)


def state() -> dict[str, list[Any]]:
    """Everything a charge writes, whatever numbers it was given."""
    return {
        "transfers": list(
            Transfer.objects.order_by("idempotency_key").values_list(
                "idempotency_key", "kind", "debit_account", "credit_account", "amount", "hold", "memo", "causes", "at"
            )
        ),
        "holds": list(Hold.objects.order_by("pk").values_list("pk", "captured", "released")),
        "accounts": list(Account.objects.order_by("pk").values_list("code", "balance", "held")),
        "settlements": list(
            Settlement.objects.order_by("agreement__key", "period").values_list(
                "agreement__key", "period", "metered_fen", "gross_fen", "voucher_fen", "own_fen", "released_fen",
                "detail", "settled_at",
            )
        ),
        "events": sorted(
            (each.action, each.key, each.subject, each.content_sha256, each.person_id, each.actor_name, each.at,
             str(each.payload), sorted(each.organisations.values_list("key", flat=True)))
            for each in Event.objects.all()
        ),
        "readings": list(
            Usage.objects.order_by("reading").values_list(
                "reading", "settlement__agreement__key", "settlement__period"
            )
        ),
    }  # fmt: skip


def of_every_sort(days: Days) -> list[Agreement]:
    later = days.now + timedelta(days=1)
    plain, two_lines = days.deliver(4), days.deliver(3, lines=2)
    run_out = days.deliver(2, voucher_until=later)
    nothing_new, much, disputed = days.deliver(2), days.deliver(2), days.deliver(1)
    days.meter([*plain, *two_lines, *run_out], "first")
    assert run(days, 0).charged == 9
    days.meter([*plain, *two_lines, *run_out, *disputed], "second", 31)
    days.meter(plain[:1], "third", 1)
    days.meter(much, "much", 3 * HELD_FEN // PRICE_FEN)
    days.meter(disputed, "held", is_held=True)
    return [*plain, *two_lines, *run_out, *nothing_new, *much, *disputed]


def test_together_is_as_one_by_one(days: Days) -> None:
    agreements = of_every_sort(days)
    later = days.now + timedelta(days=1)
    mark = transaction.savepoint()
    for each in agreements:
        settlement.charge_period(each.key, as_of=later.date(), actor=days.cast.olive, now=later)
    one_by_one = state()
    transaction.savepoint_rollback(mark)
    before = state()
    assert run(days).charged == 12
    together = state()
    assert before != together
    assert together == one_by_one
    assert not verify_ledger(actor=days.cast.olive).findings
    assert run(days).charged == 0
    assert state() == together


def test_a_run_charges_what_was_metered(days: Days) -> None:
    agreements = days.deliver(20)
    days.meter(agreements, "first", 100)
    done = run(days)
    metered = sum(Usage.objects.values_list("quantity", flat=True))
    assert (done.charged, done.closed, done.faults, done.gross_fen) == (20, 0, (), PRICE_FEN * metered)
    assert Account.objects.get(code="days:receivable").balance == PRICE_FEN * metered
    assert Usage.objects.filter(settlement=None).count() == 0


def test_one_that_is_refused_keeps_none_of_the_others_back(days: Days) -> None:
    agreements = days.deliver(12)
    days.meter(agreements, "first")
    later = days.now + timedelta(days=1)
    taken = f"settle:{agreements[5].key}:1:{later.date()}:voucher:capture"
    entry = Entry(TransferKind.POST, days.accounts["budget"], days.accounts["own"], 1)
    ledger.write_transfer(entry, key=taken, now=days.now)
    done = run(days)
    assert (done.charged, len(done.faults)) == (11, 1)
    assert done.faults[0].startswith(f"{agreements[5].key}: key '{taken}' was used")
    assert not Settlement.objects.filter(agreement=agreements[5]).exists()
    assert not Event.objects.filter(subject=f"agreement:{agreements[5].key}").exists()
    assert Usage.objects.get(settlement=None).line.agreement_id == agreements[5].pk
    assert not Transfer.objects.filter(idempotency_key__startswith=f"settle:{agreements[5].key}:1").exclude(
        idempotency_key=taken
    )


def test_what_the_database_refuses_together_is_told_and_charged_one_by_one(
    days: Days, caplog: pytest.LogCaptureFixture
) -> None:
    agreements = days.deliver(4)
    days.meter(agreements, "first")
    later = days.now + timedelta(days=1)
    record_event("charge_period", f"{agreements[1].key}:{later.date()}", {}, subject="x:y", actor=days.cast.olive,
                 now=days.now)  # fmt: skip
    done = run(days)
    assert (done.charged, len(done.faults)) == (3, 1)
    (told,) = [each for each in caplog.records if each.name == "siwei.exchange.trading.settlement"]
    assert (told.levelname, told.getMessage()) == (
        "WARNING", "4 agreements could not be charged together: each is by itself",
    )  # fmt: skip
    assert told.exc_info is not None
    assert isinstance(told.exc_info[1], IntegrityError)


def test_what_was_charged_for_the_day_already_waits_for_the_next(days: Days) -> None:
    agreements = days.deliver(10)
    days.meter(agreements[:5], "first")
    assert run(days).charged == 5
    days.meter(agreements, "second")
    assert run(days).charged == 10, "five of them are the settlements of before"
    assert Settlement.objects.count() == 10
    assert Usage.objects.filter(settlement=None).count() == 5
    assert run(days, 2).charged == 5


def test_queries_do_not_grow_with_the_agreements(days: Days) -> None:
    counts = []
    for day, count in ((1, 10), (2, 40)):
        days.meter(days.deliver(count), f"day {day}")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert run(days, day).charged == count
        counts.append(len(captured))
    assert counts[1] <= counts[0] + 2
    assert counts[0] < 40


def _disputed(agreement: Agreement) -> Agreement:
    Agreement.objects.filter(pk=agreement.pk).update(state="disputed", disputed_from="delivering")
    return agreement


def _put_off() -> list[str]:
    return list(Event.objects.filter(action="put_off").order_by("pk").values_list("subject", flat=True))


@pytest.mark.database
@pytest.mark.parametrize(("fate", "day"), [("captured", 95), ("run out", 50)])
def test_where_nothing_is_held_any_more_nothing_is_put_off(days: Days, fate: str, day: int) -> None:
    """And the run is as good when it is killed and begun again on the same day."""
    until = days.now + timedelta(days=1) if fate == "run out" else None
    (disputed,), others = days.deliver(1, voucher_until=until), days.deliver(2)
    if fate == "captured":
        for line in _disputed(disputed).lines.all():
            for placed, share in ((line.voucher_hold, line.voucher_fen), (line.own_hold, line.own_fen)):
                assert placed is not None
                entry = ledger.of_hold(TransferKind.CAPTURE, placed, share, "x")
                ledger.write_transfer(entry, key=f"capture:{placed.pk}", now=days.now)
    _disputed(disputed)
    days.meter(others, "first")
    before = Transfer.objects.filter(idempotency_key__startswith="extend:").count()
    first, second = run(days, day), run(days, day)
    assert (first.charged, first.faults, second.charged, second.faults) == (2, (), 0, ())
    assert (_put_off(), Transfer.objects.filter(idempotency_key__startswith="extend:").count()) == ([], before)


@pytest.mark.database
def test_holds_are_put_off_once_however_often_the_run_begins_again(days: Days) -> None:
    disputed, others = _disputed(days.deliver(1)[0]), days.deliver(2)
    days.meter(others, "first")
    first = run(days, 95)
    written = Transfer.objects.count()
    second = run(days, 95)
    assert (first.charged, first.faults, second.charged, second.faults) == (2, (), 0, ())
    assert (_put_off(), Transfer.objects.count()) == ([f"agreement:{disputed.key}"], written)


@pytest.mark.database
def test_holds_that_cannot_be_put_off_keep_nothing_of_the_city_back(days: Days) -> None:
    disputed, others = _disputed(days.deliver(1)[0]), days.deliver(2)
    days.meter(others, "first")
    day = (days.now + timedelta(days=95)).date()
    record_event(
        "put_off", f"{disputed.key}:{day}", {"another": True}, subject="x", actor=days.cast.olive, now=days.now
    )
    done = run(days, 95)
    assert (done.charged, len(done.faults)) == (2, 1)
    assert done.faults[0].startswith(f"{disputed.key}: key '{disputed.key}:{day}' was used")
