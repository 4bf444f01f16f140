"""Publishing an offer or a need, and saying it anew; the form is built from the kind's schema."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, NotAllowed, NotFound, Problem
from siwei.exchange.access import can_change_listing
from siwei.exchange.actors import Actor
from siwei.exchange.models import Listing, Organisation, Side
from siwei.exchange.trading.listings import PERSONAL_KINDS, publish_listing, revise_listing
from siwei.market.kind import Kind
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.languages import problems_of
from siwei.portal.listing_forms import by_field, form_fields, typed_body
from siwei.portal.pages.forms import key_of, typed
from siwei.portal.queries.market import listing_or_missing

OWN_NAME = "me"


@login_required
@require_safe
def publish_choice(request: HttpRequest) -> HttpResponse:
    """What may be offered and needed: the kinds, by wing."""
    return render(request, "portal/market/publish_choice.html", {"kinds": KINDS.values()})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def publish_page(request: HttpRequest, kind: str, side: str) -> HttpResponse:
    found = KINDS.get(kind)
    if found is None or side not in Side.values:
        raise NotFound(
            f"no {side!r} of kind {kind!r}; kinds are {', '.join(KINDS)}",
            f"没有类别 {kind!r} 的 {side!r}；类别有 {', '.join(KINDS)}",
        )
    actor = actor_of(request)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            listing = publish(request, found, side, actor)
            messages.success(request, _("Published. What fits it stands below once it is matched."))
            return redirect("listing", key=listing.key)
        except InputError as error:
            problems = problems_of(error)
    fields = form_fields(found, side, request.POST if request.method == "POST" else None)
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    context = {
        "kind": found,
        "side": side,
        "owners": own,
        "personal": OWN_NAME if found.id in PERSONAL_KINDS else "",
        "fields": fields,
        "problems": by_field(problems),
        "faults": elsewhere(problems, {field.name for field in fields} | {"title_zh", "title_en"}),
        "typed": request.POST,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/market/publish.html", context, status=400 if problems else 200)


def elsewhere(problems: tuple[Problem, ...], shown: set[str]) -> list[Problem]:
    """Problems that no field of the form can show."""
    return [problem for name, problem in by_field(problems).items() if name not in shown]


def publish(request: HttpRequest, kind: Kind, side: str, actor: Actor) -> Listing:
    """The Chinese title serves in both languages where no English one is given."""
    title_zh = typed(request, "title_zh") or typed(request, "title_en")
    if not title_zh:
        problems = [Problem(_("This is needed"), field="title_zh")]
        try:
            typed_body(kind, side, request.POST)
        except InputError as error:
            problems += problems_of(error)
        raise InputError(problems)
    body = typed_body(kind, side, request.POST) | {"title": title_zh}
    owner = typed(request, "owner")
    return publish_listing(
        kind.id, side, title_zh=title_zh, title_en=typed(request, "title_en") or title_zh, body=body,
        organisation=None if owner == OWN_NAME else owner, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, key_of(request)),
    )  # fmt: skip


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revise_page(request: HttpRequest, key: str) -> HttpResponse:
    """Another price, another capacity: what is asked from now on."""
    actor = actor_of(request)
    listing = listing_or_missing(key, actor)
    if not can_change_listing(actor, listing):
        raise NotAllowed(f"only who published {key} may say it anew", f"只有发布 {key} 的一方可以修改")
    kind = KINDS[listing.kind]
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            body = typed_body(kind, listing.side, request.POST) | {"title": listing.body.get("title", listing.title_zh)}
            revise_listing(
                key, body=body, actor=actor, now=timezone.now(), idempotency_key=own_key(actor, key_of(request))
            )
            messages.success(request, _("Revised. What was quoted, proposed or signed before keeps its own terms."))
            return redirect("listing", key=key)
        except InputError as error:
            problems = problems_of(error)
    sent = request.POST if request.method == "POST" else None
    fields = form_fields(kind, listing.side, sent, listing.body)
    context: dict[str, Any] = {
        "kind": kind,
        "listing": listing,
        "fields": fields,
        "problems": by_field(problems),
        "faults": elsewhere(problems, {field.name for field in fields}),
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/market/revise.html", context, status=400 if problems else 200)
