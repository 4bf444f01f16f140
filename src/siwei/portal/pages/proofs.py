"""Facts that persons put before the operator, one by one: proven or refused, and then out of sight again."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from siwei.errors import InputError, Problem, Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.facts.person_proofs import OUTCOMES, decide_proof
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import decided_on
from siwei.portal.languages import problems_of
from siwei.portal.queries.person import proofs_waiting


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def proofs_page(request: HttpRequest) -> HttpResponse:
    """For the operator alone: the auditor reads no person's facts."""
    actor = actor_of(request)
    require(actor.is_operator, actor, Said("see what persons put forward to be proven", "查看个人提请核验的内容"))
    if request.method != "POST":
        return _page(request, actor)
    number = request.POST.get("proof", "")
    try:
        if not (number.isascii() and number.isdigit() and len(number) < 18):
            raise InputError([Problem(_("This form is not known here"), _("reload the page"))])
        decide_proof(
            int(number), request.POST.get("outcome", ""), request.POST.get("evidence", ""), today=decided_on(),
            actor=actor, now=timezone.now(), idempotency_key=own_key(actor, request.POST.get("token", "")),
        )  # fmt: skip
    except InputError as error:
        return _page(request, actor, problems_of(error), 400)
    messages.success(request, _("Decided. The fact is the person's alone again."))
    return redirect("proofs")


def _page(request: HttpRequest, actor: Actor, problems: tuple[Problem, ...] = (), status: int = 200) -> HttpResponse:
    context = {
        "waiting": proofs_waiting(actor),
        "outcomes": OUTCOMES,
        "problems": problems,
        "typed": request.POST,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/people/proofs.html", context, status=status)
