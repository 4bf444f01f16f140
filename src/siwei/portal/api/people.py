"""People, their rights and what they did: access keys, events."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from siwei.errors import InputError, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.calls.model_keys import MOST_FEN, MOST_KEPT_DAYS, MOST_PER_MINUTE, KeyLimits, create_model_key
from siwei.exchange.models import AccessKey, Organisation
from siwei.exchange.people.keys import LONGEST, create_access_key, revoke_access_key
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, Text, answers, own_key
from siwei.portal.api.people_schemas import DonePage, Key, MadeKey
from siwei.portal.queries.events import Narrowing, events_of, narrowed
from siwei.portal.queries.key_pages import key_page

router = Router()


class CallLimits(Schema):
    """What a key with the scope `call` may do. Empty lists: whatever the organisation's agreements allow. Caps are fen:
    in all, on the city's day, in its month; left out, there is none but what the agreements hold."""

    models: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=120)], ...], Field(max_length=100)] = ()
    endpoints: Annotated[tuple[Literal["chat", "completions", "embeddings"], ...], Field(max_length=3)] = ()
    requests_per_minute: Annotated[int | None, Field(ge=1, le=MOST_PER_MINUTE)] = None
    tokens_per_minute: Annotated[int | None, Field(ge=1, le=MOST_PER_MINUTE)] = None
    cap_fen: Annotated[int | None, Field(ge=0, le=MOST_FEN)] = None
    day_cap_fen: Annotated[int | None, Field(ge=0, le=MOST_FEN)] = None
    month_cap_fen: Annotated[int | None, Field(ge=0, le=MOST_FEN)] = None
    keeps_days: Annotated[int, Field(ge=0, le=MOST_KEPT_DAYS, description="Requests and answers kept; 0: none")] = 0

    def limits(self) -> KeyLimits:
        given = self.model_dump(include=set(KeyLimits.__slots__))
        return KeyLimits(**given | {"models": tuple(self.models), "endpoints": tuple(self.endpoints)})


class NewKey(Schema):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Literal["read", "write", "money", "call"]], Field(min_length=1, max_length=4)]
    days: Annotated[int, Field(ge=1, le=LONGEST.days, description="Until it ends")]
    organisation: Annotated[str | None, Field(max_length=64)] = None
    project: Annotated[str, Field(max_length=80)] = ""
    limits: Annotated[CallLimits | None, Field(description="Only with the scope `call`")] = None
    idempotency_key: IdempotencyKey


@router.get("/events", response=answers(DonePage))
def list_events(
    request: HttpRequest,
    action: Text = "",
    subject: Annotated[str, Query(max_length=240)] = "",
    by: Annotated[str, Query(max_length=150)] = "",
    organisation: Text = "",
    since: Annotated[date | None, Query(alias="from")] = None,
    until: Annotated[date | None, Query(alias="to")] = None,
    before: Text = "",
    after: Text = "",
) -> Any:
    """Who did what in the name of one's own organisations, or to them, newest first; all of it for the operator and the
    auditor. `subject` is what it was done to, as in `agreement:KEY`; `by` a user name; `organisation` a key, code or
    name; `from` and `to` days of the city, both included. `older` and `newer` of an answer are given as `before` and
    `after` for the next page."""
    actor = actor_of(request)
    wanted = Narrowing(action, subject, by, organisation, since, until)
    own = Organisation.objects.all() if actor.sees_all else Organisation.objects.filter(pk__in=actor.organisation_ids)
    found = narrowed(events_of(actor), wanted, actor)
    shown = found.prefetch_related(Prefetch("organisations", queryset=own.order_by("key")))
    page = key_page(shown, before=before, after=after)
    items = [
        {
            "at": each.at,
            "action": each.action,
            "subject": each.subject,
            "by": each.actor_name,
            "organisations": [organisation.key for organisation in each.organisations.all()],
            "said": each.payload,
        }
        for each in page.rows
    ]
    return {"items": items, "newer": page.newer or None, "older": page.older or None}


@router.get("/keys", response=answers(list[Key]))
def list_keys(request: HttpRequest) -> Any:
    """Access keys one may see: one's own, and those of organisations whose people or money one manages. Never the key
    itself."""
    keys = AccessKey.objects.visible_to(actor_of(request)).select_related("organisation", "person")
    return [_row(key) for key in keys.order_by("-created_at", "-pk")[:1000]]


@router.post("/keys", response=answers(MadeKey))
def make_key(request: HttpRequest, new: NewKey) -> Any:
    """Make an access key; `secret` is shown in this answer only. By the session alone (keys make no keys), and one that
    can spend only right after a second factor. A key with the scope `call` has no other, is for an organisation, and
    has `limits`. The same `idempotency_key` again is refused (409)."""
    actor, now = actor_of(request), timezone.now()
    if "call" in new.scopes:
        return _make_model_key(new, actor, now)
    if new.limits is not None:
        raise InputError(
            [
                Problem(
                    Said("limits are of keys that call", "限额只用于调用服务的密钥"),
                    Said("take the scope call, or no limits", "请加 call 权限，或不设限额"),
                    field="limits",
                )
            ]
        )
    made = create_access_key(
        new.name,
        new.scopes,
        expires_at=now + timedelta(days=new.days),
        organisation=new.organisation,
        project=new.project,
        actor=actor,
        now=now,
        idempotency_key=own_key(actor, new.idempotency_key),
    )
    return {"key": _row(made.key), "secret": made.secret}


def _make_model_key(new: NewKey, actor: Actor, now: datetime) -> dict[str, Any]:
    if new.scopes != ["call"] or new.organisation is None:
        fix = Said("name an organisation, and no other scope", "请指定机构，不加其他权限")
        raise InputError(
            [
                Problem(
                    Said(
                        "a key that calls services does only that, for one organisation",
                        "调用服务的密钥只作此用，且只为一个机构",
                    ),
                    fix,
                    field="scopes",
                )
            ]
        )
    made = create_model_key(
        new.organisation, new.project, new.name, expires_at=now + timedelta(days=new.days), actor=actor, now=now,
        idempotency_key=own_key(actor, new.idempotency_key), limits=(new.limits or CallLimits()).limits(),
    )  # fmt: skip
    return {"key": _row(made.key), "secret": made.secret}


@router.post("/keys/{identifier}/revocation", response=answers(Key))
def revoke_key(request: HttpRequest, identifier: str) -> Any:
    """Revoke a key for good. For whoever made it, who manages the organisation's people or money, and the operator."""
    return _row(revoke_access_key(identifier, actor=actor_of(request), now=timezone.now()))


def _row(key: AccessKey) -> dict[str, Any]:
    return {
        "identifier": key.identifier,
        "name": key.name,
        "person": key.person.username,
        "organisation": key.organisation.key if key.organisation else None,
        "project": key.project,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
