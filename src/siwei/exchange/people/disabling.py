"""Disabling an account, and enabling it again: by the city's operator, with the reason. What lets the person in ends at
once (sessions, access keys, keys that call models); what they signed, approved and promised stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem, Said, chinese_of
from siwei.exchange.access import can_operate, require, require_confirmation
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Organisation, Person
from siwei.exchange.people.keys import end_keys
from siwei.exchange.people.mandates import is_same_person
from siwei.exchange.people.offices import offices_of

DISABLING = Said("disable anybody's account", "停用他人的账号")
ENABLING = Said("enable anybody's account", "恢复他人的账号")


@action
def disable_account(username: str, *, because: str, actor: Actor, now: datetime, idempotency_key: str) -> Person:
    """Nobody is let in by it from the next request on, and its keys end for good; calls and jobs under way are finished
    and paid. Never one's own, never the last operator's; whoever holds an office is disabled on the city's own machine
    alone. The people of the organisations concerned see in their audit log that it was done, and why; so does the
    person, once enabled again. The same key again changes nothing more."""
    person = _person(username, because, actor, DISABLING)
    if repeated("disable_account", idempotency_key, {"person": username}):
        return person
    if is_same_person(person.pk, actor.person_id):
        raise Conflict(
            "this is your own account → another operator disables it", "这是您自己的账号 → 由另一位运营人员停用"
        )
    _require_machine_for_offices(person, actor, Said("disable", "停用"))
    _keep_an_operator(person)
    if not Person.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        raise Conflict(f"{username} is disabled already", f"{username} 已停用")
    end_sessions(person)
    keys = end_keys(person, actor, now, because="account disabled")
    _record(
        "disable_account", idempotency_key, person, actor, now, {"because": because.strip()[:1_000], "keys": len(keys)}
    )
    person.refresh_from_db()
    return person


@action
def enable_account(username: str, *, because: str, actor: Actor, now: datetime, idempotency_key: str) -> Person:
    """The person signs in again with their password and second factor, in the roles they have; keys they make anew.
    Never one's own, under whichever name; whoever holds an office is enabled on the city's own machine, as offices are
    given there. The same key again changes nothing more."""
    person = _person(username, because, actor, ENABLING)
    if repeated("enable_account", idempotency_key, {"person": username}):
        return person
    if is_same_person(person.pk, actor.person_id):
        raise Conflict(
            "this is your own account → another operator enables it", "这是您自己的账号 → 由另一位运营人员恢复"
        )
    _require_machine_for_offices(person, actor, Said("enable", "恢复"))
    if not Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        raise Conflict(f"{username} is not disabled", f"{username} 未停用")
    # What was made or opened in the moment of disabling, or written past us since, does not come back either.
    end_sessions(person)
    end_keys(person, actor, now, because="account enabled")
    _record("enable_account", idempotency_key, person, actor, now, {"because": because.strip()[:1_000]})
    person.refresh_from_db()
    return person


def end_sessions(person: Person, keep: str = "") -> None:
    """Sign a person out everywhere, but for the session `keep`. Sessions are not filed by person: all that have not run
    out are read, which only rare acts do."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != keep and session.get_decoded().get(SESSION_KEY) == str(person.pk):
            session.delete()


def represented_by(person: Person) -> Iterable[Organisation]:
    """The organisations that a person acts for."""
    standing = {"representatives__person": person, "representatives__approved_at__isnull": False}
    return Organisation.objects.filter(**standing).distinct().order_by("key")


def _person(username: str, because: str, actor: Actor, what: Said) -> Person:
    require(can_operate(actor), actor, what)
    require_confirmation(actor, what)
    # In one order: two operators who disable each other at once wait here for one another, and the second finds itself
    # disabled. Giving an office locks too.
    operators = Q(is_operator=True, is_active=True)
    locked = list(Person.objects.select_for_update().filter(operators | Q(username=username)).order_by("pk"))
    person = next((each for each in locked if each.username == username), None)
    standing = {each.pk for each in locked if each.is_operator and each.is_active}
    if actor.person_id is not None and actor.person_id not in standing:
        raise Conflict(f"{actor.name} is disabled, or no operator any more", f"{actor.name} 已停用，或已不是运营人员")
    if person is None:
        raise NotFound(f"nobody is called {username!r} here", f"这里没有名为 {username!r} 的人")
    if not because.strip():
        raise InputError(
            [
                Problem(
                    Said("this needs its reason", "须说明理由"),
                    Said("one sentence, which the person and their organisations read", "一句话，本人及其机构可见"),
                    field="because",
                )
            ]
        )
    return person


def _require_machine_for_offices(person: Person, actor: Actor, what: Said) -> None:
    """Or one operator alone, or a session stolen from one, would shut out whoever audits them or would stop them."""
    if actor.person_id is not None and offices_of(person):
        raise NotAllowed(
            f"{person.username} holds an office of the city → `siwei people {what}` on the city's own machine",
            f"{person.username} 担任本市职务 → 请在本市的服务器上用 `siwei people {what}` {chinese_of(what)}",
        )


def _keep_an_operator(person: Person) -> None:
    """`_person` has locked them."""
    standing = set(Person.objects.filter(is_operator=True, is_active=True).values_list("pk", flat=True))
    if standing == {person.pk}:
        raise Conflict(
            "this is the city's last operator → register another first", "这是最后一位运营人员 → 请先登记另一位"
        )


def _record(name: str, key: str, person: Person, actor: Actor, now: datetime, payload: dict[str, object]) -> None:
    record_event(
        name, key, {"person": person.username}, subject=f"person:{person.username}", actor=actor, now=now,
        organisations=represented_by(person), payload={"person": person.username, **payload},
    )  # fmt: skip
