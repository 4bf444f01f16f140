"""Signed reports: each window once, in whatever order; and that no meter's word is settled against another's."""

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, connection, transaction
from exchange_deal import Deal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.models import (
    Agreement,
    CounterReading,
    Dispute,
    Event,
    Reporter,
    Settlement,
    Usage,
    UsageReport,
)
from siwei.exchange.trading import jobs, readings, settlement

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


class Meter:
    """The centre's meter: reports of a minute each, from the agreement's beginning on."""

    def __init__(self, deal: Deal) -> None:
        self.deal = deal
        self.reporter = self.register("n-centre", KEY, deal.cast.bob)

    def register(self, organisation: str, key: Ed25519PrivateKey, actor: Any, name: str = "meter") -> Reporter:
        return readings.register_reporter(
            organisation, name, public(key), actor=actor, now=self.deal.now, idempotency_key=f"{name}-{organisation}"
        )

    def payload(self, minute: int = 0, quantity: int = 60, minutes: int = 1, **changes: Any) -> str:
        start = self.deal.now + timedelta(minutes=minute)
        said = {
            "agreement": "deal", "line": 1, "meter": "power", "from": start.isoformat(),
            "to": (start + timedelta(minutes=minutes)).isoformat(), "quantity": quantity, "measured": {"w": 1},
        }  # fmt: skip
        return json.dumps(said | changes)

    def send(
        self, payload: str, key: Ed25519PrivateKey = KEY, reporter: Reporter | None = None, actor: Any = None
    ) -> Usage:
        return readings.report_usage(
            (reporter or self.reporter).key_id, payload, key.sign(payload.encode()).hex(),
            actor=actor or self.deal.cast.bob, now=self.later,
        )  # fmt: skip

    @property
    def later(self) -> datetime:
        return self.deal.now + timedelta(days=1)


@pytest.fixture
def meter(deal: Deal) -> Meter:
    deal.signed()
    return Meter(deal)


def billed() -> list[int]:
    return list(Usage.objects.order_by("window_start").values_list("quantity", flat=True))


def test_a_report_is_taken_once_and_kept_with_its_signature(meter: Meter) -> None:
    first = meter.send(meter.payload())
    events = Event.objects.count()
    assert meter.send(meter.payload()) == first
    assert (billed(), Event.objects.count(), UsageReport.objects.count()) == ([60], events, 1)
    report = UsageReport.objects.get()
    assert report.payload == meter.payload()
    assert readings.verify_report(report)
    report.payload = report.payload.replace("60", "61")
    assert not readings.verify_report(report)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(order=st.lists(st.integers(0, 5), min_size=1, max_size=14))
def test_late_repeated_and_reordered_reports_change_nothing_twice(meter: Meter, order: list[int]) -> None:
    sid = transaction.savepoint()
    for minute in order:
        meter.send(meter.payload(minute, 10 + minute))
    assert billed() == [10 + minute for minute in sorted(set(order))]
    transaction.savepoint_rollback(sid)


def test_windows_of_one_meter_never_overlap(meter: Meter) -> None:
    meter.send(meter.payload(10, minutes=10))
    for minute, minutes in ((10, 9), (5, 6), (19, 5), (9, 20), (12, 1)):
        with pytest.raises(Conflict, match=r"overlaps|another record_usage"):
            meter.send(meter.payload(minute, minutes=minutes))
    meter.send(meter.payload(20))
    meter.send(meter.payload(9))
    meter.send(meter.payload(12, meter="network"))
    assert Usage.objects.count() == 4


def test_a_window_is_the_same_in_whatever_zone_it_is_told(meter: Meter) -> None:
    first = meter.send(meter.payload())
    start = meter.deal.now.astimezone(timezone(timedelta(hours=8)))
    told = {"from": start.isoformat(), "to": (start + timedelta(minutes=1)).isoformat()}
    assert meter.send(meter.payload(**told)) == first
    with pytest.raises(Conflict, match="another record_usage"):
        meter.send(meter.payload(quantity=61, **told))
    assert billed() == [60]


def test_windows_that_begin_within_one_second_are_two(meter: Meter) -> None:
    start = meter.deal.now
    for begin, end in ((0, 400), (400, 900), (900, 1_000)):
        moments = [(start + timedelta(milliseconds=each)).isoformat() for each in (begin, end)]
        for _ in range(2):
            meter.send(meter.payload(quantity=begin, **{"from": moments[0], "to": moments[1]}))
    assert billed() == [0, 400, 900]


