"""The left-hand way through the portal: 源 路 基 翼 演 and one's own desk. On a phone it is the bottom bar."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from siwei.exchange.actors import Actor
from siwei.portal.words import MARKS, word


@dataclass(frozen=True, slots=True)
class Wing:
    id: str
    mark: str
    label: str
    url: str
    links: tuple[tuple[str, str], ...]


def navigation(actor: Actor) -> tuple[Wing, ...]:
    market = reverse("market")
    links: dict[str, tuple[tuple[str, str], ...]] = {
        "source": (
            (_("Chain map"), reverse("chain")),
            (_("Organisations"), reverse("organisations")),
            (_("Compute"), f"{market}?kind=compute"),
            (_("Launch a job"), reverse("launch")),
            (_("Technical services"), reverse("services")),
            (_("Datasets"), reverse("datasets")),
            (_("Attraction"), f"{market}?kind=site"),
        ),
        "road": (
            (_("Products"), f"{market}?kind=product"),
            (_("Scenario calls"), f"{market}?kind=scenario"),
            (_("Research"), f"{market}?kind=research"),
        ),
        "base": (
            (_("Programmes"), reverse("programmes")),
            (_("Calls"), reverse("calls")),
            (_("Public money"), reverse("money")),
        ),
        "wing": ((_("Positions"), f"{market}?kind=position"), (_("Courses"), f"{market}?kind=course")),
        "evolve": ((_("Indicators"), reverse("indicators")),),
    }
    if actor.sees_all:
        links["evolve"] += ((_("Imports and rejects"), reverse("imports")),)
    wings = tuple(
        Wing(code, mark, word("dimension", code), reverse("wing", args=[code]), links[code])
        for code, mark in MARKS.items()
    )
    desk = Wing("desk", "我", _("My desk"), reverse("desk"), ())
    return (*wings, desk)
