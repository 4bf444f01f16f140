"""Every model can say what an actor may see; what each of the cast sees of a running deal."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from siwei.exchange.actors import VISITOR, Actor, Role
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

    assert codes(settled.cast.alice) == ["CNY:commitment:n-firm", "CNY:own-share:n-firm", "CNY:voucher:voucher"]
    assert codes(settled.cast.bob) == ["CNY:receivable:n-centre"]
    assert counts(settled.cast.bob, Decision, Voucher) == [0, 0]
    # The centre sees what it is paid, not how the firm was funded.
    assert set(Transfer.objects.visible_to(settled.cast.bob).values_list("kind", flat=True)) == {
        "hold",
        "capture",
        "release",
    }


def test_a_match_shows_to_the_offerer_once_introduced(deal: Any) -> None:
    from siwei.exchange import listings

    deal.match()
    assert counts(deal.cast.alice, Match) == [1]
    assert counts(deal.cast.bob, Match) == [0]
    listings.introduce_match("need", "offer", actor=deal.cast.alice, now=deal.now)
    assert counts(deal.cast.bob, Match) == [1]
    assert counts(deal.cast.charlie, Match) == [0]


def test_a_withdrawn_listing_is_its_owners_alone(deal: Any) -> None:
    from siwei.exchange import listings

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
