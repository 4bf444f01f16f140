"""Accounts disabled and enabled again: what ends, what stands, who may, and who reads of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from exchange_cast import make_person

from siwei.errors import CallRefused, ConfirmationNeeded, Conflict, InputError, NotAllowed, NotFound, SignInNeeded
from siwei.exchange.actors import PLATFORM, VISITOR, Confirmation, Role
from siwei.exchange.calls.call_routes import find_caller
from siwei.exchange.calls.model_keys import KeyLimits, create_model_key
from siwei.exchange.models import Event, Person, Representative
from siwei.exchange.people.disabling import disable_account, enable_account
from siwei.exchange.people.invitations import accept_as_new, invite
from siwei.exchange.people.keys import create_access_key, read_access_key
from siwei.exchange.people.mandates import change_role, end_mandate, has_owner, set_mandate

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def disable(cast: Any, username: str, now: datetime, key: str = "d", actor: Any = None) -> Person:
    return disable_account(username, because="left", actor=actor or cast.olive, now=now, idempotency_key=key)


def enable(cast: Any, username: str, now: datetime, key: str = "e", actor: Any = None) -> Person:
    return enable_account(username, because="back", actor=actor or cast.olive, now=now, idempotency_key=key)


def test_its_keys_end_for_good_and_its_mandate_stands(cast: Any, now: datetime) -> None:
    until = now + timedelta(days=9)
    opens = create_access_key("k", ["read"], expires_at=until, actor=cast.alice, now=now, idempotency_key="k")
    calls = create_model_key(
        "n-firm", "", "m", expires_at=until, actor=cast.alice, now=now, idempotency_key="m", limits=KeyLimits()
    )
    other = create_access_key("k", ["read"], expires_at=until, actor=cast.bob, now=now, idempotency_key="b")
    assert not disable(cast, "alice", now).is_active
    assert enable(cast, "alice", now).is_active  # what let them in does not come back with the account
    with pytest.raises(SignInNeeded):
        read_access_key(opens.secret, now)
    with pytest.raises(CallRefused):
        find_caller(calls.secret, now)
    assert read_access_key(other.secret, now).actor.name == "bob"
    assert Person.objects.get(username="alice").as_actor().role_in(cast.firm.pk) == Role.OWNER
    told = Event.objects.get(action="disable_account").payload
    assert told == {"person": "alice", "because": "left", "keys": 2}  # which, its own organisation alone reads
    reasons = Event.objects.filter(action="revoke_access_key").values_list("payload__because", flat=True)
    assert list(reasons) == ["account disabled"] * 2


def test_what_was_made_in_the_moment_of_disabling_does_not_come_back(cast: Any, now: datetime) -> None:
    late = create_access_key(
        "k", ["read"], expires_at=now + timedelta(days=9), actor=cast.alice, now=now, idempotency_key="k"
    )
    Person.objects.filter(username="alice").update(is_active=False)  # as if its key had been written after they ended
    session = SessionStore()
    session[SESSION_KEY] = str(cast.alice.person_id)
    session.save()
    enable(cast, "alice", now)
    with pytest.raises(SignInNeeded):
        read_access_key(late.secret, now)
    assert not session.exists(session.session_key)
    assert Event.objects.get(action="revoke_access_key").payload["because"] == "account enabled"


def test_a_disabled_account_makes_no_key_and_is_admitted_nowhere(cast: Any, now: datetime) -> None:
    disable(cast, "alice", now)
    with pytest.raises(Conflict, match="account of alice is disabled") as refused:
        create_access_key(
            "k", ["read"], expires_at=now + timedelta(days=9), actor=cast.alice, now=now, idempotency_key="k"
        )
    assert refused.value.in_chinese() == "alice 的账号已停用 → 请先由运营人员恢复"
    person = Person.objects.get(username="alice")
    with pytest.raises(Conflict, match="account of alice is disabled"):
        set_mandate(person, cast.centre, Role.MEMBER, now)
    assert not Representative.objects.filter(person=person, organisation=cast.centre).exists()


def test_those_it_concerns_read_of_it(cast: Any, now: datetime) -> None:
    seeker = make_person("seeker")
    mia = make_person("mia", cast.firm, Role.MEMBER)
    for username in ("alice", "seeker"):
        disable(cast, username, now, f"d-{username}")

    def read(actor: Any) -> list[str]:
        found = Event.objects.visible_to(actor).filter(action="disable_account")
        return sorted(found.values_list("subject", flat=True))

    assert (read(mia.as_actor()), read(cast.bob)) == (["person:alice"], [])
    assert (read(seeker.as_actor()), read(cast.alice)) == (["person:seeker"], ["person:alice"])
    assert (read(cast.olive), read(replace(seeker.as_actor(), by_key="0" * 12))) == (
        ["person:alice", "person:seeker"],
        [],
    )


def test_the_same_again_changes_nothing_and_what_stands_is_a_conflict(cast: Any, now: datetime) -> None:
    disable(cast, "alice", now)
    with pytest.raises(Conflict, match="disabled already"):
        disable(cast, "alice", now, "other")
    enable(cast, "alice", now)
    assert disable(cast, "alice", now).is_active, "a request sent again does not undo what was done since"
    with pytest.raises(Conflict, match="not disabled"):
        enable(cast, "alice", now, "other")
    assert Event.objects.filter(subject="person:alice").count() == 2


@pytest.mark.parametrize("act", [disable, enable])
def test_only_an_operator_who_showed_their_factor_and_never_on_themselves(cast: Any, now: datetime, act: Any) -> None:
    for actor in (cast.alice, cast.bob, replace(cast.olive, is_operator=False, is_auditor=True)):
        with pytest.raises(NotAllowed):
            act(cast, "bob", now, actor=actor)
    with pytest.raises(ConfirmationNeeded):
        act(cast, "bob", now, actor=replace(cast.olive, confirmation=Confirmation.STALE))
    make_person("second", is_operator=True)
    with pytest.raises(Conflict, match="your own account"):
        act(cast, "olive", now)
    Person.objects.filter(username__in=("olive", "bob")).update(email="olive@example.org")
    with pytest.raises(Conflict, match="your own account"):
        act(cast, "bob", now)
    with pytest.raises(NotFound):
        act(cast, "nobody", now)
    with pytest.raises(InputError):
        (disable_account if act is disable else enable_account)(
            "alice", because=" ", actor=cast.olive, now=now, idempotency_key="r"
        )
    assert not Event.objects.filter(action__endswith="_account").exists()


def test_the_last_operator_stays(cast: Any, now: datetime) -> None:
    with pytest.raises(Conflict, match="last operator"):
        disable(cast, "olive", now, actor=PLATFORM)
    oscar = make_person("oscar", is_operator=True).as_actor()
    disable(cast, "oscar", now, actor=PLATFORM)
    with pytest.raises(Conflict, match="oscar is disabled"):  # who was let in a moment before
        disable(cast, "alice", now, "o", actor=oscar)
    with pytest.raises(Conflict, match="last operator"):
        disable(cast, "olive", now, "p", actor=PLATFORM)


@pytest.mark.parametrize("office", ["is_operator", "is_auditor", "is_reviewer"])
def test_an_office_goes_and_comes_back_on_the_citys_own_machine_alone(cast: Any, now: datetime, office: str) -> None:
    """One operator alone shuts out nobody who audits them, or could stop them."""
    make_person("oscar", **{office: True})
    with pytest.raises(NotAllowed, match="`siwei people disable` on the city's own machine") as refused:
        disable(cast, "oscar", now)
    assert "请在本市的服务器上用 `siwei people disable` 停用" in refused.value.in_chinese()
    assert Person.objects.get(username="oscar").is_active
    disable(cast, "oscar", now, actor=PLATFORM)
    with pytest.raises(NotAllowed, match="`siwei people enable` on the city's own machine"):
        enable(cast, "oscar", now)
    assert getattr(enable(cast, "oscar", now, actor=PLATFORM).as_actor(), office)


def test_what_a_disabled_account_sent_invites_nobody(cast: Any, now: datetime) -> None:
    make_person("oscar", is_operator=True)
    oscar = Person.objects.get(username="oscar").as_actor()
    secrets = [
        invite("x", organisation="n-firm", role=Role.OWNER, actor=cast.alice, now=now, idempotency_key="i").secret,
        invite("y", actor=oscar, now=now, idempotency_key="j").secret,
        invite("z", actor=oscar, now=now, idempotency_key="k").secret,
    ]
    disable(cast, "alice", now)
    disable(cast, "oscar", now, "d2", actor=PLATFORM)
    Person.objects.filter(username="olive").update(is_active=True)
    for number, secret in enumerate(secrets[:2]):
        with pytest.raises(NotFound):
            accept_as_new(secret, f"thief-{number}", "long enough 1", consents=["account"], actor=VISITOR, now=now)
    enable(cast, "oscar", now, actor=PLATFORM)
    Person.objects.filter(username="oscar").update(is_operator=False)  # enabled again, and dismissed
    with pytest.raises(NotFound):
        accept_as_new(secrets[2], "thief-2", "long enough 1", consents=["account"], actor=VISITOR, now=now)
    assert not Person.objects.filter(username__startswith="thief").exists()


def test_an_owner_who_is_disabled_is_none(cast: Any, now: datetime) -> None:
    make_person("mia", cast.firm, Role.MEMBER)
    change_role("n-firm", "mia", Role.OWNER, actor=cast.alice, now=now, idempotency_key="c")
    disable(cast, "mia", now)
    assert has_owner(cast.firm)
    with pytest.raises(Conflict, match="last owner"):
        end_mandate("n-firm", "alice", because="", actor=cast.alice, now=now, idempotency_key="m")
    disable(cast, "alice", now, "d2")
    assert not has_owner(cast.firm)
    enable(cast, "mia", now)
    end_mandate("n-firm", "alice", because="", actor=cast.olive, now=now, idempotency_key="m2")
