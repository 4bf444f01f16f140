"""Where a job could run: agreements that have room for it, and centres ranked with price after subsidy and start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from siwei.compute import most_billed
from siwei.exchange.actors import Actor
from siwei.exchange.models import AgreementLine, Job, Listing, Organisation, Voucher
from siwei.exchange.trading.cap_room import CapLeft, caps_left_by_job
from siwei.exchange.trading.jobs import ACTIVE, line_room
from siwei.exchange.trading.listings import deal_context, find_kind, parse_listing
from siwei.market import ranking
from siwei.market.listing import Need, Words
from siwei.market.pricing import BOUND_WORDS, Quote, quote
from siwei.portal.city_pack import decided_on
from siwei.portal.launching import Asked
from siwei.portal.queries.quotes import usable_vouchers

SHOWN = 20
UNDER = ("signed", "delivering")


@dataclass(frozen=True, slots=True)
class Place:
    """An offer that could run the job: its price now with the voucher that leaves least to pay, and when it may begin.
    `ahead` counts the jobs this exchange knows to be waiting or running there."""

    rank: int
    listing: Listing
    price: Quote
    voucher: Voucher | None
    starts_at: datetime
    ahead: int
    reason: Words

    @property
    def bound(self) -> Words:
        return BOUND_WORDS[self.price.bound]


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of a signed agreement on which the job fits; `caps`: what the reader's own would have left."""

    line: AgreementLine
    left: int
    caps: Sequence[CapLeft] = ()


@dataclass(frozen=True, slots=True)
class Places:
    standing: list[Standing]
    ranked: list[Place]
    rejected: list[tuple[Listing, Words]]


def open_pools(actor: Actor) -> list[Listing]:
    found = Listing.objects.visible_to(actor).filter(kind="compute", side="offer", state="open")
    return list(found.filter(organisation__isnull=False).select_related("organisation").order_by("key"))


def places_for(asked: Asked, organisation: Organisation, actor: Actor, now: datetime) -> Places:
    """Nothing is written: the same ranking and pricing as of a published need."""
    kind = find_kind("compute")
    need: Need = kind.parse_need(id="asked", party=organisation.key, body=asked.need)
    offers = {each.key: each for each in open_pools(actor)}
    parsed = [parse_listing(each) for each in offers.values()]
    day = decided_on()
    parties = frozenset({organisation.key, *(each.party for each in parsed)})
    vouchers = usable_vouchers([organisation.pk], "compute", actor, day)
    contexts = [(None, deal_context(day, parties, None)), *((v, deal_context(day, parties, v)) for v in vouchers)]
    found = ranking.match(kind, need, parsed, contexts[min(1, len(vouchers))][1])
    waiting = _waiting(offers)
    ranked = []
    for each in found.ranked[:SHOWN]:
        prices = [(quote(kind, each.offer, need, ctx.voucher, ctx), v) for v, ctx in contexts]
        price, voucher = min(prices, key=lambda one: (one[0].own_fen, one[1] is not None))
        starts_at = now + timedelta(seconds=each.offer.body.wait_s)
        listing = offers[each.offer.id]
        ranked.append(Place(each.rank, listing, price, voucher, starts_at, waiting.get(listing.pk, 0), each.reason))
    rejected = [(offers[each.offer.id], each.words) for each in found.rejected[:SHOWN]]
    return Places(standing_for(asked, organisation, actor, now), ranked, rejected)


def standing_for(asked: Asked, organisation: Organisation, actor: Actor, now: datetime) -> list[Standing]:
    """Signed agreements under which the job could start now; those that end first come first."""
    lines = AgreementLine.objects.visible_to(actor).filter(
        consumer=organisation, agreement__kind="compute", agreement__state__in=UNDER, agreement__ends_at__gt=now,
        unit__in=("accelerator-second", f"accelerator-second:{asked.accelerator}"),
    )  # fmt: skip
    wanted = asked.need["seconds"] * asked.count
    found = [
        Standing(line, line_room(line))
        for line in lines.select_related("agreement__match__need", "provider").order_by("agreement__ends_at", "pk")[
            :SHOWN
        ]
    ]
    fitting = [each for each in found if each.left >= wanted]
    most = most_billed(asked.spec)
    caps = caps_left_by_job([each.line for each in fitting], most, timezone.localdate(now), actor.person_id)
    return [Standing(each.line, each.left, caps[each.line.pk]) for each in fitting]


def _waiting(offers: dict[str, Listing]) -> dict[int, int]:
    active = Job.objects.filter(state__in=ACTIVE, line__offer__in=[each.pk for each in offers.values()])
    rows: Sequence[tuple[int | None, int]] = list(
        active.filter(~Q(line__offer=None)).values_list("line__offer").annotate(n=Count("pk")).order_by()
    )
    return {offer: count for offer, count in rows if offer is not None}
