"""Calls, applications, rounds with their public notice, objections; every act a page has."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from siwei.errors import NotFound, Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.awards.applications import (
    apply_for_award,
    duplicate_documents,
    find_application,
    score_application,
    withdraw_application,
)
from siwei.exchange.awards.grants import grant_round
from siwei.exchange.awards.person_awards import shown_name
from siwei.exchange.awards.rounds import (
    award_round,
    decide_objection,
    grant_round_vouchers,
    object_to,
    open_notice,
    share_applications,
)
from siwei.exchange.awards.supplements import share_returned
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.models import Application, Objection, RoundState, SharingRound
from siwei.policy.programmes import Sharing
from siwei.portal.access import actor_of
from siwei.portal.api import call_schemas
from siwei.portal.api.answers import answers, named
from siwei.portal.city_pack import decided_on, pack, programmes, stacking
from siwei.portal.queries import calls as queries
from siwei.portal.queries import notices
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.queries.programmes import programme_or_missing

router = Router()
SHOWN = 500
KeyParameter = Annotated[str, Query(max_length=120)]


def key_for(actor: Actor, what: str, key: str) -> str:
    """Callers choose their keys apart from one another: two people's may be the same."""
    told = f"{what}:{actor.person_id}:{key}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


@router.get("/calls", response=answers(list[call_schemas.Call]))
def list_calls(request: HttpRequest) -> Any:
    """Programmes' pots that take applications; those open now first."""
    return [call_row(each) for each in queries.calls(actor_of(request))]


@router.get("/calls/{programme_id}/{period}", response=answers(call_schemas.Call))
def get_call(request: HttpRequest, programme_id: str, period: str) -> Any:
    """One call: until when, money, how it is shared."""
    return call_row(queries.call_or_missing(programme_id, period, actor_of(request)))


def call_row(call: queries.Call) -> dict[str, Any]:
    deadline = call.deadline
    return {
        "programme": call.programme.id,
        "title": named(call.programme.title),
        "period": call.pot.period,
        "is_draft": call.pot.is_draft,
        "is_open": call.is_open,
        "deadline": {
            "is_window": deadline.is_window,
            "opens": deadline.opens,
            "closes": deadline.closes,
            "state": deadline.state,
            "days": deadline.days,
        },
        "budget_fen": call.pot.budget_fen,
        "text_budget_fen": call.text_budget_fen,
        "left_fen": call.left_fen,
        "sharing": str(call.programme.pot.sharing if call.programme.pot else Sharing.NOT_KNOWN),
        "returns": str(call.returns),
        "favours_local": [clause.id for clause in queries.favouring_clauses(call.programme)],
    }


@router.post("/programmes/{programme_id}/pots", response=answers(call_schemas.Call))
def open_call(request: HttpRequest, programme_id: str, given: call_schemas.NewPot) -> Any:
    """The operator puts a programme's money of a period on the ledger: from then on its call takes applications."""
    actor = actor_of(request)
    programme = programme_or_missing(programme_id)
    pot = open_pot(
        programme, given.period, given.budget_fen, actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, f"pot:{programme_id}", given.idempotency_key),
    )  # fmt: skip
    return call_row(queries.call_or_missing(pot.programme, pot.period, actor))


@router.get("/applications", response=answers(list[call_schemas.Application]))
def list_applications(request: HttpRequest) -> Any:
    """One's own applications, newest first; for the operator and the auditor everybody's. The newest 500."""
    actor = actor_of(request)
    return [application_row(each, actor) for each in queries.applications(actor)[:SHOWN]]


@router.get("/application", response=answers(call_schemas.Application))
def get_application(request: HttpRequest, key: KeyParameter) -> Any:
    """One application: where it stands, its share and why not more. Its own people, the operator and the auditor."""
    actor = actor_of(request)
    return application_row(queries.application_or_missing(key, actor), actor)