def test_what_signed_reports_meter_is_not_added_to_without_a_signature(meter: Meter) -> None:
    def record(reading: str) -> Usage:
        return jobs.record_usage(
            "deal", 1, reading=reading, quantity=60, measured={}, actor=meter.deal.cast.bob, now=meter.later
        )

    before = record("before")
    meter.send(meter.payload())
    assert record("before") == before
    with pytest.raises(Conflict, match=r"metered by signed reports \(power\)"):
        record("again")
    assert sum(usage.quantity for usage in Usage.objects.all()) == 120


@pytest.mark.parametrize(
    "reading",
    ["model-calls:other:1:7", "licence:other:1", "other/1/power/20261123T000000+0000", "deal/2/p/20261123T000000"],
)
def test_a_reading_by_hand_takes_no_name_that_another_will_need(meter: Meter, reading: str) -> None:
    """Names are the city's: whose came second would never be written."""

    def record(name: str) -> Usage:
        return jobs.record_usage(
            "deal", 1, reading=name, quantity=6, measured={}, actor=meter.deal.cast.bob, now=meter.later
        )

    with pytest.raises(InputError, match="the name of another reading"):
        record(reading)
    assert [record(name).reading for name in ("a/b", "calls:1", "deal/1/p/20261123T000000")] == [
        "a/b", "calls:1", "deal/1/p/20261123T000000"
    ]  # fmt: skip


@pytest.mark.parametrize("quantity", [-1, 10**16 + 1, 10**30, 1.5, True, "6"])
def test_a_counter_reading_that_is_no_quantity(meter: Meter, quantity: Any) -> None:
    usage = meter.send(meter.payload())
    with pytest.raises(InputError, match="an integer, not negative"):
        readings.counter_reading(usage.reading, quantity, measured={}, actor=meter.deal.cast.alice, now=meter.later)
    assert not CounterReading.objects.exists()


def test_the_database_itself_refuses_an_overlap_and_a_change(meter: Meter) -> None:
    usage = meter.send(meter.payload())
    columns = "line_id, quantity, unit, measured, recorded_at, meter, window_start, window_end, is_held"
    one = f"FROM exchange_usage WHERE id = {usage.pk}"
    overlap = f"INSERT INTO exchange_usage (reading, {columns}) SELECT 'x', {columns} {one}"
    for wrong in (
        overlap,
        "UPDATE exchange_usage SET meter = 'other'",
        "UPDATE exchange_usage SET reading = 'other'",
        "UPDATE exchange_usagereport SET quantity = 1",
        "DELETE FROM exchange_usagereport",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(wrong)


def test_the_same_window_with_another_quantity_is_refused(meter: Meter) -> None:
    meter.send(meter.payload(quantity=60))
    with pytest.raises(Conflict, match="another record_usage"):
        meter.send(meter.payload(quantity=61))
    assert billed() == [60]


def test_only_the_providers_own_key_signs(meter: Meter) -> None:
    deal = meter.deal
    payload = meter.payload()
    with pytest.raises(NotAllowed, match="not signed by"):
        meter.send(payload, OTHER)
    firm = meter.register("n-firm", OTHER, deal.cast.alice)
    with pytest.raises(NotAllowed, match="does not meter line 1"):
        meter.send(payload, OTHER, firm, deal.cast.alice)
    with pytest.raises(NotAllowed):
        meter.send(payload, actor=deal.cast.charlie)
    third = Ed25519PrivateKey.generate()
    outside = meter.register(deal.cast.outsider.key, third, deal.cast.charlie)
    with pytest.raises(NotFound, match="no agreement 'deal'"):
        meter.send(payload, third, outside, deal.cast.charlie)
    with pytest.raises(NotFound):
        readings.report_usage("0" * 16, payload, "00", actor=deal.cast.bob, now=deal.now)
    assert not Usage.objects.exists()


def test_rotation_and_revocation(meter: Meter) -> None:
    deal = meter.deal
    meter.send(meter.payload(0))
    new = meter.register("n-centre", OTHER, deal.cast.bob, "meter 2")
    meter.send(meter.payload(1), OTHER, new)
    for _ in range(2):
        readings.revoke_reporter(meter.reporter.key_id, actor=deal.cast.bob, now=deal.now)
    with pytest.raises(NotAllowed, match="was revoked"):
        meter.send(meter.payload(2))
    meter.send(meter.payload(2), OTHER, new)
    assert [readings.verify_report(report) for report in UsageReport.objects.all()] == [True] * 3
    with pytest.raises(NotAllowed):
        readings.revoke_reporter(new.key_id, actor=deal.cast.charlie, now=deal.now)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "[]", "{", "null", '{"agreement": "deal"}', "[" * 100_000,
        {"quantity": -1}, {"quantity": 1.5}, {"quantity": True}, {"quantity": 10**17}, {"line": "1"},
        {"from": "yesterday"}, {"from": "2026-11-23T00:00:00"}, {"meter": ""}, {"colour": "red"},
        {"to": "2027-11-23T00:00:00+08:00"}, {"to": "2026-11-23T00:00:00+08:00"},
        {"from": "2020-01-01T00:00:00+00:00", "to": "2020-01-01T01:00:00+00:00"},
    ],
)  # fmt: skip
def test_hostile_reports(meter: Meter, wrong: Any) -> None:
    with pytest.raises(InputError):
        meter.send(wrong if isinstance(wrong, str) else meter.payload(**wrong))
    assert not Usage.objects.exists()


