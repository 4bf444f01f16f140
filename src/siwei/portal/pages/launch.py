"""Three questions: what to run, on what, for how long. Then where, at which price, from when on; and off it goes."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, Job, Organisation, Voucher
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.languages import problems_of
from siwei.portal.launching import Asked, launch, propose_launch, read_asked
from siwei.portal.listing_forms import by_field
from siwei.portal.pages.forms import key_of, typed
from siwei.portal.queries.launch import open_pools, places_for


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def launch_page(request: HttpRequest) -> HttpResponse:
    """The answers are sent (POST) with `act`: `find` ranks and writes nothing, the others launch."""
    actor, now = actor_of(request), timezone.now()
    own = list(Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name"))
    chosen = next((each for each in own if each.key == request.POST.get("owner")), own[0] if own else None)
    asked, places = Asked(), None
    problems: tuple[Problem, ...] = ()
    sent = request.method == "POST"
    if sent and chosen is not None:
        try:
            asked = read_asked(request.POST)
            if request.POST.get("act") in ("under", "propose"):
                made = launched(request, asked, chosen, actor)
                return redirect("job" if isinstance(made, Job) else "agreement", key=made.key)
            places = places_for(asked, chosen, actor, now)
        except InputError as error:
            problems = problems_of(error)
    pools = open_pools(actor)
    context: dict[str, Any] = {
        "owners": own,
        "chosen": chosen,
        "asked": asked,
        "typed": request.POST if sent else {},
        "places": places,
        "problems": by_field(problems),
        "faults": problems,
        "models": sorted({str(each.body["accelerator"]) for each in pools}),
        "token": uuid.uuid4().hex,
        "generated": any(each.organisation is not None and each.organisation.is_generated for each in pools),
    }
    return render(request, "portal/jobs/launch.html", context, status=400 if problems else 200)


def launched(request: HttpRequest, asked: Asked, owner: Organisation, actor: Actor) -> Job | Agreement:
    key, now = own_key(actor, key_of(request)), timezone.now()
    if request.POST.get("act") == "under":
        agreement, _slash, number = typed(request, "line").rpartition("/")
        if not (number.isascii() and number.isdigit() and len(number) < 6):
            raise InputError([Problem(_("This form is not known here"), _("reload the page"), field="line")])
        job = launch(agreement, int(number), asked.spec, actor=actor, now=now, idempotency_key=key)
        messages.success(request, _("Launched. Its state and its log stand below."))
        return job
    voucher = None
    if wanted := typed(request, "voucher"):
        voucher = Voucher.objects.visible_to(actor).filter(key=wanted).first()
        if voucher is None:
            raise NotFound(f"no voucher {wanted!r} that you may see", f"没有您可查看的券 {wanted!r}")
    made = propose_launch(owner.key, asked, typed(request, "offer"), voucher, actor=actor, now=now, idempotency_key=key)
    messages.success(request, _("Proposed with your job. Once you and the centre have signed, launch it from here."))
    return made
