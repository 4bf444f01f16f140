"""The chain map and a segment's dossier."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.city_pack import chain, official_firms, segment_or_missing
from siwei.portal.pages.paging import page_of
from siwei.portal.queries.chain import chain_map, neighbours, segment_members
from siwei.portal.queries.market import listings_on
from siwei.portal.queries.organisations import read_evidence
from siwei.portal.queries.segments import concentration, nearest_firms


def chain_page(request: HttpRequest) -> HttpResponse:
    found = chain_map()
    return render(
        request, "portal/chain/map.html", {"map": found, "official": official_firms(), "generated": found.has_generated}
    )


def chain_edges(request: HttpRequest) -> JsonResponse:
    """Edges for the drawing; they say nothing that the dossiers do not say in words."""
    edges = [{"from": edge["from"], "to": edge["to"], "type": edge["type"]} for edge in chain().edges]
    return JsonResponse({"edges": edges})


def segment_page(request: HttpRequest, segment_id: str) -> HttpResponse:
    actor = actor_of(request)
    segment = segment_or_missing(segment_id)
    page = page_of(request, segment_members(segment_id, actor))
    members = [(placement.organisation, placement.confidence, read_evidence(placement.evidence)) for placement in page]
    upstream, downstream, substitutes = neighbours(segment_id, actor)
    context = {
        "segment": segment,
        "page": page,
        "members": members,
        "upstream": upstream,
        "downstream": downstream,
        "substitutes": substitutes,
        "official": official_firms(),
        "concentration": concentration(segment_id),
        "nearest": nearest_firms(segment_id, actor) if page.paginator.count <= 1 else [],
        "open_listings": listings_on(segment_id, actor),
        "known_kinds": KINDS,
        "generated": any(organisation.is_generated for organisation, *_ in members),
    }
    return render(request, "portal/chain/segment.html", context)
