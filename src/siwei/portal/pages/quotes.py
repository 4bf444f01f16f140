"""Why this price, and from it an agreement; and agreements on what has no price by quantity."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, Problem
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.entries import amount_entry
from siwei.portal.languages import problems_of
from siwei.portal.pages.forms import day_typed, key_of, typed
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.proposals import match_or_missing, propose_match
from siwei.portal.queries.organisations import concerns_generated
from siwei.portal.queries.quotes import quote_view, quotes_of

MILESTONES = range(1, 6)
USUAL_LENGTH = timedelta(days=30)


@login_required
@require_safe
def quotes_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "page": page_of(request, quotes_of(actor)),
        "now": timezone.now(),
        "generated": concerns_generated(actor),
    }
    return render(request, "portal/deals/quotes.html", context)


@login_required
@require_safe
def quote_page(request: HttpRequest, key: str) -> HttpResponse:
    now = timezone.now()
    view = quote_view(key, actor_of(request), now)
    need, offer = view.quote.match.need, view.quote.match.offer
    context = {
        "view": view,
        "kind": KINDS.get(need.kind),
        "ends_on": timezone.localdate(now) + USUAL_LENGTH,
        "token": uuid.uuid4().hex,
        "generated": any(each.organisation is not None and each.organisation.is_generated for each in (need, offer)),
    }
    return render(request, "portal/deals/quote.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def propose_page(request: HttpRequest) -> HttpResponse:
    """An agreement on a match without a price by quantity: its end, and milestones with their day and money."""
    actor = actor_of(request)
    match = match_or_missing(text_parameter(request, "need", 120), text_parameter(request, "offer", 120), actor)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            made = propose_match(
                match.need.key, match.offer.key, milestones_typed(request), ends_on=day_typed(request, "ends_on"),
                actor=actor, now=timezone.now(), idempotency_key=own_key(actor, key_of(request)),
            )  # fmt: skip
            messages.success(request, _("Proposed. It begins once every party has signed."))
            return redirect("agreement", key=made.key)
        except InputError as error:
            problems = problems_of(error)
    context: dict[str, Any] = {
        "match": match,
        "kind": KINDS[match.need.kind],
        "rows": [
            (number, *(request.POST.get(f"{name}-{number}", "") for name in ("title", "amount", "due")))
            for number in MILESTONES
        ],
        "is_paid": match.need.organisation_id is not None and match.offer.organisation_id is not None,
        "typed": request.POST,
        "ends_on": timezone.localdate() + timedelta(days=180),
        "problems": problems,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/deals/propose.html", context, status=400 if problems else 200)


def milestones_typed(request: HttpRequest) -> list[DeliveryTerms]:
    """The rows that have a title; an amount without one is a fault, so that no money is left out unseen."""
    found: list[DeliveryTerms] = []
    problems: list[Problem] = []
    for number in MILESTONES:
        title, amount, due = (typed(request, f"{name}-{number}") for name in ("title", "amount", "due"))
        if not title:
            if amount or due:
                problems.append(Problem(_("This milestone has no title"), field=f"title-{number}"))
            continue
        try:
            fen = amount_entry(amount, request.POST.get("unit", "yuan"), f"amount-{number}") if amount else 0
            due_on: date | None = day_typed(request, f"due-{number}") if due else None
        except InputError as error:
            problems += problems_of(error)
            continue
        found.append(DeliveryTerms(title, None, fen, due_on))
    if problems:
        raise InputError(problems)
    return found
