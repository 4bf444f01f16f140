"""Access keys: what they let a program do, and that nobody can read or guess one."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from exchange_cast import make_person

from siwei.errors import ConfirmationNeeded, Conflict, InputError, NotAllowed, NotFound, SignInNeeded
from siwei.exchange.actors import Actor, Confirmation, Role
from siwei.exchange.calls.model_keys import create_model_key
from siwei.exchange.models import AccessKey, Event, Person, Representative
from siwei.exchange.people.keys import MadeKey, create_access_key, read_access_key, revoke_access_key
from siwei.exchange.trading import agreements

YEAR = timedelta(days=365)


def make(cast: Any, now: datetime, *scopes: str, actor: Actor | None = None, **changes: Any) -> MadeKey:
    values: dict[str, Any] = {"expires_at": now + YEAR, "actor": actor or cast.alice, "now": now}
    values["idempotency_key"] = f"key-{AccessKey.objects.count()}"
    return create_access_key("nightly export", scopes, **values | changes)


def make_calling(cast: Any, now: datetime, actor: Actor) -> MadeKey:
    return create_model_key(
        "n-firm", "vision", "calls", expires_at=now + YEAR, actor=actor, now=now, idempotency_key="calls"
    )


def test_a_key_lets_its_person_in_within_its_scopes(cast: Any, now: datetime) -> None:
    def acts(*scopes: str) -> tuple[bool, Confirmation, Any]:
        actor = read_access_key(make(cast, now, *scopes).secret, now).actor
        return actor.may_write, actor.confirmation, actor.roles

    roles = {cast.firm.pk: Role.OWNER}
    assert acts("read") == (False, Confirmation.NOT_GRANTED, roles)
    assert acts("write") == (True, Confirmation.NOT_GRANTED, roles)
    assert acts("money") == (True, Confirmation.GIVEN, roles)


def test_money_asks_for_the_scope(cast: Any, now: datetime) -> None:
    plain, granted = (read_access_key(make(cast, now, scope).secret, now).actor for scope in ("write", "money"))
    with pytest.raises(ConfirmationNeeded, match="scope money"):
        agreements.declare_budget("n-firm", 5, actor=plain, now=now, idempotency_key="b")
    assert agreements.declare_budget("n-firm", 5, actor=granted, now=now, idempotency_key="b").floor == -5


@pytest.mark.parametrize("missing", [Confirmation.NO_FACTOR, Confirmation.STALE])
def test_a_key_that_spends_is_made_with_a_second_factor(cast: Any, now: datetime, missing: Confirmation) -> None:
    actor = dataclasses.replace(cast.alice, confirmation=missing)
    with pytest.raises(ConfirmationNeeded):
        make(cast, now, "money", actor=actor)
    with pytest.raises(ConfirmationNeeded):
        make_calling(cast, now, actor)
    assert make(cast, now, "write", actor=actor).key.scopes == ["write"]


def test_a_key_that_calls_is_made_by_those_who_commit_money(cast: Any, now: datetime) -> None:
    member = make_person("mia", cast.firm, Role.MEMBER).as_actor()
    with pytest.raises(NotAllowed):
        make_calling(cast, now, member)
    made = make_calling(cast, now, cast.alice)
    holder = read_access_key(made.secret, now)
    assert (holder.key.project, holder.actor.reads_only, holder.actor.name) == ("vision", True, "alice")


def test_a_key_that_calls_is_never_made_without_its_limits(cast: Any, now: datetime) -> None:
    for scopes in (("call",), ("call", "read")):
        with pytest.raises(InputError, match="model key"):
            make(cast, now, *scopes, organisation="n-firm")
    assert AccessKey.objects.count() == 0


def test_a_key_of_one_organisation_acts_for_it_alone(cast: Any, now: datetime) -> None:
    person = Person.objects.get(username="alice")
    Representative.objects.create(person=person, organisation=cast.outsider, role=Role.OWNER, approved_at=now)
    both = person.as_actor()
    narrow, wide = (make(cast, now, "write", actor=both, organisation=one) for one in ("n-firm", None))
    assert read_access_key(narrow.secret, now).actor.organisation_ids == {cast.firm.pk}
    assert read_access_key(wide.secret, now).actor.organisation_ids == {cast.firm.pk, cast.outsider.pk}


def test_a_key_for_others_organisation_is_refused(cast: Any, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        make(cast, now, "read", organisation="n-centre")


def test_an_operators_key_for_an_organisation_operates_nothing(cast: Any, now: datetime) -> None:
    person = Person.objects.get(username="olive")
    Representative.objects.create(person=person, organisation=cast.firm, role=Role.MEMBER, approved_at=now)
    made = make(cast, now, "write", actor=person.as_actor(), organisation="n-firm")
    assert not read_access_key(made.secret, now).actor.is_operator
    assert read_access_key(make(cast, now, "write", actor=cast.olive).secret, now).actor.is_operator


def test_a_mandate_that_ends_takes_the_keys_right_with_it(cast: Any, now: datetime) -> None:
    made = make(cast, now, "write")
    Representative.objects.filter(person_id=cast.alice.person_id).update(approved_at=None)
    assert read_access_key(made.secret, now).actor.roles == {}


def test_wrong_keys_all_hear_the_same(cast: Any, now: datetime) -> None:
    good, gone, late = make(cast, now, "read"), make(cast, now, "read"), make(cast, now, "read")
    revoke_access_key(gone.key.identifier, actor=cast.alice, now=now)
    AccessKey.objects.filter(pk=late.key.pk).update(expires_at=now + timedelta(seconds=1))
    wrong = [
        gone.secret,
        late.secret,
        good.secret[:-1] + ("A" if good.secret[-1] != "A" else "B"),
        good.secret + "x",
        good.secret.replace(good.key.identifier, "0" * 12),
        f"siwei_{good.key.identifier}_",
        "",
        "siwei",
        "钥匙" * 200,
    ]
    told = set()
    for text in wrong:
        with pytest.raises(SignInNeeded) as refused:
            read_access_key(text, now + timedelta(seconds=2))
        told.add(str(refused.value))
    assert len(told) == 1
    Person.objects.filter(username="alice").update(is_active=False)
    with pytest.raises(SignInNeeded):
        read_access_key(good.secret, now)


def test_the_secret_is_kept_nowhere(cast: Any, now: datetime) -> None:
    made = make(cast, now, "read")
    secret = made.secret.rpartition(f"{made.key.identifier}_")[2]
    kept = [*AccessKey.objects.values_list(), *Event.objects.values_list()]
    assert (len(secret), secret in str(kept), secret in repr(made)) == (43, False, False)


def test_making_again_is_refused_and_revoking_again_is_not(cast: Any, now: datetime) -> None:
    made = make(cast, now, "read", idempotency_key="once")
    with pytest.raises(Conflict, match="shown then"):
        make(cast, now, "read", idempotency_key="once")
    for _ in range(2):
        assert revoke_access_key(made.key.identifier, actor=cast.alice, now=now).revoked_at == now
    assert list(Event.objects.values_list("action", flat=True)) == ["create_access_key", "revoke_access_key"]


def test_who_sees_and_revokes_a_key(cast: Any, now: datetime) -> None:
    member = make_person("mia", cast.firm, Role.MEMBER).as_actor()
    manager = make_person("max", cast.firm, Role.MANAGER).as_actor()
    made = make(cast, now, "read", actor=cast.alice, organisation="n-firm")
    own = make(cast, now, "read", actor=member)
    seen = {
        actor.name: set(AccessKey.objects.visible_to(actor))
        for actor in (cast.alice, member, manager, cast.bob, cast.charlie, cast.olive, cast.ann, Actor())
    }
    both = {made.key, own.key}
    assert seen == {
        "alice": {made.key},
        "mia": {own.key},
        "max": {made.key},
        "bob": set(),
        "charlie": set(),
        "olive": both,
        "ann": both,
        "visitor": set(),
    }
    for actor in (member, cast.charlie, cast.bob):
        with pytest.raises(NotFound):
            revoke_access_key(made.key.identifier, actor=actor, now=now)
    assert revoke_access_key(made.key.identifier, actor=manager, now=now).revoked_at


def test_when_it_was_last_used_is_known_to_the_minute(cast: Any, now: datetime) -> None:
    made = make(cast, now, "read")
    for seconds, writes in ((0, 1), (30, 0), (61, 1)):
        # One that changes nothing would still wait for every writer (SQLite).
        with CaptureQueriesContext(connection) as asked:
            read_access_key(made.secret, now + timedelta(seconds=seconds))
        assert sum(each["sql"].startswith("UPDATE") for each in asked.captured_queries) == writes
    assert AccessKey.objects.get().last_used_at == now + timedelta(seconds=61)


def test_a_key_makes_no_key(cast: Any, now: datetime) -> None:
    by_key = read_access_key(make(cast, now, "money").secret, now).actor
    with pytest.raises(NotAllowed, match="sign in"):
        make(cast, now, "read", actor=by_key)


def test_all_that_is_wrong_is_said_at_once(cast: Any, now: datetime) -> None:
    with pytest.raises(InputError) as refused:
        create_access_key(
            " ",
            ["fly"],
            expires_at=now,
            project="x",
            actor=cast.alice,
            now=now,
            idempotency_key="k",
        )
    assert [each.field for each in refused.value.problems] == ["name", "scopes", "organisation", "expires_at"]
