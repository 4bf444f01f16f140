"""Calls: which take applications, applying, the review desk."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.access import can_act_for, can_operate, can_review
from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import (
    apply_for_award,
    can_choose_again,
    is_of,
    score_application,
    withdraw_application,
)
from siwei.exchange.awards.grants import is_to_grant
from siwei.exchange.awards.returns import rule_of
from siwei.exchange.awards.rounds import (
    share_applications,
)
from siwei.exchange.awards.supplements import share_returned
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import ApplicationState, ClawBack, Grant, Organisation, RoundState
from siwei.policy.programmes import Sharing, Verdict
from siwei.portal.access import actor_of
from siwei.portal.city_pack import decided_on, pack, programmes, stacking
from siwei.portal.directory import current_directory
from siwei.portal.entries import amount_entry
from siwei.portal.languages import problems_of
from siwei.portal.pages.forms import acted, key_of, typed
from siwei.portal.pages.paging import text_parameter
from siwei.portal.queries import calls as queries
from siwei.portal.queries import notices
from siwei.portal.queries.organisations import concerns_generated, organisation_or_missing
from siwei.portal.queries.payments import orders_of
from siwei.portal.queries.programmes import programme_or_missing
from siwei.portal.returning import only_post

# Calls


@require_safe
def call_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rounds = list(notices.rounds_of(actor)[:50])
    context = {
        "calls": queries.calls(actor),
        "rounds": rounds,
        "generated": bool(rounds) and current_directory().has_generated,
        "now_waiting": queries.waiting_for(actor),
    }
    return render(request, "portal/calls/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def call_page(request: HttpRequest, programme_id: str, period: str) -> HttpResponse:
    """Days left, money, what is asked, my applications; the review desk, and for the operator the sharing."""
    actor = actor_of(request)
    call = queries.call_or_missing(programme_id, period, actor)
    if request.method == "POST":
        try:
            return redirect(acted(request, {"score": score, "share": share, "share_returned": share_back}, call, actor))
        except InputError as error:
            return call_response(request, call, actor, problems_of(error), 400)
    return call_response(request, call, actor)


def call_response(
    request: HttpRequest, call: queries.Call, actor: Actor, problems: tuple[Problem, ...] = (), status: int = 200
) -> HttpResponse:
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    mine = [each for each in queries.applications(actor) if each.pot_id == call.pot.pk] if not actor.sees_all else []
    desk = queries.review_desk(call, actor)
    made = list(notices.rounds_of(actor, call.pot))
    proposal, returned_fen = None, 0
    try:
        proposal = queries.proposal_of(call, actor)
        returned_fen = 0 if proposal else queries.returned_to(call.pot, actor)
    except InputError as error:
        problems = tuple(dict.fromkeys((*problems, *problems_of(error))))
    context = {
        "call": call,
        "programme": call.programme,
        "organisations": queries.may_claim(call, own, actor),
        "represents": own.exists(),
        "current": queries.other_current_call(call, actor),
        "applications": mine,
        "desk": desk,
        "waiting": sum(line.application.state == ApplicationState.APPLIED for line in desk),
        "rounds": made,
        "proposal": proposal,
        "returned_fen": returned_fen,
        "favouring": queries.favouring_clauses(call.programme),
        "modes": queries.MODES,
        "rule": call.programme.pot.sharing if call.programme.pot else Sharing.NOT_KNOWN,
        "can_operate": can_operate(actor),
        "can_score": can_operate(actor) or can_review(actor),
        "problems": problems,
        "typed": request.POST,
        "token": uuid.uuid4().hex,
        "generated": any(each.application.applicant.is_generated for each in desk)
        or any(each.applicant.is_generated for each in mine)
        or concerns_generated(actor),
    }
    return render(request, "portal/calls/detail.html", context, status=status)


def score(request: HttpRequest, call: queries.Call, actor: Actor) -> str:
    text = typed(request, "score")
    if not text.isascii() or not text.isdecimal() or len(text) > 7:
        raise InputError([Problem(_("This is not a score"), _("0 to 1,000,000"), field="score")])
    application = next(
        (
            line.application
            for line in queries.review_desk(call, actor)
            if line.application.key == typed(request, "application")
        ),
        None,
    )
    if application is None:
        raise NotFound(
            f"no application {typed(request, 'application')!r} on this call",
            f"本次征集没有申报 {typed(request, 'application')!r}",
        )
    score_application(
        application, int(text), actor=actor, now=timezone.now(), idempotency_key=key_of(request, application.key)
    )
    messages.success(request, _("Scored."))
    return call_address(call)


def share(request: HttpRequest, call: queries.Call, actor: Actor) -> str:
    mode = typed(request, "sharing")
    if mode and mode not in list(queries.MODES):
        raise InputError([Problem(_("This is not one of the choices"), field="sharing")])
    made = share_applications(
        call.programme,
        call.pot,
        attributes=pack().attributes,
        as_of=decided_on(),
        sharing=Sharing(mode) if mode else None,
        seed=typed(request, "seed"),
        stacking=stacking(),
        actor=actor,
        now=timezone.now(),
        idempotency_key=key_of(request),
    )
    messages.success(request, _("Shared. Look at it, then open the public notice."))
    return reverse("notice", args=[made.key])


def share_back(request: HttpRequest, call: queries.Call, actor: Actor) -> str:
    made = share_returned(
        call.programme, call.pot, attributes=pack().attributes, stacking=stacking(), as_of=decided_on(),
        seed=typed(request, "seed"), actor=actor, now=timezone.now(), idempotency_key=key_of(request),
    )  # fmt: skip
    messages.success(request, _("Shared. Look at it, then open the public notice."))
    return reverse("notice", args=[made.key])


def call_address(call: queries.Call) -> str:
    return reverse("call", args=[call.pot.programme, call.pot.period])


@only_post("programme", "programme_id")
def pot_opening(request: HttpRequest, programme_id: str) -> HttpResponse:
    """The operator puts a programme's money of a period on the ledger: from then on its call takes applications."""
    actor = actor_of(request)
    programme = programme_or_missing(programme_id)
    budget_fen = amount_entry(typed(request, "budget"), typed(request, "unit"), "budget")
    pot = open_pot(
        programme, typed(request, "period"), budget_fen, actor=actor, now=timezone.now(),
        idempotency_key=key_of(request),
    )  # fmt: skip
    messages.success(request, _("The pot is open."))
    return redirect("call", programme_id=pot.programme, period=pot.period)


