"""Rounds of one pot: its reserves and quotas are of the period's whole budget, net of what came back."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from test_rounds import LATER, City, attributes, programme

from siwei.city.attributes import Attribute
from siwei.exchange.awards import rounds, vouchers
from siwei.exchange.models import Application, SharingRound
from siwei.policy import Programme, Quota, Reserve, Sharing, Text
from siwei.policy.language.check import Checker
from siwei.policy.language.types import STRING
from siwei.policy.programmes import Pot

__all__ = ["attributes", "programme"]
pytestmark = pytest.mark.database
WORDS = Text("试验", "Trial")
FIRMS = Reserve("firms", 2000, Checker({"legal_form": STRING}).check("legal_form == 'firm'"), WORDS, None)
BY_FORM = Quota("legal_form", 4000, WORDS, None)
QUOTA = 60_000_000
"""40 % of the budget."""


@pytest.fixture
def city(cast: Any, now: datetime, programme: Programme, attributes: dict[str, Attribute]) -> City:
    pot = Pot(None, "year", Sharing.FIRST_COME, WORDS, None, reserves=(FIRMS,), quotas=(BY_FORM,))
    return City(cast, now, replace(programme, pot=pot), attributes)


def one_round(city: City, name: str, actor: Any) -> Application:
    """One organisation applies alone, and its round is awarded."""
    application = city.apply(getattr(city.cast, name), actor)
    made = city.share(sharing=None, idempotency_key=name)
    rounds.open_notice(
        made, until=LATER, as_of=LATER, actor=city.cast.olive, now=city.now, idempotency_key=f"notice-{name}"
    )
    rounds.award_round(
        made, as_of=date(2026, 6, 17), actor=city.cast.olive, now=city.now, idempotency_key=f"award-{name}"
    )
    return Application.objects.get(pk=application.pk)


def voucher_of(city: City, application: Application) -> Any:
    return vouchers.grant_voucher(
        application.decision, city.pot, amount_fen=application.shared_fen or 0, rate_bp=5000, kinds=["compute"],
        listed_providers_only=True, valid_from=LATER, valid_to=LATER, actor=city.cast.olive, now=city.now,
        idempotency_key=application.key,
    )  # fmt: skip


def same_again(city: City) -> None:
    for made in SharingRound.objects.all():
        rounds.share_again(made, city.programme, city.attributes)


def test_a_second_round_does_not_pass_the_quota_of_the_period(city: City) -> None:
    first = one_round(city, "firm", city.cast.alice)
    assert (first.shared_fen, first.bound_by, first.reserved) == (QUOTA, "quota:legal_form", {"firms": 30_000_000})
    voucher_of(city, first)
    second = one_round(city, "outsider", city.cast.charlie)
    assert (second.shared_fen, second.bound_by, second.reserved) == (0, "quota:legal_form", {})
    assert SharingRound.objects.get(key="outsider").earlier == {
        "budget_fen": 150_000_000, "taken_fen": QUOTA, "reserves": {"firms": 30_000_000},
        "quotas": {"legal_form": [["firm", QUOTA]]},
    }  # fmt: skip
    same_again(city)


def test_what_came_back_counts_no_more(city: City) -> None:
    voucher_of(city, one_round(city, "firm", city.cast.alice))
    assert vouchers.return_expired_vouchers(as_of=date(2026, 7, 1), actor=city.cast.olive, now=city.now) == 1
    second = one_round(city, "outsider", city.cast.charlie)
    assert (second.shared_fen, second.reserved) == (QUOTA, {"firms": 30_000_000})
    same_again(city)


def test_a_promise_counts_before_it_is_granted(city: City) -> None:
    one_round(city, "firm", city.cast.alice)
    assert one_round(city, "outsider", city.cast.charlie).shared_fen == 0


def test_what_an_objection_took_away_counts_no_more(city: City) -> None:
    application = city.apply(city.cast.firm, city.cast.alice)
    made = city.share(sharing=None)
    city.notice(made)
    city.answer(city.object(application, city.cast.charlie), upheld=True)
    city.award(made)
    assert one_round(city, "outsider", city.cast.charlie).shared_fen == QUOTA
    same_again(city)
