"""The city at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.indicators import Measurement
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.city_pack import official_firms
from siwei.portal.queries.chain import chain_map
from siwei.portal.queries.indicators import measurements
from siwei.portal.queries.market import listings
from siwei.portal.queries.money import public_money
from siwei.portal.words import MARKS, word

SHOWN_PER_WING = 3


@dataclass(frozen=True, slots=True)
class FigureGroup:
    """One wing's figures on the first page: one per element, measured ones before those that wait for data."""

    dimension: str
    mark: str
    label: str
    items: list[Measurement]


def figure_groups(found: tuple[Measurement, ...]) -> list[FigureGroup]:
    groups = []
    for code, mark in MARKS.items():
        own = [each for each in found if each.indicator.dimension == code]
        by_element: dict[str, Measurement] = {}
        for each in sorted(own, key=lambda each: not each.is_measured):
            by_element.setdefault(each.indicator.element, each)
        items = [by_element[element] for element in ("technology", "people", "institution") if element in by_element]
        if items:
            groups.append(FigureGroup(code, mark, word("dimension", code), items))
    return groups


def home_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = chain_map(actor)
    latest = list(listings(actor).filter(state="open")[:8])
    context = {
        "map": found,
        "official": official_firms(),
        "figures": figure_groups(measurements()),
        "money": public_money(),
        "latest": latest,
        "known_kinds": KINDS,
        "generated": found.has_generated,
    }
    return render(request, "portal/home.html", context)
