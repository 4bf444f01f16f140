"""A bill reckoned from a line's totals is, to the fen, the bill reckoned from all its readings and settlements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from exchange_days import Days
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import AgreementLine, Dispute, Settlement, Usage
from siwei.exchange.trading import disputes, settlement
from siwei.exchange.trading.charges import TOTALS, earlier_of
from siwei.market.kind import Price
from siwei.market.pricing import rate
from siwei.market.settlement import Held, settle

PAID = ("metered_fen", "voucher_fen", "own_fen")
quantities = st.integers(0, 400)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), quantities),
        st.tuples(st.just("charge"), st.just(0)),
        st.tuples(st.just("dispute"), st.integers(0, 20)),
        st.tuples(st.just("resolve"), quantities),
    ),
    max_size=14,
)


@pytest.fixture
def days(cast: Any, now: Any) -> Days:
    return Days(cast, now)


def settled_anew(line: AgreementLine) -> tuple[int, ...]:
    """What the totals stand for (TOTALS), from every row there is."""
    quantity = Usage.objects.filter(line=line).exclude(settlement=None).aggregate(sum=Sum("quantity"))["sum"] or 0
    details = [
        each
        for detail in Settlement.objects.filter(agreement=line.agreement).values_list("detail", flat=True)
        for each in detail
        if each["line"] == line.number
    ]
    back = Dispute.objects.filter(usage__line=line).values_list(*(f"returned_{name}" for name in PAID))
    given_back = [sum(column) for column in zip(*back, strict=True)] or [0, 0, 0]
    return quantity, *(sum(each[name] for each in details) - fen for name, fen in zip(PAID, given_back, strict=True))


def bill_anew(line: AgreementLine) -> tuple[int, ...]:
    """What charging the line now would come to: metered, voucher's, own, not collected."""
    counted = Usage.objects.filter(line=line).exclude(is_held=True, settlement=None)
    total = counted.aggregate(sum=Sum("quantity"))["sum"] or 0
    gross = rate(total, Price(line.unit_price_fen, line.price_quantity))
    _, metered, voucher, own = settled_anew(line)
    held = [
        Held(payer, payer, captured + hold.progress.remaining, captured)  # type: ignore[arg-type]
        for payer, hold, captured in (("voucher", line.voucher_hold, voucher), ("own", line.own_hold, own))
        if hold is not None
    ]
    result = settle(held, gross)
    paid = {share.payer: share.captured_fen for share in result.captures}
    return gross - metered, paid["voucher"], paid["own"], result.uncollected_fen


class Life:
    def __init__(self, days: Days, price: tuple[int, int]) -> None:
        self.days, self.now = days, days.now
        (self.deal,) = days.deliver(1)
        self.deal.lines.update(unit_price_fen=price[0], price_quantity=price[1])
        self.readings: list[str] = []
        self.disputed = ""
        self.number = 0

    @property
    def line(self) -> AgreementLine:
        return AgreementLine.objects.select_related("voucher_hold", "own_hold", "agreement").get(agreement=self.deal)

    def read(self, quantity: int) -> None:
        self.number += 1
        given: dict[str, Any] = {"unit": "second", "measured": {}, "recorded_at": self.now}
        name = f"r{self.number}"
        Usage.objects.create(reading=name, line=self.line, quantity=quantity, **given)
        self.readings.append(name)

    def charge(self, _: int = 0) -> None:
        if self.disputed:
            return
        self.now += timedelta(days=1)
        line, before = self.line, settled_anew(self.line)
        bill = bill_anew(line)
        done = settlement.charge_period(self.deal.key, as_of=self.now.date(), actor=self.days.cast.olive, now=self.now)
        if done is None:
            assert (bill[0], settled_anew(line)) == (0, before)
            return
        (detail,) = done.detail
        assert tuple(detail[name] for name in (*PAID, "uncollected_fen")) == bill

    def dispute(self, which: int) -> None:
        if self.disputed or not self.readings:
            return
        self.number += 1
        self.disputed = f"{self.deal.key}-d{self.number}"
        disputes.open_dispute(
            self.deal.key, reading=self.readings[which % len(self.readings)], reason="偏高", evidence="自测",
            actor=self.days.cast.alice, now=self.now, idempotency_key=self.disputed,
        )  # fmt: skip

    def resolve(self, outcome: int) -> None:
        if not self.disputed:
            return
        disputes.resolve_dispute(
            self.disputed, outcome=outcome, because="核实", actor=self.days.cast.olive, now=self.now
        )
        self.disputed = ""


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(steps=STEPS, price=st.tuples(st.integers(0, 50), st.integers(1, 9)))
def test_the_totals_say_what_the_rows_say(days: Days, steps: list[tuple[str, int]], price: tuple[int, int]) -> None:
    with undone():
        life = Life(days, price)
        for name, number in [*steps, ("resolve", 3), ("charge", 0)]:
            getattr(life, name)(number)
            line = life.line
            assert tuple(getattr(line, total) for total in TOTALS) == settled_anew(line), (name, number)
            assert AgreementLine.objects.filter(pk=line.pk).values_list(*TOTALS).get() == (
                *(getattr(earlier_of([line])[line.pk], each) for each in ("quantity", *PAID)),
            )
        bill = bill_anew(life.line)
        done = settlement.settle_agreement(life.deal.key, actor=days.cast.olive, now=life.now)
        assert tuple(done.detail[0][name] for name in (*PAID, "uncollected_fen")) == bill
        assert not verify_ledger(actor=days.cast.olive).findings


def test_what_was_settled_is_not_read_again(days: Days) -> None:
    """However many readings and settlements there were: the same few statements, none of which counts settled rows."""
    (deal,) = days.deliver(1)
    told = []
    for day in range(1, 5):
        later = days.now + timedelta(days=day)
        days.meter([deal], f"r{day}", 10 * day)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            settlement.charge_period(deal.key, as_of=later.date(), actor=days.cast.olive, now=later)
        texts = [each["sql"] for each in queries]
        told.append(len(texts))
        reading = [text for text in texts if text.startswith("SELECT") and "exchange_usage" in text]
        assert all('"settlement_id" IS NULL' in text for text in reading) and reading
        assert not [
            text for text in texts if text.startswith("SELECT") and '."detail"' in text and "period" not in text
        ]
    assert len(set(told[1:])) == 1  # the first opens the accounts of what is used


@pytest.mark.parametrize("emptied", [True, False])
def test_a_city_from_before_gets_its_totals(days: Days, emptied: bool) -> None:
    """The migration adds up what stands there, disputes taken off."""
    life = Life(days, (7, 3))
    for quantity in (100, 301, 57):
        life.read(quantity)
        life.charge()
    life.dispute(1)
    life.resolve(99)
    life.read(13)
    wanted = AgreementLine.objects.values_list(*TOTALS).get()
    assert wanted == settled_anew(life.line) and all(wanted)
    if emptied:
        AgreementLine.objects.update(**dict.fromkeys(TOTALS, 0))
    import_module("siwei.exchange.migrations.0043_line_totals").add_up(apps, None)
    assert AgreementLine.objects.values_list(*TOTALS).get() == wanted