def application_row(application: Application, actor: Actor) -> dict[str, Any]:
    made = application.round
    is_told = made is not None and (actor.sees_all or made.state != RoundState.SHARED)
    voucher, decision = queries.voucher_of(application), application.decision
    return {
        "key": application.key,
        "organisation": application.organisation.key if application.organisation else None,
        "pseudonym": application.pseudonym.key if application.pseudonym else None,
        "subject": decision.subject if decision else "",
        "supplement_to": application.supplement_to.key if application.supplement_to else None,
        "programme": application.pot.programme,
        "period": application.pot.period,
        "decision": decision.key if decision else None,
        "decided_fen": decision.award_fen if decision else None,
        "claim_fen": application.claim_fen,
        "shared_fen": application.standing_fen if is_told else None,
        "bound_by": application.bound_by if is_told and application.standing_fen is not None else "",
        "score": application.score,
        "state": application.state,
        "round": made.key if made is not None and is_told else None,
        "voucher": voucher.key if voucher else None,
        "applied_at": application.applied_at,
        "documents": [{"kind": each.kind, "number": each.written} for each in queries.documents_of(application, actor)],
    }


@router.post("/organisations/{key}/applications", response=answers(call_schemas.Application))
def apply(request: HttpRequest, key: str, given: call_schemas.NewApplication) -> Any:
    """Apply for an organisation one represents, or for its claim or project: the programme is decided for it now, and
    the application stands on that decision. Refused (409) where the rules on stacking, weighed with what it holds
    already, leave less: the refusal names the rule."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    programme = programme_or_missing(given.programme)
    found = queries.applying(organisation, programme, actor, given.subject)
    application = apply_for_award(
        programme, organisation, found.call.pot, claim_fen=given.claim_fen,
        documents=[(each.kind, each.number) for each in given.documents], attributes=pack().attributes,
        stacking=stacking(), subject=given.subject, as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, f"apply:{organisation.key}", given.idempotency_key),
    )  # fmt: skip
    return application_row(queries.application_or_missing(application.key, actor), actor)


@router.post("/application/withdrawal", response=answers(call_schemas.Application))
def withdraw(request: HttpRequest, given: call_schemas.Withdrawal) -> Any:
    """Give an application up, as long as its pot was not shared; where the programme lets one choose again, also while
    its share, less than was asked for, is on public notice."""
    actor = actor_of(request)
    found = queries.application_or_missing(given.application, actor)
    application = withdraw_application(
        found, actor=actor, now=timezone.now(), programme=programmes().get(found.pot.programme),
        idempotency_key=key_for(actor, "withdraw", given.idempotency_key),
    )  # fmt: skip
    return application_row(application, actor)


@router.post("/application/score", response=answers(call_schemas.Application))
def score(request: HttpRequest, given: call_schemas.Scoring) -> Any:
    """Record a review's score, where the pot is shared by merit. For the operator."""
    actor = actor_of(request)
    application = score_application(
        queries.application_or_missing(given.application, actor), given.score, actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, "score", given.idempotency_key),
    )  # fmt: skip
    return application_row(application, actor)


@router.get("/duplicates", response=answers(list[call_schemas.Duplicate]))
def list_duplicates(request: HttpRequest) -> Any:
    """Contracts and invoices claimed for in more than one application. For the operator and the auditor."""
    alerts = duplicate_documents(actor_of(request))
    return [{"kind": kind, "number": number, "applications": keys} for kind, number, keys in alerts]


@router.post("/calls/{programme_id}/{period}/rounds", response=answers(call_schemas.Round))
def share(request: HttpRequest, programme_id: str, period: str, given: call_schemas.NewRound) -> Any:
    """Share the pot among the applications on it, after its window. For the operator."""
    actor = actor_of(request)
    call = queries.call_or_missing(programme_id, period, actor)
    made = share_applications(
        call.programme, call.pot, attributes=pack().attributes, as_of=decided_on(),
        sharing=Sharing(given.sharing) if given.sharing else None, seed=given.seed, stacking=stacking(), actor=actor,
        now=timezone.now(), idempotency_key=key_for(actor, f"share:{programme_id}:{period}", given.idempotency_key),
    )  # fmt: skip
    return round_row(made, actor)


