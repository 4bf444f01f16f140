"""Listings, matches, agreements, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Path, Query, Router, Schema

from siwei.errors import NotFound
from siwei.exchange.models import Agreement, Delivery, Dispute, Job, Listing, Match, PaymentBatch, Quote
from siwei.exchange.relations import RelationStep
from siwei.exchange.trading.cap_room import CapLeft
from siwei.market.life import possible_steps
from siwei.policy.explanation import plain
from siwei.portal.access import actor_of
from siwei.portal.acts import do
from siwei.portal.api import market_schemas
from siwei.portal.api.answers import (
    IdempotencyKey,
    PageNumber,
    Text,
    answers,
    bounds,
    entries,
    explained_row,
    named,
    own_key,
)
from siwei.portal.given import Given
from siwei.portal.queries import market
from siwei.portal.queries.caps import caps_before_signing
from siwei.portal.queries.claims import claim_or_missing
from siwei.portal.queries.fitting import fits_of
from siwei.portal.queries.jobs import job_or_missing, job_view, list_files, read_log, read_metrics

router = Router()
FITS_SHOWN = 500
AGREEMENTS_SHOWN = 500


@router.get("/listings", response=answers(market_schemas.ListingPage))
def list_listings(request: HttpRequest, kind: Text = "", side: Text = "", page: PageNumber = 1) -> Any:
    """Open listings of organisations, and one's own; newest first."""
    found = market.listings(actor_of(request), kind, side)
    return {"count": found.count(), "page": page, "items": [listing_row(each) for each in found[bounds(page)]]}


def listing_row(listing: Listing) -> dict[str, Any]:
    return {
        "key": listing.key,
        "kind": listing.kind,
        "side": listing.side,
        "organisation": listing.organisation.key if listing.organisation else None,
        "title": {"zh": listing.title_zh, "en": listing.title_en},
        "body": listing.body,
        "state": listing.state,
        "published_at": listing.published_at,
    }


@router.get("/listing", response=answers(market_schemas.Listing))
def get_listing(request: HttpRequest, key: Annotated[str, Query(max_length=120)]) -> Any:
    return listing_row(market.listing_or_missing(key, actor_of(request)))


@router.get("/matches", response=answers(list[market_schemas.Match]))
def list_matches(
    request: HttpRequest, listing: Annotated[str, Query(max_length=120, description="Key of the need or the offer")]
) -> Any:
    """Matches of a listing that the reader may see, with every part of the score, and the path where the two are
    related parties."""
    actor = actor_of(request)
    found = market.matches_of(market.listing_or_missing(listing, actor), actor)
    paths = market.related_paths(found, actor)
    return [match_row(each, paths.get(each.key, ())) for each in found]


@router.get("/fitting-needs", response=answers(market_schemas.FittingNeeds))
def list_fitting_needs(
    request: HttpRequest, offer: Annotated[str, Query(max_length=120, description="Key of one's own open offer")]
) -> Any:
    """The open needs of organisations that an offer fits, best first, with every part of the score, and why the others
    do not fit; up to 500 of each. For whoever may change the offer, and the auditor. Nothing is kept and nobody is
    told; the act `approach` brings the offer before a need."""
    found = fits_of(offer, actor_of(request), FITS_SHOWN)
    return {
        "offer": found.offer.key,
        "fitting_count": found.fitting_count,
        "fitting": [
            {
                "need": each.need.key,
                "organisation": each.need.organisation.key if each.need.organisation else None,
                "rank": each.rank,
                "score": each.score,
                "parts": each.parts,
                "reason": named(each.reason),
                "state": each.state or None,
            }
            for each in found.fitting
        ],
        "rejected_count": found.rejected_count,
        "rejected": [{"need": need.key, "reason": named(words)} for need, words in found.rejected],
    }


def path_rows(path: Sequence[RelationStep]) -> list[dict[str, Any]]:
    return [
        {
            "holder": step.holder.key if step.holder else None,
            "held": step.held.key if step.held else None,
            "share_bp": step.share_bp,
            "source": step.source,
            "words": named(step.words),
        }
        for step in path
    ]


def match_row(match: Match, path: Sequence[RelationStep]) -> dict[str, Any]:
    return {
        "related_path": path_rows(path),
        "need": match.need.key,
        "offer": match.offer.key,
        "rank": match.rank,
        "score": match.score,
        "parts": match.parts,
        "reason": {"zh": match.reason_zh, "en": match.reason_en},
        "state": match.state,
    }


@router.get("/agreements", response=answers(list[market_schemas.AgreementSummary]))
def list_agreements(request: HttpRequest) -> Any:
    """Agreements the reader is a party to; all for the operator and the auditor. The newest 500."""
    return [agreement_row(each) for each in market.agreements(actor_of(request))[:AGREEMENTS_SHOWN]]


