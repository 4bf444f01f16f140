"""The audit log: who did what, for an organisation's own people, the operator and the auditor."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from siwei.exchange.actors import Actor
from siwei.exchange.models import Organisation
from siwei.portal.access import actor_of, require_private
from siwei.portal.exports import export_response
from siwei.portal.openable import open_addresses
from siwei.portal.pages.ledger import day_parameter
from siwei.portal.pages.paging import text_parameter
from siwei.portal.queries.events import Narrowing, actions_of, events_frame, events_of, lines, narrowed
from siwei.portal.queries.key_pages import key_page
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
    wanted = Narrowing(
        action=text_parameter(request, "action", 40),
        subject=text_parameter(request, "subject", 240),
        by=text_parameter(request, "by", 150),
        organisation="" if organisation else text_parameter(request, "organisation"),
        start=day_parameter(request, "from"),
        end=day_parameter(request, "to"),
    )
    chosen = narrowed(found, wanted, actor)
    if form := text_parameter(request, "export"):
        return export_response(events_frame(chosen), "events", form)
    page = key_page(chosen, before=text_parameter(request, "before"), after=text_parameter(request, "after"))
    done = lines(page.rows)
    subjects = {line.subject for line in done} | ({wanted.subject} if wanted.subject else set())
    context = {
        "organisation": organisation,
        "page": page,
        "done": done,
        "subjects": subject_words(subjects, actor),
        "addresses": open_addresses(subjects, actor),
        "actions": actions_of(found, wanted.action),
        "wanted": wanted,
        "own": _own(actor) if organisation is None else (),
        "generated": any(line.generated for line in done),
    }
    return render(request, "portal/events.html", context)


def _own(actor: Actor) -> Sequence[Organisation]:
    """The organisations among which a member chooses; the offices type a name."""
    if actor.sees_all:
        return ()
    own = list(Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name"))
    return own if len(own) > 1 else ()
