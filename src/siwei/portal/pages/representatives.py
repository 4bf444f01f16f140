"""Who represents an organisation, and who is invited to: roles, mandates, invitations, and the page of a link."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem
from siwei.exchange.actors import TREASURERS, VISITOR, Actor, Role
from siwei.exchange.models import Invitation, Organisation
from siwei.exchange.people.invitations import (
    SHAPE,
    InvitationState,
    MadeInvitation,
    accept_as_new,
    accept_as_self,
    find_invitation,
    invite,
    revoke_invitation,
    state_of,
)
from siwei.exchange.people.mandates import change_role, end_mandate
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import asks_second_factor
from siwei.portal.faults import status_of
from siwei.portal.languages import problems_of, words_of
from siwei.portal.queries import people as queries
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.returning import only_post
from siwei.portal.words_of_people import told


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def people_page(request: HttpRequest, key: str) -> HttpResponse:
    """For its own people, the operator and the auditor; each act asks the services who may."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    if request.method != "POST":
        return people_response(request, organisation, actor)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise NotFound("this form is not known here", "这里没有这样的表单")
    try:
        return act(request, organisation, actor)
    except InputError as error:
        return people_response(request, organisation, actor, problems=problems_of(error), status=400)


def give_role(request: HttpRequest, organisation: Organisation, actor: Actor) -> HttpResponse:
    username = request.POST.get("username", "")
    role = role_typed(request)
    change_role(organisation.key, username, role, actor=actor, now=timezone.now(), idempotency_key=_key(request, actor))
    messages.success(request, _("The role is changed."))
    return redirect("people", key=organisation.key)


def end(request: HttpRequest, organisation: Organisation, actor: Actor) -> HttpResponse:
    mandate = end_mandate(
        organisation.key, request.POST.get("username", ""), because=request.POST.get("because", ""), actor=actor,
        now=timezone.now(), idempotency_key=_key(request, actor),
    )  # fmt: skip
    if mandate.person_id == actor.person_id:
        messages.success(request, _("You represent %(name)s no more.") % {"name": organisation.name})
        return redirect("desk")
    messages.success(request, _("The mandate is ended. What was signed by it stays signed."))
    return redirect("people", key=organisation.key)


def send(request: HttpRequest, organisation: Organisation, actor: Actor) -> HttpResponse:
    """The link is in this answer and nowhere else, so the answer is a page and no redirect."""
    made = invite(
        request.POST.get("invitee", ""), organisation=organisation.key, role=role_typed(request), actor=actor,
        now=timezone.now(), idempotency_key=_key(request, actor),
    )  # fmt: skip
    return people_response(request, organisation, actor, made=made)


def take_back(request: HttpRequest, organisation: Organisation, actor: Actor) -> HttpResponse:
    revoke_invitation(request.POST.get("identifier", ""), actor=actor, now=timezone.now())
    messages.success(request, _("The invitation is taken back: its link opens nothing now."))
    return redirect("people", key=organisation.key)


ACTS: dict[str, Callable[[HttpRequest, Organisation, Actor], HttpResponse]] = {
    "role": give_role, "end": end, "invite": send, "revoke": take_back
}  # fmt: skip


def role_typed(request: HttpRequest) -> Role:
    typed = request.POST.get("role", "")
    if typed not in Role:
        raise InputError([Problem(_("there is no such role"), _("choose one"), field="role")])
    return Role(typed)


def _key(request: HttpRequest, actor: Actor) -> str:
    return own_key(actor, request.POST.get("token", ""))


