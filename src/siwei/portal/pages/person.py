"""One's own dossier as a person: consent, facts, every programme for persons clause by clause, erasure."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.actors import Actor
from siwei.exchange.facts.person_facts import declare_person_facts, record_person_decision
from siwei.exchange.facts.person_proofs import ask_for_proof, take_back_proof
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, give_consent, withdraw_consent
from siwei.portal.access import actor_of
from siwei.portal.api.answers import own_key
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.languages import problems_of
from siwei.portal.pages.fact_form import attach_typed, declarations_typed, form_key, problem_context, told_attached
from siwei.portal.queries.person import person_dossier
from siwei.portal.queries.programmes import programme_or_missing

LONGEST_NUMBER = 18


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def person_page(request: HttpRequest) -> HttpResponse:
    """For whoever is signed in, of themselves: nobody else sees any of it, whatever they are to the city."""
    actor = actor_of(request)
    if request.method != "POST":
        return person_response(request, actor)
    act = ACTS.get(request.POST.get("act", "declare"))
    if act is None:
        raise NotFound("this form is not known here", "这里没有这样的表单")
    try:
        messages.success(request, act(request, actor))
    except InputError as error:
        return person_response(request, actor, problems_of(error), 400)
    return redirect("person")


def person_response(
    request: HttpRequest, actor: Actor, problems: tuple[Problem, ...] = (), status: int = 200
) -> HttpResponse:
    dossier = person_dossier(actor)
    context = {
        "dossier": dossier,
        "groups": [("facts", _("Facts of yourself"), dossier.fields)],
        "can_declare": dossier.consented_at is not None and actor.may_write,
        "may_write": actor.may_write,
        **problem_context(request, problems),
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/people/dossier.html", context, status=status)


def consent(request: HttpRequest, actor: Actor, purpose: str = PERSON_FACTS) -> str:
    if request.POST.get("agreed") != "yes":
        raise InputError([Problem(_("Say that you agree, or leave it: nothing is kept then"))])
    give_consent(purpose, actor=actor, now=timezone.now())
    return _("Your consent is noted. You can withdraw it at any time.")


def show(request: HttpRequest, actor: Actor) -> str:
    return consent(request, actor, PERSON_PROOF)


def unshow(request: HttpRequest, actor: Actor) -> str:
    withdraw_consent(PERSON_PROOF, actor=actor, now=timezone.now())
    return _("Your consent is withdrawn: the operator sees none of your facts.")


def ask(request: HttpRequest, actor: Actor) -> str:
    ask_for_proof(
        request.POST.get("attribute", ""), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, request.POST.get("token", "")),
    )  # fmt: skip
    return _("The operator sees this fact until it has decided, or you take it back.")


def take_back(request: HttpRequest, actor: Actor) -> str:
    number = request.POST.get("proof", "")
    if not (number.isascii() and number.isdigit() and len(number) < LONGEST_NUMBER):
        raise InputError([Problem(_("This form is not known here"), _("reload the page"))])
    take_back_proof(int(number), actor=actor, now=timezone.now())
    return _("Taken back: the operator sees it no more.")


def declare(request: HttpRequest, actor: Actor) -> str:
    if not request.POST.get("token"):
        raise InputError([Problem(_("This form is not known here"), _("reload the page"))])
    values = declarations_typed(request, "person")
    with transaction.atomic():
        n = declare_person_facts(
            values, attributes=pack().attributes, valid_from=decided_on(), actor=actor, now=timezone.now(),
            # The key stands in the event, and is hashed with a token that only this form had: nobody can try values.
            idempotency_key=form_key(f"person:{actor.person_id}", values, request),
        ) if values else 0  # fmt: skip
        files = attach_typed(request, None, actor)
    told = [ngettext("%(n)s fact declared.", "%(n)s facts declared.", n) % {"n": n}] if n else []
    return " ".join([*told, told_attached(files)] if files else told)


def keep(request: HttpRequest, actor: Actor) -> str:
    record_person_decision(
        programme_or_missing(request.POST.get("programme", "")), as_of=decided_on(), attributes=pack().attributes,
        actor=actor, now=timezone.now(), idempotency_key=own_key(actor, request.POST.get("token", "")),
    )  # fmt: skip
    return _("The decision is kept, sealed: you alone can read it.")


def erase(request: HttpRequest, actor: Actor) -> str:
    withdraw_consent(PERSON_FACTS, actor=actor, now=timezone.now())
    return _("Your consent is withdrawn, and all you entered is erased.")


ACTS = {
    "consent": consent, "declare": declare, "keep": keep, "erase": erase, "show": show, "unshow": unshow, "ask": ask,
    "take-back": take_back,
}  # fmt: skip
