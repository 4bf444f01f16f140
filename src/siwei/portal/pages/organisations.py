"""Organisations: the list, its export, and one organisation's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import claimed_from
from siwei.exchange.models import Organisation
from siwei.market.kinds import KINDS
from siwei.policy.explanation import Explanation, Missing
from siwei.policy.programmes import Verdict
from siwei.policy.windows import deadline_of
from siwei.portal.access import actor_of, can_see_private
from siwei.portal.city_pack import chain, decided_on, districts
from siwei.portal.exports import export_response
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries.calls import current_call, room_of
from siwei.portal.queries.claims import claim_lines
from siwei.portal.queries.dossier import evidence_of
from siwei.portal.queries.entitlements import entitlement, entitlements, in_error, known_facts, not_added_up, what_binds
from siwei.portal.queries.jobs import jobs_of
from siwei.portal.queries.market import agreements, listings
from siwei.portal.queries.money import accounts_of, entries_of, vouchers_of
from siwei.portal.queries.organisations import (
    PAGE_SIZE,
    Search,
    fact_lines,
    find_organisations,
    load_in_order,
    organisation_or_missing,
    placement_lines,
)
from siwei.portal.queries.programmes import programme_or_missing

ORIGINS = ("imported", "pack", "generated")


def search_of(request: HttpRequest) -> Search:
    return Search(
        text=text_parameter(request, "q"),
        segment=text_parameter(request, "segment"),
        district=text_parameter(request, "district"),
        kind=text_parameter(request, "kind"),
        origin=text_parameter(request, "origin"),
    )


def organisation_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    search = search_of(request)
    found = find_organisations(search, actor)
    export = text_parameter(request, "export")
    if export:
        columns = ["key", "code", "name", "kind", "district", "origin"]
        return export_response(found.select(columns), "organisations", export)
    page = page_of(request, found.get_column("id"), PAGE_SIZE)
    organisations = load_in_order(list(page.object_list), actor)
    rows = [(organisation, placement_lines(organisation.placements.all())) for organisation in organisations]
    context = {
        "search": search,
        "segment": chain().segments.get(search.segment),
        "page": page,
        "rows": rows,
        "segments": chain().segments.values(),
        "districts": districts().values(),
        "origins": ORIGINS,
        "generated": any(organisation.is_generated for organisation in organisations),
    }
    template = "portal/organisations/rows.html" if getattr(request, "htmx", False) else "portal/organisations/list.html"
    return render(request, template, context)


def organisation_page(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    if organisation.key != key:
        return redirect("organisation", key=organisation.key)
    context = {
        "organisation": organisation,
        "placements": placement_lines(organisation.placements.all()),
        "facts": fact_lines(organisation, actor),
        "generated": organisation.is_generated,
        "known_kinds": KINDS,
        "listings": listings(actor).filter(organisation=organisation)[:20],
        **(private_context(organisation, actor) if can_see_private(actor, organisation.pk) else {}),
    }
    return render(request, "portal/organisations/detail.html", context)


def private_context(organisation: Organisation, actor: Actor) -> dict[str, Any]:
    """What only the organisation's own people, the operator and the auditor see."""
    return {
        "private": True,
        "entitlements": entitlements(organisation, actor),
        "claims": claim_lines(organisation, actor),
        "vouchers": vouchers_of(organisation.pk, actor),
        "accounts": accounts_of(organisation.pk, actor),
        "entries": entries_of(organisation.pk, actor),
        "agreements": agreements(actor, organisation.pk)[:20],
        "jobs": jobs_of(organisation.pk, actor)[:20],
    }


def entitlement_page(request: HttpRequest, key: str, programme_id: str) -> HttpResponse:
    """One programme for one organisation: the sentence, the clauses, the computation, what would change it."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    programme = programme_or_missing(programme_id)
    explanation = entitlement(organisation, programme, actor)
    call = current_call(programme, actor)
    award = explanation.award.award_fen if explanation.verdict is Verdict.ELIGIBLE else 0
    room = None if call is None else room_of(organisation, programme, call, award or 0)
    context = {
        "organisation": organisation,
        "programme": programme,
        "explanation": explanation,
        "missing": missing_of(explanation),
        "failures": in_error(organisation, explanation, actor),
        "gaps": not_added_up(organisation, programme, actor),
        "binds": what_binds(organisation, explanation, actor),
        "call": call,
        "room": room,
        "may_claim": call is not None
        and call.is_open
        and room is not None
        and (room.most_fen or 0) > claimed_from(call.pot, organisation),
        "evidence": evidence_of(programme, known_facts(organisation)),
        "deadline": deadline_of(programme, decided_on()),
        "generated": organisation.is_generated,
    }
    return render(request, "portal/organisations/entitlement.html", context)


def missing_of(explanation: Explanation) -> list[Missing]:
    """Each missing fact once, in the order in which clauses ask for it."""
    found: dict[str, Missing] = {}
    parts = [each.missing for each in explanation.clauses]
    for missing in (one for part in (*parts, explanation.award.missing) for one in part):
        found.setdefault(missing.attribute, missing)
    return list(found.values())
