"""Taking away the second factor of somebody who lost it: by the operator, with the reason, never for oneself."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.models import Authenticator

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require, require_confirmation
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.mandates import is_same_person
from siwei.exchange.models import Organisation, Person


@action
def remove_second_factor(username: str, *, because: str, actor: Actor, now: datetime, idempotency_key: str) -> Person:
    """The authenticator app and its recovery codes go; the password stays, and acts with money wait for another factor.
    The people of the organisations concerned see in their audit log that it was done, and why. The same key again
    takes no factor away that was set up since."""
    require(can_operate(actor), actor, Said("remove anybody's second factor", "移除他人的第二重验证"))
    require_confirmation(actor, Said("remove anybody's second factor", "移除他人的第二重验证"))
    person = Person.objects.filter(username=username).first()
    if person is None:
        raise NotFound(f"nobody is called {username!r} here", f"这里没有名为 {username!r} 的人")
    if is_same_person(person.pk, actor.person_id):
        raise Conflict(
            "this is your own second factor → another operator removes it",
            "这是您自己的第二重验证 → 由另一位运营人员移除",
        )
    if not because.strip():
        raise InputError(
            [
                Problem(
                    Said("this needs its reason", "须说明理由"),
                    Said("one sentence: how you know who asked", "一句话：您如何确认申请人是谁"),
                    field="because",
                )
            ]
        )
    if repeated("remove_second_factor", idempotency_key, {"person": username}):
        return person
    factors = Authenticator.objects.select_for_update().filter(user=person)
    kinds = sorted({each.type for each in factors})
    if not kinds:
        raise Conflict(f"{username} has no second factor", f"{username} 没有第二重验证")
    factors.delete()
    represented = Organisation.objects.filter(
        representatives__person=person, representatives__approved_at__isnull=False
    )
    record_event(
        "remove_second_factor", idempotency_key, {"person": username}, subject=f"person:{username}", actor=actor,
        now=now, organisations=list(represented.distinct()),
        payload={"person": username, "because": because.strip()[:1_000], "kinds": kinds},
    )  # fmt: skip
    return person
