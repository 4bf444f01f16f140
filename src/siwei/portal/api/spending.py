"""Caps, approvals, deliveries and disputes: what limits a deal, what waits, and what is argued about."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from siwei.exchange.models import Approval, ApprovalRule, Cap, Delivery, DeliveryState, Dispute
from siwei.exchange.trading.deliveries import decider_of
from siwei.portal.access import actor_of
from siwei.portal.api import deal_schemas
from siwei.portal.api.answers import PageNumber, Text, answers, bounds

router = Router()
SHOWN = 500
AgreementKey = Annotated[str, Query(max_length=120, description="Only of this agreement")]


@router.get("/caps", response=answers(list[deal_schemas.Cap]))
def list_caps(request: HttpRequest) -> Any:
    """Caps of the organisations one represents, with what is committed and the alerts they gave; the newest 500."""
    caps = Cap.objects.visible_to(actor_of(request)).select_related("account", "organisation", "project", "person")
    return [
        {
            "key": each.key,
            "organisation": each.organisation.key,
            "project": each.project.name if each.project else None,
            "person": each.person.username if each.person else None,
            "unit": each.unit,
            "amount": each.amount,
            "used": each.used,
            "left": each.left,
            "is_hard": each.is_hard,
            "starts_on": each.starts_on,
            "ends_on": each.ends_on,
            "alerts": sorted(alert.per_cent for alert in each.alerts.all() if alert.amount == each.amount),
        }
        for each in caps.prefetch_related("alerts").order_by("-ends_on", "-pk")[:SHOWN]
    ]


@router.get("/approval-rules", response=answers(list[deal_schemas.ApprovalRule]))
def list_rules(request: HttpRequest) -> Any:
    """From which own share on whose word is wanted besides the signature, at the organisations one represents."""
    rules = ApprovalRule.objects.visible_to(actor_of(request)).select_related("organisation")
    return [
        {"organisation": each.organisation.key, "role": each.role, "from_fen": each.from_fen}
        for each in rules.order_by("organisation__key", "from_fen", "role")[:SHOWN]
    ]


@router.get("/approvals", response=answers(list[deal_schemas.Approval]))
def list_approvals(request: HttpRequest, state: Text = "") -> Any:
    """Words of a second person that signatures wait for, or waited for; open ones first, the newest 500."""
    found = Approval.objects.visible_to(actor_of(request)).select_related(
        "agreement", "party__organisation", "requested_by", "decided_by"
    )
    rows = list((found.filter(state=state) if state else found).order_by("-pk")[:SHOWN])
    rows.sort(key=lambda each: each.state != "open")
    return [
        {
            "agreement": each.agreement.key,
            "organisation": each.party.organisation.key if each.party.organisation else "",
            "role": each.role,
            "amount_fen": each.amount_fen,
            "state": each.state,
            "requested_by": each.requested_by.username,
            "requested_at": each.requested_at,
            "decided_by": each.decided_by.username if each.decided_by else None,
            "decided_at": each.decided_at,
            "reason": each.reason,
        }
        for each in rows
    ]


@router.get("/deliveries", response=answers(deal_schemas.DeliveryPage))
def list_deliveries(request: HttpRequest, state: Text = "", agreement: AgreementKey = "", page: PageNumber = 1) -> Any:
    """Deliveries of agreements one is a party to, with whose word each waits for; the newest agreements first."""
    found = Delivery.objects.visible_to(actor_of(request)).select_related(
        "agreement", "giver__organisation", "receiver__organisation", "reported_by"
    )
    if state:
        found = found.filter(state=state)
    if agreement:
        found = found.filter(agreement__key=agreement)
    found = found.order_by("-agreement__proposed_at", "agreement__key", "number")
    return {"count": found.count(), "page": page, "items": [delivery_row(each) for each in found[bounds(page)]]}


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    waits = None
    if delivery.state == DeliveryState.SUBMITTED:
        waits = decider_of(delivery).organisation
    elif delivery.state != DeliveryState.ACCEPTED:
        waits = delivery.giver.organisation
    giver, receiver = delivery.giver.organisation, delivery.receiver.organisation
    names = ("number", "form", "title", "quantity", "amount_fen", "due_on", "state", "evidence", "reason")
    return {
        **{name: getattr(delivery, name) for name in names},
        "agreement": delivery.agreement.key,
        "giver": giver.key if giver else None,
        "receiver": receiver.key if receiver else None,
        "waits_for": waits.key if waits else None,
    }


@router.get("/disputes", response=answers(list[deal_schemas.Dispute]))
def list_disputes(request: HttpRequest, state: Text = "", agreement: AgreementKey = "") -> Any:
    """Disputes about agreements one is a party to; all for the operator and the auditor. The newest 500."""
    found = Dispute.objects.visible_to(actor_of(request)).select_related(
        "agreement", "usage", "delivery", "opener__organisation"
    )
    if state:
        found = found.filter(state=state)
    if agreement:
        found = found.filter(agreement__key=agreement)
    names = (
        "key", "reason", "evidence", "claimed", "state", "opened_at", "answer", "proposed", "outcome", "resolution",
        "returned_voucher_fen", "returned_own_fen",
    )  # fmt: skip
    return [
        {
            **{name: getattr(each, name) for name in names},
            "agreement": each.agreement.key,
            "reading": each.usage.reading if each.usage else None,
            "delivery": each.delivery.number if each.delivery else None,
            "opened_by": each.opener.organisation.key if each.opener and each.opener.organisation else None,
            "owed_fen": sum(owed.owed_fen for owed in each.overpayments.all()),
        }
        for each in found.prefetch_related("overpayments").order_by("-opened_at", "-pk")[:SHOWN]
    ]
