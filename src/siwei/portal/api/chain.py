"""The chain: coverage, segments, members, edges."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from siwei.portal.access import actor_of
from siwei.portal.api import chain_schemas
from siwei.portal.api.answers import PageNumber, answers, bounds, evidence, named
from siwei.portal.city_pack import chain, official_firms, segment_or_missing
from siwei.portal.queries.chain import SegmentCount, chain_map, neighbours, segment_members
from siwei.portal.queries.segments import Concentration, concentration, nearest_firms

router = Router()


@router.get("/chain", response=answers(chain_schemas.Coverage))
def get_coverage(request: HttpRequest) -> Any:
    """Firms per segment in this data, with the official count it is stated against."""
    found = chain_map()
    official = official_firms()
    return {
        "organisations": found.organisations,
        "placed": found.placed,
        "official_firms": official.value if official else None,
        "segments": [segment_row(each) for each in found.counts],
    }


def segment_row(count: SegmentCount) -> dict[str, Any]:
    row = count.segment
    return {
        "id": row["id"],
        "layer": row["layer"],
        "name": named(row),
        "definition_zh": row["definition_zh"],
        "firms": count.firms,
        "generated": count.generated,
        "state": count.state,
        "source": row["source"],
        "as_of": row["as_of"],
        "verified": row["verified"],
    }


@router.get("/chain/edges", response=answers(list[chain_schemas.Edge]))
def list_edges(request: HttpRequest) -> Any:
    """The typed edges between segments, with source and date."""
    return [
        {
            "source_segment": each["from"],
            "target_segment": each["to"],
            "type": each["type"],
            "confidence": each["confidence"],
            "source": each["source"],
            "as_of": each["as_of"],
            "verified": each["verified"],
        }
        for each in chain().edges
    ]


@router.get("/segments", response=answers(list[chain_schemas.Segment]))
def list_segments(request: HttpRequest) -> Any:
    """Every segment with its number of organisations in this data."""
    return [segment_row(each) for each in chain_map().counts]


@router.get("/segments/{segment_id}", response=answers(chain_schemas.SegmentDossier))
def get_segment(request: HttpRequest, segment_id: str) -> Any:
    """A dossier: concentration, neighbours, and for a gap in this data who stands nearest."""
    actor = actor_of(request)
    segment_or_missing(segment_id)
    count = next(each for each in chain_map().counts if each.segment["id"] == segment_id)
    weighed = concentration(segment_id)
    upstream, downstream, substitutes = neighbours(segment_id, actor)
    near = nearest_firms(segment_id, actor) if count.firms <= 1 else []
    return {
        "segment": segment_row(count),
        "concentration": concentration_row(weighed),
        "upstream": [neighbour_row(each) for each in upstream],
        "downstream": [neighbour_row(each) for each in downstream],
        "substitutes": [neighbour_row(each) for each in substitutes],
        "nearest": [
            {
                "organisation": each.organisation.key,
                "name": each.organisation.name,
                "score": each.score,
                "reason": {"zh": each.reason_zh, "en": each.reason_en},
            }
            for each in near
        ],
    }


def concentration_row(found: Concentration) -> dict[str, Any]:
    return {
        "firms": found.firms,
        "weighed_firms": found.weighed_firms,
        "hhi": found.hhi,
        "top3_share": found.top3_share,
        "leaders": [each.key for each in found.leaders],
    }


def neighbour_row(line: dict[str, Any]) -> dict[str, Any]:
    edge = line["edge"]
    return {
        "segment": line["segment"]["id"],
        "type": edge["type"],
        "firms": line["firms"],
        "confidence": edge["confidence"],
        "source": edge["source"],
        "verified": edge["verified"],
    }


@router.get("/segments/{segment_id}/members", response=answers(chain_schemas.MemberPage))
def list_members(request: HttpRequest, segment_id: str, page: PageNumber = 1) -> Any:
    """Organisations on a segment with the words that put them there, surest first."""
    members = segment_members(segment_id, actor_of(request))
    items = [
        {
            "organisation": each.organisation.key,
            "name": each.organisation.name,
            "generated": each.organisation.is_generated,
            "confidence": each.confidence,
            "evidence": evidence(each.evidence),
        }
        for each in members[bounds(page)]
    ]
    return {"count": members.count(), "page": page, "items": items}