@router.get("/calls/{programme_id}/{period}/returned", response=answers(call_schemas.Returned))
def get_returned(request: HttpRequest, programme_id: str, period: str) -> Any:
    """What came back to a pot for those of earlier rounds who wait for it, and how it would be shared among them now.
    For the operator and the auditor; nothing where nobody waits that could get any of it."""
    actor = actor_of(request)
    require(actor.sees_all, actor, Said("see who waits for what came back", "查看谁在等待退回的资金"))
    found = queries.proposal_of(queries.call_or_missing(programme_id, period, actor), actor)
    if found is None:
        return {"budget_fen": 0, "sharing": None, "waiting": [], "unscored": []}
    return {
        "budget_fen": found.shares.budget_fen,
        "sharing": str(found.shares.sharing),
        "waiting": [
            {
                "application": each.application.key, "wanted_fen": each.wanted_fen,
                "share_fen": None if found.is_drawn else fen,
            }
            for each, fen in found.rows
        ],
        "unscored": [each.application.key for each in found.unscored],
    }  # fmt: skip


@router.post("/calls/{programme_id}/{period}/returned", response=answers(call_schemas.Round))
def share_what_returned(request: HttpRequest, programme_id: str, period: str, given: call_schemas.ReturnedRound) -> Any:
    """Share what came back to a pot among those of earlier rounds who wait for it: a supplementary round, with a public
    notice of its own. For the operator."""
    actor = actor_of(request)
    call = queries.call_or_missing(programme_id, period, actor)
    made = share_returned(
        call.programme, call.pot, attributes=pack().attributes, stacking=stacking(), as_of=decided_on(),
        seed=given.seed, actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, f"returned:{programme_id}:{period}", given.idempotency_key),
    )  # fmt: skip
    return round_row(made, actor)


@router.get("/rounds", response=answers(list[call_schemas.RoundSummary]))
def list_rounds(request: HttpRequest) -> Any:
    """Rounds on public notice and awarded, newest first; for the offices those just shared too. The newest 500."""
    actor = actor_of(request)
    return [summary_row(each, actor) for each in notices.rounds_of(actor)[:SHOWN]]


@router.get("/round", response=answers(call_schemas.Round))
def get_round(request: HttpRequest, key: KeyParameter) -> Any:
    """The public notice: who gets what and why not more, how it was shared, and whether it comes out the same again."""
    actor = actor_of(request)
    return round_row(notices.round_or_missing(key, actor), actor)


def summary_row(made: SharingRound, actor: Actor) -> dict[str, Any]:
    own = ("key", "version_sha256", "sharing", "seed", "budget_fen", "returns", "is_supplementary", "state")
    days = ("shared_on", "notice_from", "notice_until", "awarded_on")
    return {
        "programme": made.pot.programme,
        "period": made.pot.period,
        "earlier": notices.earlier_for(made, actor),
        **{name: getattr(made, name) for name in (*own, *days)},
    }


def round_row(made: SharingRound, actor: Actor) -> dict[str, Any]:
    notice = notices.notice_of(made, actor)
    lines = [
        {
            "application": line.application.key,
            "organisation": line.application.organisation.key if line.application.organisation else None,
            "name": shown_name(line.application),
            "generated": line.application.applicant.is_generated,
            "claim_fen": line.application.claim_fen,
            "shared_fen": line.application.standing_fen,
            "reserved_fen": line.reserved_fen,
            "rank": line.rank,
            "bound_by": "" if line.application.standing_fen is None else line.application.bound_by,
            "state": line.application.state,
            "digest": line.digest,
        }
        for line in notice.lines
    ]
    counts = {"is_same": notice.is_same, "objected": notice.objected, "upheld": notice.upheld}
    return {**summary_row(made, actor), **counts, "lines": lines}