def people_response(
    request: HttpRequest,
    organisation: Organisation,
    actor: Actor,
    *,
    made: MadeInvitation | None = None,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> HttpResponse:
    lines = queries.people_lines(organisation, actor)
    grantable = queries.grantable_roles(actor, organisation.pk)
    context = {
        "organisation": organisation,
        "lines": lines,
        "grantable": grantable,
        "shows_invitations": bool(grantable) or actor.sees_all,
        "asks_second_factor": asks_second_factor() and any(each in TREASURERS for each in grantable),
        "generated": organisation.is_generated,
        **_invitation_context(request, actor, organisation, made, problems),
    }
    return render(request, "portal/people/representatives.html", context, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitations_page(request: HttpRequest) -> HttpResponse:
    """Invitations of organisations whose people one manages. The operator's: all of them, and people invited to the
    city, who then claim an organisation."""
    actor = actor_of(request)
    made: MadeInvitation | None = None
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        act, now = request.POST.get("act", ""), timezone.now()
        if act == "revoke":
            revoke_invitation(request.POST.get("identifier", ""), actor=actor, now=now)
            messages.success(request, _("The invitation is taken back: its link opens nothing now."))
            return redirect("invitations")
        if act != "invite":
            raise NotFound("this form is not known here", "这里没有这样的表单")
        try:
            typed = request.POST.get("invitee", "")
            made = invite(typed, actor=actor, now=now, idempotency_key=_key(request, actor))
        except InputError as error:
            problems = problems_of(error)
    context = {
        "may_invite": actor.is_operator and actor.may_write,
        **_invitation_context(request, actor, None, made, problems),
    }
    return render(request, "portal/people/invitations.html", context, status=400 if problems else 200)


def _invitation_context(
    request: HttpRequest,
    actor: Actor,
    organisation: Organisation | None,
    made: MadeInvitation | None,
    problems: tuple[Problem, ...],
) -> dict[str, Any]:
    link = request.build_absolute_uri(reverse("invitation", args=[made.secret])) if made else ""
    return {
        "invitations": queries.invitation_lines(actor, organisation, timezone.now()),
        "link": link,
        "made": made.invitation if made else None,
        "problems": told(problems),
        "typed": request.POST if problems else {},
        "token": uuid.uuid4().hex,
    }


@never_cache
@require_safe
def invitation_page(request: HttpRequest, secret: str) -> HttpResponse:
    """Who invites whom to what, for whoever holds the link; what became of it, where it is over."""
    return link_response(request, secret)


@only_post("home")
@never_cache
def take_invitation(request: HttpRequest) -> HttpResponse:
    """Accept, as oneself or with a new account. The link's secret is sent, so that no address of a refusal is logged
    with it."""
    actor, form, now = actor_of(request), request.POST, timezone.now()
    secret, act = form.get("secret", ""), form.get("act", "")
    if act not in ("accept", "account") or not SHAPE.fullmatch(secret):
        raise NotFound("this form is not known here", "这里没有这样的表单")
    request.shown_at = reverse("invitation", args=[secret])  # type: ignore[attr-defined]
    if act == "accept" and actor.person_id is None:
        return redirect_to_login(reverse("invitation", args=[secret]))
    try:
        if act == "accept":
            found = find_invitation(secret)
            if found.accepted_by_id != actor.person_id:
                accept_as_self(secret, actor=actor, now=now)
            messages.success(request, _("The invitation is accepted."))
            return redirect(_place_of(found))
        made = accept_as_new(
            secret, form.get("username", ""), form.get("password", ""), consents=form.getlist("consents"), actor=actor,
            now=now,
        )  # fmt: skip
    except InputError as error:
        return link_response(request, secret, problems=told(error.problems), status=400)
    except (NotFound, Conflict, NotAllowed) as error:
        return link_response(request, secret, problems=[words_of(error)], status=status_of(error))
    messages.success(request, _("The account %(name)s is made. Sign in with it.") % {"name": made.username})
    return redirect_to_login(_place_of(find_invitation(secret)))


def _place_of(invitation: Invitation) -> str:
    owner = invitation.organisation
    return reverse("people", args=[owner.key]) if owner is not None else reverse("desk")


def link_response(
    request: HttpRequest, secret: str, *, problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    try:
        invitation = find_invitation(secret)
    except NotFound:
        return _unlogged(render(request, "portal/people/invitation.html", {"state": "unknown"}, status=404))
    state = state_of(invitation, timezone.now())
    own = invitation.accepted_by_id is not None and invitation.accepted_by_id == actor.person_id
    if status == 200 and state != InvitationState.OPEN and not own:
        status = 410
    context = {
        "invitation": invitation,
        "secret": secret,
        "state": state,
        "own": own,
        "hindrance": hindrance_of(invitation, actor),
        "consents": queries.consents_of(VISITOR) if actor.person_id is None else (),
        "problems": problems or [],
        "typed": request.POST if problems else {},
        "chosen": request.POST.getlist("consents") if problems else [],
        "generated": invitation.organisation is not None and invitation.organisation.is_generated,
    }
    return _unlogged(render(request, "portal/people/invitation.html", context, status=status))


def hindrance_of(invitation: Invitation, actor: Actor) -> str:
    """Why whoever is signed in cannot be the one who accepts; empty where they can."""
    if actor.person_id is None:
        return ""
    if invitation.organisation_id is None:
        return "has-account"
    if actor.represents(invitation.organisation_id):
        return "represents"
    return "" if actor.may_write else "auditor"


def _unlogged(response: HttpResponse) -> HttpResponse:
    """Django writes the address of what is refused to its log, and this address opens something."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
