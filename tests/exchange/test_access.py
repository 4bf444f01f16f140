"""Every model can say what an actor may see; what each of the cast sees of a running deal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from exchange_cast import make_person
from exchange_deal import DAY

from siwei.exchange.actors import VISITOR, Actor, Role
from siwei.exchange.audit import record_event
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    AgreementParty,
    Decision,
    Event,
    Hold,
    Job,
    Listing,
    Match,
    Relation,
    Settlement,
    Transfer,
    Usage,
    Voucher,
)
from siwei.exchange.trading import agreements, approvals, deliveries, disputes
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.terms import LineTerms, PartyTerms

MODELS = list(apps.get_app_config("exchange").get_models())
PARTIES_ONLY = (Agreement, AgreementLine, AgreementParty, Job, Usage, Settlement)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_says_what_an_actor_sees(model: type[models.Model], db: None) -> None:
    scoped = getattr(model, "scoped", model._default_manager)
    assert callable(getattr(scoped, "visible_to", None)), f"{model.__name__} has no visible_to(actor)"
    assert isinstance(scoped.visible_to(VISITOR), models.QuerySet)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_default_manager_is_the_scoped_one(model: type[models.Model]) -> None:
    assert hasattr(model._default_manager, "visible_to")


@pytest.fixture
def settled(deal: Any) -> Any:
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()
    return deal


def counts(actor: Actor, *models_: Any) -> list[int]:
    return [model.objects.visible_to(actor).count() for model in models_]


@pytest.mark.parametrize("who", ["alice", "bob", "olive", "ann"])
def test_parties_and_offices_see_the_deal(settled: Any, who: str) -> None:
    assert counts(getattr(settled.cast, who), *PARTIES_ONLY) == [1, 1, 2, 1, 1, 1]


def outsiders(cast: Any) -> dict[str, Actor]:
    return {"charlie": cast.charlie, "visitor": VISITOR}


def test_outsiders_see_nothing_of_it(settled: Any) -> None:
    hidden = (*PARTIES_ONLY, Account, Transfer, Hold, Decision, Voucher, Match, Event)
    for name, actor in outsiders(settled.cast).items():
        assert counts(actor, *hidden) == [0] * len(hidden), name
        assert counts(actor, Listing) == [2], name


def test_each_side_sees_its_own_money(settled: Any) -> None:
    def codes(actor: Actor) -> list[str]:
        return sorted(Account.objects.visible_to(actor).values_list("code", flat=True))

    assert codes(settled.cast.alice) == [
        "CNY:commitment:n-firm", "CNY:own-share:n-firm", "CNY:voucher:voucher", "accelerator-second:cpu:used:n-firm"
    ]  # fmt: skip
    assert codes(settled.cast.bob) == ["CNY:receivable:n-centre", "accelerator-second:cpu:delivered:n-centre"]
    assert counts(settled.cast.bob, Decision, Voucher) == [0, 0]
    # The centre sees what it is paid, not how the firm was funded.
    assert set(Transfer.objects.visible_to(settled.cast.bob).values_list("unit", "kind")) == {
        ("CNY", "hold"),
        ("CNY", "capture"),
        ("CNY", "release"),
        ("accelerator-second:cpu", "post"),
    }


def test_a_match_shows_to_the_offerer_once_introduced(deal: Any) -> None:
    from siwei.exchange.trading import listings

    deal.match()
    assert counts(deal.cast.alice, Match) == [1]
    assert counts(deal.cast.bob, Match) == [0]
    listings.introduce_match("need", "offer", actor=deal.cast.alice, now=deal.now)
    assert counts(deal.cast.bob, Match) == [1]
    assert counts(deal.cast.charlie, Match) == [0]


def test_a_withdrawn_listing_is_its_owners_alone(deal: Any) -> None:
    from siwei.exchange.trading import listings

    deal.offer()
    listings.withdraw_listing("offer", actor=deal.cast.bob, now=deal.now)
    assert counts(deal.cast.bob, Listing) == [1]
    assert counts(deal.cast.charlie, Listing) == [0]


def test_a_published_tie_is_public(deal: Any) -> None:
    tie: Callable[..., Any] = Relation.objects.create
    given = {"organisation": deal.cast.firm, "other": deal.cast.centre, "source": "test", "known_at": deal.now}
    tie(basis="shareholding", is_public=True, **given)
    tie(basis="family", **given)
    assert counts(deal.cast.charlie, Relation) == [1]
    assert counts(deal.cast.bob, Relation) == [2]


def test_an_event_of_two_of_my_organisations_comes_once(settled: Any) -> None:
    both = Actor(name="both", roles={settled.cast.firm.pk: Role.MEMBER, settled.cast.centre.pk: Role.MEMBER})
    events = Event.objects.visible_to(both)
    assert events.count() == len({event.pk for event in events})


class TestPersons:
    """A person who is a party has no organisation through which to see what happened."""

    @pytest.fixture
    def position(self, deal: Any) -> Actor:
        pia = make_person("pia")
        approvals.set_approval_rule("n-firm", Role.FINANCE, 0, actor=deal.cast.alice, now=deal.now, idempotency_key="r")
        lines = [LineTerms("n-centre", "n-firm", "x", 1, "day", 150)]
        parties = [
            PartyTerms("employer", "n-firm"),
            PartyTerms("trainer", "n-centre"),
            PartyTerms("hired", None, pia.pk),
        ]
        deal.budget()
        agreements.propose_agreement(
            "position", parties, lines=lines, ends_at=deal.now + timedelta(days=9), actor=deal.cast.alice, now=deal.now,
            idempotency_key="deal", deliveries=[DeliveryTerms("入职", giver=3, receiver=1)],
        )  # fmt: skip
        for actor in (deal.cast.alice, deal.cast.bob, pia.as_actor()):
            deal.sign(actor)
        fay = make_person("fay", deal.cast.firm, Role.FINANCE).as_actor()
        approvals.approve_agreement("deal", actor=fay, now=deal.now, as_of=DAY)
        given = {"actor": pia.as_actor(), "now": deal.now}
        deliveries.submit_delivery("deal", 1, evidence="第一天", **given, idempotency_key="s")
        disputes.open_dispute("deal", reason="岗位不同", evidence="", **given, idempotency_key="d")
        return pia.as_actor()

    def seen(self, actor: Actor) -> list[str]:
        return list(Event.objects.visible_to(actor).order_by("pk").values_list("action", flat=True))

    def test_a_party_sees_what_happened_and_nobodys_approvals(self, deal: Any, position: Actor) -> None:
        both = ["propose_agreement", *["sign_agreement"] * 3]
        assert self.seen(position) == [*both, "submit_delivery", "open_dispute"]
        # The delivery is between others, and so is the word of one's own.
        assert self.seen(deal.cast.bob) == [*both, "open_dispute"]
        assert {"approve_agreement", "set_approval_rule"} <= set(self.seen(deal.cast.alice))
        assert self.seen(make_person("paul").as_actor()) == []

    def test_a_program_of_theirs_does_not(self, position: Actor) -> None:
        assert self.seen(replace(position, by_key="key")) == []

    def test_who_acted_for_themselves_alone_sees_it(self, deal: Any) -> None:
        pia, paul = make_person("pia").as_actor(), make_person("paul").as_actor()
        record_event("publish_listing", "p", {}, subject="listing:p", actor=pia, now=deal.now)
        record_event(
            "publish_listing", "q", {}, subject="listing:q", actor=pia, now=deal.now, organisations=[deal.cast.firm]
        )
        # What was done for an organisation is its own people's to see, also after one has left it.
        assert (self.seen(pia), self.seen(paul)) == (["publish_listing"], [])
