"""A segment's dossier: how concentrated it is, and who in this data stands nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from siwei.chain.concentration import coverage
from siwei.chain.gaps import nearest
from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.models import Fact, Organisation, Placement
from siwei.portal.city_pack import Row, chain, official_firms, pack
from siwei.portal.kept import Kept
from siwei.portal.languages import choose
from siwei.portal.words import word

CAPITAL = "registered_capital"
CURRENCY = "registered_capital_currency"
NEAREST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Concentration:
    """By registered capital in the city's currency, over the firms that state it; null where none does."""

    firms: int
    weighed_firms: int
    hhi: float | None
    top3_share: float | None
    leaders: list[Organisation]


@dataclass(frozen=True, slots=True)
class Near:
    organisation: Organisation
    score: float
    reason_zh: str
    reason_en: str

    @property
    def reason(self) -> str:
        return choose(self.reason_zh, self.reason_en)


CONCENTRATIONS: Kept[str, Concentration] = Kept(seconds=60)


def concentration(segment_id: str) -> Concentration:
    """From public facts only, so the same for everybody; a change shows within a minute."""
    return CONCENTRATIONS.get(segment_id, lambda: weigh_segment(segment_id, VISITOR))


def weigh_segment(segment_id: str, actor: Actor) -> Concentration:
    """Three queries: who stands here, what capital they state, and the leaders' names."""
    here = Placement.objects.visible_to(actor).filter(segment=segment_id, organisation__merged_into=None)
    keys = list(here.values_list("organisation__key", flat=True))
    stated = (
        Fact.objects.visible_to(actor)
        .filter(attribute__in=(CAPITAL, CURRENCY), organisation__placements__segment=segment_id)
        .order_by("-status", "-valid_from", "-known_at", "-pk")
        .values_list("organisation__key", "attribute", "value")
    )
    best: dict[tuple[str, str], str] = {}
    for key, attribute, value in stated:
        best.setdefault((key, attribute), value)
    currency = pack().identity.currency
    weights = [
        int(best[key, CAPITAL])
        if best.get((key, CURRENCY)) == currency and best.get((key, CAPITAL), "").isdigit()
        else None
        for key in keys
    ]
    row = coverage(
        pl.DataFrame({"id": keys, "segment": [segment_id] * len(keys)}, schema={"id": pl.String, "segment": pl.String}),
        pl.DataFrame({"id": keys, "weight": weights}, schema={"id": pl.String, "weight": pl.Int64}),
        segment_frame(segment_id),
        official.value if (official := official_firms()) else None,
    ).row(0, named=True)
    found = {each.key: each for each in Organisation.objects.visible_to(actor).filter(key__in=row["leaders"] or [])}
    leaders = [found[key] for key in row["leaders"] or [] if key in found]
    return Concentration(row["firms"], row["weighed_firms"], row["hhi"], row["top3_share"], leaders)


def nearest_firms(segment_id: str, actor: Actor) -> list[Near]:
    """For a segment with no firm or one: those on the segments one edge away, best first. Two queries."""
    edges = [edge for edge in chain().edges if segment_id in (edge["from"], edge["to"])]
    around = {edge[end] for edge in edges for end in ("from", "to")}
    schema = {"id": pl.String, "segment": pl.String, "layer": pl.String, "confidence": pl.Float64}
    rows = (
        Placement.objects.visible_to(actor)
        .filter(segment__in=around, organisation__merged_into=None)
        .values_list("organisation__key", "segment", "layer", "confidence")
    )
    placements = pl.DataFrame(list(rows), schema=schema, orient="row")
    candidates = pl.DataFrame(
        schema={"id": pl.String, "segment": pl.String, "confidence": pl.Float64, "evidence": pl.String}
    )
    ends = pl.DataFrame(edges, schema={"from": pl.String, "to": pl.String, "type": pl.String}) if edges else None
    if ends is None or placements.is_empty():
        return []
    found = nearest(placements, candidates, segment_frame(segment_id), ends, limit=NEAREST_SHOWN)
    names = {each.key: each for each in Organisation.objects.visible_to(actor).filter(key__in=found["id"].to_list())}
    return [near_of(row, names[row["id"]]) for row in found.iter_rows(named=True) if row["id"] in names]


def near_of(row: dict[str, Any], organisation: Organisation) -> Near:
    beside: Row = chain().segments[row["neighbour_segment"]]
    return Near(
        organisation,
        row["score"],
        f"已在相邻环节「{beside['name_zh']}」（{word('edge', row['edge_type'])}）",
        f"already on the neighbouring segment “{beside['name_en']}” ({row['edge_type']})",
    )


def segment_frame(segment_id: str) -> pl.DataFrame:
    return pack().segments.filter(pl.col("id") == segment_id).select("id", "layer", "name_zh", "name_en")
