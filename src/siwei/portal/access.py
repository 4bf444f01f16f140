"""Who is asking. Every page and every API call takes its actor from here and reads through `visible_to(actor)`."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import django_auth

from siwei.errors import NotAllowed
from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.models import Scope
from siwei.exchange.people.keys import read_access_key
from siwei.portal.sign_in import confirmation_of

BEARER = "Bearer "
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person's actor, worked out once per request, or `VISITOR`; on the API the access key's, where one
    is sent. `SignInNeeded` for a key that is not valid: what is public is not quietly shown in its place."""
    actor: Actor | None = getattr(request, "_siwei_actor", None)
    if actor is None:
        authorization = request.headers.get("Authorization", "")
        if request.path.startswith("/api/") and authorization.startswith(BEARER):
            actor = _actor_by_key(authorization.removeprefix(BEARER).strip())
        else:
            actor = _actor_by_session(request)
        request._siwei_actor = actor  # type: ignore[attr-defined]
    return actor


def authenticate(request: HttpRequest) -> Any:
    """Of every call of the API. Reading is open (what is shown depends on who asks); anything else needs an access key
    (`Authorization: Bearer siwei_…`), or the session with its CSRF token (`X-CSRFToken`)."""
    if request.method in SAFE_METHODS or request.headers.get("Authorization", "").startswith(BEARER):
        return actor_of(request)
    return django_auth(request)


def _actor_by_session(request: HttpRequest) -> Actor:
    if not request.user.is_authenticated:
        return VISITOR
    actor = request.user.as_actor()
    # Reading asks for no second factor, and should not pay for the question.
    return actor if request.method in SAFE_METHODS else replace(actor, confirmation=confirmation_of(request))


def _actor_by_key(text: str) -> Actor:
    holder = read_access_key(text, timezone.now())
    if Scope.CALL in holder.key.scopes:
        raise NotAllowed(
            "this access key only calls services → make one with the scope read",
            "该访问密钥只用于调用服务 → 请创建有 read 权限的密钥",
        )
    return holder.actor


def can_see_private(actor: Actor, organisation_id: int) -> bool:
    """An organisation's own people, the operator and the auditor see more than its public facts."""
    return actor.sees_all or actor.represents(organisation_id)


def require_private(actor: Actor, organisation_id: int) -> None:
    if not can_see_private(actor, organisation_id):
        raise NotAllowed(
            "only the organisation's own people, the operator and the auditor may see this",
            "只有该机构自己的人、运营方和审计可以查看",
        )


def require_operator(actor: Actor) -> None:
    if not actor.sees_all:
        raise NotAllowed("only the operator and the auditor may see this", "只有运营方和审计可以查看")
