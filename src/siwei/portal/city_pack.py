"""The city this process serves: its home, its pack and its programmes, read once and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.utils.timezone import localdate

from siwei.city.attributes import Attribute
from siwei.city.home import PACKS, CityHome
from siwei.city.pack import OfficialFirmCount, Pack, load_pack
from siwei.errors import EnvironmentMissing, NotFound
from siwei.policy.documents.loading import load_all_versions
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.documents.releases import as_released
from siwei.policy.programmes import Programme
from siwei.policy.stacking import Stacking
from siwei.policy.versions import latest_versions
from siwei.portal import django_settings

Row = dict[str, Any]
DAYS_KEPT = 2
"""Of what is compiled for a day: requests under way at midnight still read the day before."""
LAYERS = ("application", "technology", "base")


def current_home() -> CityHome | None:
    return django_settings.home


def home_or_missing() -> CityHome:
    """For what is kept beside the database."""
    home = current_home()
    if home is None:
        raise EnvironmentMissing(
            "this portal has no city's directory → start it with siwei serve",
            "本门户没有城市目录 → 请用 siwei serve 启动",
        )
    return home


def pack_directory() -> Path:
    """The city's pack; before `siwei init` (tests, checks) the built-in one."""
    home = current_home()
    return home.pack_directory if home else PACKS / "shenzhen"


def decided_on() -> date:
    """The day this city decides for: today, unless it stands still."""
    home = current_home()
    return home.day_on(localdate()) if home else localdate()


def asks_second_factor() -> bool:
    home = current_home()
    return home.asks_second_factor if home else True


@dataclass(frozen=True, slots=True)
class Chain:
    """The pack's chain, indexed: segments by id in their order, and the edges of each."""

    segments: dict[str, Row]
    edges: tuple[Row, ...]

    def layer(self, layer: str) -> list[Row]:
        return [segment for segment in self.segments.values() if segment["layer"] == layer]

    def upstream(self, segment: str) -> list[tuple[Row, str]]:
        """Edges with the segment at their other end: what supplies this one, and what this one builds on."""
        found = [(edge, edge["from"]) for edge in self.edges if edge["type"] == "supplies" and edge["to"] == segment]
        return found + [(edge, edge["to"]) for edge in self.edges if edge["type"] == "uses" and edge["from"] == segment]

    def downstream(self, segment: str) -> list[tuple[Row, str]]:
        found = [(edge, edge["to"]) for edge in self.edges if edge["type"] == "supplies" and edge["from"] == segment]
        return found + [(edge, edge["from"]) for edge in self.edges if edge["type"] == "uses" and edge["to"] == segment]

    def substitutes(self, segment: str) -> list[tuple[Row, str]]:
        """Either way round: each can take the other's place."""
        ends = ("from", "to"), ("to", "from")
        return [
            (edge, edge[other])
            for edge in self.edges
            for one, other in ends
            if edge["type"] == "substitutes" and edge[one] == segment
        ]


@cache
def pack() -> Pack:
    """The city's pack, checked. Raises PackError with every problem when it is wrong."""
    return load_pack(pack_directory())


@cache
def chain() -> Chain:
    tables = pack()
    return Chain({row["id"]: row for row in tables.segments.to_dicts()}, tuple(tables.edges.to_dicts()))


def supplies() -> list[tuple[str, str]]:
    """The chain's edges from who supplies to whom, for the kinds of deal that look at them."""
    return [(edge["from"], edge["to"]) for edge in chain().edges if edge["type"] == "supplies"]


def segment_or_missing(segment_id: str) -> Row:
    segment = chain().segments.get(segment_id)
    if segment is None:
        raise NotFound(f"no segment {segment_id!r} on this city's chain", f"本市产业链没有环节 {segment_id!r}")
    return segment


@cache
def districts() -> dict[str, Row]:
    return {row["id"]: row for row in pack().districts.to_dicts()}


@cache
def attributes() -> dict[str, Row]:
    """Each attribute as a row: id, type, unit, name_zh, name_en, public …"""
    return {name: asdict(attribute) for name, attribute in pack().attributes.items()}


def attribute_types() -> Mapping[str, Attribute]:
    """The same, as `siwei.policy` takes them."""
    return pack().attributes


def official_firms() -> OfficialFirmCount | None:
    """The official count that coverage is stated against."""
    return pack().official_firm_count


def programmes() -> dict[str, Programme]:
    """The pack's programmes: of each the version in force on the city's day. Raises PolicyError with every problem when
    one is wrong."""
    return _programmes_on(decided_on())


def programmes_on(day: date) -> Mapping[str, Programme]:
    """The same on any day: of each the version in force then, or else the last."""
    if day == decided_on():
        return programmes()
    return {programme.id: programme for programme in latest_versions(_versions(), day)}


@lru_cache(maxsize=DAYS_KEPT)
def _programmes_on(day: date) -> dict[str, Programme]:
    return {programme.id: programme for programme in latest_versions(_versions(), day)}


def all_versions() -> tuple[Programme, ...]:
    """Every version of every programme."""
    return _versions()


@cache
def _versions() -> tuple[Programme, ...]:
    """Every version, compiled once; one whose text is not the one that was released is a draft."""
    directory = pack_directory() / "programmes"
    if not directory.is_dir():
        return ()
    return as_released(directory, load_all_versions(directory, pack().attributes))


def stacking(day: date | None = None) -> Stacking:
    """Which awards may stand together, as the pack says: on the city's day, or on any."""
    if day is None or day == decided_on():
        return _stacking_on(decided_on())
    return load_stacking(pack_directory(), pack().attributes, tuple(programmes_on(day).values()))


@lru_cache(maxsize=DAYS_KEPT)
def _stacking_on(day: date) -> Stacking:
    return load_stacking(pack_directory(), pack().attributes, tuple(_programmes_on(day).values()))
