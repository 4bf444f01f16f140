"""Stage 4: the demonstration's cast trades. One training job paid by a voucher, really run, metered and settled; a few
calls of a model; one deal each of the other wings. Every step is an action of the exchange under a fixed key, so that
a stage killed anywhere goes on where it was."""

import time
from datetime import date, timedelta

from siwei.compute import LocalEngine
from siwei.compute.jobs import training_job
from siwei.errors import Conflict, EnvironmentMissing
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.awards.vouchers import grant_voucher, open_pot
from siwei.exchange.facts.decisions import record_decision
from siwei.exchange.models import (
    Agreement,
    AgreementState,
    Application,
    Delivery,
    DeliveryState,
    Dispute,
    JobState,
    Listing,
    Match,
    ModelCall,
    OrderState,
    PaymentOrder,
    Project,
    SharingRound,
    Voucher,
)
from siwei.exchange.models import Job as ComputeJob
from siwei.exchange.trading.agreements import declare_budget, propose_agreement, sign_agreement
from siwei.exchange.trading.deliveries import accept_delivery, submit_delivery
from siwei.exchange.trading.jobs import refresh_job, submit_job
from siwei.exchange.trading.listings import find_match, introduce_match, match_need, publish_listing
from siwei.exchange.trading.settlement import settle_agreement
from siwei.run.cast import Deal, Training, load_cast
from siwei.run.cast_parties import Stage, enter, open_projects
from siwei.run.milestones import UNSIGNED, approve, argue, money_of, set_limits
from siwei.run.model_calls import call_models
from siwei.run.payments import pay
from siwei.run.rounds import play_round
from siwei.run.stage import Counts, Job

POLL_S = 0.5
ENGINE = "local"


class NotEntitled(Conflict):
    """The demonstration's programme grants nothing on the city's day (it has ended, say): the other deals go on."""


def trade(job: Job) -> Counts:
    cast = load_cast(job.pack.directory, job.pack.attributes)
    if cast is None:
        return {"notes": ("the pack has no demonstration: nothing was traded",)}
    stage = enter(job, cast)
    publish(stage)
    projects = open_projects(stage)
    notes: list[str] = []
    if cast.training is not None:
        try:
            train(stage, cast.training)
        except EnvironmentMissing as error:
            notes.append(f"the training job was refused, never run bare: {error}")
        except NotEntitled as error:
            notes.append(f"no voucher, so no training job: {error}")
    for deal in cast.deals:
        conclude(stage, deal, projects.get(deal.need))
    if cast.model_calls is not None:
        try:
            call_models(stage, cast.model_calls)
        except EnvironmentMissing as error:
            notes.append(f"no model was called: {error}")
    for name, spec in cast.rounds.items():
        play_round(stage, name, spec)
    if pay(stage) is None:
        notes.append("nothing was due from the city: no payment was ordered")
    settled = Agreement.objects.filter(state=AgreementState.SETTLED).count()
    return {
        "parties": len(stage.organisations),
        "listings": Listing.objects.count(),
        "matches": Match.objects.count(),
        "agreements": Agreement.objects.count(),
        "jobs": ComputeJob.objects.count(),
        "calls": ModelCall.objects.filter(outcome="ok").count(),
        "settled": settled,
        "disputes": Dispute.objects.count(),
        "projects": Project.objects.count(),
        "rounds": SharingRound.objects.count(),
        "applications": Application.objects.count(),
        "paid": PaymentOrder.objects.filter(state=OrderState.PAID).count(),
        "notes": notes,
    }


def publish(stage: Stage) -> None:
    for key, listing in stage.cast.listings.items():
        owner = stage.organisations[listing.party].key if listing.party is not None else None
        publish_listing(
            listing.kind, listing.side, title_zh=listing.title.zh, title_en=listing.title.en, body=listing.body,
            organisation=owner, actor=stage.owner_actor(key), now=stage.job.now(), idempotency_key=listing_key(key),
        )  # fmt: skip


def train(stage: Stage, training: Training) -> None:
    """A voucher is decided and granted, offers are ranked, an agreement is signed (voucher and own share are held), the
    job runs in its sandbox, its time is metered, charged, and the rest released."""
    buyer = stage.party_terms(training.need, "consumer").organisation or ""
    declare_budget(
        buyer,
        training.declared_budget_fen,
        actor=stage.owner_actor(training.need),
        now=stage.job.now(),
        idempotency_key=f"demo-{training.need}-budget",
    )
    voucher = award_voucher(stage, training)
    agreement = agree_on_compute(stage, training, voucher)
    if agreement.state == AgreementState.SETTLED:
        return
    engine = LocalEngine(stage.job.home.jobs)
    actor = stage.owner_actor(training.need)
    key = f"demo-{training.need}-job"
    submit_job(
        agreement.key, 1, training_job(wall_limit_s=training.wall_limit_s), engine=engine, engine_name=ENGINE,
        actor=actor, now=stage.job.now(), idempotency_key=key,
    )  # fmt: skip
    wait_for(stage, key, engine, actor, training.wall_limit_s)
    settle_agreement(agreement.key, actor=actor, now=stage.job.now())


