"""Who operates, reviews and audits the city: given and taken on its own machine, never by anybody who is signed in."""

from datetime import datetime
from typing import Any

import pytest

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import PLATFORM, Role
from siwei.exchange.models import Event, Person
from siwei.exchange.people.offices import Office, appoint, dismiss, offices_of

WHY = {"because": "the office's letter of 2026-11-20", "idempotency_key": "one"}


@pytest.fixture
def rita(db: None) -> Person:
    return Person.objects.create(username="rita")


def test_a_reviewer_is_appointed_once_and_dismissed(rita: Person, now: datetime) -> None:
    given = {"actor": PLATFORM, "now": now} | WHY
    for _ in range(2):
        assert offices_of(appoint("rita", Office.REVIEWER, **given)) == (Office.REVIEWER,)
    assert Person.objects.get(username="rita").as_actor().is_reviewer
    told = Event.objects.get(action="appoint")
    assert (told.subject, told.payload["because"]) == ("person:rita", WHY["because"])
    assert offices_of(dismiss("rita", Office.REVIEWER, **given)) == ()
    # Sent again, late: what was taken since is not given back.
    assert offices_of(appoint("rita", Office.REVIEWER, **given)) == ()
    assert Event.objects.filter(action__in=("appoint", "dismiss")).count() == 2


def test_nobody_signed_in_gives_offices(rita: Person, cast: Any, now: datetime) -> None:
    for actor in (cast.olive, cast.alice, rita.as_actor()):
        for change in (appoint, dismiss):
            with pytest.raises(NotAllowed, match="own machine"):
                change("rita", Office.OPERATOR, actor=actor, now=now, **WHY)
    assert offices_of(Person.objects.get(username="rita")) == ()


def test_an_auditor_is_nothing_else(rita: Person, cast: Any, now: datetime) -> None:
    given = {"actor": PLATFORM, "now": now} | WHY
    with pytest.raises(Conflict, match="olive is operator"):
        appoint("olive", Office.AUDITOR, **given)
    with pytest.raises(Conflict, match="ann is auditor"):
        appoint("ann", Office.REVIEWER, **given)
    with pytest.raises(Conflict, match="represents an organisation"):
        appoint("alice", Office.AUDITOR, **given)
    assert cast.alice.roles[cast.firm.pk] == Role.OWNER
    assert offices_of(appoint("rita", Office.AUDITOR, **given)) == (Office.AUDITOR,)


def test_the_last_operator_stays(rita: Person, cast: Any, now: datetime) -> None:
    given = {"actor": PLATFORM, "now": now} | WHY
    Person.objects.filter(is_operator=True).exclude(username="olive").update(is_operator=False)
    with pytest.raises(Conflict, match="last operator"):
        dismiss("olive", Office.OPERATOR, **given)
    appoint("rita", Office.OPERATOR, **given)
    assert offices_of(dismiss("olive", Office.OPERATOR, **given)) == ()


def test_what_is_missing_is_said(rita: Person, now: datetime) -> None:
    with pytest.raises(NotFound, match="siwei people invite"):
        appoint("nobody", Office.REVIEWER, actor=PLATFORM, now=now, **WHY)
    with pytest.raises(InputError, match="for a reason"):
        appoint("rita", Office.REVIEWER, actor=PLATFORM, now=now, **WHY | {"because": " "})
