"""The city at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from siwei.indicators import Element, Measurement
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.city_pack import official_firms
from siwei.portal.queries.chain import chain_map
from siwei.portal.queries.indicators import measurements
from siwei.portal.queries.market import listings
from siwei.portal.queries.money import public_money
from siwei.portal.words import MARKS, word

ELEMENTS = tuple(Element)


@dataclass(frozen=True, slots=True)
class FigureGroup:
    """One wing's figures on the first page: one per element (None where there is none), measured ones first."""

    dimension: str
    mark: str
    label: str
    cells: list[Measurement | None]


def figure_groups(found: tuple[Measurement, ...]) -> list[FigureGroup]:
    groups = []
    for code, mark in MARKS.items():
        own = [each for each in found if each.indicator.dimension == code]
        by_element: dict[str, Measurement] = {}
        for each in sorted(own, key=lambda each: not each.is_measured):
            by_element.setdefault(each.indicator.element, each)
        if by_element:
            cells = [by_element.get(element) for element in ELEMENTS]
            groups.append(FigureGroup(code, mark, word("dimension", code), cells))
    return groups


def home_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    found = chain_map()
    latest = list(listings(actor).filter(state="open")[:8])
    context = {
        "map": found,
        "official": official_firms(),
        "elements": [element.value for element in ELEMENTS],
        "figures": figure_groups(measurements()),
        "money": public_money(),
        "latest": latest,
        "known_kinds": KINDS,
        "generated": found.has_generated,
    }
    return render(request, "portal/home.html", context)
