"""The operator's pages of people's accounts: who can sign in; disable one, with the reason, and enable it again."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, Problem
from siwei.exchange.people.disabling import disable_account, enable_account
from siwei.exchange.people.mandates import is_same_person
from siwei.exchange.people.offices import offices_of
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.person_accounts import (
    STATES,
    account_events,
    alone_in,
    person_account,
    person_accounts,
)
from siwei.portal.words_of_people import told

ACTS = {"disable": disable_account, "enable": enable_account}


@login_required
@never_cache
@require_safe
def accounts_page(request: HttpRequest) -> HttpResponse:
    text, state = text_parameter(request, "q"), text_parameter(request, "state", 20)
    page = page_of(request, person_accounts(actor_of(request), text, state))
    lines = [(person, offices_of(person)) for person in page.object_list]
    context = {"page": page, "lines": lines, "text": text, "state": state, "states": STATES}
    return render(request, "portal/people/accounts.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account_page(request: HttpRequest, username: str) -> HttpResponse:
    """One account. POST: `act` disable or enable, `because`."""
    actor = actor_of(request)
    person = person_account(username, actor)
    problems: list[str] = []
    if request.method == "POST":
        form = request.POST
        act = ACTS.get(form.get("act", ""))
        try:
            if act is None:
                raise InputError([Problem(_("This is not one of the choices"), ", ".join(ACTS), field="act")])
            act(
                person.username, because=form.get("because", ""), actor=actor, now=timezone.now(),
                idempotency_key=own_key(actor, form.get("token", "")),
            )  # fmt: skip
        except InputError as error:
            problems = told(error.problems)
        else:
            enabled, disabled = _("%(name)s can sign in again."), _("%(name)s is signed out and cannot sign in.")
            done = enabled if act is enable_account else disabled
            messages.success(request, done % {"name": person.username})
            return redirect("person-account", username=person.username)
    offices = offices_of(person)
    is_another = actor.is_operator and actor.may_write and not is_same_person(person.pk, actor.person_id)
    context = {
        "person": person,
        "offices": offices,
        "alone_in": alone_in(person),
        "events": account_events(person, actor),
        "may_act": is_another and not offices,
        "on_the_machine": actor.is_operator and actor.may_write and bool(offices),
        "problems": problems,
        "typed": request.POST if problems else {},
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/people/person_account.html", context, status=400 if problems else 200)