# Applying


@require_http_methods(["GET", "HEAD", "POST"])
def apply_page(request: HttpRequest, key: str, programme_id: str) -> HttpResponse:
    """From an entitlement to a claim on the pot: how much, and for which contracts and invoices. `?subject=` names the
    organisation's claim or project where the programme is for one."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    programme = programme_or_missing(programme_id)
    subject = text_parameter(request, "subject", 160)
    found = queries.applying(organisation, programme, actor, subject)
    if organisation.key != key:
        return redirect("apply", key=organisation.key, programme_id=programme.id)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            application = apply_for_award(
                programme,
                organisation,
                found.call.pot,
                claim_fen=amount_entry(typed(request, "claim"), typed(request, "unit"), "claim"),
                documents=documents_typed(request),
                attributes=pack().attributes,
                stacking=stacking(),
                subject=subject,
                as_of=decided_on(),
                actor=actor,
                now=timezone.now(),
                idempotency_key=key_of(request, subject),
            )
            messages.success(request, _("Applied. You can withdraw until the pot is shared."))
            return redirect("application-page", key=application.key)
        except InputError as error:
            problems = problems_of(error)
    context = {
        "organisation": organisation,
        "programme": programme,
        "applying": found,
        "documents": typed(request, "contracts") or queries.contract_of(subject, programme),
        "subject": subject,
        "contract": subject.rpartition("/")[0],
        "call": found.call,
        "can_apply": can_act_for(actor, organisation.pk)
        and found.call.is_open
        and found.most_fen > 0
        and found.explanation.verdict is Verdict.ELIGIBLE,
        "problems": {problem.field: problem for problem in problems},
        "typed": request.POST,
        "most_yuan": f"{found.most_fen // 100}.{found.most_fen % 100:02d}",
        "token": uuid.uuid4().hex,
        "generated": organisation.is_generated,
    }
    return render(request, "portal/calls/apply.html", context, status=400 if problems else 200)


def documents_typed(request: HttpRequest) -> list[tuple[str, str]]:
    """One number a line."""
    found = [
        (kind, line.strip())
        for kind, name in (("contract", "contracts"), ("invoice", "invoices"))
        for line in typed(request, name).splitlines()
        if line.strip()
    ]
    if not found:
        message = _("Name the contracts or invoices you claim for")
        raise InputError([Problem(message, _("one number a line"), field="contracts")])
    return found


@require_http_methods(["GET", "HEAD", "POST"])
def application_page(request: HttpRequest, key: str) -> HttpResponse:
    """One's own application: where it stands, what it was decided on, its share and why not more."""
    actor = actor_of(request)
    application = queries.application_or_missing(key, actor)
    if request.method == "POST":
        acted(request, {"withdraw": withdraw}, application, actor)
        return redirect("application-page", key=application.key)
    made, basis = application.round, queries.basis_of(application, actor)
    programme = programme_or_missing(application.pot.programme)
    is_mine = can_act_for(actor, application.organisation_id) or is_of(application, actor)
    chooses_again = can_choose_again(application, programme)
    public = made is not None and (actor.sees_all or made.state != RoundState.SHARED)
    context = {
        "application": application,
        "documents": queries.documents_of(application, actor),
        "basis": basis,
        "contract": basis.subject.rpartition("/")[0] if basis else "",
        "grant": Grant.objects.visible_to(actor).filter(application=application).first(),
        "orders": orders_of(application, actor),
        "claw_backs": ClawBack.objects.visible_to(actor).filter(grant__application=application).order_by("pk"),
        "returns": rule_of(application),
        "can_operate": can_operate(actor),
        "can_grant": can_operate(actor) and is_to_grant(application),
        "voucher": queries.voucher_of(application),
        "programme": programme,
        "notice": made if public else None,
        "can_withdraw": is_mine and (application.state == ApplicationState.APPLIED or chooses_again),
        "chooses_again": chooses_again,
        "token": uuid.uuid4().hex,
        "generated": application.applicant.is_generated,
    }
    return render(request, "portal/calls/application.html", context)


def withdraw(request: HttpRequest, application: Any, actor: Actor) -> str:
    withdraw_application(
        application, actor=actor, now=timezone.now(), idempotency_key=key_of(request),
        programme=programmes().get(application.pot.programme),
    )  # fmt: skip
    messages.success(request, _("Withdrawn. You may apply again while the window is open."))
    return reverse("application-page", args=[application.key])
