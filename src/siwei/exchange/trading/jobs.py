"""Jobs under an agreement: submit, follow, meter. A lost attempt is never billed and runs again under a new number."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from siwei.compute import Engine, JobPhase, JobSpec, billed_accelerator_seconds, most_billed
from siwei.errors import Conflict, FinalEngineError, InputError, NotFound, Problem, RetryableEngineError, Said
from siwei.exchange.access import can_act_for, can_operate, forbid_readers, require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import AgreementLine, AgreementState, Job, JobState, Project, Usage, UsageReport
from siwei.exchange.states import find_line, lock_agreement, move, require_step
from siwei.exchange.trading.caps import commit_job, give_back_job
from siwei.exchange.trading.usage import is_metered_by_calls, is_named_by_us, write_usage

MAXIMUM_ATTEMPTS = 5
ACTIVE = (JobState.QUEUED, JobState.RUNNING)


@forbid_readers
def submit_job(
    agreement: str,
    line: int,
    spec: JobSpec,
    *,
    engine: Engine,
    engine_name: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    project: Project | None = None,
) -> Job:
    """Record a job under a line and give it to the engine. Submitting again under the same key gives the same job.

    The row is committed before the engine hears of it, so that no work runs that the ledger does not know; an engine
    that could not take it now gets it at the next `refresh_job`.
    """
    job = _record_job(
        agreement, line, spec, engine_name=engine_name, actor=actor, now=now, idempotency_key=idempotency_key,
        project=project,
    )  # fmt: skip
    if job.state == JobState.QUEUED:
        _give(job, engine, now)
    return job


@forbid_readers
def refresh_job(key: str, *, engine: Engine, actor: Actor, now: datetime) -> Job:
    """Ask the engine how the job is and write it down; a finished one is metered, a lost one starts anew.

    Any party of the agreement may ask, or the operator. Asking again of a finished job changes nothing.
    """
    job = find_job(key, actor)
    line = job.line
    allowed = can_act_for(actor, line.consumer_id) or can_act_for(actor, line.provider_id)
    require(allowed, actor, Said(f"follow job {key}", f"查看作业 {key}"))
    if JobState(job.state).is_final:
        return job
    try:
        state = engine.state(job.engine_job_id)
    except NotFound:
        _give(job, engine, now)
        return job
    except RetryableEngineError:
        return job
    if state.phase == JobPhase.LOST:
        if _begin_next_attempt(job, actor, now):
            _give(job, engine, now)
    elif state.phase.is_final:
        _finish(job, engine, actor, now)
    elif state.phase == JobPhase.RUNNING:
        Job.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.QUEUED).update(
            state=JobState.RUNNING, started_at=now
        )
    job.refresh_from_db()
    return job


@forbid_readers
def cancel_job(key: str, *, engine: Engine, actor: Actor, now: datetime) -> Job:
    """Ask the engine to stop the job; what it took until then is metered. For its consumer or the operator."""
    job = find_job(key, actor)
    require(can_act_for(actor, job.line.consumer_id), actor, Said(f"cancel job {key}", f"取消作业 {key}"))
    if not JobState(job.state).is_final:
        engine.cancel(job.engine_job_id)
    return refresh_job(key, engine=engine, actor=actor, now=now)


@action
def record_usage(
    agreement: str, line: int, *, reading: str, quantity: int, measured: Mapping[str, Any], actor: Actor, now: datetime
) -> Usage:
    """Enter a meter reading, once, in the line's unit. For the provider or the operator: no consumer meters itself.

    The same reading again is the same usage; with another content it is a `Conflict`, and so is one on a line that is
    metered by signed reports or by its calls: what they say must not be added to by a word without a signature.
    """
    terms = find_line(lock_agreement(agreement, actor), line)
    own = actor.represents(terms.consumer_id) and not actor.represents(terms.provider_id)
    require(
        not own and (can_operate(actor) or actor.represents(terms.provider_id)),
        actor,
        Said(f"meter {agreement}", f"为 {agreement} 计量"),
    )
    if not Usage.objects.filter(line=terms, reading=reading).exists():
        _require_unsigned(terms, reading)
    return write_usage(terms, None, reading, quantity, measured, actor, now)


def _require_unsigned(line: AgreementLine, reading: str) -> None:
    """That nothing else meters the line, and the name is nobody else's."""
    agreement = line.agreement.key
    if is_metered_by_calls(line):
        raise Conflict(
            f"line {line.number} of {agreement} is metered by its calls at the gateway → "
            "open a dispute about a reading",
            f"{agreement} 的第 {line.number} 行由网关按调用计量 → 请就读数提出争议",
        )
    signed = UsageReport.objects.filter(usage__line=line, usage__job=None).select_related("usage").first()
    if signed is not None:
        raise Conflict(
            f"line {line.number} of {agreement} is metered by signed reports ({signed.usage.meter}) → "
            "send a signed report, or open a dispute about one",
            f"{agreement} 第 {line.number} 行由签名报告计量（{signed.usage.meter}） → "
            "请发送签名报告，或就某条报告提出争议",
        )
    if is_named_by_us(reading, line):
        raise InputError(
            [
                Problem(
                    Said(f"{reading!r:.60} is the name of another reading", f"{reading!r:.60} 是另一读数的名称"),
                    Said("name it after your own meter", "请以您自己的计量表命名"),
                    field="reading",
                )
            ]
        )


