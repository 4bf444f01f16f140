"""A worker: takes tasks from the queue and does them, until it is told to stop. Any number of them work for one city.

Each says that it lives by writing `seen_at`; what one that is no longer heard of had taken is done by the others.
"""

import logging
import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connections

from siwei.exchange import queue
from siwei.exchange.models import Worker
from siwei.exchange.tasks import RECURRING, Recurring, Workplace, at_work

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=30)
POLL_S = 1.0


@dataclass(slots=True)
class Done:
    """Tasks by name: how many went well, how many will be tried again, how many failed for good."""

    succeeded: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, status: str) -> None:
        counters: dict[str, Counter[str]] = {
            queue.SUCCESSFUL: self.succeeded, queue.READY: self.retried, queue.FAILED: self.failed
        }  # fmt: skip
        if status in counters:
            counters[status][name] += 1

    def as_dict(self) -> dict[str, dict[str, int]]:
        return {"succeeded": dict(self.succeeded), "retried": dict(self.retried), "failed": dict(self.failed)}


def work(
    place: Workplace,
    *,
    stop: threading.Event,
    poll_s: float = POLL_S,
    lease: timedelta = LEASE,
    recurring: Sequence[Recurring] = RECURRING,
    report: Callable[[str, str, Any], Any] = lambda name, status, value: None,
) -> None:
    """Do tasks until `stop`; the one in hand is finished first. Whatever goes wrong is logged, and tried again.

    `report` is told each task's name, its new status, and what it returned or why it failed.
    """
    with registered(place.now, lease) as name, at_work(place):
        looked: datetime | None = None
        while not stop.is_set():
            try:
                # A clock that was put back looks again too.
                if looked is None or not looked <= place.now() < looked + lease / 3:
                    queue.take_over(lease, place.now())
                    looked = place.now()
                enqueue_recurring(place, recurring)
                busy = do_next(place, name, report)
            except Error:
                # A database that went away and came back is found again by a new connection.
                logger.exception("the database cannot be reached or refused; it is tried again")
                connections.close_all()
                busy = False
            if not busy:
                connections.close_all()
                stop.wait(poll_s)


def work_once(place: Workplace, *, lease: timedelta = LEASE, recurring: Sequence[Recurring] = RECURRING) -> Done:
    """Do everything that waits, whether or not what comes back is due, and stop."""
    done = Done()
    with registered(place.now, lease) as name, at_work(place):
        queue.take_over(lease, place.now())
        for each in recurring:
            # What an earlier one did may be what a later one is wanted for.
            if each.is_wanted(place) and not queue.is_waiting(each.task):
                each.task.enqueue()
            while do_next(place, name, lambda task, status, value: done.add(task, status)):
                pass
    return done


def enqueue_recurring(place: Workplace, recurring: Sequence[Recurring]) -> None:
    now = place.now()
    waiting = queue.not_yet_due({each.name: each.every for each in recurring}, now)
    for each in recurring:
        if each.name not in waiting and each.is_wanted(place):
            queue.enqueue_due(each.name, each.task, each.every, now)


def do_next(place: Workplace, name: str, report: Callable[[str, str, Any], Any]) -> bool:
    """Take one task and do it; whether there was one."""
    taken = queue.claim(name, place.now())
    if taken is None:
        return False
    status = queue.run(taken, place.now)
    taken.refresh_from_db()
    report(taken.task_name, status, taken.return_value if status == queue.SUCCESSFUL else queue.reason_of(taken))
    return True


@contextmanager
def registered(now: Callable[[], datetime], lease: timedelta) -> Iterator[str]:
    """This worker's name, kept known to live until the block ends."""
    name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    Worker.objects.create(name=name, started_at=now(), seen_at=now())
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(name, now, lease, over), name=f"{name} lives", daemon=True)
    beating.start()
    try:
        yield name
    finally:
        over.set()
        beating.join()
        try:
            Worker.objects.filter(name=name).update(stopped_at=now(), seen_at=now())
        except Error:
            logger.exception("%s could not say that it stops; it is taken for dead soon", name)


def _beat(name: str, now: Callable[[], datetime], lease: timedelta, over: threading.Event) -> None:
    while not over.wait(lease.total_seconds() / 3):
        try:
            Worker.objects.filter(name=name).update(seen_at=now())
        except Error:
            logger.exception("%s could not say that it lives; it tries again", name)
        finally:
            connections.close_all()
