"""Money that comes back goes where the programme's version says that awarded it: to the pot, or on to the treasury."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from exchange_deal import Deal
from exchange_persons import Persons
from test_pot_counts import one_round, voucher_of
from test_rounds import BUDGET, City, attributes, programme
from test_true_ups import again

from siwei.city.attributes import Attribute
from siwei.exchange.awards import vouchers
from siwei.exchange.awards.rounds import left_in
from siwei.exchange.ledger.books import trial_balance
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, Application, Event, Pot, SharingRound, Transfer
from siwei.exchange.payments.claw_backs import claw_back_grant
from siwei.exchange.payments.traces import money_of
from siwei.policy import Programme, Sharing, Text
from siwei.policy.programmes import Pot as PotRule
from siwei.policy.programmes import Returns

__all__ = ["attributes", "programme"]
pytestmark = pytest.mark.database
ALL = pytest.mark.parametrize("returns", Returns)
PAST = date(2026, 7, 1)
MEMO = "treasury"


def onward() -> list[int]:
    return list(Transfer.objects.filter(memo=MEMO).order_by("pk").values_list("amount", flat=True))


def whole(pot: Pot, actor: Any) -> None:
    assert money_of(Pot.objects.get(pk=pot.pk)).adds_up
    assert verify_ledger(actor=actor).findings == ()
    assert trial_balance(actor=actor).filter(unit="CNY")["balance"].sum() == 0


def stands(pot: Pot, actor: Any, back_fen: int, returns: Returns) -> None:
    """What came back is where the rule says."""
    pot = Pot.objects.get(pk=pot.pk)
    whole(pot, actor)
    gone = back_fen if returns is Returns.TREASURY else 0
    assert (onward(), money_of(pot).treasury) == ([gone] if gone else [], gone)
    budget = Account.objects.get(code=f"CNY:budget:{pot.programme}:{pot.period}")
    assert budget.balance == gone - pot.budget_fen


@ALL
def test_what_a_voucher_did_not_spend(
    cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute], returns: Returns
) -> None:
    rule = PotRule(None, "year", Sharing.FIRST_COME, Text("试验", "Trial"), None, returns=returns)
    city = City(cast, now, replace(programme, pot=rule), attributes)
    voucher = voucher_of(city, one_round(city, "firm", cast.alice))
    assert (SharingRound.objects.get().returns, Pot.objects.get().returns) == (returns, returns)
    for _ in range(2):
        vouchers.return_expired_vouchers(as_of=PAST, actor=cast.olive, now=now)
    stands(city.pot, cast.olive, voucher.cap_fen, returns)
    assert left_in(city.pot) == (BUDGET - voucher.cap_fen if returns is Returns.TREASURY else BUDGET)


def test_the_version_that_awarded_decides_and_no_later_one(
    cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]
) -> None:
    rule = PotRule(None, "year", Sharing.FIRST_COME, Text("试验", "Trial"), None)
    city = City(cast, now, replace(programme, pot=rule), attributes)
    city.programme = replace(programme, pot=replace(rule, returns=Returns.TREASURY))
    voucher = voucher_of(city, one_round(city, "firm", cast.alice))
    city.programme = replace(programme, pot=rule)
    other = voucher_of(city, one_round(city, "outsider", cast.charlie))
    vouchers.return_expired_vouchers(as_of=PAST, actor=cast.olive, now=now)
    assert (other.cap_fen, onward()) == (50_000_000, [voucher.cap_fen])
    whole(city.pot, cast.olive)


@ALL
def test_what_a_true_up_takes_back_unspent_and_spent(deal: Deal, returns: Returns) -> None:
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()
    Pot.objects.update(returns=returns)
    for _ in range(2):
        done = again(deal, None, "not_eligible")
    assert (done.returned_fen, done.clawed_back_fen) == (49_281, 719)
    stands(Pot.objects.get(), deal.cast.olive, 50_000, returns)
    assert Event.objects.get(action="true_up_voucher").payload["goes_to"] == returns


@ALL
def test_what_is_taken_back_of_a_grant(cast: Any, tmp_path: Path, returns: Returns) -> None:
    made = Persons(cast, tmp_path)
    made.payable()
    SharingRound.objects.update(returns=returns)
    application = Application.objects.get(pseudonym__person_id=cast.charlie.person_id)
    for _ in range(2):
        claw_back_grant(
            application.key, 120_000, because="审计发现", actor=cast.olive, now=made.now, idempotency_key="c"
        )
    stands(application.pot, cast.olive, 120_000, returns)
    assert Event.objects.get(action="claw_back_grant").payload["goes_to"] == returns
