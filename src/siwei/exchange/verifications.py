"""The ledger verified by a worker, not by who looks at a page: asked for, under way, and what the last one found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from siwei.errors import Said
from siwei.exchange import queue, tasks
from siwei.exchange.access import require
from siwei.exchange.actors import Actor


@dataclass(frozen=True, slots=True)
class LastVerification:
    """What is known of verifications made by workers."""

    asked_at: datetime | None = None
    """When the one that waits or is being done was asked for; None where there is none."""
    is_running: bool = False
    ended_at: datetime | None = None
    took_s: float | None = None
    result: dict[str, Any] | None = None
    """Of the last that ended, as `Verification.as_dict` says it."""
    reason: str = ""
    """Why the last one asked for could not be made; empty where it was."""


def ask_verification(*, actor: Actor) -> bool:
    """Have a worker verify the ledger; False where one waits or is being done already. Operator and auditor: it
    reads, and is no act of theirs."""
    require(actor.sees_all, actor, Said("verify the ledger", "核验账本"))
    if queue.is_waiting(tasks.verify_ledger):
        return False
    tasks.verify_ledger.enqueue()
    return True


def last_verification(*, actor: Actor) -> LastVerification:
    """The last one's result, and whether another is under way. For the operator and auditors."""
    require(actor.sees_all, actor, Said("verify the ledger", "核验账本"))
    rows = queue.tasks_visible_to(actor).filter(task_path=tasks.verify_ledger.module_path)
    newest = rows.order_by("-enqueued_at").first()
    done = rows.filter(status=queue.SUCCESSFUL).order_by("-finished_at").first()
    is_open = newest is not None and newest.status in (queue.READY, queue.RUNNING)
    has_failed = newest is not None and newest.status == queue.FAILED
    took = done.finished_at - done.started_at if done and done.finished_at and done.started_at else None
    return LastVerification(
        asked_at=newest.enqueued_at if newest and is_open else None,
        is_running=newest is not None and newest.status == queue.RUNNING,
        ended_at=done.finished_at if done else None,
        took_s=took.total_seconds() if took else None,
        result=done.return_value if done else None,
        reason=queue.reason_of(newest) if newest and has_failed else "",
    )
