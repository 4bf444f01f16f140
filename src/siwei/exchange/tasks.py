"""What workers do: small tasks, each an action that may be done twice, so that being killed anywhere loses nothing.

A new task is a module-level function under `@task()` that reads its surroundings from `workplace()`; one that comes
back stands in `RECURRING`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from django_tasks import task
from django_tasks.base import Task

from siwei.compute import Engine
from siwei.errors import Conflict
from siwei.exchange import queue
from siwei.exchange.actors import PLATFORM
from siwei.exchange.awards import vouchers
from siwei.exchange.calls import model_calls, upstream_probes
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.ledger import seals, verification
from siwei.exchange.models import CallState, Event, Hold, Job, JobState, ModelCall, Seal, Transfer, Voucher
from siwei.exchange.people import award_erasure
from siwei.exchange.trading import call_collection, settlement
from siwei.exchange.trading.jobs import ACTIVE, refresh_job
from siwei.settings import load_settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """`as_of` is the day vouchers are measured against, None for the day of `now()`. Only jobs given to `engine_name`
    are asked of `engine`: it would take another engine's for new ones."""

    engine: Engine
    engine_name: str
    now: Callable[[], datetime]
    as_of: date | None = None

    @property
    def day(self) -> date:
        return self.as_of or timezone.localdate(self.now())


@dataclass(frozen=True, slots=True)
class Recurring:
    """`is_wanted` is asked when it is due, so that an idle city leaves no rows behind."""

    task: Task
    every: timedelta
    is_wanted: Callable[[Workplace], bool]

    @property
    def name(self) -> str:
        return self.task.name


_WORKPLACE: ContextVar[Workplace] = ContextVar("workplace")


@contextmanager
def at_work(place: Workplace) -> Iterator[None]:
    token = _WORKPLACE.set(place)
    try:
        yield
    finally:
        _WORKPLACE.reset(token)


def workplace() -> Workplace:
    """Where this task is being done. `Conflict` outside a worker."""
    try:
        return _WORKPLACE.get()
    except LookupError:
        raise Conflict("tasks are done by a worker → siwei worker", "任务由 worker 执行 → siwei worker") from None


@task()
def follow_jobs() -> dict[str, int]:
    """Ask the engine of every job that has not ended. One that fails gets a task of its own, with its own retries."""
    place = workplace()
    keys = list(_active_jobs(place).values_list("key", flat=True))
    ended = 0
    for key in keys:
        try:
            ended += JobState(_follow(place, key)).is_final
        except Exception:
            logger.exception("job %s could not be followed; it is tried again", key)
            if not queue.is_waiting(follow_job, [key]):
                follow_job.enqueue(key)
    return {"jobs": len(keys), "ended": ended}


@task()
def follow_job(key: str) -> str:
    return _follow(workplace(), key)


@task()
def expire_holds() -> int:
    return ledger.expire_holds(actor=PLATFORM, now=workplace().now())


@task()
def return_vouchers() -> int:
    place = workplace()
    return vouchers.return_expired_vouchers(as_of=place.day, actor=PLATFORM, now=place.now())


@task()
def sweep_calls() -> int:
    return model_calls.sweep_calls(actor=PLATFORM, now=workplace().now())


@task()
def collect_calls() -> int:
    return call_collection.collect_due_calls(actor=PLATFORM, now=workplace().now())


@task()
def probe_upstreams() -> dict[str, int]:
    """Ask upstreams that nobody called lately whether they are there."""
    return upstream_probes.probe_upstreams(actor=PLATFORM, now=workplace().now())


@task()
def settle_day() -> dict[str, int]:
    """The day's settlement, over everything that is complete."""
    place = workplace()
    done = settlement.settle_day(as_of=place.day, actor=PLATFORM, now=place.now())
    for fault in done.faults:
        logger.error("not settled: %s", fault)
    return {"charged": done.charged, "closed": done.closed, "gross_fen": done.gross_fen, "faults": len(done.faults)}


@task()
def seal() -> int | None:
    """Seal a block; where a directory is set for heads, append this one's, and any that could not be written before."""
    sealed = seals.seal(actor=PLATFORM, now=workplace().now())
    if (directory := load_settings().block_heads) is not None:
        seals.export_heads(directory / seals.HEADS_FILE)
    return sealed.number if sealed else None


@task()
def verify_ledger() -> dict[str, Any]:
    """Everything `siwei ledger verify` looks at; what it finds is the task's result (`verifications`)."""
    return verification.verify_ledger(actor=PLATFORM).as_dict()


@task()
def destroy_old_records() -> int:
    """Records of payments to persons who withdrew their consent, when the law has them kept no longer."""
    place = workplace()
    return award_erasure.destroy_old_records(as_of=timezone.localdate(place.now()), actor=PLATFORM, now=place.now())


@task()
def prune_queue() -> int:
    return queue.prune(now=workplace().now(), keep_last=(verify_ledger,))


def _active_jobs(place: Workplace) -> "QuerySet[Job]":
    return Job.objects.filter(state__in=ACTIVE, engine=place.engine_name).order_by("pk")


def _follow(place: Workplace, key: str) -> str:
    return refresh_job(key, engine=place.engine, actor=PLATFORM, now=place.now()).state


def _holds_ran_out(place: Workplace) -> bool:
    live = Hold.objects.filter(amount__gt=F("captured") + F("released"))
    return live.filter(expires_at__lte=place.now()).exists()


def _vouchers_ran_out(place: Workplace) -> bool:
    rest = F("account__held") + F("account__floor")
    return Voucher.objects.filter(valid_to__lt=place.day, account__balance__gt=rest).exists()


def _calls_are_overdue(place: Workplace) -> bool:
    return ModelCall.objects.filter(state=CallState.OPEN, expires_at__lte=place.now()).exists()


def _is_unsealed(place: Workplace) -> bool:
    last = Seal.objects.order_by("-number").first()
    event, transfer = (last.last_event_id, last.last_transfer_id) if last else (0, 0)
    return Event.objects.filter(pk__gt=event).exists() or Transfer.objects.filter(pk__gt=transfer).exists()


RECURRING = (
    Recurring(follow_jobs, timedelta(seconds=5), lambda place: _active_jobs(place).exists()),
    Recurring(expire_holds, timedelta(minutes=1), _holds_ran_out),
    Recurring(return_vouchers, timedelta(minutes=1), _vouchers_ran_out),
    Recurring(sweep_calls, timedelta(seconds=30), _calls_are_overdue),
    Recurring(collect_calls, timedelta(minutes=1), lambda place: call_collection.has_due_calls(place.now())),
    Recurring(probe_upstreams, timedelta(minutes=1), lambda place: upstream_probes.due_upstreams(place.now()).exists()),
    Recurring(prune_queue, timedelta(hours=1), lambda place: queue.has_old(place.now(), (verify_ledger,))),
    Recurring(
        destroy_old_records,
        timedelta(days=1),
        lambda place: award_erasure.records_to_destroy(timezone.localdate(place.now())).exists(),
    ),
    Recurring(settle_day, timedelta(days=1), lambda place: settlement.is_due(place.now())),
    Recurring(seal, timedelta(minutes=1), _is_unsealed),
)
