"""Acting on agreements from pages: one address for the acts, and what waits: approvals, disputes, budgets."""

from __future__ import annotations

import uuid
from contextlib import nullcontext

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from siwei.exchange.models import (
    Account,
    Agreement,
    Approval,
    ApprovalRule,
    BankEntry,
    Cap,
    ClawBack,
    Dispute,
    Grant,
    Invoice,
    Job,
    Organisation,
    PaymentBatch,
    Quote,
    TrueUp,
)
from siwei.exchange.trading.approvals import decidable
from siwei.portal.access import actor_of
from siwei.portal.acts import ON_AGREEMENTS, ON_LISTINGS, do
from siwei.portal.api.answers import own_key
from siwei.portal.given import Given
from siwei.portal.pages.evidence import attach_to
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.payment_acts import ON_PAYMENTS
from siwei.portal.queries.caps import cap_alerts
from siwei.portal.queries.market import FILES
from siwei.portal.queries.meters import readings_of
from siwei.portal.queries.organisations import concerns_generated
from siwei.portal.returning import only_post

SHOWN = 200


@only_post("desk")
@login_required
def act_page(request: HttpRequest, act: str) -> HttpResponse:
    """Do what a form asks and go back to where it stands; what is refused answers with its reason."""
    form, actor = request.POST, actor_of(request)
    key = form.get("key", "")
    values = {name: value for name, value in form.items() if isinstance(value, str)}
    given = Given(actor, timezone.now(), key, own_key(actor, form.get("token", "")), values)
    with transaction.atomic() if request.FILES else nullcontext():
        made = do(act, given)
        attach_to(made, request.FILES.getlist("files"), token=given.token, actor=actor, now=given.now)
    messages.success(request, _("Done. What it changed stands below."))
    return redirect(place_of(act, key, made))


def place_of(act: str, key: str, made: object) -> str:
    """Where what an act changed is seen."""
    if isinstance(made, Quote):
        return reverse("quote", args=[made.key])
    if isinstance(made, Job):
        return reverse("job", args=[made.key])
    if isinstance(made, Agreement) or act in ON_AGREEMENTS:
        return reverse("agreement", args=[made.key if isinstance(made, Agreement) else key])
    if act in ("reporter", "revoke_reporter"):
        return reverse("meters")
    if act in ON_PAYMENTS:
        return place_of_payment(act, made)
    return reverse("listing", args=[key]) if act in ON_LISTINGS else reverse("budgets")


def place_of_payment(act: str, made: object) -> str:
    if isinstance(made, PaymentBatch):
        return reverse("payment-batch", args=[made.message_id])
    if isinstance(made, Invoice):
        return reverse("invoice", args=[made.issuer.key, made.number])
    if isinstance(made, TrueUp):
        return reverse("true-ups")
    if isinstance(made, BankEntry):
        return reverse("differences")
    if isinstance(made, Grant | ClawBack):
        grant = made.grant if isinstance(made, ClawBack) else made
        return reverse("application-page", args=[grant.application.key])
    return reverse("invoices") if act == "issue" else reverse("payments")


@login_required
@require_safe
def approvals_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = Approval.objects.visible_to(actor).select_related(
        "agreement__match__need", "party__organisation", "requested_by"
    )
    # Of one who reads the whole city's their own are among those shown, however many there are.
    own = Case(When(party__organisation_id__in=actor.organisation_ids, then=0), default=1)
    waiting = list(found.filter(state="open").order_by(own, "requested_at", "pk")[:SHOWN])
    context = {
        "waiting": waiting,
        "mine": {each.pk for each in decidable(waiting, actor)},
        "decided": found.exclude(state="open").select_related("decided_by").order_by("-pk")[:50],
        "generated": concerns_generated(actor),
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/deals/approvals.html", context)


@login_required
@require_safe
def disputes_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = Dispute.objects.visible_to(actor).select_related(
        "agreement__match__need",
        "usage__line",
        "delivery",
        "opener__organisation",
        "opener__person",
        "proposed_by__organisation",
    )
    found = found.prefetch_related(FILES, "overpayments__payee", "agreement__parties")
    context = {
        "waiting": found.filter(state__in=("open", "answered")).order_by("opened_at")[:SHOWN],
        "over": found.exclude(state__in=("open", "answered")).order_by("-resolved_at")[:50],
        "generated": concerns_generated(actor),
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/deals/disputes.html", context)


@login_required
@require_safe
def meters_page(request: HttpRequest) -> HttpResponse:
    """Readings of one's agreements (`?reading=`: one of them), and the keys by which one's meters sign."""
    actor = actor_of(request)
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    context = {
        "page": page_of(request, readings_of(actor, reading=text_parameter(request, "reading", 160))),
        "organisations": own.prefetch_related("reporters"),
        "generated": concerns_generated(actor),
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/deals/meters.html", context)


@login_required
@require_safe
def budgets_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    caps = Cap.objects.visible_to(actor).select_related("account", "organisation", "project", "person")
    organisations = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name")
    declared = Account.objects.visible_to(actor).filter(purpose="commitment", owner_id__in=actor.organisation_ids)
    context = {
        "caps": caps.order_by("-ends_on", "organisation__name", "pk")[:SHOWN],
        "alerts": cap_alerts(actor).order_by("-at", "-pk")[:50],
        "generated": concerns_generated(actor),
        "rules": ApprovalRule.objects.visible_to(actor).select_related("organisation").order_by("pk")[:SHOWN],
        "organisations": organisations,
        "declared": {
            each.owner_id: {"budget_fen": -each.floor, "committed_fen": each.held - each.balance} for each in declared
        },
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/deals/budgets.html", context)
