"""Taking away a second factor: one's own, or by the operator, with the reason, that of somebody who lost it. What was
opened with it ends with it: other sessions, and access keys with money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require, require_confirmation
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Person
from siwei.exchange.people.disabling import end_sessions, represented_by
from siwei.exchange.people.keys import end_money_keys
from siwei.exchange.people.mandates import is_same_person


@action
def remove_second_factor(username: str, *, because: str, actor: Actor, now: datetime, idempotency_key: str) -> Person:
    """The authenticator app and its recovery codes go, with all sessions of the person and their keys with money:
    whoever has the lost telephone may be signed in on it. The password stays, and acts with money wait for another
    factor. The people of the organisations concerned see in their audit log that it was done, and why. The same key
    again takes no factor away that was set up since."""
    require(can_operate(actor), actor, Said("remove anybody's second factor", "移除他人的第二重验证"))
    require_confirmation(actor, Said("remove anybody's second factor", "移除他人的第二重验证"))
    person = _locked(username, actor)
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
    end_sessions(person)
    keys = end_money_keys(person, actor, now)
    record_event(
        "remove_second_factor", idempotency_key, {"person": username}, subject=f"person:{username}", actor=actor,
        now=now, organisations=represented_by(person),
        payload={"person": username, "because": because.strip()[:1_000], "kinds": kinds, "keys": len(keys)},
    )  # fmt: skip
    return person


def _locked(username: str, actor: Actor) -> Person | None:
    """Making a key locks the person too (`lock_active`): one with money that is made at this moment is there before us,
    and ends. With who acts, in one order: two operators who do it to each other would each wait for the other's row."""
    rows = Person.objects.select_for_update().filter(Q(username=username) | Q(pk=actor.person_id)).order_by("pk")
    return next((each for each in rows if each.username == username), None)


def own_factor_removed(*, request: HttpRequest, user: Person, **_signal: object) -> None:
    """After a person took their own factor away: every other session of theirs ends, this one goes on."""
    if is_mfa_enabled(user):
        return
    with transaction.atomic():
        Person.objects.select_for_update().get(pk=user.pk)
        end_sessions(user, keep=request.session.session_key or "")
        end_money_keys(user, user.as_actor(), timezone.now())
    # What this session showed was the factor that is gone.
    shown = [each for each in get_authentication_records(request, user) if each.get("method") != "mfa"]
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = shown
    request.session.cycle_key()


def while_signed_in(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For what sets up, changes or takes away a way in by one's own session: whoever ends that session at this moment
    waits until it is done, and ends what it made; or was first, and then a session that is gone makes nothing, nor
    lives on under a new number."""

    @wraps(view)
    def run(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method != "POST" or not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        with transaction.atomic():
            person = Person.objects.select_for_update().get(pk=request.user.pk)
            if person.is_active and request.session.exists(request.session.session_key or ""):
                return view(request, *args, **kwargs)
        logout(request)
        return redirect_to_login(request.get_full_path())

    return run
