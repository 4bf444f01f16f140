"""One's own account: the second factor, access keys."""

from __future__ import annotations

import uuid
from datetime import timedelta

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from siwei.errors import InputError
from siwei.exchange.actors import Actor
from siwei.exchange.models import AccessKey, Organisation, Scope
from siwei.exchange.people.keys import LONGEST, create_access_key, revoke_access_key
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import asks_second_factor
from siwei.portal.pages.paging import text_parameter
from siwei.portal.problem_words import lines_of
from siwei.portal.returning import only_post

DAYS = (30, 90, 180, LONGEST.days)


@login_required
@require_safe
def account_page(request: HttpRequest) -> HttpResponse:
    return _page(request)


@only_post("account")
@login_required
@never_cache
def create_key(request: HttpRequest) -> HttpResponse:
    """The key is in this answer and nowhere else, so the answer is a page and no redirect."""
    form, now, actor = request.POST, timezone.now(), actor_of(request)
    request.shown_at = reverse("account")  # type: ignore[attr-defined]
    days = form.get("days", "")
    try:
        made = create_access_key(
            form.get("name", "").strip(),
            form.getlist("scopes"),
            expires_at=now + timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0),
            organisation=form.get("organisation") or None,
            project=form.get("project", "").strip(),
            actor=actor,
            now=now,
            idempotency_key=own_key(actor, form.get("token", "")),
        )
    except InputError as error:
        return _page(request, problems=lines_of(error.problems), status=400)
    return _page(request, secret=made.secret)


@only_post("account")
@login_required
def revoke_key(request: HttpRequest, identifier: str) -> HttpResponse:
    revoke_access_key(identifier, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("The key is revoked: from now on it opens nothing."))
    return redirect("account")


def shown_keys(actor: Actor, asked: str = "") -> QuerySet[AccessKey]:
    """One's own, those for organisations whose people or money one manages, and the one asked for if one may see it;
    keys that call models stand among the services."""
    mine = Q(person_id=actor.person_id or 0) | Q(organisation_id__in=actor.organisation_ids) | Q(identifier=asked)
    return AccessKey.objects.visible_to(actor).filter(mine, calling=None)


def _page(
    request: HttpRequest, *, secret: str = "", problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "asks_second_factor": asks_second_factor(),
        "has_second_factor": is_mfa_enabled(request.user),
        "keys": shown_keys(actor, text_parameter(request, "key"))
        .select_related("organisation", "person")
        .order_by("-created_at", "-pk"),
        "organisations": Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name"),
        "scopes": [scope for scope in Scope.values if scope != Scope.CALL],
        "days": DAYS,
        "secret": secret,
        "problems": problems or [],
        "typed": request.POST if problems else {},
        "chosen": request.POST.getlist("scopes") if problems else ["read"],
        "token": uuid.uuid4().hex,
        "now": timezone.now(),
    }
    return render(request, "portal/people/account.html", context, status=status)
