"""What each role may do, and that whoever only reads writes nothing: over every action the code has."""

import dataclasses
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from exchange_actions import acting_functions, calls_of, nonsense_for
from exchange_cast import NOW
from exchange_deal import Deal
from pytest_django import DjangoDbBlocker
from telling import told

from siwei.errors import ConfirmationNeeded, NotAllowed
from siwei.exchange import access
from siwei.exchange.actors import Actor, Confirmation, Role
from siwei.exchange.models import Person, Representative
from siwei.exchange.trading import agreements

ACTIONS = dict(acting_functions())
ASKING_FOR_MONEY = {"can_commit_money_for", "can_sign_for", "can_approve_for"}
# Sign or pay nothing, though they ask who might; making a key asks for itself where the key is one that spends.
WITHOUT_CONFIRMATION = {"agreements.cancel_agreement", "keys.make_key", "keys.revoke_access_key"}
EVERYTHING = list(apps.get_app_config("exchange").get_models())


@pytest.fixture
def cast(cast_once: Any, db: None) -> Any:
    return deepcopy(cast_once)


@pytest.fixture(scope="module")
def signed_once(cast_once: Any, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with told(django_db_blocker, Deal(deepcopy(cast_once), NOW).signed):
        yield


def rows() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in EVERYTHING}


def test_the_list_of_actions_is_the_codes() -> None:
    assert {"agreements.sign_agreement", "jobs.submit_job", "imports.import_firms", "actions.capture"} <= set(ACTIONS)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_auditor_writes_nothing(name: str, cast: Any, now: datetime) -> None:
    """Whatever is asked, and however wrongly: the answer is no before anything is looked at."""
    before = rows()
    with pytest.raises(NotAllowed):
        ACTIONS[name](**nonsense_for(ACTIONS[name]) | {"actor": cast.ann, "now": now})
    assert rows() == before


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_a_token_that_only_reads_writes_nothing(name: str, cast: Any, now: datetime) -> None:
    actor = dataclasses.replace(cast.alice, reads_only=True)
    with pytest.raises(NotAllowed):
        ACTIONS[name](**nonsense_for(ACTIONS[name]) | {"actor": actor, "now": now})


@pytest.mark.parametrize("model", EVERYTHING, ids=lambda model: model.__name__)
def test_an_auditor_reads_everything(model: type[models.Model], cast: Any, signed_once: None) -> None:
    living = model._default_manager.all()
    if model.__name__ == "Organisation":
        living = living.filter(merged_into=None)
    visible: Callable[[Actor], Any] = model._default_manager.visible_to  # type: ignore[attr-defined]
    assert visible(cast.ann).count() == living.count()


def test_whoever_audits_is_nothing_else(db: None) -> None:
    for other in ("is_operator", "is_reviewer"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Person.objects.create(username=other, is_auditor=True, **{other: True})


def test_what_asks_for_money_asks_for_confirmation() -> None:
    asking = {name for name, function in ACTIONS.items() if calls_of(function) & ASKING_FOR_MONEY}
    confirmed = {name for name, function in ACTIONS.items() if getattr(function, "asks_confirmation", False)}
    assert asking - confirmed - WITHOUT_CONFIRMATION == set()
    assert {"vouchers.open_pot", "vouchers.grant_voucher", "rounds.award_round"} <= confirmed


@pytest.mark.parametrize("missing", [each for each in Confirmation if each != Confirmation.GIVEN])
def test_no_signature_without_a_second_factor(deal: Any, missing: Confirmation) -> None:
    voucher = deal.voucher()
    deal.propose(deal.match(voucher), voucher)
    actor = dataclasses.replace(deal.cast.alice, confirmation=missing)
    with pytest.raises(ConfirmationNeeded) as refused:
        deal.sign(actor)
    assert refused.value.reason == missing
    with pytest.raises(ConfirmationNeeded):
        agreements.declare_budget("n-firm", 1, actor=actor, now=deal.now, idempotency_key="budget")
    deal.budget()
    assert deal.sign(deal.cast.alice).parties.filter(signed_at=None).count() == 1


#                    act,  sign, money, approve as finance, manage members, manage owners
RIGHTS: dict[Role, tuple[bool, bool, bool, bool, bool, bool]] = {
    Role.OWNER: (True, True, True, True, True, True),
    Role.MANAGER: (True, True, False, False, True, False),
    Role.FINANCE: (True, False, True, True, False, False),
    Role.MEMBER: (True, False, False, False, False, False),
}


def rights(actor: Actor, organisation_id: int, party: Any) -> tuple[bool, ...]:
    return (
        access.can_act_for(actor, organisation_id),
        access.can_sign_for(actor, party),
        access.can_commit_money_for(actor, organisation_id),
        access.can_approve_for(actor, organisation_id, Role.FINANCE),
        access.can_manage_people_of(actor, organisation_id),
        access.can_manage_people_of(actor, organisation_id, Role.OWNER),
    )


def test_each_role_has_its_rights_there_and_nowhere_else(deal: Any) -> None:
    deal.propose(deal.match())
    parties = {party.organisation_id: party for party in deal.decision().organisation.agreement_roles.all()}
    firm, centre = deal.cast.firm, deal.cast.centre
    elsewhere = centre.agreement_roles.get()
    for role, expected in RIGHTS.items():
        Representative.objects.filter(organisation=firm).update(role=role)
        actor = Person.objects.get(username="alice").as_actor()
        assert rights(actor, firm.pk, parties[firm.pk]) == expected, role
        assert rights(actor, centre.pk, elsewhere) == (False,) * 6, role


def test_the_city_signs_and_commits_for_nobody(deal: Any) -> None:
    deal.propose(deal.match())
    party = deal.cast.firm.agreement_roles.get()
    assert rights(deal.cast.olive, deal.cast.firm.pk, party) == (True, False, False, False, False, False)
    assert rights(deal.cast.ann, deal.cast.firm.pk, party) == (False,) * 6
    reviewer = Person.objects.create(username="rita", is_reviewer=True).as_actor()
    assert rights(reviewer, deal.cast.firm.pk, party) == (False,) * 6
    assert [access.can_review(actor) for actor in (reviewer, deal.cast.olive, deal.cast.ann)] == [True, False, False]


def test_a_mandate_counts_once_approved(cast: Any) -> None:
    waiting = Person.objects.create(username="wendy")
    Representative.objects.create(person=waiting, organisation=cast.firm, role=Role.OWNER)
    assert waiting.as_actor().roles == {}