@router.post("/round/notice", response=answers(call_schemas.Round))
def open_public_notice(request: HttpRequest, given: call_schemas.NewNotice) -> Any:
    """Put a shared round on public notice, to the last day on which one may object. For the operator."""
    actor = actor_of(request)
    made = open_notice(
        notices.round_or_missing(given.round, actor), until=given.until, as_of=decided_on(), actor=actor,
        now=timezone.now(), idempotency_key=key_for(actor, "notice", given.idempotency_key),
    )  # fmt: skip
    return round_row(made, actor)


@router.post("/application/objections", response=answers(call_schemas.Objection))
def object_(request: HttpRequest, given: call_schemas.NewObjection) -> Any:
    """Object to an application in its public notice. For anybody who is signed in; who objects, only the offices
    see."""
    actor = actor_of(request)
    objection = object_to(
        find_application(given.application, actor), given.text, as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, "object", given.idempotency_key),
    )  # fmt: skip
    return objection_row(objection)


@router.get("/objections", response=answers(list[call_schemas.Objection]))
def list_objections(request: HttpRequest) -> Any:
    """One's own objections, newest first; for the operator and the auditor all. The newest 500."""
    found = Objection.objects.visible_to(actor_of(request)).select_related("application__round").order_by("-pk")
    return [objection_row(each) for each in found[:SHOWN]]


def objection_row(objection: Objection) -> dict[str, Any]:
    made = objection.application.round
    return {
        "key": objection.key,
        "application": objection.application.key,
        "round": made.key if made else None,
        "text": objection.text,
        "upheld": objection.upheld,
        "reason": objection.reason,
        "raised_at": objection.raised_at,
    }


@router.post("/objection/decision", response=answers(call_schemas.Objection))
def decide(request: HttpRequest, given: call_schemas.ObjectionDecision) -> Any:
    """Uphold an objection (the application is then refused at the award) or not, with the reason. For the operator."""
    actor = actor_of(request)
    objection = Objection.objects.visible_to(actor).filter(key=given.objection).first()
    if objection is None:
        raise NotFound(f"no objection {given.objection!r} that you may see", f"没有您可查看的异议 {given.objection!r}")
    decided = decide_objection(
        objection, upheld=given.upheld, reason=given.reason, actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, "decide", given.idempotency_key),
    )  # fmt: skip
    return objection_row(decided)


@router.post("/round/award", response=answers(call_schemas.Round))
def award(request: HttpRequest, given: call_schemas.Awarding) -> Any:
    """After the notice: applications become awards, those with an upheld objection are refused. For the operator."""
    actor = actor_of(request)
    made = award_round(
        notices.round_or_missing(given.round, actor), as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=key_for(actor, "award", given.idempotency_key),
    )  # fmt: skip
    return round_row(made, actor)


@router.post("/round/vouchers", response=answers(list[str]))
def grant(request: HttpRequest, given: call_schemas.Granting) -> Any:
    """Turn the awards of a voucher programme's round into vouchers; their keys. Again it grants none twice. For the
    operator."""
    actor = actor_of(request)
    made = notices.round_or_missing(given.round, actor)
    programme = programme_or_missing(made.pot.programme)
    vouchers = grant_round_vouchers(made, programme, as_of=decided_on(), actor=actor, now=timezone.now())
    return [each.key for each in vouchers]


@router.post("/round/grants", response=answers(list[call_schemas.RoundGrant]))
def grant_money(request: HttpRequest, given: call_schemas.Granting) -> Any:
    """Take every award of money of an awarded round out of its pot: it falls due, and the next payment orders pay it.
    Again it grants none twice and tells the same. For the operator."""
    actor = actor_of(request)
    granted = grant_round(notices.round_or_missing(given.round, actor), actor=actor, now=timezone.now())
    return [
        {
            "application": each.application.key, "payee": each.granted_to.key, "amount_fen": each.amount_fen,
            "granted_at": each.granted_at,
        }
        for each in granted
    ]  # fmt: skip
