"""Publishing, quotes, proposals, launching: from a need to an agreement and a job."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query

from siwei.compute import JobSpec
from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.models import Match, Quote, Voucher
from siwei.exchange.trading.agreements import propose_agreement
from siwei.exchange.trading.caps import find_project
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.listings import publish_listing, revise_listing
from siwei.exchange.trading.quotes import quote_match
from siwei.exchange.trading.terms import LineTerms, PartyTerms
from siwei.market.kinds import KINDS
from siwei.market.pricing import BOUND_WORDS
from siwei.portal.access import actor_of, require_private
from siwei.portal.api import deal_schemas, market, market_schemas
from siwei.portal.api.answers import PageNumber, answers, bounds, named, own_key
from siwei.portal.api.market import agreement_row, cap_rows, job_row, listing_row, path_rows
from siwei.portal.city_pack import decided_on
from siwei.portal.launching import Asked, launch
from siwei.portal.proposals import find_quote, match_or_missing, parties_of
from siwei.portal.queries.launch import Place, places_for
from siwei.portal.queries.market import line_or_missing, listing_or_missing
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.queries.quotes import quote_view, quotes_of

# An address answers GET and POST from one router: these stand beside the lists in `market`.
router = market.router
KeyParameter = Annotated[str, Query(max_length=120)]


@router.get("/kinds", response=answers(list[deal_schemas.Kind]))
def list_kinds(request: HttpRequest) -> Any:
    """Every kind of deal, with the JSON Schema of what an offer and a need of it say."""
    return [
        {
            "id": each.id,
            "dimension": each.dimension,
            "name": named(each.name),
            "unit": each.unit,
            "delivered_by": each.delivered_by,
            "is_priced": each.price is not None,
            "offer": each.offer_body.model_json_schema(),
            "need": each.need_body.model_json_schema(),
        }
        for each in KINDS.values()
    ]


@router.post("/listings", response=answers(market_schemas.Listing))
def publish(request: HttpRequest, given: deal_schemas.NewListing) -> Any:
    """Publish an offer or a need for an organisation one represents, or in one's own name."""
    actor = actor_of(request)
    listing = publish_listing(
        given.kind, given.side, title_zh=given.title_zh, title_en=given.title_en, body=given.body,
        organisation=given.organisation, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return listing_row(listing)


@router.post("/listing/revision", response=answers(market_schemas.Listing))
def revise(request: HttpRequest, given: deal_schemas.Revision) -> Any:
    """Say a listing anew, from now on: what was quoted, proposed or signed keeps its own terms."""
    actor = actor_of(request)
    listing_or_missing(given.listing, actor)
    listing = revise_listing(
        given.listing, body=given.body, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return listing_row(listing)


@router.get("/quotes", response=answers(deal_schemas.QuotePage))
def list_quotes(request: HttpRequest, page: PageNumber = 1) -> Any:
    """Prices told to the organisations one represents, newest first; all for the operator and the auditor."""
    found = quotes_of(actor_of(request))
    return {"count": found.count(), "page": page, "items": [quote_row(each) for each in found[bounds(page)]]}


def quote_row(quote: Quote) -> dict[str, Any]:
    names = (
        "key", "as_of", "valid_until", "quantity", "unit", "unit_price_fen", "price_quantity", "gross_fen",
        "voucher_fen", "own_fen", "bound",
    )  # fmt: skip
    return {
        **{name: getattr(quote, name) for name in names},
        "need": quote.match.need.key,
        "offer": quote.match.offer.key,
        "voucher": quote.voucher.key if quote.voucher else None,
        "is_valid": quote.valid_until > timezone.now(),
        "bound_words": named(BOUND_WORDS[quote.bound]),
    }


@router.get("/quote", response=answers(deal_schemas.Quote))
def get_quote(request: HttpRequest, key: KeyParameter) -> Any:
    """Why this price: the subsidy with its decision and what bound it, own share, what every cap would have left, whose
    approval is wanted, until when."""
    return quote_answer(key, actor_of(request))


def quote_answer(key: str, actor: Actor) -> dict[str, Any]:
    view = quote_view(key, actor, timezone.now())
    return {
        **quote_row(view.quote),
        "offered": view.quote.offered,
        "decision": view.quote.voucher.decision.key if view.quote.voucher else None,
        "related_path": [row for each in view.subsidies for row in path_rows(each.related_path)],
        "caps": cap_rows(view.caps),
        "approvals": [
            {"organisation": each.organisation.key, "role": each.role, "from_fen": each.from_fen}
            for each in view.approvals
        ],
        "budget_fen": view.budget_fen,
        "agreements": [each.key for each in view.agreements],
    }


@router.post("/quotes", response=answers(deal_schemas.Quote))
def make_quote(request: HttpRequest, given: deal_schemas.NewQuote) -> Any:
    """Fix the price of a match for a week. A voucher that may not pay gives a quote without it, which says why."""
    actor = actor_of(request)
    match_or_missing(given.need, given.offer, actor)
    told = quote_match(
        given.need, given.offer, voucher=voucher_or_missing(given.voucher, actor), as_of=decided_on(), actor=actor,
        now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return quote_answer(told.key, actor)


def voucher_or_missing(key: str | None, actor: Actor) -> Voucher | None:
    if not key:
        return None
    voucher = Voucher.objects.visible_to(actor).select_related("account", "pot").filter(key=key).first()
    if voucher is None:
        raise NotFound(f"no voucher {key!r} that you may see", f"没有您可查看的券 {key!r}")
    return voucher


@router.post("/agreements", response=answers(market_schemas.AgreementSummary))
def propose(request: HttpRequest, given: deal_schemas.Proposal) -> Any:
    """Lay an agreement before its parties, for one of them: at the price of a quote, on a match, or on lines alone."""
    actor = actor_of(request)
    told = find_quote(given.quote, actor) if given.quote else None
    match: Match | None = told.match if told else None
    if match is None and given.need and given.offer:
        match = match_or_missing(given.need, given.offer, actor)
    parties = [PartyTerms(each.role, each.organisation) for each in given.parties]
    if not parties and match is None:
        raise InputError(
            [
                Problem(
                    Said("no parties", "没有各方"),
                    Said(
                        "name them, or a quote, or a need and an offer", "请写明各方，或一份报价，或一条需求和一条供给"
                    ),
                    field="parties",
                )
            ]
        )
    project = find_project(given.organisation, given.project, actor) if given.project else None
    made = propose_agreement(
        given.kind, parties or parties_of(match), ends_at=given.ends_at,  # type: ignore[arg-type]
        lines=[LineTerms(**each.model_dump()) for each in given.lines],
        deliveries=[DeliveryTerms(**each.model_dump()) for each in given.deliveries],
        match=match, voucher=voucher_or_missing(given.voucher, actor), told=told, terms=given.terms, project=project,
        contract=given.contract, as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return agreement_row(made)


@router.post("/launch/places", response=answers(deal_schemas.Places))
def list_places(request: HttpRequest, given: deal_schemas.AskedJob) -> Any:
    """Where a job could run: signed agreements with room for it, and centres ranked with price after subsidy and
    expected start. Nothing is written."""
    actor = actor_of(request)
    organisation = organisation_or_missing(given.organisation, actor)
    require_private(actor, organisation.pk)
    asked = Asked(accelerator=given.accelerator, count=given.count, minutes=given.minutes)
    found = places_for(asked, organisation, actor, timezone.now())
    return {
        "standing": [
            {
                "agreement": each.line.agreement.key,
                "line": each.line.number,
                "left": each.left,
                "caps": cap_rows(each.caps),
            }
            for each in found.standing
        ],
        "ranked": [place_row(each) for each in found.ranked],
        "rejected": [{"offer": listing.key, "because": named(words)} for listing, words in found.rejected],
    }


def place_row(place: Place) -> dict[str, Any]:
    owner = place.listing.organisation
    return {
        "rank": place.rank,
        "offer": place.listing.key,
        "organisation": owner.key if owner else "",
        "voucher": place.voucher.key if place.voucher else None,
        "gross_fen": place.price.gross_fen,
        "voucher_fen": place.price.voucher_fen,
        "own_fen": place.price.own_fen,
        "starts_at": place.starts_at,
        "ahead": place.ahead,
        "reason": named(place.reason),
    }


@router.post("/jobs", response=answers(market_schemas.Job))
def launch_job(request: HttpRequest, given: deal_schemas.NewJob) -> Any:
    """Launch a job under a line of a signed agreement, for its consumer's people."""
    actor = actor_of(request)
    spec = JobSpec.from_dict(given.specification)
    line = line_or_missing(given.agreement, given.line, actor)
    project = find_project(line.consumer.key, given.project, actor) if given.project else None
    job = launch(
        given.agreement, given.line, spec, actor=actor, now=timezone.now(), project=project,
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return job_row(job)
