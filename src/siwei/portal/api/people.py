"""People and their rights: access keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from siwei.exchange.keys import LONGEST, create_access_key, revoke_access_key
from siwei.exchange.models import AccessKey
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, own_key
from siwei.portal.api.people_schemas import Key, MadeKey

router = Router()


class NewKey(Schema):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Literal["read", "write", "money", "call"]], Field(min_length=1, max_length=4)]
    days: Annotated[int, Field(ge=1, le=LONGEST.days, description="Until it ends")]
    organisation: Annotated[str | None, Field(max_length=64)] = None
    project: Annotated[str, Field(max_length=80)] = ""
    idempotency_key: IdempotencyKey


@router.get("/keys", response=answers(list[Key]))
def list_keys(request: HttpRequest) -> Any:
    """Access keys one may see: one's own, and those of organisations whose people or money one manages. Never the key
    itself."""
    keys = AccessKey.objects.visible_to(actor_of(request)).select_related("organisation", "person")
    return [_row(key) for key in keys.order_by("-created_at", "-pk")[:1000]]


@router.post("/keys", response=answers(MadeKey))
def make_key(request: HttpRequest, new: NewKey) -> Any:
    """Make an access key; `secret` is shown in this answer only. By the session alone (keys make no keys), and one that
    can spend only right after a second factor. The same `idempotency_key` again is refused (409)."""
    actor, now = actor_of(request), timezone.now()
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