def find_job(key: str, actor: Actor) -> Job:
    """To whom it does not concern it is not there, like its agreement (`lock_agreement`)."""
    try:
        return Job.objects.visible_to(actor).select_related("line__agreement").get(key=key)
    except Job.DoesNotExist:
        raise NotFound(f"no job {key!r}", f"没有作业 {key!r}") from None


@action
def _record_job(
    agreement: str,
    number: int,
    spec: JobSpec,
    *,
    engine_name: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    project: Project | None,
) -> Job:
    deal = lock_agreement(agreement, actor)
    line = find_line(deal, number)
    require(
        can_act_for(actor, line.consumer_id), actor, Said(f"run jobs under {agreement}", f"在 {agreement} 下运行作业")
    )
    content: dict[str, Any] = {"agreement": agreement, "line": number, "spec": spec.as_dict(), "engine": engine_name}
    if project is not None:
        content["project"] = project.name
        require(
            project.organisation_id == line.consumer_id,
            actor,
            Said(f"run jobs of the project {project.name} there", f"在此运行项目 {project.name} 的作业"),
        )
    if repeated("submit_job", idempotency_key, content):
        return find_job(idempotency_key, actor)
    if not 0 < len(engine_name) <= 40:
        raise InputError(
            [
                Problem(
                    Said(f"an engine's name of {len(engine_name)} characters", f"引擎名称有 {len(engine_name)} 个字符"),
                    fix=Said("1 to 40", "1 至 40 个"),
                    field="engine",
                )
            ]
        )
    if deal.kind != "compute":
        raise Conflict(
            f"{agreement} is a {deal.kind} agreement; jobs run under one for compute",
            f"{agreement} 是 {deal.kind} 协议；作业只在算力协议下运行",
        )
    require_step(deal, "deliver")
    if deal.ends_at <= now:
        raise Conflict(
            f"{agreement} ended on {timezone.localdate(deal.ends_at)} → agree anew",
            f"{agreement} 已于 {timezone.localdate(deal.ends_at)} 结束 → 请重新签约",
        )
    _check_room(line, spec)
    job = Job.objects.create(
        key=idempotency_key, line=line, spec=spec.as_dict(), engine=engine_name, project=project, submitted_at=now
    )
    commit_job(job, most_billed(spec), actor.person_id, now, timezone.localdate(now))
    move(deal, "deliver", AgreementState.DELIVERING)
    record_event(
        "submit_job",
        idempotency_key,
        content,
        subject=f"job:{job.key}",
        actor=actor,
        now=now,
        organisations=[line.consumer_id, line.provider_id],
        payload={"engine": engine_name},
    )
    return job


