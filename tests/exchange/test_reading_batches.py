"""Many reports at once are taken as they would have been one by one, in a few statements whatever their number."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from exchange_deal import Deal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_readings import KEY, OTHER, Meter

from siwei.errors import Conflict, InputError, NotAllowed, SiweiError
from siwei.exchange.models import Agreement, AgreementLine, Event, Usage, UsageReport
from siwei.exchange.trading import disputes, readings
from siwei.exchange.trading.reading_batches import MOST_REPORTS, Signed, _near, _read_windows, _Reading, report_usages
from siwei.exchange.trading.usage import Window

REPORTS = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from(
            ["good"] * 12
            + ["forged", "garbage", "line", "agreement", "future", "network", "naive", "huge", "job", "nul", "long"]
        ),
    ),
    max_size=8,
)  # fmt: skip


@pytest.fixture
def meter(deal: Deal) -> Meter:
    deal.signed()
    return Meter(deal)


def signed(meter: Meter, minute: int, minutes: int = 1, quantity: int = 60, fate: str = "good") -> Signed:
    changes: dict[str, Any] = {
        "line": {"line": 7}, "agreement": {"agreement": "none"}, "network": {"meter": "network"},
        "future": {"to": (meter.later + timedelta(days=2)).isoformat()}, "naive": {"to": "2026-11-23T10:00:00"},
        "job": {"job": "none"}, "nul": {"meter": "a\x00b"},
        "long": {"meter": "m" * 41},
    }.get(fate, {})  # fmt: skip
    quantity = 10**17 if fate == "huge" else quantity
    payload = "{" if fate == "garbage" else meter.payload(minute, quantity, minutes, **changes)
    return Signed(payload, (OTHER if fate == "forged" else KEY).sign(payload.encode()).hex())


def send(meter: Meter, reports: list[Signed], actor: Any = None) -> list[Usage | SiweiError]:
    return report_usages(meter.reporter.key_id, reports, actor=actor or meter.deal.cast.bob, now=meter.later)


def one_by_one(meter: Meter, reports: list[Signed]) -> list[Usage | SiweiError]:
    found: list[Usage | SiweiError] = []
    for each in reports:
        try:
            found.append(
                readings.report_usage(
                    meter.reporter.key_id, each.payload, each.signature, actor=meter.deal.cast.bob, now=meter.later
                )
            )
        except SiweiError as error:
            found.append(error)
    return found


def told(outcomes: list[Usage | SiweiError]) -> list[Any]:
    """Not the words of a refusal: of two reports of one window that is wrong in one of them, the one told first says
    that it is wrong, or that the window was read already."""
    return [(each.reading, each.quantity) if isinstance(each, Usage) else "refused" for each in outcomes]


def state() -> list[Any]:
    return [
        sorted(Usage.objects.values_list("reading", "quantity", "unit", "meter", "window_start", "window_end")),
        sorted(UsageReport.objects.values_list("usage__reading", "payload", "signature", "quantity")),
        sorted(
            (each.action, each.key, each.content_sha256, each.subject, str(each.payload), each.person_id, each.at,
             sorted(each.organisations.values_list("key", flat=True)))
            for each in Event.objects.all()
        ),
        list(Agreement.objects.values_list("state", flat=True)),
    ]  # fmt: skip


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(batches=st.lists(REPORTS, min_size=1, max_size=2))
def test_together_is_as_one_by_one(meter: Meter, batches: list[list[tuple[int, int, int, str]]]) -> None:
    sent = [[signed(meter, *each[:2], 60 + each[2], each[3]) for each in batch] for batch in batches]
    mark = transaction.savepoint()
    wanted = [told(one_by_one(meter, batch)) for batch in sent], state()
    transaction.savepoint_rollback(mark)
    found = [told(send(meter, batch)) for batch in sent], state()
    transaction.savepoint_rollback(mark)
    assert found == wanted


def test_a_few_statements_whatever_their_number(meter: Meter) -> None:
    counts = []
    for first, number in ((0, 5), (10, 50), (100, 400)):
        reports = [signed(meter, first + each) for each in range(number)]
        with CaptureQueriesContext(connection) as queries:
            assert all(isinstance(each, Usage) for each in send(meter, reports))
        counts.append(len(queries))
    assert Usage.objects.count() == UsageReport.objects.count() == 455
    assert max(counts) <= 30, counts  # SQLite takes a long list in several statements
    assert [isinstance(each, Usage) for each in send(meter, reports)] == [True] * 400
    assert Usage.objects.count() == 455


def test_while_disputed_each_is_taken_by_itself(meter: Meter) -> None:
    (first,) = send(meter, [signed(meter, 0)])
    assert isinstance(first, Usage)
    disputes.open_dispute(
        "deal", reading=first.reading, reason="x", evidence="y", actor=meter.deal.cast.alice, now=meter.later,
        idempotency_key="d",
    )  # fmt: skip
    outcomes = send(meter, [signed(meter, 1), signed(meter, 0, quantity=61), signed(meter, 2)])
    assert [type(each) for each in outcomes] == [Usage, Conflict, Usage]
    assert "was used for another record_usage" in str(outcomes[1])
    assert Agreement.objects.get().state == "disputed"


def test_who_may_not_and_too_many_are_refused_whole(meter: Meter) -> None:
    cast, reports = meter.deal.cast, [signed(meter, 0)]
    for actor in (cast.alice, cast.charlie, cast.ann):
        with pytest.raises(NotAllowed):
            send(meter, reports, actor)
    with pytest.raises(InputError, match="500 at most"):
        send(meter, reports * (MOST_REPORTS + 1))
    readings.revoke_reporter(meter.reporter.key_id, actor=cast.bob, now=meter.later)
    with pytest.raises(NotAllowed, match="was revoked"):
        send(meter, reports)
    assert Usage.objects.count() == 0


@pytest.mark.parametrize(
    ("start", "end", "fields"),
    [
        ("0001-01-01T00:00:00+08:00", "0001-01-01T00:01:00+08:00", ["from", "to"]),
        ("9999-12-20T00:00:00Z", "9999-12-31T23:59:59-08:00", ["from", "to"]),
        ("2199-12-31T00:00:00Z", "2200-01-01T00:00:00Z", ["to"]),
        ("1999-12-31T00:00:00Z", "2000-01-01T00:00:00Z", ["from"]),
    ],
)
def test_a_moment_out_of_all_time_is_told_and_keeps_no_other_back(
    meter: Meter, start: str, end: str, fields: list[str]
) -> None:
    payload = meter.payload(**{"from": start, "to": end})
    with pytest.raises(InputError) as said:
        meter.send(payload)
    assert [(each.field, "2000" in each.message) for each in said.value.problems] == [(each, True) for each in fields]
    assert "2000 至 2199 年" in said.value.in_chinese()
    good, wrong = send(meter, [signed(meter, 0), Signed(payload, KEY.sign(payload.encode()).hex())])
    assert (isinstance(good, Usage), str(wrong)) == (True, str(said.value))


def test_what_lies_far_apart_reads_nothing_of_what_lies_between(deal: Deal) -> None:
    """The windows between the oldest and the newest report of a meter, or of another meter, are not looked at."""
    deal.signed()
    meter = Meter(deal)
    day = 24 * 60
    many = [signed(meter, 2 * day + minute) for minute in range(300)]
    meter_now = meter.deal.now + timedelta(days=28)
    given: dict[str, Any] = {"actor": deal.cast.bob, "now": meter_now}
    key_id = meter.reporter.key_id
    assert all(isinstance(each, Usage) for each in report_usages(key_id, many, **given))
    other = meter.payload(26 * day, meter="network")
    far = [
        *(signed(meter, minute) for minute in range(3)), signed(meter, 20 * day),
        Signed(other, KEY.sign(other.encode()).hex()), signed(meter, 2 * day), signed(meter, 2 * day, quantity=61),
    ]  # fmt: skip
    near = [_of(meter, each) for each in (*range(3), 20 * day)]
    assert [each.place for each in _near(near)] == [0, 1, 2]
    # The oldest is of one meter and the newest of another: neither has what the first read between them.
    two = [_of(meter, 0), _of(meter, 26 * day, name="network")]
    assert (_near(two), dict(_read_windows(two)), dict(_read_windows(_near(near)))) == (two, {}, {})
    (found,) = _read_windows([_of(meter, 2 * day, minutes=5), *two[1:]]).values()
    assert len(found) == 5
    outcomes = report_usages(key_id, far, **given)
    assert [type(each) for each in outcomes] == [Usage] * 6 + [Conflict]
    assert Usage.objects.count() == UsageReport.objects.count() == 305


def test_what_overlaps_is_not_parted(meter: Meter) -> None:
    day = 24 * 60
    chain = [_of(meter, 20 * day * place, 25 * day, place) for place in range(4)]
    assert _near(chain) == []  # taken one by one, in the order they were sent
    assert _near(chain[:1]) == chain[:1]


def _of(meter: Meter, minute: int, minutes: int = 1, place: int | None = None, name: str = "power") -> _Reading:
    start = meter.deal.now + timedelta(minutes=minute)
    window = Window(name, start, start + timedelta(minutes=minutes))
    return _Reading(minute if place is None else place, Signed("", ""), AgreementLine.objects.get(), window, 1, {})
