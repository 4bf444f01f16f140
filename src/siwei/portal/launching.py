"""Launching a job: three answers → a specification; under an agreement at once, or by proposing one that carries it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from siwei.compute import Engine, JobSpec
from siwei.compute.jobs import training_job
from siwei.compute.metering import BILLING_STEP_S
from siwei.compute.specification import WorkingFile
from siwei.errors import Conflict, InputError, NotFound, Problem
from siwei.exchange.access import forbid_readers
from siwei.exchange.actors import Actor
from siwei.exchange.models import Agreement, Job, Project, Quote, Voucher
from siwei.exchange.trading.agreements import propose_agreement
from siwei.exchange.trading.jobs import cancel_job, submit_job
from siwei.exchange.trading.listings import match_need, publish_listing
from siwei.exchange.trading.quotes import quote_match
from siwei.portal.city_pack import current_home, decided_on
from siwei.portal.proposals import parties_of

LOCAL = "local"
SCRIPT = "main.py"
SCRIPT_BYTES = 64 * 1024
OWN, SAMPLE = "own", "sample"
JOB_LASTS = timedelta(days=30)
"""How long the agreement that a launch proposes lasts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The three answers: what to run, on what, for how long (`minutes`, whole ones are billed)."""

    what: str = SAMPLE
    script: str = ""
    arguments: str = ""
    accelerator: str = "cpu"
    count: int = 1
    minutes: int = 10
    memory_mb: int = 512

    @property
    def spec(self) -> JobSpec:
        """Raises InputError with every problem."""
        seconds = self.minutes * 60
        sample = training_job(wall_limit_s=seconds)
        if self.what == SAMPLE:
            command, files = sample.command, sample.files
        else:
            command, files = ("python", SCRIPT, *self._words()), (WorkingFile(SCRIPT, self.script.encode()),)
        return JobSpec(
            command=command, files=files, accelerator=self.accelerator, count=self.count, wall_limit_s=seconds,
            cpu_limit_s=seconds * self.count, memory_mb=self.memory_mb, disk_mb=sample.disk_mb,
            processes=sample.processes,
        )  # fmt: skip

    @property
    def need(self) -> dict[str, Any]:
        """As a need of the market: billed time is by started minute."""
        seconds = -(-self.minutes * 60 // BILLING_STEP_S) * BILLING_STEP_S
        accelerators = [self.accelerator] if self.accelerator else []
        return {"title": self.title, "accelerators": accelerators, "count": self.count, "seconds": seconds}

    @property
    def title(self) -> str:
        return "示例训练作业" if self.what == SAMPLE else f"作业 {SCRIPT}"

    @property
    def title_en(self) -> str:
        return "A sample training job" if self.what == SAMPLE else f"Job {SCRIPT}"

    def _words(self) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(self.arguments))
        except ValueError:
            problem = Problem(_("These words cannot be read"), _("close every quotation mark"), field="arguments")
            raise InputError([problem]) from None


def read_asked(given: Mapping[str, str]) -> Asked:
    """From a form. Raises InputError with every problem, by field."""
    problems: list[Problem] = []
    numbers: dict[str, int] = {}
    for name, most in (("count", 1024), ("minutes", 30 * 24 * 60), ("memory_mb", 4 * 1024 * 1024)):
        text = given.get(name, "").strip() or str(getattr(Asked(), name))
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
            problems.append(Problem(_("This is not a whole number"), f"1–{most:,}", field=name))
        else:
            numbers[name] = int(text)
    what, script = given.get("what", SAMPLE), given.get("script", "").replace("\r\n", "\n")
    if what not in (OWN, SAMPLE):
        problems.append(Problem(_("This is not one of the choices"), f"{OWN}, {SAMPLE}", field="what"))
    if what == OWN and not 0 < len(script.encode("utf-8", "replace")) <= SCRIPT_BYTES:
        problems.append(Problem(_("Say what to run"), _("a Python programme of up to 64 kB"), field="script"))
    accelerator = given.get("accelerator", "cpu").strip()
    if not 0 < len(accelerator) <= 60:
        problems.append(Problem(_("This is needed"), field="accelerator"))
    if problems:
        raise InputError(problems)
    asked = Asked(what, script, given.get("arguments", "").strip(), accelerator, **numbers)
    # What the specification itself refuses is said here already.
    check_spec(asked)
    return asked


def check_spec(asked: Asked) -> None:
    JobSpec.from_dict(asked.spec.as_dict())


def own_engine() -> tuple[Engine, str]:
    """The city's own engine and its name."""
    home = current_home()
    if home is None:
        raise Conflict(
            "this portal serves no city, so it has no engine → siwei init",
            "本门户不服务于任何城市，因而没有引擎 → siwei init",
        )
    from siwei.compute.local import LocalEngine

    return LocalEngine(home.jobs), LOCAL


def launch(
    agreement: str, line: int, spec: JobSpec, *, actor: Actor, now: datetime, idempotency_key: str,
    project: Project | None = None,
) -> Job:  # fmt: skip
    """Under an agreement that is signed."""
    engine, name = own_engine()
    return submit_job(
        agreement, line, spec, engine=engine, engine_name=name, actor=actor, now=now, idempotency_key=idempotency_key,
        project=project,
    )  # fmt: skip


@forbid_readers
def launch_agreed(key: str, *, actor: Actor, now: datetime, idempotency_key: str) -> Job:
    """The job that an agreement was proposed for."""
    agreement = Agreement.objects.visible_to(actor).filter(key=key).first()
    if agreement is None:
        raise NotFound(f"no agreement {key!r} that you may see", f"没有您可查看的协议 {key!r}")
    if "job" not in agreement.terms:
        raise Conflict(
            f"{key} was not proposed for a job → launch one under it", f"{key} 不是为作业提出的 → 请在其下启动一个"
        )
    spec = JobSpec.from_dict(agreement.terms["job"])
    return launch(key, 1, spec, actor=actor, now=now, idempotency_key=idempotency_key, project=agreement.project)


@forbid_readers
def stop(key: str, *, actor: Actor, now: datetime) -> Job:
    engine, name = own_engine()
    found = Job.objects.visible_to(actor).filter(key=key).first()
    if found is None:
        raise NotFound(f"no job {key!r} that you may see", f"没有您可查看的作业 {key!r}")
    if found.engine != name:
        raise Conflict(
            f"job {key} is run by {found.engine}, which is not asked from here",
            f"作业 {key} 由 {found.engine} 运行，此处不能询问它",
        )
    return cancel_job(key, engine=engine, actor=actor, now=now)


def propose_launch(
    organisation: str,
    asked: Asked,
    offer: str,
    voucher: Voucher | None,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
    project: Project | None = None,
) -> Agreement:
    """Publish the need, fix the price, and propose an agreement that carries the job. Every step has its own key, so
    that it goes on where it was broken off."""
    spec = asked.spec
    need = publish_listing(
        "compute", "need", organisation=organisation, title_zh=asked.title, title_en=asked.title_en, body=asked.need,
        actor=actor, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip
    if not Quote.objects.filter(key=idempotency_key).exists():
        match_need(need.key, as_of=decided_on(), actor=actor, now=now, voucher=voucher)
    told = quote_match(
        need.key, offer, voucher=voucher, as_of=decided_on(), actor=actor, now=now, idempotency_key=idempotency_key
    )
    if found := Agreement.objects.filter(key=idempotency_key).first():
        return found
    return propose_agreement(
        "compute", parties_of(told.match), ends_at=now + JOB_LASTS, told=told, terms={"job": spec.as_dict()},
        as_of=timezone.localdate(now), project=project, actor=actor, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip
