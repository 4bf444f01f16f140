"""The city's own work, for the offices: the queue, and trying again what failed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from siwei.exchange.queue import retry_task
from siwei.portal.access import actor_of
from siwei.portal.api.answers import PageNumber, answers, bounds
from siwei.portal.queries.tasks import task_view, tasks

router = Router()
QueueState = Annotated[Literal["", "failed", "ready", "running", "successful"], Query(description="Left out: all")]


class QueuedTask(Schema):
    id: str
    name: str
    arguments: list[str]
    state: Literal["failed", "ready", "running", "successful"]
    tries: int
    put_at: datetime
    ended_at: datetime | None
    next_at: datetime | None = Field(description="When it is tried again")
    reason: str = Field(description="Why it failed last")


class QueuedTaskPage(Schema):
    count: int
    page: int
    items: list[QueuedTask]


class TaskRetry(Schema):
    task: Annotated[str, Field(min_length=1, max_length=40)]


@router.get("/tasks", response=answers(QueuedTaskPage))
def list_tasks(request: HttpRequest, state: QueueState = "", page: PageNumber = 1) -> Any:
    """The city's own work, what failed first. Operator and auditor."""
    found = tasks(actor_of(request), state)
    now = timezone.now()
    return {"count": found.count(), "page": page, "items": [task_view(row, now) for row in found[bounds(page)]]}


@router.post("/tasks/retry", response=answers(QueuedTask))
def try_again(request: HttpRequest, given: TaskRetry) -> Any:
    """Try a failed task again, from the beginning of its tries. For the operator."""
    now = timezone.now()
    return task_view(retry_task(given.task, actor=actor_of(request), now=now), now)