def agreement_row(agreement: Agreement) -> dict[str, Any]:
    return {
        "key": agreement.key,
        "kind": agreement.kind,
        "state": agreement.state,
        "proposed_at": agreement.proposed_at,
        "signed_at": agreement.signed_at,
        "ends_at": agreement.ends_at,
    }


@router.get("/agreement", response=answers(market_schemas.Agreement))
def get_agreement(request: HttpRequest, key: Annotated[str, Query(max_length=120)]) -> Any:
    """An agreement whole: parties, lines, jobs, settlement, every ledger entry."""
    actor = actor_of(request)
    view = market.agreement_view(key, actor)
    lines = [
        {
            "number": each.number,
            "provider": each.provider.key,
            "consumer": each.consumer.key,
            "description": each.description,
            "quantity": each.quantity,
            "unit": each.unit,
            "unit_price_fen": each.unit_price_fen,
            "price_quantity": each.price_quantity,
            "gross_fen": each.gross_fen,
            "voucher_fen": each.voucher_fen,
            "own_fen": each.own_fen,
        }
        for each in view.lines
    ]
    parties = [
        {
            "organisation": each.organisation.key if each.organisation else None,
            "role": each.role,
            "signed_at": each.signed_at,
        }
        for each in view.parties
    ]
    settlements = [
        {
            name: getattr(each, name)
            for name in ("period", "metered_fen", "gross_fen", "voucher_fen", "own_fen", "released_fen", "settled_at")
        }
        for each in view.settlements
    ]
    return {
        **agreement_row(view.agreement),
        "terms": view.agreement.terms,
        "parties": parties,
        "lines": lines,
        "jobs": [each.key for each in view.jobs],
        "deliveries": [delivery_row(each) for each in view.deliveries],
        "settlements": settlements,
        "possible": list(possible_steps(view.agreement.state)),
        "caps": cap_rows(caps_before_signing(view.agreement, view.lines, actor)),
        "entries": entries(view.transfers),
    }


def cap_rows(caps: Sequence[CapLeft]) -> list[dict[str, Any]]:
    return [
        {
            "cap": each.cap.key,
            "project": each.cap.project.name if each.cap.project else None,
            "person": each.cap.person.username if each.cap.person else None,
            "unit": each.cap.unit,
            "before": each.before,
            "after": each.after,
            "is_hard": each.cap.is_hard,
        }
        for each in caps
    ]


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    giver, receiver = delivery.giver.organisation, delivery.receiver.organisation
    return {
        "number": delivery.number,
        "line": delivery.line.number if delivery.line else None,
        "form": delivery.form,
        "title": delivery.title,
        "giver": giver.key if giver else None,
        "receiver": receiver.key if receiver else None,
        "quantity": delivery.quantity,
        "amount_fen": delivery.amount_fen,
        "due_on": delivery.due_on,
        "state": delivery.state,
        "evidence": delivery.evidence,
        "reason": delivery.reason,
        "submitted_at": delivery.submitted_at,
        "decided_at": delivery.decided_at,
    }


@router.get("/claim", response=answers(market_schemas.Claim))
def get_claim(
    request: HttpRequest,
    id: Annotated[str, Query(max_length=160, description="The agreement's key, a slash, the line")],
) -> Any:
    """A contract as a claim of its consumer: every programme's decision explained, and by which ties the provider is a
    related party. Its own people, the operator and the auditor."""
    found = claim_or_missing(id, actor_of(request))
    return {
        "id": found.id,
        "agreement": found.line.agreement.key,
        "organisation": found.line.consumer.key,
        "provider": found.line.provider.key,
        "explanations": [explained_row(each, found.gaps[each.programme]) for each in found.explanations],
        "together": [plain(each) for each in found.together.parts],
        "joint": [plain(each) for each in found.together.joint],
        "drafts": [plain(each) for each in found.together.drafts],
        "related_path": path_rows(found.path),
    }


@router.get("/jobs", response=answers(list[market_schemas.Job]))
def list_jobs(request: HttpRequest) -> Any:
    """Jobs of agreements the reader is a party to; the newest 500."""
    found = Job.objects.visible_to(actor_of(request)).select_related("line__agreement").order_by("-submitted_at", "key")
    return [job_row(each) for each in found[:AGREEMENTS_SHOWN]]


def job_row(job: Job) -> dict[str, Any]:
    return {
        "key": job.key,
        "agreement": job.line.agreement.key,
        "state": job.state,
        "attempt": job.attempt,
        "engine": job.engine,
        "exit_code": job.exit_code,
        "reason": job.reason,
        "submitted_at": job.submitted_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
    }


