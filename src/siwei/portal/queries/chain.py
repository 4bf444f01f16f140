"""The chain map and a segment's dossier: firms per segment in this data, never a claim about the whole city."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from django.db.models import Count, Max, Q

from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.models import Organisation, Placement
from siwei.portal.city_pack import LAYERS, Row, chain, segment_or_missing
from siwei.portal.directory import organisations_signature
from siwei.portal.kept import Kept

FEW_FIRMS = 1


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """A segment and how many organisations of this data stand on it; `size` 0–100 goes by the square root."""

    segment: Row
    firms: int
    generated: int
    size: int

    @property
    def radius(self) -> float:
        """Of the dot, in a 32 × 32 box: its area is the number of firms."""
        return round(max(2.0, self.size * 0.14), 1)

    @property
    def fill(self) -> int:
        """0 for a gap, then 1–3 by size, for the strip on the first page."""
        return 0 if self.firms == 0 else min(3, 1 + self.size // 34)

    @property
    def state(self) -> str:
        return "empty" if self.firms == 0 else "single" if self.firms <= FEW_FIRMS else "held"


@dataclass(frozen=True, slots=True)
class ChainMap:
    layers: tuple[tuple[str, tuple[SegmentCount, ...]], ...]
    placed: int
    organisations: int
    has_generated: bool

    @property
    def counts(self) -> list[SegmentCount]:
        return [count for _, counts in self.layers for count in counts]

    @property
    def empty(self) -> list[SegmentCount]:
        return [count for count in self.counts if count.state == "empty"]

    @property
    def single(self) -> list[SegmentCount]:
        return [count for count in self.counts if count.state == "single"]


Counted = tuple[list[tuple[str, int, int]], int, int]
COUNTED: Kept[tuple[int | None, ...], Counted] = Kept(seconds=600, size=4)


def placements_signature() -> tuple[int | None, ...]:
    """Changes whenever organisations are placed anew, added or merged. Three queries over keys only."""
    placed = Placement.objects.visible_to(VISITOR).aggregate(count=Count("pk"), last=Max("pk"))
    return (*organisations_signature(), placed["count"], placed["last"])


def count_placements() -> Counted:
    """Per segment its organisations and how many are generated; how many are placed at all; how many there are."""
    here = Placement.objects.visible_to(VISITOR).filter(organisation__merged_into=None)
    rows = here.values("segment").annotate(
        firms=Count("pk"), generated=Count("pk", filter=Q(organisation__origin="generated"))
    )
    placed = here.aggregate(n=Count("organisation", distinct=True))["n"]
    organisations = Organisation.objects.visible_to(VISITOR).count()
    return list(rows.order_by("segment").values_list("segment", "firms", "generated")), placed, organisations


def chain_map() -> ChainMap:
    """Public, so the same for everybody. Three small queries, and three large ones after a change."""
    rows, placed, organisations = COUNTED.get(placements_signature(), count_placements)
    firms = {segment: (count, generated) for segment, count, generated in rows}
    most = max((count for count, _ in firms.values()), default=0)

    def count_of(segment: Row) -> SegmentCount:
        count, generated = firms.get(segment["id"], (0, 0))
        return SegmentCount(segment, count, generated, round(sqrt(count / most) * 100) if most else 0)

    layers = tuple((layer, tuple(count_of(segment) for segment in chain().layer(layer))) for layer in LAYERS)
    return ChainMap(layers, placed, organisations, any(generated for _, generated in firms.values()))


Neighbour = dict[str, Any]


def neighbours(segment_id: str, actor: Actor) -> tuple[list[Neighbour], list[Neighbour], list[Neighbour]]:
    """Upstream, downstream and substitutes of a segment, each with its edge and its number of firms. One query."""
    sides = chain().upstream(segment_id), chain().downstream(segment_id), chain().substitutes(segment_id)
    counts = dict(
        Placement.objects.visible_to(actor)
        .filter(segment__in={end for side in sides for _, end in side}, organisation__merged_into=None)
        .values_list("segment")
        .annotate(firms=Count("pk"))
    )
    segments = chain().segments
    upstream, downstream, substitutes = (
        [{"edge": edge, "segment": segments[end], "firms": counts.get(end, 0)} for edge, end in side] for side in sides
    )
    return upstream, downstream, substitutes


def segment_members(segment_id: str, actor: Actor) -> Any:
    """Placements on a segment, surest first, with their organisations: a query set to page through."""
    segment_or_missing(segment_id)
    return (
        Placement.objects.visible_to(actor)
        .filter(segment=segment_id, organisation__merged_into=None)
        .select_related("organisation")
        .order_by("-confidence", "organisation_id")
    )