def _check_room(line: AgreementLine, spec: JobSpec) -> None:
    """Nothing may start that could take more than is left of the line; the time of running jobs is set aside whole."""
    if not line.unit.startswith("accelerator-second"):
        raise Conflict(
            f"line {line.number} is in {line.unit}: jobs take accelerator-seconds",
            f"第 {line.number} 行以 {line.unit} 计：作业用的是加速卡秒",
        )
    model = line.unit.partition(":")[2]
    if model and model.casefold() != spec.accelerator.casefold():
        raise InputError(
            [
                Problem(
                    Said(
                        f"the line is for {model}, the job asks for {spec.accelerator}",
                        f"该行用于 {model}，作业要求的是 {spec.accelerator}",
                    ),
                    field="accelerator",
                )
            ]
        )
    left = line_room(line)
    if most_billed(spec) > left:
        raise Conflict(
            f"the job may take {most_billed(spec)} accelerator-seconds and the line has {left} left "
            "→ lower the wall limit, or agree on more",
            f"作业最多需 {most_billed(spec)} 加速卡秒，该行只余 {left} → 请降低时限，或商定更多用量",
        )


def line_room(line: AgreementLine) -> int:
    """What of a line is neither metered nor promised to a job that has not ended."""
    used = sum(line.usages.values_list("quantity", flat=True))
    promised = sum(most_billed(JobSpec.from_dict(job.spec)) for job in line.jobs.filter(state__in=ACTIVE))
    return line.quantity - used - promised


def _give(job: Job, engine: Engine, now: datetime) -> None:
    try:
        engine.submit(JobSpec.from_dict(job.spec), job.engine_job_id)
    except RetryableEngineError:
        return
    except (FinalEngineError, InputError) as error:
        with transaction.atomic():
            _fail(job, f"refused: {error}"[:2_000], now)
        job.refresh_from_db()


def _fail(job: Job, reason: str, now: datetime) -> None:
    """It ends without having run: nothing is metered, and the caps have it back."""
    active = Job.objects.filter(pk=job.pk, attempt=job.attempt, state__in=ACTIVE)
    if active.update(state=JobState.FAILED, reason=reason, ended_at=now):
        give_back_job(job, 0, now)


@action
def _begin_next_attempt(job: Job, actor: Actor, now: datetime) -> bool:
    """Whether this caller started the next attempt; another may have been quicker, or there were too many."""
    lost = job.attempt
    if lost >= MAXIMUM_ATTEMPTS:
        _fail(job, f"lost {lost} times", now)
        return False
    moved = Job.objects.filter(pk=job.pk, attempt=lost, state__in=ACTIVE).update(
        state=JobState.QUEUED, attempt=lost + 1, started_at=None
    )
    job.refresh_from_db()
    if moved:
        record_event(
            "lose_attempt",
            f"{job.key}.{lost}",
            {},
            subject=f"job:{job.key}",
            actor=actor,
            now=now,
            organisations=[job.line.consumer_id, job.line.provider_id],
        )
    return bool(moved)


@action
def _finish(job: Job, engine: Engine, actor: Actor, now: datetime) -> None:
    state, usage = engine.state(job.engine_job_id), engine.usage(job.engine_job_id)
    moved = Job.objects.filter(pk=job.pk, attempt=job.attempt, state__in=ACTIVE).update(
        state=str(state.phase),
        exit_code=state.exit_code,
        reason=state.reason,
        ended_at=usage.ended_at or now,
        started_at=usage.started_at,
    )
    if not moved:
        return
    # Whoever asked how the job is was judged; what it took is metered whoever that was.
    job.line.agreement = lock_agreement(job.line.agreement.key, PLATFORM)
    quantity = billed_accelerator_seconds(usage)
    write_usage(job.line, job, job.engine_job_id, quantity, usage.as_dict(), actor, now)
    give_back_job(job, quantity, now)
