"""Who is asking. Every page and every API call takes its actor from here and reads through `visible_to(actor)`."""

from django.http import HttpRequest

from siwei.errors import NotAllowed
from siwei.exchange.actors import VISITOR, Actor


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person's actor, worked out once per request, or `VISITOR`."""
    actor: Actor | None = getattr(request, "_siwei_actor", None)
    if actor is None:
        user = request.user
        actor = user.as_actor() if user.is_authenticated else VISITOR
        request._siwei_actor = actor  # type: ignore[attr-defined]
    return actor


def can_see_private(actor: Actor, organisation_id: int) -> bool:
    """An organisation's own people, the operator and the auditor see more than its public facts."""
    return actor.sees_all or actor.represents(organisation_id)


def require_private(actor: Actor, organisation_id: int) -> None:
    if not can_see_private(actor, organisation_id):
        raise NotAllowed("only the organisation's own people, the operator and the auditor may see this")


def require_operator(actor: Actor) -> None:
    if not actor.sees_all:
        raise NotAllowed("only the operator and the auditor may see this")