@router.get("/jobs/{key}", response=answers(market_schemas.JobDetail))
def get_job(request: HttpRequest, key: str) -> Any:
    """State, cost so far, metrics, files, meter readings, money trail."""
    view = job_view(key, actor_of(request))
    readings = [
        {"reading": each.reading, "quantity": each.quantity, "unit": each.unit, "measured": each.measured}
        for each in view.usages
    ]
    return {
        **job_row(view.job),
        "used_fen": view.used_fen,
        "metrics": dict(read_metrics(view.job)) if view.is_ended else {},
        "files": [{"path": path, "bytes": size} for path, size in list_files(view.job)] if view.is_ended else [],
        "readings": readings,
        "entries": entries(view.transfers),
    }


@router.get("/jobs/{key}/log", response=answers(market_schemas.Log))
def get_log(request: HttpRequest, key: str, offset: Annotated[int, Query(ge=0, le=2**40)] = 0) -> Any:
    """The log from `offset`; ask again with `next_offset` while `follow`."""
    log = read_log(job_or_missing(key, actor_of(request)), offset)
    if log is None:
        raise NotFound(
            "the log is kept by the engine that ran the job, and is not on this machine",
            "日志保存在运行该作业的引擎上，不在本机",
        )
    return {"text": log.text, "next_offset": log.next_offset, "follow": log.follow}


class Act(Schema):
    """What an act needs besides its name; each takes what it asks for (`text` is evidence, a reason, an answer)."""

    key: Annotated[
        str,
        Field(
            max_length=120,
            description="The agreement's, the organisation's (cap …), the listing's (match …), the quote's (propose)",
        ),
    ]
    idempotency_key: IdempotencyKey
    number: Annotated[int | None, Field(ge=1, le=10**6)] = None
    text: Annotated[str, Field(max_length=4000)] = ""
    evidence: Annotated[str, Field(max_length=4000)] = ""
    quantity: Annotated[int | None, Field(ge=0, le=10**16)] = None
    amount: Annotated[int | None, Field(ge=0, le=10**16)] = None
    reading: Annotated[str, Field(max_length=160)] = ""
    dispute: Annotated[str, Field(max_length=120)] = ""
    role: Annotated[str, Field(max_length=10)] = ""
    unit: Annotated[str, Field(max_length=20)] = ""
    project: Annotated[str, Field(max_length=80)] = ""
    person: Annotated[str, Field(max_length=150)] = ""
    starts_on: Annotated[str, Field(max_length=10)] = ""
    ends_on: Annotated[str, Field(max_length=10)] = ""
    need: Annotated[str, Field(max_length=120)] = ""
    offer: Annotated[str, Field(max_length=120)] = ""
    voucher: Annotated[str, Field(max_length=120)] = ""
    contract: Annotated[str, Field(max_length=80)] = ""
    decision: Annotated[str, Field(max_length=120, description="A later decision, of true_up")] = ""
    soft: bool = False
    name: Annotated[str, Field(max_length=140, description="Of a bank account")] = ""
    account: Annotated[str, Field(max_length=40, description="A bank account's number")] = ""
    bank_code: Annotated[str, Field(max_length=20, description="CNAPS, 12 digits")] = ""
    bank_name: Annotated[str, Field(max_length=140)] = ""
    period: Annotated[str, Field(max_length=7, description="A month, 2026-11")] = ""
    order: Annotated[str, Field(max_length=35, description="A payment order's identifier")] = ""
    application: Annotated[str, Field(max_length=120, description="An application for an award, of repay")] = ""


class Acted(Schema):
    act: str
    key: str
    made: Annotated[
        str | None, Field(description="Key of the quote, agreement, job, dispute or payment batch that the act made")
    ]


@router.post("/acts/{act}", response=answers(Acted))
def act_on(request: HttpRequest, act: Annotated[str, Path(max_length=20)], asked: Act) -> Any:
    """Do what the forms of pages do: to an agreement sign, approve, refuse, cancel, submit, accept, reject, complete,
    settle, dispute, answer, agree, resolve, withdraw, launch, stop_calls; to a job stop; to an organisation cap, rule,
    project, budget; to a listing match, introduce, approach, decline, withdraw_listing, quote, propose; with money
    bank_account, order, approve_batch, withdraw_batch, export_batch, reject_order, order_rest, write_off,
    approve_write_off, withdraw_write_off, match_entry, return_entry, explain_entry, issue, tax_number, grant, true_up,
    claw_back, repay, repay_overpayment. Read the result where it stands.
    """
    actor = actor_of(request)
    sent = asked.model_dump(exclude={"key", "idempotency_key", "soft"})
    values = {name: str(value) for name, value in sent.items() if value is not None} | {
        "soft": "yes" if asked.soft else ""
    }
    made = do(act, Given(actor, timezone.now(), asked.key, own_key(actor, asked.idempotency_key), values))
    name = made.message_id if isinstance(made, PaymentBatch) else None
    if isinstance(made, Quote | Agreement | Job | Dispute):
        name = made.key
    return {"act": act, "key": asked.key, "made": name if name != asked.key else None}