def award_voucher(stage: Stage, training: Training) -> Voucher:
    """The need's party applies; what the programme awards becomes its voucher."""
    job, party = stage.job, stage.cast.listings[training.need].party or ""
    programme = next((each for each in job.programmes if each.id == training.programme), None)
    if programme is None or programme.pot is None or programme.pot.budget_fen is None:
        raise Conflict(f"programme {training.programme!r} of the demonstration has no pot → name one that has")
    period, now = str(job.home.as_of.year), job.now
    pot = open_pot(
        programme, period, programme.pot.budget_fen, actor=PLATFORM, now=now(),
        idempotency_key=f"{programme.id}-{period}",
    )  # fmt: skip
    decision = record_decision(
        programme, stage.organisations[party], as_of=job.home.as_of, attributes=job.pack.attributes,
        actor=stage.actor_for(party), now=now(), idempotency_key=f"demo-{programme.id}-{party}",
    )  # fmt: skip
    if not decision.award_fen:
        raise NotEntitled(f"the demonstration's {party} is {decision.verdict} under {programme.id}: nothing to grant")
    voucher = decision.result["voucher"]
    if voucher is None or voucher["rate_bp"] is None or voucher["valid_to"] is None:
        raise Conflict(f"{programme.id} does not say what its voucher pays, or until when → complete its `voucher:`")
    return grant_voucher(
        decision, pot, amount_fen=decision.award_fen, rate_bp=voucher["rate_bp"], kinds=voucher["kinds"],
        listed_providers_only=voucher["listed_providers_only"],
        valid_from=date.fromisoformat(voucher["valid_from"]), valid_to=date.fromisoformat(voucher["valid_to"]),
        actor=PLATFORM, now=now(), idempotency_key=f"demo-{programme.id}-{party}",
    )  # fmt: skip


def agree_on_compute(stage: Stage, training: Training, voucher: Voucher) -> Agreement:
    key, now, as_of = f"demo-{training.need}", stage.job.now, stage.job.home.as_of
    need, offer = listing_key(training.need), listing_key(training.offer)
    actor = stage.owner_actor(training.need)
    party = stage.party_terms(training.need, "consumer")
    if not Match.objects.filter(need__key=need).exists():
        match_need(need, as_of=as_of, actor=actor, now=now(), voucher=voucher)
    introduce_match(need, offer, actor=actor, now=now())
    if not Agreement.objects.filter(key=key).exists():
        propose_agreement(
            "compute", [party, stage.party_terms(training.offer, "provider")], ends_at=now() + timedelta(days=30),
            match=find_match(need, offer, actor), voucher=voucher, as_of=as_of, actor=actor, now=now(),
            idempotency_key=key,
        )  # fmt: skip
    for listing in (training.need, training.offer):
        sign_agreement(key, actor=stage.owner_actor(listing), now=now(), as_of=as_of)
    return Agreement.objects.get(key=key)


def wait_for(stage: Stage, key: str, engine: LocalEngine, actor: Actor, limit_s: int) -> ComputeJob:
    """Follow a job to its end. It runs on if this process dies, and is found again by the next."""
    given_up = time.monotonic() + 2 * limit_s
    while True:
        job = refresh_job(key, engine=engine, actor=actor, now=stage.job.now())
        if JobState(job.state).is_final:
            return job
        if time.monotonic() > given_up:
            raise Conflict(f"job {key} is still {job.state} after {2 * limit_s} s → look at its log, then run again")
        stage.job.progress(f"training job {job.state}", 0, None)
        time.sleep(POLL_S)


def conclude(stage: Stage, deal: Deal, project: Project | None) -> None:
    """Match, introduce, agree, sign: the same for a product, a scenario, a research topic and a position. With a
    `project`, the agreement is its consortium and is proposed by whoever leads it."""
    need, offer = listing_key(deal.need), listing_key(deal.offer)
    key = f"demo-{deal.need}"
    if Agreement.objects.filter(key=key).exclude(state__in=UNSIGNED).exists():
        deliver(stage, deal)
        return
    set_limits(stage, deal)
    actor, now, as_of = stage.owner_actor(deal.need), stage.job.now, stage.job.home.as_of
    leads = actor if project is None else stage.leader_of(deal.need)
    edges = stage.job.pack.edges.rows(named=True)
    supplies = [(edge["from"], edge["to"]) for edge in edges if edge["type"] == "supplies"]
    if not Match.objects.filter(need__key=need, offer__key=offer).exists():
        match_need(need, as_of=as_of, actor=actor, now=now(), supplies=supplies)
    # The offering side asks to be introduced: a person applies, nobody is applied for.
    introduce_match(need, offer, actor=stage.owner_actor(deal.offer), now=now())
    if not Agreement.objects.filter(key=key).exists():
        propose_agreement(
            stage.cast.listings[deal.need].kind,
            [stage.party_terms(deal.need, deal.need_role), stage.party_terms(deal.offer, deal.offer_role)],
            ends_at=now() + timedelta(weeks=deal.weeks), match=find_match(need, offer, actor), project=project,
            as_of=as_of, actor=leads, now=now(), idempotency_key=key, **money_of(stage, deal),
        )  # fmt: skip
    for listing in (deal.need, deal.offer):
        sign_agreement(key, actor=stage.owner_actor(listing), now=now(), as_of=as_of)
    approve(stage, deal)
    deliver(stage, deal)


def deliver(stage: Stage, deal: Deal) -> None:
    """What the offering side delivers is reported by it and confirmed by the other: goods, a post taken up."""
    key, now = f"demo-{deal.need}", stage.job.now
    giver, receiver = stage.owner_actor(deal.offer), stage.owner_actor(deal.need)
    waiting = Delivery.objects.filter(agreement__key=key).exclude(state=DeliveryState.ACCEPTED)
    if deal.milestones:
        waiting = waiting.filter(number__in=[n for n, each in enumerate(deal.milestones, 1) if each.delivered])
    for number in waiting.order_by("number").values_list("number", flat=True):
        submit_delivery(
            key, number, evidence="示例交付记录（生成数据）", actor=giver, now=now(), idempotency_key=f"{key}-{number}"
        )
        accept_delivery(key, number, actor=receiver, now=now())
    argue(stage, deal)


def listing_key(name: str) -> str:
    return f"demo-{name}"
