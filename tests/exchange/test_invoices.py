"""Invoices: every settled fen on one line of one of them, numbered without gaps, each line back to its reading."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from exchange_cast import make_person
from exchange_deal import Deal
from test_deliveries import Scenario
from test_disputes import Court

from siwei.errors import InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import Invoice, InvoiceLine, Settlement
from siwei.exchange.payments import invoices
from siwei.exchange.trading import jobs, settlement
from siwei.exchange.trading.payments_due import payments_due


@pytest.fixture
def court(deal: Deal) -> Court:
    return Court(deal)


def meter(deal: Deal, reading: str, quantity: int, days: int) -> None:
    """A day's reading, charged the day after."""
    jobs.record_usage("deal", 1, reading=reading, quantity=quantity, measured={}, actor=deal.cast.bob, now=deal.now)
    later = deal.now + timedelta(days=days)
    settlement.settle_day(as_of=later.date(), actor=deal.cast.olive, now=later)


def issue(deal: Deal, period: str = "2026-11", actor: Actor | None = None) -> list[Invoice]:
    return invoices.issue_invoices("n-centre", period, actor=actor or deal.cast.bob, now=deal.now)


def lines() -> list[tuple[Any, ...]]:
    names = ("invoice__number", "settlement__period", "quantity", "gross_fen", "voucher_fen", "own_fen")
    return list(InvoiceLine.objects.order_by("pk").values_list(*names))


def test_a_months_settlements_are_one_invoice_with_its_own_quantities(deal: Deal) -> None:
    deal.signed()
    meter(deal, "r", 1_000, 1)
    meter(deal, "s", 100, 2)
    (invoice,) = issue(deal)
    told = [each[1:3] for each in lines()]
    assert told == [("2026-11-24", 1_000), ("2026-11-25", 100)]
    assert (invoice.name, invoice.recipient, invoice.gross_fen) == ("JS-202611-0001", deal.cast.firm, 11_000)
    assert invoice.gross_fen == sum(Settlement.objects.values_list("gross_fen", flat=True))
    assert [[each.reading for each in invoices.evidence_of(line)] for line in invoices.lines_of(invoice)] == [
        ["r"], ["s"]
    ]  # fmt: skip


def test_issued_again_nothing_new_is_numbered(deal: Deal) -> None:
    deal.signed()
    meter(deal, "r", 1_000, 1)
    assert issue(deal) == issue(deal)
    meter(deal, "s", 100, 2)
    assert [each.number for each in issue(deal)] == [1, 2]
    assert issue(deal, "2026-12") == []


def test_what_a_dispute_took_back_is_below_zero_and_due_so_much_less(court: Court) -> None:
    court.charge(1)
    issue(court.deal)
    due = payments_due(None)[0].amount_fen
    court.open()
    court.resolve(1_800)
    issue(court.deal)
    number, _, quantity, gross, voucher, own = lines()[-1]
    assert (number, quantity, gross) == (2, None, voucher + own)
    assert gross < 0
    assert payments_due(None)[0].amount_fen == due + voucher
    assert sum(line[3] for line in lines()) == 18_001
    assert [each.reading for each in invoices.evidence_of(InvoiceLine.objects.last())] == ["r"]


def test_a_delivery_leads_back_to_itself(deal: Deal) -> None:
    scenario = Scenario(deal.cast, deal.now)
    agreement = scenario.signed()
    first = agreement.deliveries.order_by("number").first()
    scenario.submit(first.number)
    scenario.accept(first.number)
    provider = first.line.provider
    keeper = make_person("keeper", provider, Role.FINANCE).as_actor()
    (invoice,) = invoices.issue_invoices(provider.key, "2026-11", actor=keeper, now=deal.now)
    ((evidence,),) = [invoices.evidence_of(line) for line in invoices.lines_of(invoice)]
    assert (evidence.delivery, evidence.title, invoice.gross_fen) == (first.number, first.title, first.amount_fen)


@pytest.mark.parametrize("name", ["alice", "charlie", "ann"])
def test_only_the_issuers_treasurers_and_the_operator_issue(court: Court, name: str) -> None:
    with pytest.raises(NotAllowed):
        issue(court.deal, actor=getattr(court.deal.cast, name))


def test_who_sees_an_invoice(court: Court) -> None:
    court.charge(1)
    issue(court.deal, actor=court.deal.cast.olive)
    cast = court.deal.cast
    for actor in (cast.alice, cast.bob, cast.olive, cast.ann):
        assert invoices.find_invoice("n-centre", 1, actor).number == 1
        assert InvoiceLine.objects.visible_to(actor).count() == 1
    assert InvoiceLine.objects.visible_to(cast.charlie).count() == 0
    for number, actor in ((1, cast.charlie), (2, cast.bob), (2**40, cast.bob), (-1, cast.bob)):
        with pytest.raises(NotFound):
            invoices.find_invoice("n-centre", number, actor)


def test_a_tax_number_is_the_issuers_word(court: Court) -> None:
    court.charge(1)
    issue(court.deal)
    given: dict[str, Any] = {"now": court.now, "idempotency_key": "tax"}
    with pytest.raises(NotAllowed):
        invoices.enter_tax_number("n-centre", 1, "12345678", actor=court.deal.cast.alice, **given)
    with pytest.raises(InputError, match="8 or 20 digits"):
        invoices.enter_tax_number("n-centre", 1, "123", actor=court.deal.cast.bob, **given)
    for _ in range(2):
        made = invoices.enter_tax_number("n-centre", 1, "26442000000123456789", actor=court.deal.cast.bob, **given)
    assert made.tax_number == "26442000000123456789"


@pytest.mark.parametrize("period", ["2026-13", "2026", "x", "2026-1"])
def test_a_period_is_a_month(court: Court, period: str) -> None:
    with pytest.raises(InputError, match="no month"):
        issue(court.deal, period)


def test_the_database_numbers_without_gaps_and_keeps_what_was_issued(court: Court) -> None:
    court.charge(1)
    (invoice,) = issue(court.deal)
    for sql in (
        "UPDATE exchange_invoice SET gross_fen = 1, own_fen = 1, voucher_fen = 0",
        "UPDATE exchange_invoice SET number = 5",
        "DELETE FROM exchange_invoiceline",
        "UPDATE exchange_invoiceline SET quantity = 1",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    invoice.pk, invoice.number = None, 3
    with pytest.raises(DatabaseError, match="the next number"), transaction.atomic():
        invoice.save(force_insert=True)
