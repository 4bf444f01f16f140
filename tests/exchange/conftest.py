"""The fixed cast: Alice represents the firm, Bob the centre, Charlie is an outsider, Olive operates, Ann audits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from exchange_cast import NOW, make_organisation, make_person
from exchange_deal import Deal
from exchange_models import ModelDeal
from pytest_django import DjangoDbBlocker
from telling import told

from siwei.exchange.actors import Actor
from siwei.exchange.models import Organisation, OrganisationKind


@dataclass(frozen=True)
class Cast:
    firm: Organisation
    centre: Organisation
    outsider: Organisation
    alice: Actor
    bob: Actor
    charlie: Actor
    olive: Actor
    ann: Actor


@pytest.fixture
def now() -> datetime:
    return NOW


def gather() -> Cast:
    firm = make_organisation("n-firm", "甲公司")
    centre = make_organisation("n-centre", "乙算力中心", OrganisationKind.CENTRE)
    outsider = make_organisation("n-outsider", "丙公司")
    return Cast(
        firm,
        centre,
        outsider,
        make_person("alice", firm).as_actor(),
        make_person("bob", centre).as_actor(),
        make_person("charlie", outsider).as_actor(),
        make_person("olive", is_operator=True).as_actor(),
        make_person("ann", is_auditor=True).as_actor(),
    )


@pytest.fixture
def cast(db: None) -> Cast:
    return gather()


@pytest.fixture(scope="module")
def cast_once(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Cast]:
    """For a file whose tests all begin with the cast: there once, and they are rolled back to it."""
    with told(django_db_blocker, gather) as cast:
        yield cast


@pytest.fixture
def deal(cast: Cast, now: datetime) -> Deal:
    return Deal(cast, now)


@pytest.fixture
def model_deal(cast: Cast, now: datetime) -> ModelDeal:
    return ModelDeal(cast, now)
