"""From a quote, or from a match that has no price, to an agreement laid before both sides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from django.utils.timezone import get_default_timezone

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, Listing, Match, Project, Quote
from siwei.exchange.trading.agreements import propose_agreement
from siwei.exchange.trading.caps import find_project
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.listings import find_match
from siwei.exchange.trading.terms import LineTerms, PartyTerms
from siwei.portal.city_pack import decided_on

ROLES = {
    "scenario": ("opener", "solver"), "research": ("lead", "member"), "product": ("buyer", "supplier"),
    "position": ("employer", "candidate"), "course": ("learner", "teacher"), "funding": ("borrower", "funder"),
}  # fmt: skip
"""What the parties are to one another: who needs, who offers. Consumer and provider where nothing is said here."""


def find_quote(key: str, actor: Actor) -> Quote:
    found = Quote.objects.visible_to(actor).select_related(
        "match__need__organisation", "match__offer__organisation", "voucher__pot", "voucher__decision",
        "voucher__account",
    )  # fmt: skip
    quote = found.filter(key=key).first()
    if quote is None:
        raise NotFound(f"no quote {key!r} that you may see", f"没有您可查看的报价 {key!r}")
    return quote


def match_or_missing(need: str, offer: str, actor: Actor) -> Match:
    found = Match.objects.visible_to(actor).select_related("need__organisation", "offer__organisation")
    match = found.filter(need__key=need, offer__key=offer).first()
    if match is None:
        raise NotFound(
            f"no match of {need!r} and {offer!r} that you may see", f"没有您可查看的 {need!r} 与 {offer!r} 的匹配"
        )
    return match


def propose_quote(
    key: str, *, ends_on: date, actor: Actor, now: datetime, idempotency_key: str, project: str = "", contract: str = ""
) -> Agreement:
    """At the price that was told, to the end of the day `ends_on`."""
    told = find_quote(key, actor)
    need = told.match.need
    of_project: Project | None = None
    if project and need.organisation is not None:
        of_project = find_project(need.organisation.key, project, actor)
    return propose_agreement(
        need.kind, parties_of(told.match), ends_at=end_of(ends_on), told=told, project=of_project, contract=contract,
        as_of=decided_on(), actor=actor, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip


def propose_match(
    need: str,
    offer: str,
    milestones: Sequence[DeliveryTerms],
    *,
    ends_on: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> Agreement:
    """Of a kind without a price by quantity: what is paid, if anything, is paid by milestone, and sums to one line."""
    match = find_match(need, offer, actor)
    total = sum(each.amount_fen for each in milestones)
    lines: list[LineTerms] = []
    consumer, provider = match.need.organisation, match.offer.organisation
    if total and consumer is not None and provider is not None:
        lines = [LineTerms(provider.key, consumer.key, match.offer.title_zh, 1, "milestone", total)]
        milestones = [DeliveryTerms(each.title, 1, each.amount_fen, each.due_on) for each in milestones]
    else:
        milestones = [DeliveryTerms(each.title, None, 0, each.due_on, giver=2, receiver=1) for each in milestones]
    return propose_agreement(
        match.need.kind, parties_of(match), ends_at=end_of(ends_on), match=match, lines=lines, deliveries=milestones,
        as_of=decided_on(), actor=actor, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip


def parties_of(match: Match) -> list[PartyTerms]:
    needs, offers = ROLES.get(match.need.kind, ("consumer", "provider"))
    return [_party(match.need, needs), _party(match.offer, offers)]


def end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), get_default_timezone())


def _party(listing: Listing, role: str) -> PartyTerms:
    return PartyTerms(role, listing.organisation.key if listing.organisation else None, listing.person_id)
