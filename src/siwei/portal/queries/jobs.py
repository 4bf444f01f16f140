"""A job: its state, its log so far, its metrics and files, what it costs."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import BinaryIO

from django.db.models import Q, QuerySet

from siwei.compute.local import LocalEngine
from siwei.errors import Conflict, NotAllowed, NotFound, SiweiError
from siwei.exchange.actors import Actor
from siwei.exchange.models import Job, JobState, Transfer, Usage
from siwei.portal.city_pack import current_home
from siwei.portal.queries.market import money_trail

LOG_BYTES = 64 * 1024
METRICS = "metrics.json"
METRICS_BYTES = 64 * 1024
MOST_METRICS = 40


NAMED = "line__agreement__match__need"
"""What a job is called by (`job_name`), for `select_related`."""


@dataclass(frozen=True, slots=True)
class JobView:
    job: Job
    usages: list[Usage]
    transfers: list[Transfer]
    used_fen: int | None
    """What the metered use comes to so far; None before the first reading."""

    @property
    def is_ended(self) -> bool:
        return JobState(self.job.state).is_final


@dataclass(frozen=True, slots=True)
class Log:
    text: str
    next_offset: int
    follow: bool
    """Whether more may come."""


def job_or_missing(key: str, actor: Actor) -> Job:
    job = (
        Job.objects.visible_to(actor)
        .select_related("line__agreement__match__need", "line__provider", "line__consumer")
        .filter(key=key)
        .first()
    )
    if job is None:
        raise NotFound(f"no job {key!r} that you may see", f"没有您可查看的作业 {key!r}")
    return job


def jobs_of(organisation_id: int, actor: Actor) -> QuerySet[Job]:
    """Jobs that an organisation runs or asked for, newest first."""
    own = Q(line__consumer_id=organisation_id) | Q(line__provider_id=organisation_id)
    return Job.objects.visible_to(actor).filter(own).select_related(NAMED).order_by("-submitted_at", "key")


def job_view(key: str, actor: Actor) -> JobView:
    job = job_or_missing(key, actor)
    usages = list(Usage.objects.visible_to(actor).filter(job=job).order_by("pk"))
    line = job.line
    quantity = sum(usage.quantity for usage in usages)
    used = -(-quantity * line.unit_price_fen // line.price_quantity) if usages else None
    return JobView(job, usages, money_trail([line]), used)


def engine_of(job: Job) -> LocalEngine | None:
    """The engine that ran the job, where this city has it: only the local one keeps its logs beside the portal."""
    home = current_home()
    if home is None or job.engine != "local":
        return None
    return LocalEngine(home.jobs)


def read_log(job: Job, offset: int) -> Log | None:
    """The log from `offset`, at most `LOG_BYTES` of it; None where the engine has none for this job.

    A character cut in half by the bound is left for the next reading; control characters are left out.
    """
    engine = engine_of(job)
    if engine is None:
        return None
    raw, more = b"", True
    try:
        while more and len(raw) < LOG_BYTES:
            part, _ = engine.logs(job.engine_job_id, offset + len(raw))
            raw, more = raw + part, bool(part)
    except SiweiError:
        return None
    shown = raw[:LOG_BYTES]
    follow = more or len(raw) > len(shown) or not JobState(job.state).is_final
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoded = decoder.decode(shown, final=not follow)
    pending, _ = decoder.getstate()
    text = "".join(character for character in decoded if character in "\n\t" or character.isprintable())
    return Log(text, offset + len(shown) - len(pending), follow)


def read_metrics(job: Job) -> list[tuple[str, str]]:
    """Flat figures of the job's `metrics.json`. The job wrote it, so nothing about it is trusted."""
    engine = engine_of(job)
    if engine is None:
        return []
    try:
        values = json.loads(engine.read_output(job.engine_job_id, METRICS, METRICS_BYTES))
    except (SiweiError, ValueError, RecursionError):
        return []
    if not isinstance(values, dict):
        return []
    flat = [(str(name)[:60], str(value)[:60]) for name, value in values.items() if isinstance(value, int | float | str)]
    return flat[:MOST_METRICS]


def list_files(job: Job) -> list[tuple[str, int]]:
    engine = engine_of(job)
    if engine is None:
        return []
    try:
        return list(engine.outputs(job.engine_job_id))
    except SiweiError:
        return []


def may_have_files(job: Job, actor: Actor) -> bool:
    """What a job made is its consumer's: the provider, who has it on its machines, and the offices see names alone."""
    return actor.represents(job.line.consumer_id)


def open_file(job: Job, path: str, actor: Actor) -> BinaryIO:
    """A file that the job left, open; whoever asks closes it."""
    if not may_have_files(job, actor):
        raise NotAllowed(
            f"files of job {job.key} are had by those who represent {job.line.consumer.name}",
            f"作业 {job.key} 的文件由代表 {job.line.consumer.name} 的人取用",
        )
    if not JobState(job.state).is_final:
        raise Conflict(
            f"job {job.key} is {job.state} → take its files when it has ended",
            f"作业 {job.key} 尚未结束 → 请在其结束后取文件",
        )
    engine = engine_of(job)
    if engine is None:
        raise NotFound(
            "files are kept by the engine that ran the job, and are not on this machine",
            "文件保存在运行该作业的引擎上，不在本机",
        )
    return engine.open_output(job.engine_job_id, path)
