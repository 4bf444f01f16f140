"""The queue of tasks: django-tasks keeps the rows; who takes one, what happens when it fails, and when what comes back
is due are ours.

A task is `READY`, taken (`RUNNING`) by a worker, then `SUCCESSFUL` or `FAILED`. Taking over from a dead worker and
ending a task are conditional updates on who took it last, so two workers never both end it. That a task may be *begun*
twice is why its body must be an action that may be done twice.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from traceback import format_exception
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django_tasks.base import Task, TaskResultStatus
from django_tasks_db.models import DBTaskResult

from siwei.errors import Conflict, FinalEngineError, InputError, NotAllowed, NotFound, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import Schedule, Worker

logger = logging.getLogger(__name__)
TRIES = 6
FIRST_WAIT = timedelta(seconds=5)
"""Before the second try; doubled before each further one: six tries in about two and a half minutes."""
POINTLESS = (InputError, NotFound, NotAllowed, FinalEngineError)
"""Trying again cannot help."""
LONGEST_WAIT = FIRST_WAIT * 2 ** (TRIES - 2)
CLOCKS_AGREE_WITHIN = timedelta(minutes=1)
"""What is to be done later than it could be, and by more than this, was written by a clock that ran ahead: it is done
now. Else all recurring work would stand still for as long as that clock had been wrong."""
KEEP_SUCCESSFUL = timedelta(hours=24)
KEEP_FAILED = timedelta(days=30)
READY, RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING
SUCCESSFUL, FAILED = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED


def tasks_visible_to(actor: Actor) -> "QuerySet[DBTaskResult]":
    """For the operator and the auditor: the model is django-tasks' own and knows no `visible_to`."""
    return DBTaskResult.objects.all() if actor.sees_all else DBTaskResult.objects.none()


def is_waiting(wanted: Task, arguments: Sequence[Any] = ()) -> bool:
    """Whether this very task is in the queue, or being done."""
    rows = DBTaskResult.objects.filter(task_path=wanted.module_path, status__in=(READY, RUNNING))
    return rows.filter(args_kwargs__args=list(arguments)).order_by().exists()


def not_yet_due(every: Mapping[str, timedelta], now: datetime) -> set[str]:
    """Names of schedules whose time has not come, as far as can be seen without a transaction. `every`: how often each
    comes back."""
    coming = Schedule.objects.filter(next_at__gt=now, name__in=every).values_list("name", "next_at")
    return {name for name, next_at in coming if next_at <= now + every[name] + CLOCKS_AGREE_WITHIN}


def enqueue_due(name: str, wanted: Task, every: timedelta, now: datetime) -> bool:
    """Put a task that comes back into the queue if it is due, once however many workers ask; whether this one did.
    While the last one waits or is being done there is no second."""
    with transaction.atomic():
        Schedule.objects.get_or_create(name=name, defaults={"next_at": now})
        is_due = Q(next_at__lte=now) | Q(next_at__gt=now + every + CLOCKS_AGREE_WITHIN)
        due = Schedule.objects.filter(is_due, name=name)
        if not due.update(next_at=now + every) or is_waiting(wanted):
            return False
        Schedule.objects.filter(name=name).update(last_at=now)
        wanted.enqueue()
    return True


def claim(worker: str, now: datetime) -> DBTaskResult | None:
    """The next task, taken for this worker; None where nothing is ready."""
    # What nobody put off waits until the end of time.
    too_late = now + LONGEST_WAIT + CLOCKS_AGREE_WITHIN
    ready = DBTaskResult.objects.filter(Q(run_after__lte=now) | Q(run_after__gt=too_late), status=READY)
    if not ready.exists():  # looked at outside a transaction: on SQLite that would hold up every writer
        return None
    with transaction.atomic():
        taken = ready.get_locked()
        if taken is not None:
            taken.claim(worker)
    return taken


def run(taken: DBTaskResult, clock: Callable[[], datetime]) -> str:
    """Do the task and write down how it went: its new status, or "" where another worker took it over meanwhile."""
    try:
        value = taken.task.call(*taken.args_kwargs["args"], **taken.args_kwargs["kwargs"])
    except Exception as error:
        return _end_in_error(taken, error, clock())
    ended = {"status": SUCCESSFUL, "return_value": value, "exception_class_path": "", "traceback": ""}
    return SUCCESSFUL if _still_ours(taken).update(finished_at=clock(), **ended) else ""


def take_over(lease: timedelta, now: datetime) -> int:
    """Give back to the queue what dead workers had taken; returns how many. One that killed its worker every time is
    failed, or it would take all workers with it."""
    # Seen at a time to come it is not known to live: a clock had run ahead, and a living worker says so again soon.
    seen = Worker.objects.filter(stopped_at=None, seen_at__gt=now - lease, seen_at__lt=now + lease)
    alive = set(seen.values_list("name", flat=True))
    given = 0
    for row in DBTaskResult.objects.filter(status=RUNNING):
        if row.worker_ids and row.worker_ids[-1] in alive:
            continue
        if len(row.worker_ids) >= TRIES:
            reason = f"its worker died each of {TRIES} times"
            ended = {"status": FAILED, "finished_at": now, "traceback": reason, "exception_class_path": "WorkerDied"}
            _still_ours(row).update(**ended)
            logger.error("task %s failed: %s", row.task_name, reason)
        else:
            given += _still_ours(row).update(status=READY, run_after=now)
    return given


@action
def retry_task(task_id: str, *, actor: Actor, now: datetime) -> DBTaskResult:
    """Try a failed task again, from the beginning of its tries. For the operator."""
    require(can_operate(actor), actor, Said("try a task again", "重试任务"))
    row = find_task(task_id, actor)
    tried = _still_ours(row, FAILED).update(
        status=READY, run_after=now, worker_ids=[], finished_at=None, started_at=None
    )
    if not tried:
        raise Conflict(
            f"task {row.task_name} is {row.status.lower()}, not failed → reload the page",
            f"任务 {row.task_name} 处于 {row.status.lower()}，并非失败 → 请刷新页面",
        )
    record_event(
        "retry_task",
        f"{row.id}:{row.finished_at:%Y%m%dT%H%M%S.%f}",
        {},
        subject=f"task:{row.task_name}",
        actor=actor,
        now=now,
        payload={"arguments": row.args_kwargs, "reason": reason_of(row)},
    )
    row.refresh_from_db()
    return row


def find_task(task_id: str, actor: Actor) -> DBTaskResult:
    try:
        return tasks_visible_to(actor).get(pk=task_id)
    except (DBTaskResult.DoesNotExist, ValidationError):
        raise NotFound(f"no task {task_id!r}", f"没有任务 {task_id!r}") from None


def reason_of(row: DBTaskResult) -> str:
    """Why the task failed last, in one line without its traceback."""
    lines = [line for line in row.traceback.splitlines() if line.strip()]
    return lines[-1].partition(": ")[2] or lines[-1] if lines else ""


def has_old(now: datetime, keep_last: Sequence[Task] = ()) -> bool:
    return _old(now, keep_last).exists()


def prune(*, now: datetime, keep_last: Sequence[Task] = ()) -> int:
    """Forget what went well a day ago and what failed a month ago, and workers that stopped long since. Of the tasks
    in `keep_last` the last that went well stays: its result is still read."""
    deleted, _ = _old(now, keep_last).delete()
    Worker.objects.filter(seen_at__lt=now - KEEP_FAILED).delete()
    return deleted


def _old(now: datetime, keep_last: Sequence[Task]) -> "QuerySet[DBTaskResult]":
    read = DBTaskResult.objects.filter(status=SUCCESSFUL)
    kept = [
        read.filter(task_path=each.module_path).order_by("-finished_at").values_list("pk", flat=True).first()
        for each in keep_last
    ]
    return (
        DBTaskResult.objects.filter(
            Q(status=SUCCESSFUL, finished_at__lt=now - KEEP_SUCCESSFUL)
            | Q(status=FAILED, finished_at__lt=now - KEEP_FAILED)
        )
        .exclude(pk__in=[pk for pk in kept if pk is not None])
        .order_by()
    )


def _still_ours(row: DBTaskResult, status: str = RUNNING) -> "QuerySet[DBTaskResult]":
    """The row while nobody else has taken it since it was read."""
    return DBTaskResult.objects.filter(pk=row.pk, status=status, worker_ids=row.worker_ids).order_by()


def _end_in_error(taken: DBTaskResult, error: Exception, now: datetime) -> str:
    told = {
        "exception_class_path": f"{type(error).__module__}.{type(error).__qualname__}",
        "traceback": "".join(format_exception(error)),
    }
    tries = len(taken.worker_ids)
    if tries >= TRIES or isinstance(error, POINTLESS):
        logger.error("task %s failed: %s", taken.task_name, error)
        return FAILED if _still_ours(taken).update(status=FAILED, finished_at=now, **told) else ""
    wait = FIRST_WAIT * 2 ** (tries - 1)
    logger.warning("task %s failed (%s); tried again in %s", taken.task_name, error, wait)
    return READY if _still_ours(taken).update(status=READY, run_after=now + wait, **told) else ""
