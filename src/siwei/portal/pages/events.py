"""The audit log: who did what, for an organisation's own people, the operator and the auditor."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from siwei.exchange.models import Organisation
from siwei.portal.access import actor_of, require_private
from siwei.portal.exports import export_response
from siwei.portal.pages.ledger import day_parameter
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.events import actions_of, events_frame, events_of, lines, narrowed
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.subjects import subject_words


@login_required
@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """All that the reader may see; of the whole city for the operator and the auditor."""
    return _events(request, None)


@login_required
@require_safe
def organisation_events(request: HttpRequest, key: str) -> HttpResponse:
    """What was done in an organisation's name, or to it."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    if organisation.key != key:
        return redirect("organisation-events", key=organisation.key)
    require_private(actor, organisation.pk)
    return _events(request, organisation)


def _events(request: HttpRequest, organisation: Organisation | None) -> HttpResponse:
    actor = actor_of(request)
    found = events_of(actor, organisation)
    action = text_parameter(request, "action", 40)
    start, end = day_parameter(request, "from"), day_parameter(request, "to")
    chosen = narrowed(found, action, start, end)
    if form := text_parameter(request, "export"):
        return export_response(events_frame(chosen), "events", form)
    page = page_of(request, chosen)
    done = lines(page.object_list)
    context = {
        "organisation": organisation,
        "page": page,
        "done": done,
        "subjects": subject_words((line.subject for line in done), actor),
        "actions": actions_of(found, action),
        "action": action,
        "start": start,
        "end": end,
        "generated": any(line.generated for line in done),
    }
    return render(request, "portal/events.html", context)
