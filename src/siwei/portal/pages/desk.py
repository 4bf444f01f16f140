"""我的: what waits for the person who is signed in; and the city's public money."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.exchange.actors import Actor
from siwei.exchange.models import Approval, ApprovalState, ClaimState, Dispute, DisputeState, Event, Job, Organisation
from siwei.exchange.trading.approvals import decidable
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.directory import current_directory
from siwei.portal.openable import open_addresses
from siwei.portal.queries.calls import applications, waiting_for, waiting_for_scores
from siwei.portal.queries.caps import standing_alerts
from siwei.portal.queries.market import agreements, own_listings
from siwei.portal.queries.money import pots, public_money
from siwei.portal.queries.organisations import concerns_generated
from siwei.portal.queries.payments import open_work
from siwei.portal.queries.people import organisation_claims
from siwei.portal.queries.person import waiting_proofs
from siwei.portal.queries.services import upstreams_waiting
from siwei.portal.queries.tasks import failed_tasks
from siwei.portal.subjects import subject_words

OPEN_DISPUTES = (DisputeState.OPEN, DisputeState.ANSWERED)
MOST_APPROVALS = 200


def approvals_waiting(actor: Actor) -> int:
    own = Approval.objects.visible_to(actor).filter(party__organisation_id__in=actor.organisation_ids)
    waiting = own.filter(state=ApprovalState.OPEN).select_related("party").order_by("requested_at", "pk")
    return len(decidable(waiting[:MOST_APPROVALS], actor))


@login_required
def desk_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    mine = actor.organisation_ids
    own = Organisation.objects.visible_to(actor).filter(pk__in=mine)
    found = agreements(actor)
    events = list(Event.objects.visible_to(actor).order_by("-pk")[:20])
    context = {
        "organisations": own,
        "waiting": found.filter(state="proposed")[:20],
        "agreements": found.exclude(state="proposed")[:20],
        "jobs": Job.objects.visible_to(actor)
        .select_related("line__agreement__match__need", "line__provider")
        .order_by("-submitted_at")[:20],
        "applications": [] if actor.sees_all else applications(actor)[:20],
        "claims_waiting": organisation_claims(actor).filter(state=ClaimState.ASKED).count(),
        "office": waiting_for(actor),
        "to_score": waiting_for_scores(actor),
        "money": open_work(actor),
        "approvals_waiting": approvals_waiting(actor),
        "alerts": standing_alerts(actor),
        "disputes_open": Dispute.objects.visible_to(actor).filter(state__in=OPEN_DISPUTES).count(),
        "proofs_waiting": waiting_proofs(actor).count(),
        "upstreams_waiting": upstreams_waiting(actor),
        "failed_tasks": failed_tasks(actor),
        "listings": own_listings(actor)[:20],
        "known_kinds": KINDS,
        "events": events,
        "subjects": subject_words((each.subject for each in events), actor),
        "addresses": open_addresses((each.subject for each in events), actor),
        "generated": concerns_generated(actor),
    }
    return render(request, "portal/desk.html", context)


def money_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    return render(
        request,
        "portal/money.html",
        {"money": public_money(), "pots": pots(actor), "generated": current_directory().has_generated},
    )
