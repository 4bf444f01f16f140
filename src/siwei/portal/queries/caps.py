"""Spending caps as their own people see them: what they would have left before a signature, and what was alerted."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F, Q, QuerySet

from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, AgreementLine, AgreementState, CapAlert
from siwei.exchange.trading.cap_room import CapLeft, caps_left_by
from siwei.portal.city_pack import decided_on

MOST_ALERTS = 100


def caps_before_signing(agreement: Agreement, lines: Sequence[AgreementLine], actor: Actor) -> list[CapLeft]:
    """What the caps of the reader's own organisations would have left once it is signed; none where it is already."""
    if agreement.state not in (AgreementState.PROPOSED, AgreementState.AWAITING_APPROVAL):
        return []
    # Where another's word is waited for, somebody has signed, and may be capped themselves.
    signer = actor.person_id if agreement.state == AgreementState.PROPOSED else None
    consumers = sorted({line.consumer_id for line in lines if actor.represents(line.consumer_id)})
    return [each for owner in consumers for each in caps_left_by(agreement, owner, decided_on(), signer)]


def cap_alerts(actor: Actor) -> QuerySet[CapAlert]:
    return CapAlert.objects.visible_to(actor).select_related("cap__organisation", "cap__project", "cap__person")


def standing_alerts(actor: Actor) -> list[CapAlert]:
    """Of the caps of the reader's own organisations that still run, as set now: the highest of each, newest first."""
    own = Q(cap__organisation_id__in=actor.organisation_ids, cap__ends_on__gte=decided_on(), amount=F("cap__amount"))
    highest: dict[int, CapAlert] = {}
    for each in cap_alerts(actor).filter(own).order_by("-per_cent", "-pk")[:MOST_ALERTS]:
        highest.setdefault(each.cap_id, each)
    return sorted(highest.values(), key=lambda each: each.at, reverse=True)
