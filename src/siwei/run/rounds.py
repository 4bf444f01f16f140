"""The demonstration's rounds: applied, shared, on public notice, objected to, awarded. The days are counted from the
city's own, every act has a fixed key, and what is left open stays open for whoever looks."""

from collections.abc import Callable
from datetime import date, timedelta

from siwei.errors import Conflict
from siwei.exchange.actors import PLATFORM
from siwei.exchange.awards.applications import apply_for_award
from siwei.exchange.awards.rounds import award_round, decide_objection, object_to, open_notice, share_applications
from siwei.exchange.awards.vouchers import open_pot
from siwei.exchange.facts.decisions import record_decision
from siwei.exchange.models import Application, Pot, RoundState, SharingRound
from siwei.policy import Programme, Sharing
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.run.cast import Applicant, CallRound
from siwei.run.cast_parties import Stage


def play_round(stage: Stage, name: str, spec: CallRound) -> SharingRound:
    """As far as the demonstration takes it; what was done before is found again and not done twice."""
    job, key = stage.job, f"demo-{name}"
    programme = find_programme(stage, spec.programme)
    day = days_of(job.home.as_of)
    pot = open_pot(
        programme, str(job.home.as_of.year), spec.budget_fen, actor=PLATFORM, now=job.now(),
        idempotency_key=f"{programme.id}-{job.home.as_of.year}",
    )  # fmt: skip
    for applicant in spec.applicants:
        apply(stage, programme, pot, applicant, day(spec.applied_days_ago), key)
    made = share_applications(
        programme, pot, attributes=job.pack.attributes, as_of=day(spec.shared_days_ago),
        sharing=Sharing(spec.sharing) if spec.sharing else None, seed=spec.seed, actor=PLATFORM, now=job.now(),
        idempotency_key=key,
    )  # fmt: skip
    made = open_notice(
        made, until=day(spec.notice_until_days_ago), as_of=day(spec.shared_days_ago), actor=PLATFORM, now=job.now(),
        idempotency_key=key,
    )  # fmt: skip
    for number, objection in enumerate(spec.objections, start=1):
        told = object_to(
            Application.objects.get(key=f"{key}-{objection.against}"), objection.text,
            as_of=day(spec.shared_days_ago), actor=stage.actor_for(objection.by), now=job.now(),
            idempotency_key=f"{key}-{number}",
        )  # fmt: skip
        if objection.upheld is not None:
            decide_objection(
                told, upheld=objection.upheld, reason=objection.reason, actor=PLATFORM, now=job.now(),
                idempotency_key=f"{key}-{number}",
            )  # fmt: skip
    if spec.awarded_days_ago is not None and made.state != RoundState.AWARDED:
        made = award_round(made, as_of=day(spec.awarded_days_ago), actor=PLATFORM, now=job.now(), idempotency_key=key)
    return made


def apply(stage: Stage, programme: Programme, pot: Pot, applicant: Applicant, day: date, key: str) -> None:
    """For all that is decided; under a fixed key the decision of before is found again."""
    job, party = stage.job, applicant.party
    told = f"{key}-{party}"
    decision = record_decision(
        programme, stage.organisations[party], as_of=day, attributes=job.pack.attributes, actor=stage.actor_for(party),
        now=job.now(), idempotency_key=told,
    )  # fmt: skip
    if not decision.award_fen:
        raise Conflict(f"the demonstration's {party} is {decision.verdict} under {programme.id}: nothing to apply for")
    apply_for_award(
        programme, stage.organisations[party], pot, claim_fen=decision.award_fen,
        documents=[("contract", number) for number in applicant.contracts], attributes=job.pack.attributes,
        stacking=load_stacking(job.pack.directory, job.pack.attributes, job.programmes), as_of=day,
        actor=stage.actor_for(party), now=job.now(), idempotency_key=told,
    )  # fmt: skip


def find_programme(stage: Stage, id: str) -> Programme:
    programme = next((each for each in stage.job.programmes if each.id == id), None)
    if programme is None or programme.pot is None:
        raise Conflict(f"programme {id!r} of the demonstration has no pot → name one that has")
    return programme


def days_of(as_of: date) -> Callable[[int], date]:
    return lambda days_ago: as_of - timedelta(days=days_ago)
