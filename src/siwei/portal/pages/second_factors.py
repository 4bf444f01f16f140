"""The operator's page for whoever lost their second factor."""

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

from siwei.errors import InputError
from siwei.portal.access import actor_of, require_operator
from siwei.portal.api.answers import own_key
from siwei.portal.second_factors import remove_second_factor
from siwei.portal.words_of_people import told


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factors_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_operator(actor)
    problems: list[str] = []
    if request.method == "POST":
        form = request.POST
        try:
            person = remove_second_factor(
                form.get("username", "").strip(), because=form.get("because", ""), actor=actor, now=timezone.now(),
                idempotency_key=own_key(actor, form.get("token", "")),
            )  # fmt: skip
        except InputError as error:
            problems = told(error.problems)
        else:
            done = _("The second factor of %(name)s is removed. They set up another before acts with money.")
            messages.success(request, done % {"name": person.username})
            return redirect("second-factors")
    context = {
        "problems": problems,
        "typed": request.POST if problems else {},
        "may_remove": actor.is_operator and actor.may_write,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/people/second_factors.html", context, status=400 if problems else 200)
