"""Finding organisations, and what is known of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Fact, Organisation, Origin, Placement
from siwei.portal.city_pack import attributes, chain
from siwei.portal.directory import current_directory, matching
from siwei.portal.queries.entitlements import best_facts

PAGE_SIZE = 50
LONG_TEXT = ("scope", "profile")


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for; empty fields ask for nothing."""

    text: str = ""
    segment: str = ""
    district: str = ""
    kind: str = ""
    origin: str = ""

    @property
    def is_filtered(self) -> bool:
        return any((self.text, self.segment, self.district, self.kind, self.origin))


def concerns_generated(actor: Actor) -> bool:
    """Whether what the actor is shown of their own affairs may be of made-up organisations: one they act for is, or,
    for who sees the whole city, any is. Pages that show such affairs carry the ribbon."""
    if actor.sees_all:
        return current_directory().has_generated
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids)
    return own.filter(origin=Origin.GENERATED).exists()


def find_organisations(search: Search, actor: Actor) -> pl.DataFrame:
    """Matching organisations, best first, as rows of `DIRECTORY_SCHEMA`."""
    frame = current_directory().frame
    for column in ("district", "kind", "origin"):
        wanted = getattr(search, column)
        if wanted:
            frame = frame.filter(pl.col(column) == ("" if wanted == "unknown" else wanted))
    if search.segment:
        ids = (
            Placement.objects.visible_to(actor).filter(segment=search.segment).values_list("organisation_id", flat=True)
        )
        frame = frame.filter(pl.col("id").is_in(pl.Series(list(ids), dtype=pl.Int64).implode()))
    return matching(frame, search.text)


def load_in_order(ids: list[int], actor: Actor) -> list[Organisation]:
    """One page of organisations with their placements, in the order of `ids`: two queries."""
    found = Organisation.objects.visible_to(actor).filter(pk__in=ids).prefetch_related("placements").in_bulk()
    return [found[pk] for pk in ids if pk in found]


def organisation_or_missing(key: str, actor: Actor) -> Organisation:
    """By key; a key that was merged into another organisation leads there."""
    organisation = Organisation.objects.filter(key=key).select_related("merged_into").first()
    if organisation is not None and organisation.merged_into is not None:
        organisation = organisation.merged_into
    if organisation is None:
        raise NotFound(f"no organisation with the key {key!r}", f"没有编号为 {key!r} 的机构")
    return organisation


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which words of which text put an organisation on a segment."""

    source: str
    term: str


@dataclass(frozen=True, slots=True)
class PlacementLine:
    segment: dict[str, Any]
    confidence: float
    evidence: tuple[Evidence, ...]


def read_evidence(text: str) -> tuple[Evidence, ...]:
    """The classifier's evidence: a JSON list of `{source, term, …}`; other text is shown as it is."""
    try:
        items = json.loads(text)
    except ValueError:
        return (Evidence("", text),) if text else ()
    if not isinstance(items, list):
        return (Evidence("", text),)
    seen = dict.fromkeys(
        (str(item.get("source", "")), str(item.get("term", ""))) for item in items if isinstance(item, dict)
    )
    return tuple(Evidence(source, term) for source, term in seen)


def placement_lines(placements: Iterable[Placement]) -> list[PlacementLine]:
    segments = chain().segments
    unknown = {"name_zh": "", "name_en": "", "layer": ""}
    lines = [
        PlacementLine(
            segments.get(item.segment, {**unknown, "id": item.segment, "name_en": item.segment}),
            item.confidence,
            read_evidence(item.evidence),
        )
        for item in placements
    ]
    return sorted(lines, key=lambda line: (-line.confidence, line.segment["id"]))


@dataclass(frozen=True, slots=True)
class FactLine:
    """The best known value of one attribute, and the other sources that say something of it."""

    attribute: dict[str, Any]
    fact: Fact
    others: tuple[Fact, ...]


def fact_lines(organisation: Organisation, actor: Actor) -> list[FactLine]:
    """Best fact per attribute: better proven, then valid later, then known later, as policy reads them."""
    known = attributes()
    ordered = best_facts(list(Fact.objects.visible_to(actor).filter(organisation=organisation)))
    grouped: dict[str, list[Fact]] = {}
    for fact in ordered:
        grouped.setdefault(fact.attribute, []).append(fact)
    order = {name: position for position, name in enumerate(known)}
    lines = [
        FactLine(
            known.get(name, {"id": name, "name_zh": name, "name_en": name, "type": "string", "unit": ""}),
            facts[0],
            tuple(facts[1:]),
        )
        for name, facts in grouped.items()
    ]
    return sorted(
        lines, key=lambda line: (line.attribute["id"] in LONG_TEXT, order.get(line.attribute["id"], len(order)))
    )
