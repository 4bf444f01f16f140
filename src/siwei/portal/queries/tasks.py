"""The city's own work, for the offices: what waits, is being done, went well or failed; who does it, and what comes
back when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, QuerySet, Value, When
from django_tasks_db.models import DBTaskResult

from siwei.exchange.actors import Actor
from siwei.exchange.models import Schedule, Worker
from siwei.exchange.queue import FAILED, READY, RUNNING, SUCCESSFUL, TRIES, reason_of, tasks_visible_to
from siwei.portal.access import require_operator
from siwei.settings import load_settings

STATES = {"failed": FAILED, "ready": READY, "running": RUNNING, "successful": SUCCESSFUL}
FIRST = Case(When(status=FAILED, then=Value(0)), When(status=SUCCESSFUL, then=Value(2)), default=Value(1))
LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task; `next_at` where it is tried again, `reason` why it failed last."""

    id: str
    name: str
    arguments: tuple[str, ...]
    state: str
    tries: int
    put_at: datetime
    ended_at: datetime | None
    next_at: datetime | None
    reason: str

    @property
    def most_tries(self) -> int:
        return TRIES


def tasks(actor: Actor, state: str = "") -> QuerySet[DBTaskResult]:
    """Failed ones first, then what waits, newest first in each. For the operator and the auditor."""
    require_operator(actor)
    found = tasks_visible_to(actor)
    if state in STATES:
        found = found.filter(status=STATES[state])
    return found.order_by(FIRST, "-enqueued_at", "pk")


def task_view(row: DBTaskResult, now: datetime) -> TaskView:
    state = next(name for name, status in STATES.items() if status == row.status)
    waits = row.status == READY and bool(row.worker_ids) and row.run_after.year < now.year + 100
    return TaskView(
        id=str(row.pk),
        name=row.task_path.rpartition(".")[2],
        arguments=tuple(str(each) for each in row.args_kwargs["args"]),
        state=state,
        tries=len(row.worker_ids),
        put_at=row.enqueued_at,
        ended_at=row.finished_at,
        next_at=row.run_after if waits else None,
        reason=reason_of(row) if row.status != SUCCESSFUL else "",
    )


def task_counts(actor: Actor) -> Mapping[str, int]:
    """How many of each state."""
    require_operator(actor)
    rows = tasks_visible_to(actor).order_by().values_list("status").annotate(many=Count("pk"))
    many = dict(rows)
    return {name: many.get(status, 0) for name, status in STATES.items()}


def failed_tasks(actor: Actor) -> int:
    """For the desk of who can try them again."""
    return tasks_visible_to(actor).filter(status=FAILED).count() if actor.is_operator else 0


def workers(actor: Actor, now: datetime) -> list[tuple[Worker, bool]]:
    """Seen within a day, and whether each is at work now."""
    require_operator(actor)
    alive = now - timedelta(seconds=load_settings().worker_lease_s)
    found = Worker.objects.visible_to(actor).filter(seen_at__gt=now - LATELY).order_by("-seen_at", "name")
    return [(each, each.stopped_at is None and each.seen_at > alive) for each in found]


def schedules(actor: Actor) -> list[Schedule]:
    require_operator(actor)
    return list(Schedule.objects.visible_to(actor).order_by("name"))
