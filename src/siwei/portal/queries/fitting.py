"""Which needs fit an offer, for its owner: what the page and the API show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models import Listing, ListingState, Side
from siwei.exchange.trading.fitting import fitting_needs
from siwei.exchange.trading.listings import part_rows
from siwei.market.listing import Words
from siwei.portal.city_pack import decided_on, supplies

SHOWN = 50


@dataclass(frozen=True, slots=True)
class FitLine:
    """A need as the offer fits it. `state` is the match's where the two were brought together, else empty."""

    need: Listing
    rank: int
    score: float
    parts: list[dict[str, Any]]
    reason: Words
    state: str


@dataclass(frozen=True, slots=True)
class Fits:
    offer: Listing
    fitting: list[FitLine]
    fitting_count: int
    rejected: list[tuple[Listing, Words]]
    rejected_count: int


def fits_of(offer: str, actor: Actor, shown: int = SHOWN) -> Fits:
    """The best `shown`, and as many of those that do not fit."""
    found = fitting_needs(offer, as_of=decided_on(), actor=actor, supplies=supplies())
    lines = [
        FitLine(
            each.listing, each.ranked.rank, each.ranked.score, part_rows(each.ranked.parts), each.ranked.reason,
            each.match.state if each.match else "",
        )
        for each in found.fitting[:shown]
    ]  # fmt: skip
    return Fits(found.offer, lines, len(found.fitting), list(found.rejected[:shown]), len(found.rejected))


def own_offers(kind: str, actor: Actor) -> list[Listing]:
    """Open offers of a kind that the reader speaks for."""
    own = Q(organisation_id__in=actor.organisation_ids)
    if actor.person_id is not None:
        own |= Q(person_id=actor.person_id)
    open_ones = Listing.objects.visible_to(actor).filter(own, kind=kind, side=Side.OFFER, state=ListingState.OPEN)
    return list(open_ones.order_by("-published_at", "key")[:20])
