"""The market from the offer's side: which needs fit what is offered, and approaching one of them.

Asked are the needs that anybody may read, those of organisations; a person's need is matched unseen, by that person
alone. Nothing is kept until the offer approaches, and nothing of other offers is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from siwei.errors import Conflict, NotFound, Said
from siwei.exchange.access import can_change_listing, require
from siwei.exchange.actors import VISITOR, Actor
from siwei.exchange.audit import action
from siwei.exchange.models import Listing, ListingState, Match, Side
from siwei.exchange.trading.listings import (
    deal_context,
    find_kind,
    find_listing,
    introduce_match,
    kept_of,
    lock_matches_of,
    open_offers,
    parse_listing,
)
from siwei.market import ranking
from siwei.market.listing import Words


@dataclass(frozen=True, slots=True)
class FittingNeed:
    """`match` is there where the two were brought together already, as far as the offer's side may know."""

    listing: Listing
    ranked: ranking.RankedNeed
    match: Match | None


@dataclass(frozen=True, slots=True)
class FittingNeeds:
    """Best first; and the others, each with why the offer cannot be considered."""

    offer: Listing
    fitting: tuple[FittingNeed, ...]
    rejected: tuple[tuple[Listing, Words], ...]


def fitting_needs(
    offer_key: str, *, as_of: date, actor: Actor, supplies: Iterable[tuple[str, str]] = ()
) -> FittingNeeds:
    """The open needs of the offer's kind that it fits, with every part of the score. For whoever may change the offer,
    and the auditor; to others a person's offer is not there."""
    offer = _own_offer(offer_key, actor)
    parsed = parse_listing(offer)
    needs = {need.key: need for need in _public_needs(offer.kind)}
    found = ranking.match_offer(
        find_kind(offer.kind),
        parsed,
        [parse_listing(need) for need in needs.values()],
        deal_context(as_of, frozenset({parsed.party}), None, supplies),
    )
    known = Match.objects.visible_to(actor).filter(offer=offer).select_related("need", "offer")
    matches = {each.need.key: each for each in known}
    return FittingNeeds(
        offer,
        tuple(FittingNeed(needs[each.need.id], each, matches.get(each.need.id)) for each in found.ranked),
        tuple((needs[each.need.id], each.words) for each in found.rejected),
    )


@action
def approach_need(
    need_key: str,
    offer_key: str,
    *,
    as_of: date,
    actor: Actor,
    now: datetime,
    supplies: Iterable[tuple[str, str]] = (),
) -> Match:
    """Bring an offer before whoever needs something, at the rank it has among all offers: for a position, to apply.
    From now on both sides see the match. What was declined stays so; `Conflict` says why where it does not fit."""
    offer = _own_offer(offer_key, actor)
    if offer.person_id is not None:
        allowed = offer.person_id == actor.person_id
        require(allowed, actor, Said(f"approach {need_key} for another person", f"代他人应征 {need_key}"))
    need = _public_needs(offer.kind).filter(key=need_key).first()
    if need is None:
        raise NotFound(
            f"no open need {need_key!r} of the kind {offer.kind}", f"没有类别为 {offer.kind} 的开放需求 {need_key!r}"
        )
    lock_matches_of(need)
    if not Match.objects.filter(need=need, offer=offer).exists():
        parsed = parse_listing(need)
        found = ranking.match(
            find_kind(need.kind),
            parsed,
            [parse_listing(each) for each in open_offers(need.kind).values()],
            deal_context(as_of, frozenset({parsed.party}), None, supplies),
        )
        ranked = next((each for each in found.ranked if each.offer.id == offer.key), None)
        if ranked is None:
            why = next((each.words for each in found.rejected if each.offer.id == offer.key), None)
            if why is None:
                raise Conflict(f"{offer_key} was withdrawn meanwhile", f"{offer_key} 此间已撤回")
            raise Conflict(
                f"{offer_key} does not fit {need_key}: {why.en}", f"{offer_key} 与 {need_key} 不符：{why.zh}"
            )
        Match.objects.create(need=need, offer=offer, **kept_of(ranked, now))
    return introduce_match(need_key, offer_key, actor=actor, now=now)


def _public_needs(kind: str) -> QuerySet[Listing]:
    public = Listing.objects.visible_to(VISITOR).select_related("organisation")
    return public.filter(kind=kind, side=Side.NEED, state=ListingState.OPEN).order_by("key")


def _own_offer(key: str, actor: Actor) -> Listing:
    offer = find_listing(key, actor)
    allowed = can_change_listing(actor, offer) or actor.is_auditor
    require(allowed, actor, Said(f"ask what {key} fits", f"查询 {key} 适合哪些需求"))
    if offer.side != Side.OFFER or offer.state != ListingState.OPEN:
        raise Conflict(f"{key} is not an open offer → publish one", f"{key} 不是开放的供给 → 请发布一条")
    return offer
