"""Programmes: the list, and one with its text beside its code."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.portal.access import actor_of
from siwei.portal.city_pack import decided_on, programmes
from siwei.portal.directory import current_directory
from siwei.portal.exports import export_response
from siwei.portal.pages.paging import text_parameter
from siwei.portal.queries.money import pots
from siwei.portal.queries.programmes import decided_so_far, decision_rows, programme_or_missing, rules_beside


def programme_list(request: HttpRequest) -> HttpResponse:
    run, summary = decided_so_far(actor_of(request))
    rows = [(programme, summary.get(programme.id)) for programme in programmes().values()]
    return render(
        request,
        "portal/programmes/list.html",
        {"rows": rows, "run": run, "generated": current_directory().has_generated},
    )


def programme_page(request: HttpRequest, programme_id: str) -> HttpResponse:
    actor = actor_of(request)
    programme = programme_or_missing(programme_id)
    export = text_parameter(request, "export")
    if export:
        return export_response(decision_rows(programme_id, actor), f"decisions-{programme_id}", export)
    run, summary = decided_so_far(actor)
    today = decided_on()
    context = {
        "programme": programme,
        "parameters": [(parameter, parameter.value_on(today)) for parameter in programme.parameters],
        "rules": rules_beside(programme_id),
        "pots": pots(actor, programme_id),
        "token": uuid.uuid4().hex,
        "run": run,
        "decided": summary.get(programme_id),
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/programmes/detail.html", context)
