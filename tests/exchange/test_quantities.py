"""What was charged stands in its own unit too: who delivered and used how much, beside the money that paid for it."""

from datetime import timedelta
from typing import Any

import pytest
from exchange_deal import Deal
from exchange_models import ModelDeal
from test_deliveries import Scenario
from test_disputes import Court

from siwei.exchange.ledger.accounts import open_quantity_accounts
from siwei.exchange.ledger.books import totals_of, trial_balance
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, AgreementLine, Transfer
from siwei.exchange.payments.traces import trace
from siwei.exchange.trading import settlement
from siwei.exchange.trading.terms import LineTerms

CPU = "accelerator-second:cpu"


def balances(unit: str) -> dict[str, int]:
    return dict(Account.objects.filter(unit=unit).values_list("code", "balance"))


@pytest.fixture
def court(deal: Deal) -> Court:
    return Court(deal)


def test_seconds_are_entered_with_the_money_that_pays_for_them(court: Court) -> None:
    cast = court.deal.cast
    assert balances(CPU) == {}
    court.charge()
    delivered, used = f"{CPU}:delivered:{cast.centre.key}", f"{CPU}:used:{cast.firm.key}"
    assert balances(CPU) == {delivered: -3_600, used: 3_600}
    court.charge()
    court.meter("more", 60)
    court.charge(1)
    court.deal.settle()
    assert balances(CPU) == {delivered: -3_660, used: 3_660}
    entries = Transfer.objects.filter(unit=CPU).order_by("pk")
    assert [entry.causes["settlement"] for entry in entries] == [
        str((court.now + timedelta(days=day)).date()) for day in (0, 1)
    ]
    assert next(row for row in totals_of(trial_balance(None, actor=cast.olive)).to_dicts() if row["unit"] == CPU)
    assert verify_ledger(actor=cast.olive).is_whole


def test_a_correction_of_what_was_settled_corrects_the_seconds(court: Court) -> None:
    court.charge()
    court.open()
    court.resolve(1_800)
    assert sorted(balances(CPU).values()) == [-1_800, 1_800]
    court.deal.settle()
    assert sorted(balances(CPU).values()) == [-1_800, 1_800]


def test_a_period_of_nothing_is_corrected_too(deal: Deal) -> None:
    court = Court(deal, quantity=0)
    court.charge()
    assert balances(CPU) == {}
    court.open()
    court.resolve(50)
    assert sorted(balances(CPU).values()) == [-50, 50]


def test_a_correction_before_settling_is_entered_once(court: Court) -> None:
    court.open()
    court.resolve(1_000)
    court.charge()
    assert sorted(balances(CPU).values()) == [-1_000, 1_000]


def test_what_was_settled_before_quantities_were_entered_is_left(court: Court) -> None:
    """A city of an older version has settlements without such entries: their disputes still end."""
    AgreementLine.objects.update(unit="second")
    court.charge()
    assert balances(CPU) == {}
    AgreementLine.objects.update(unit=CPU)
    court.open()
    assert court.resolve(1_800).returned_metered_fen == 18_000
    assert balances(CPU) == {}


def test_seconds_lead_to_the_fen_that_paid_for_them(court: Court) -> None:
    court.charge()
    entry = Transfer.objects.get(unit=CPU)
    found = trace(entry.idempotency_key, actor=court.deal.cast.alice)
    assert sorted(found.rows["fen"].to_list()) == [14_401, 21_600]
    assert found.rows["quantity"].to_list() == [3_600, 3_600]


def test_unpaid_seconds_were_used_all_the_same(court: Court) -> None:
    court.meter("much", 100_000)
    court.charge()
    assert sorted(balances(CPU).values()) == [-103_600, 103_600]


def test_accounts_are_opened_once(cast: Any) -> None:
    asked = {(CPU, "delivered", cast.centre.pk), (CPU, "used", cast.firm.pk)}
    first = open_quantity_accounts(asked)
    assert {key: account.pk for key, account in open_quantity_accounts(asked).items()} == {
        key: account.pk for key, account in first.items()
    }
    assert open_quantity_accounts(set()) == {}


@pytest.mark.parametrize(
    ("unit", "title", "entered"),
    [
        ("seat", " " + "长" * 200, "seat:" + "长" * 75),
        ("seat", "  ", None),
        ("accelerator-second", "x", None),
        ("accelerator-second: ", "x", None),
        ("milestone", "x", None),
    ],
)
def test_a_long_or_missing_name_stops_no_settlement(court: Court, unit: str, title: str, entered: str | None) -> None:
    AgreementLine.objects.update(unit=unit, offered={"title": title})
    assert court.charge().charged == 1
    found = Account.objects.filter(purpose="used").values_list("unit", flat=True).first()
    assert found == entered


def test_tokens_are_entered_by_model(model_deal: ModelDeal) -> None:
    model_deal.signed()
    secret = model_deal.key().secret
    for read, written in ((10, 1), (20, 2)):
        model_deal.end(model_deal.admit(secret).call, read, written)
    settlement.settle_agreement("model-deal", actor=model_deal.cast.bob, now=model_deal.now)
    assert balances("token:text") == {"token:text:delivered:n-centre": -33, "token:text:used:n-firm": 33}


def test_seats_are_entered_as_they_are_accepted(cast: Any, now: Any) -> None:
    course = Scenario(cast, now)
    course.signed(kind="course", terms=(), line=LineTerms("n-firm", "n-centre", "实训课", 3, "seat", 10_000))
    AgreementLine.objects.update(offered={"title": "大模型工程实训"})
    course.submit(1)
    assert balances("seat:大模型工程实训") == {}
    course.accept(1)
    settlement.settle_agreement("s", actor=cast.bob, now=now)
    assert sorted(balances("seat:大模型工程实训").values()) == [-3, 3]


@pytest.mark.parametrize(("purpose", "floor"), [("used", -1), ("delivered", -5_000)])
def test_a_changed_floor_is_found(court: Court, purpose: str, floor: int) -> None:
    court.charge()
    Account.objects.filter(unit=CPU, purpose=purpose).update(floor=floor)
    (finding,) = verify_ledger(actor=court.deal.cast.olive).findings
    assert finding.row == Account.objects.get(unit=CPU, purpose=purpose).code
