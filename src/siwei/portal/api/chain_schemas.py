"""What the API answers about the industry chain: segments, edges, who stands where."""

from __future__ import annotations

from datetime import date
from typing import Any

from ninja import Schema
from pydantic import Field

from siwei.portal.api.schemas import Evidence, Named


class Segment(Schema):
    id: str
    layer: str
    name: Named
    definition_zh: str
    firms: int = Field(description="In this data; nothing is said of the city beyond it")
    generated: int
    state: str = Field(description="empty, single or held, in this data")
    source: str | None
    as_of: date | None
    verified: bool


class Neighbour(Schema):
    segment: str
    type: str
    firms: int
    confidence: float
    source: str | None
    verified: bool


class Nearest(Schema):
    organisation: str
    name: str
    score: float
    reason: Named


class SegmentDossier(Schema):
    segment: Segment
    concentration: dict[str, Any] | None
    upstream: list[Neighbour]
    downstream: list[Neighbour]
    substitutes: list[Neighbour]
    nearest: list[Nearest]


class Edge(Schema):
    source_segment: str
    target_segment: str
    type: str
    confidence: float
    source: str | None
    as_of: date | None
    verified: bool


class Coverage(Schema):
    organisations: int
    placed: int
    official_firms: int | None
    segments: list[Segment]


class Member(Schema):
    organisation: str
    name: str
    generated: bool
    confidence: float
    evidence: list[Evidence]


class MemberPage(Schema):
    count: int
    page: int
    items: list[Member]