def test_keys_that_are_none(meter: Meter) -> None:
    for key in ("", "zz" * 32, "00" * 31):
        with pytest.raises(InputError):
            readings.register_reporter(
                "n-centre", "x", key, actor=meter.deal.cast.bob, now=meter.deal.now, idempotency_key=f"k{key}"
            )
    with pytest.raises(Conflict, match="registered already"):
        meter.register("n-centre", KEY, meter.deal.cast.bob, "again")
    with pytest.raises(NotAllowed):
        meter.register("n-centre", OTHER, meter.deal.cast.olive)


class TestTwoSources:
    def read(self, meter: Meter, quantity: int, actor: Any = None, reading: str = "") -> CounterReading:
        return readings.counter_reading(
            reading or Usage.objects.get().reading, quantity, measured={}, actor=actor or meter.deal.cast.alice,
            now=meter.later,
        )  # fmt: skip

    def test_one_that_agrees_changes_nothing(self, meter: Meter) -> None:
        meter.send(meter.payload())
        assert self.read(meter, 60) == self.read(meter, 60)
        assert not Dispute.objects.exists()
        assert not Usage.objects.get().is_held

    def test_one_that_differs_holds_the_reading_back(self, meter: Meter) -> None:
        meter.send(meter.payload())
        self.read(meter, 50)
        dispute = Dispute.objects.get()
        assert (dispute.claimed, dispute.opener.role, dispute.state) == (50, "consumer", "open")  # type: ignore[union-attr]
        assert Usage.objects.get().is_held
        assert Agreement.objects.get().state == "disputed"
        with pytest.raises(Conflict, match="it is disputed: to settle is not possible"):
            meter.deal.settle()
        run = settlement.settle_day(as_of=meter.later.date(), actor=meter.deal.cast.olive, now=meter.later)
        assert (run.charged, run.closed, Settlement.objects.count()) == (0, 0, 0)

    def test_the_engine_and_the_centre_disagree(self, meter: Meter) -> None:
        deal = meter.deal
        deal.submit()
        with pytest.raises(Conflict, match="has not been metered"):
            meter.send(meter.payload(quantity=120, job="job"))
        deal.finish()
        meter.send(meter.payload(quantity=120, job="job"))
        assert not Dispute.objects.exists()
        other = meter.register("n-centre", OTHER, deal.cast.bob, "second")
        meter.send(meter.payload(quantity=180, job="job"), OTHER, other)
        dispute = Dispute.objects.get()
        assert (dispute.opener, dispute.claimed, Usage.objects.get().quantity) == (None, 180, 120)
        meter.send(meter.payload(quantity=180, job="job"), OTHER, other)
        assert Dispute.objects.count() == 1

    def test_who_reads_against(self, meter: Meter) -> None:
        meter.send(meter.payload())
        for actor in (meter.deal.cast.bob, meter.deal.cast.olive):
            with pytest.raises(NotAllowed):
                self.read(meter, 50, actor)
        with pytest.raises(NotFound, match=re.escape(f"no reading {Usage.objects.get().reading!r}")):
            self.read(meter, 50, meter.deal.cast.charlie)
        with pytest.raises(NotFound, match="no reading 'none'"):
            self.read(meter, 50, reading="none")
        with pytest.raises(InputError):
            self.read(meter, -1)


def test_metering_goes_on_under_a_dispute(meter: Meter) -> None:
    meter.send(meter.payload(0))
    TestTwoSources().read(meter, 50)
    meter.send(meter.payload(1))
    assert Agreement.objects.get().state == "disputed"
    with pytest.raises(Conflict, match="to deliver is not possible"):
        meter.deal.submit()
