"""A deal of the demonstration that pays by milestone: its limits, a second person's word, and what was argued about.

Every act has a fixed key or changes nothing when it is done again, so that a run killed anywhere goes on.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from siwei.exchange.actors import PLATFORM, Actor, Role
from siwei.exchange.models import Agreement, AgreementState, Organisation
from siwei.exchange.people.registration import register_person
from siwei.exchange.trading.agreements import declare_budget
from siwei.exchange.trading.approvals import approve_agreement, set_approval_rule
from siwei.exchange.trading.caps import set_cap
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.disputes import answer_dispute, open_dispute, resolve_dispute
from siwei.exchange.trading.terms import LineTerms
from siwei.run.cast import Deal
from siwei.run.cast_parties import SOURCE, Stage

UNSIGNED = (AgreementState.PROPOSED, AgreementState.AWAITING_APPROVAL)


def set_limits(stage: Stage, deal: Deal) -> None:
    """What the need's party may commit: its declared budget, a cap over the city's year, and from where on its
    treasurer is asked."""
    if not deal.milestones:
        return
    payer, actor, key = payer_of(stage, deal).key, stage.owner_actor(deal.need), f"demo-{deal.need}"
    now, year = stage.job.now(), stage.job.home.as_of.year
    assert deal.declared_budget_fen is not None, "the cast's check says so"
    declare_budget(payer, deal.declared_budget_fen, actor=actor, now=now, idempotency_key=f"{key}-budget")
    if deal.cap_fen is not None:
        set_cap(
            payer, deal.cap_fen, starts_on=date(year, 1, 1), ends_on=date(year, 12, 31), actor=actor, now=now,
            idempotency_key=f"{key}-cap",
        )  # fmt: skip
    if deal.approval_from_fen is not None:
        treasurer(stage, deal)
        set_approval_rule(
            payer, Role.FINANCE, deal.approval_from_fen, actor=actor, now=now, idempotency_key=f"{key}-rule"
        )


def money_of(stage: Stage, deal: Deal) -> Mapping[str, Any]:
    """Lines and deliveries of the proposal; nothing where the deal has no price."""
    if not deal.milestones:
        return {}
    giver = stage.party_terms(deal.offer, deal.offer_role).organisation or ""
    title, day = stage.cast.listings[deal.offer].title.zh, stage.job.home.as_of
    deliveries = [
        DeliveryTerms(each.title, 1, each.amount_fen, day + timedelta(days=each.due_in_days))
        for each in deal.milestones
    ]
    line = LineTerms(giver, payer_of(stage, deal).key, title, 1, "milestone", deal.price_fen)
    return {"lines": [line], "deliveries": deliveries}


def approve(stage: Stage, deal: Deal) -> None:
    """The signature waited for another person's word, and here it is."""
    key = f"demo-{deal.need}"
    if Agreement.objects.filter(key=key, state=AgreementState.AWAITING_APPROVAL).exists():
        approve_agreement(key, actor=treasurer(stage, deal), now=stage.job.now(), as_of=stage.job.home.as_of)


def argue(stage: Stage, deal: Deal) -> None:
    """The payer disputes what it accepted, the giver answers, the operator decides; what is too much comes back."""
    if deal.dispute is None:
        return
    spec, key, now = deal.dispute, f"demo-{deal.need}", stage.job.now
    open_dispute(
        key, reason=spec.text, evidence=SOURCE, delivery=spec.milestone, claimed=spec.outcome_fen,
        actor=stage.owner_actor(deal.need), now=now(), idempotency_key=f"{key}-dispute",
    )  # fmt: skip
    answer_dispute(
        f"{key}-dispute", answer=spec.answer, proposed=None, actor=stage.owner_actor(deal.offer), now=now(),
        idempotency_key=f"{key}-answer",
    )  # fmt: skip
    resolve_dispute(f"{key}-dispute", outcome=spec.outcome_fen, because=spec.resolution, actor=PLATFORM, now=now())


def payer_of(stage: Stage, deal: Deal) -> Organisation:
    return stage.organisations[stage.cast.listings[deal.need].party or ""]


def treasurer(stage: Stage, deal: Deal) -> Actor:
    """A second person of the payer's, who keeps its money and signs nothing."""
    party = stage.cast.listings[deal.need].party or ""
    person = register_person(
        f"demo-{party}-finance", password=None, organisation=stage.organisations[party], role=Role.FINANCE,
        evidence=SOURCE, actor=PLATFORM, now=stage.job.now(),
    )  # fmt: skip
    return person.as_actor()
