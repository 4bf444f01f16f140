"""The market: wings, listings by kind, one listing with its matches, agreements."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from siwei.errors import NotFound
from siwei.exchange.access import can_change_listing, can_sign_for
from siwei.exchange.models import Side, TrueUp
from siwei.exchange.trading.approvals import decidable
from siwei.exchange.trading.deliveries import decider_of, reporters_of
from siwei.market.kinds import KINDS
from siwei.portal.access import actor_of
from siwei.portal.city_pack import decided_on
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries import market
from siwei.portal.queries.caps import caps_before_signing
from siwei.portal.queries.claims import claims_explained
from siwei.portal.queries.fitting import fits_of, own_offers
from siwei.portal.queries.indicators import measurements
from siwei.portal.queries.quotes import usable_vouchers
from siwei.portal.queries.workspace import is_mine, possible_acts, timeline, waiting
from siwei.portal.words import MARKS


def wing_page(request: HttpRequest, dimension: str) -> HttpResponse:
    """One of 源 路 基 翼 演: its kinds of deal, each with what is offered and needed now, and its figures."""
    if dimension not in MARKS:
        raise NotFound(
            f"no wing {dimension!r}; there are {', '.join(MARKS)}", f"没有 {dimension!r} 这一翼；有 {', '.join(MARKS)}"
        )
    actor = actor_of(request)
    counts = market.listing_counts(actor)
    kinds = [(kind, counts[kind.id]) for kind in KINDS.values() if kind.dimension == dimension]
    latest = market.listings(actor).filter(kind__in=[kind.id for kind, _ in kinds])[:10]
    context = {
        "dimension": dimension,
        "kinds": kinds,
        "latest": latest,
        "known_kinds": KINDS,
        "generated": any_generated(latest),
        "purpose": purpose(dimension),
        "measurements": [each for each in measurements() if each.indicator.dimension == dimension],
    }
    return render(request, "portal/market/wing.html", context)


def purpose(dimension: str) -> str:
    return {
        "source": _("The industry chain, compute and services: who is here, what is missing, what can be had."),
        "road": _("Upstream and downstream work together: products, technology, scenarios, joint research."),
        "base": _("Public programmes as code: who gets what, why, and what is left."),
        "wing": _("People: positions, courses, and the skills that are missing."),
        "evolve": _("What is measured, from which rows, by which formula."),
    }[dimension]


def market_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    kind, side = text_parameter(request, "kind"), text_parameter(request, "side")
    if kind and kind not in KINDS:
        raise NotFound(f"no kind {kind!r}; there are {', '.join(KINDS)}", f"没有类别 {kind!r}；有 {', '.join(KINDS)}")
    page = page_of(request, market.listings(actor, kind, side))
    counts = market.listing_counts(actor)
    context = {
        "kind": KINDS.get(kind),
        "side": side,
        "page": page,
        "known_kinds": KINDS,
        "kinds": [(each, counts[each.id]) for each in KINDS.values()],
        "generated": any_generated(page.object_list),
    }
    return render(request, "portal/market/list.html", context)


def listing_page(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    listing = market.listing_or_missing(key, actor)
    matches = market.matches_of(listing, actor)
    mine = can_change_listing(actor, listing)
    kind = KINDS.get(listing.kind)
    context = {
        "mine": mine,
        "token": uuid.uuid4().hex,
        "is_priced": kind is not None and kind.price is not None,
        "vouchers": usable_vouchers([listing.organisation_id], listing.kind, actor, decided_on())
        if mine and listing.side == Side.NEED and listing.organisation_id
        else [],
        "listing": listing,
        "kind": kind,
        "body": market.as_lines(listing.body),
        "own_offers": own_offers(listing.kind, actor)
        if listing.side == Side.NEED and listing.organisation_id is not None and not mine
        else [],
        "matches": matches,
        "related": market.related_paths(matches, actor),
        "generated": any_generated([listing, *(side for match in matches for side in (match.need, match.offer))]),
    }
    return render(request, "portal/market/listing.html", context)


@login_required
@require_safe
def fits_page(request: HttpRequest) -> HttpResponse:
    """`?offer=`: the needs that one's offer fits and why, and why the others do not."""
    actor = actor_of(request)
    fits = fits_of(text_parameter(request, "offer", 120), actor)
    context = {
        "fits": fits,
        "kind": KINDS.get(fits.offer.kind),
        "may_approach": actor.may_write and (fits.offer.person_id is None or fits.offer.person_id == actor.person_id),
        "token": uuid.uuid4().hex,
        "generated": any_generated(
            [fits.offer, *(line.need for line in fits.fitting), *(need for need, _words in fits.rejected)]
        ),
    }
    return render(request, "portal/market/fits.html", context)


def agreement_page(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    view = market.agreement_view(key, actor)
    generated = any(party.organisation is not None and party.organisation.is_generated for party in view.parties)
    context = {
        "view": view,
        "claims": claims_explained(view.lines, actor),
        "possible": possible_acts(view, actor, timezone.now()),
        "may_sign": any(each.signed_at is None and can_sign_for(actor, each) for each in view.parties),
        "may_approve": bool(decidable(view.approvals, actor)),
        "to_hand_over": [
            each.number for each in view.deliveries if any(is_mine(side, actor) for side in reporters_of(each))
        ],
        "to_decide": [each.number for each in view.deliveries if is_mine(decider_of(each), actor)],
        "caps": caps_before_signing(view.agreement, view.lines, actor),
        "waiting": waiting(view, actor),
        "timeline": timeline(view, actor),
        "sees_quote": view.agreement.quote_id is not None
        and (actor.sees_all or any(actor.represents(line.consumer_id) for line in view.lines)),
        "consumes": any(actor.represents(line.consumer_id) for line in view.lines),
        "trued_up": TrueUp.objects.visible_to(actor)
        .filter(voucher=view.agreement.voucher, voucher__isnull=False)
        .order_by("-pk")
        .first(),
        "token": uuid.uuid4().hex,
        "known_kinds": KINDS,
        "generated": generated,
    }
    return render(request, "portal/market/agreement.html", context)


def any_generated(listings: object) -> bool:
    return any(listing.organisation is not None and listing.organisation.is_generated for listing in listings)  # type: ignore[attr-defined]
