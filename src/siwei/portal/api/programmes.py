"""Programmes as code: their clauses, expressions and citations, and what they decided."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from siwei.policy.checks.sourcing import unsourced_parts
from siwei.policy.programmes import Citation, Programme
from siwei.portal.access import actor_of
from siwei.portal.api import schemas
from siwei.portal.api.answers import answers, named
from siwei.portal.city_pack import programmes
from siwei.portal.queries.programmes import decided_so_far, programme_or_missing

router = Router()


@router.get("", response=answers(list[schemas.Programme]))
def list_programmes(request: HttpRequest) -> Any:
    """Every programme with its clauses, citations and what it decided last."""
    _, decided = decided_so_far(actor_of(request))
    return [programme_row(each, decided.get(each.id)) for each in programmes().values()]


@router.get("/{programme_id}", response=answers(schemas.Programme))
def get_programme(request: HttpRequest, programme_id: str) -> Any:
    """One programme."""
    _, decided = decided_so_far(actor_of(request))
    programme = programme_or_missing(programme_id)
    return programme_row(programme, decided.get(programme.id))


def programme_row(programme: Programme, decided: dict[str, Any] | None) -> dict[str, Any]:
    clauses = [
        {
            "id": each.id,
            "words": named(each.words),
            "expression": each.expression.text,
            "requires": each.requires.name.lower(),
            "citation": citation_row(each.citation),
        }
        for each in programme.clauses
    ]
    return {
        "id": programme.id,
        "version": programme.version,
        "sha256": programme.sha256,
        "title": named(programme.title),
        "kind": programme.kind.value,
        "issuer": named(programme.issuer),
        "source_document": programme.source.document,
        "verified": programme.source.verified,
        "is_draft": programme.is_draft,
        "unsourced": [
            {"part": each.part, "id": each.id, "words": named(each.words)} for each in unsourced_parts(programme)
        ],
        "starts_on": programme.period.start,
        "ends_on": programme.period.end,
        "clauses": clauses,
        "award_words": named(programme.award.words),
        "award_expression": programme.award.expression.text,
        "cap_expression": programme.award.cap.text if programme.award.cap else None,
        "decided": decided,
    }


def citation_row(citation: Citation | None) -> dict[str, Any] | None:
    return (
        None if citation is None else {"document": citation.document, "locator": citation.locator, "url": citation.url}
    )
