"""One's own awards as a person: consent, calls for persons, applying, where one is paid."""

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

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.awards.person_awards import apply_as_person
from siwei.exchange.payments.person_bank_accounts import enter_person_account
from siwei.exchange.people.consents import PERSON_AWARD, give_consent, withdraw_consent
from siwei.market import bank
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import decided_on, pack, stacking
from siwei.portal.entries import amount_entry
from siwei.portal.languages import problems_of
from siwei.portal.queries.calls import current_call
from siwei.portal.queries.person_awards import person_awards
from siwei.portal.queries.programmes import programme_or_missing


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def person_awards_page(request: HttpRequest) -> HttpResponse:
    """For whoever is signed in, of themselves."""
    actor = actor_of(request)
    if request.method != "POST":
        return awards_response(request, actor)
    act = ACTS.get(typed(request, "act"))
    if act is None:
        raise NotFound("this form is not known here", "这里没有这样的表单")
    try:
        messages.success(request, act(request, actor))
    except InputError as error:
        return awards_response(request, actor, problems_of(error), 400)
    return redirect("person-awards")


def awards_response(
    request: HttpRequest, actor: Actor, problems: tuple[Problem, ...] = (), status: int = 200
) -> HttpResponse:
    context = {
        "found": person_awards(actor),
        "may_write": actor.may_write,
        "problems": problems,
        "typed": request.POST,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/people/awards.html", context, status=status)


def consent(request: HttpRequest, actor: Actor) -> str:
    if typed(request, "agreed") != "yes":
        raise InputError([Problem(_("Say that you agree, or leave it: nothing is kept then"))])
    give_consent(PERSON_AWARD, actor=actor, now=timezone.now())
    return _("Your consent is noted. You can withdraw it at any time.")


def withdraw(request: HttpRequest, actor: Actor) -> str:
    withdraw_consent(PERSON_AWARD, actor=actor, now=timezone.now())
    return _("Your consent is withdrawn: what was not awarded is given up, and what went to no bank is erased.")


def apply(request: HttpRequest, actor: Actor) -> str:
    programme = programme_or_missing(typed(request, "programme"))
    call = current_call(programme, actor)
    if call is None:
        raise NotFound(
            f"{programme.id} takes no applications: no pot is open for it",
            f"{programme.id} 不受理申报：没有已设的资金池",
        )
    apply_as_person(
        programme, call.pot, name=typed(request, "name"),
        claim_fen=amount_entry(typed(request, "claim"), typed(request, "unit"), "claim"),
        attributes=pack().attributes, stacking=stacking(), as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, typed(request, "token")),
    )  # fmt: skip
    return _("Applied. You can withdraw until the pot is shared.")


def account(request: HttpRequest, actor: Actor) -> str:
    given = bank.BankAccount(
        typed(request, "name"), typed(request, "number"), typed(request, "bank_code"), typed(request, "bank_name")
    )
    enter_person_account(
        given, actor=actor, now=timezone.now(), idempotency_key=own_key(actor, typed(request, "token"))
    )
    return _("Your account is kept, sealed: it is opened in the file for the bank alone.")


def typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()


ACTS = {"consent": consent, "withdraw": withdraw, "apply": apply, "account": account}
