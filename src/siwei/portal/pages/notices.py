"""公示: what a round gives whom, for all to read; objections, their decisions, the award and what it grants."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.access import can_operate
from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import find_application
from siwei.exchange.awards.grants import grant_round
from siwei.exchange.awards.rounds import award_round, decide_objection, grant_round_vouchers, object_to, open_notice
from siwei.exchange.models import RoundState, SharingRound
from siwei.policy.programmes import Kind
from siwei.portal.access import actor_of
from siwei.portal.city_pack import decided_on
from siwei.portal.languages import problems_of
from siwei.portal.pages.forms import Act, acted, day_typed, key_of, typed
from siwei.portal.queries import calls, notices
from siwei.portal.queries.programmes import programme_or_missing


@require_http_methods(["GET", "HEAD", "POST"])
def notice_page(request: HttpRequest, key: str) -> HttpResponse:
    """公示: who gets how much and why not more, for all; whoever is signed in objects, the operator decides."""
    actor = actor_of(request)
    made = notices.round_or_missing(key, actor)
    acts: dict[str, Act] = {
        "open": open_for_all, "object": raise_objection, "decide": answer_objection, "award": award,
        "grant": grant_vouchers, "pay": grant_money,
    }  # fmt: skip
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            return redirect(acted(request, acts, made, actor))
        except InputError as error:
            problems = problems_of(error)
    notice = notices.notice_of(made, actor)
    over = made.state == RoundState.NOTICE and not notice.is_objectable
    undecided = notice.objected - sum(each.upheld is not None for each in notice.objections)
    context = {
        "notice": notice,
        "made": made,
        "programme": notice.programme,
        "call": calls.call_of(notice.programme, made.pot),
        "can_object": notice.is_objectable and actor.person_id is not None and actor.may_write,
        "can_operate": can_operate(actor),
        "can_award": can_operate(actor) and over and undecided == 0,
        "undecided": undecided if actor.sees_all else None,
        "gives_vouchers": notice.programme.kind is Kind.VOUCHER,
        "problems": problems,
        "typed": request.POST,
        "token": uuid.uuid4().hex,
        "today": decided_on(),
        "generated": any(line.application.applicant.is_generated for line in notice.lines),
    }
    return render(request, "portal/calls/notice.html", context, status=400 if problems else 200)


def open_for_all(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    open_notice(
        made, until=day_typed(request, "until"), as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=key_of(request),
    )  # fmt: skip
    messages.success(request, _("The public notice is open."))
    return reverse("notice", args=[made.key])


def raise_objection(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    application = find_application(typed(request, "application"), actor)
    if application.round_id != made.pk:
        raise NotFound(f"no application {application.key!r} in this notice", f"本次公示没有申报 {application.key!r}")
    object_to(
        application, typed(request, "text"), as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=key_of(request, str(actor.person_id)),
    )  # fmt: skip
    messages.success(request, _("Your objection was received. Who objects, only the offices see."))
    return reverse("notice", args=[made.key])


def answer_objection(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    wanted = typed(request, "objection")
    objection = next((each for each in notices.notice_of(made, actor).objections if each.key == wanted), None)
    if objection is None:
        raise NotFound(f"no objection {wanted!r} in this notice", f"本次公示没有异议 {wanted!r}")
    if typed(request, "upheld") not in ("yes", "no"):
        raise InputError([Problem(_("Say whether it is upheld"), field="upheld")])
    decide_objection(
        objection, upheld=typed(request, "upheld") == "yes", reason=typed(request, "reason"), actor=actor,
        now=timezone.now(), idempotency_key=key_of(request),
    )  # fmt: skip
    messages.success(request, _("The objection is decided."))
    return reverse("notice", args=[made.key])


def award(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    award_round(made, as_of=decided_on(), actor=actor, now=timezone.now(), idempotency_key=key_of(request))
    messages.success(request, _("The round is awarded."))
    return reverse("notice", args=[made.key])


def grant_vouchers(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    programme = programme_or_missing(made.pot.programme)
    granted = len(grant_round_vouchers(made, programme, as_of=decided_on(), actor=actor, now=timezone.now()))
    messages.success(request, ngettext("%(n)s voucher granted.", "%(n)s vouchers granted.", granted) % {"n": granted})
    return reverse("notice", args=[made.key])


def grant_money(request: HttpRequest, made: SharingRound, actor: Actor) -> str:
    granted = len(grant_round(made, actor=actor, now=timezone.now()))
    messages.success(request, ngettext("%(n)s award falls due.", "%(n)s awards fall due.", granted) % {"n": granted})
    return reverse("payments")
