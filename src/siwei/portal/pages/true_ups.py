"""Awards decided again: true-ups and claw-backs, each with its reason, its decision and its entries."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from siwei.portal.access import actor_of
from siwei.portal.pages.paging import page_of
from siwei.portal.queries import true_ups as queries


@login_required
@require_safe
def true_ups_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = page_of(request, queries.true_ups(actor))
    lines = queries.with_entries(list(page.object_list))
    context = {
        "page": page,
        "lines": lines,
        "owed": queries.owed(actor),
        "waiting": queries.waiting(actor) if actor.sees_all else [],
        "token": uuid.uuid4().hex,
        "generated": any(each.done.voucher.organisation.is_generated for each in lines),
    }
    return render(request, "portal/deals/true_ups.html", context)
