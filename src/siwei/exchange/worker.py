"""The city's own work, done by nobody's hand: jobs are followed, what ran out is given back, the trail is sealed.

Every step is an action that may be done twice, so a worker killed anywhere loses nothing: the next tick does the rest.
"""

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connections

from siwei.compute import Engine
from siwei.errors import Conflict
from siwei.exchange.actors import PLATFORM
from siwei.exchange.audit import seal
from siwei.exchange.jobs import ACTIVE, refresh_job
from siwei.exchange.ledger import expire_holds
from siwei.exchange.models import Job, JobState
from siwei.exchange.vouchers import return_expired_vouchers

logger = logging.getLogger(__name__)
LOCK = "worker.lock"


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did. `jobs` were looked at, `ended` of them have ended; `failed` steps are in the log."""

    jobs: int = 0
    ended: int = 0
    expired_holds: int = 0
    returned_vouchers: int = 0
    seals: int = 0
    failed: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    @property
    def is_idle(self) -> bool:
        return not (self.ended or self.expired_holds or self.returned_vouchers or self.seals or self.failed)


def tick(*, engine: Engine, now: datetime, as_of: date | None = None, engine_name: str = "local") -> Ticked:
    """Look once at everything that waits. A step that fails is logged and counted, and the others go on.

    `as_of` is the day vouchers are measured against (the city's day; default the day of `now`). Only jobs given to
    `engine_name` are asked of `engine`: it would take another engine's for new ones.
    """
    waiting = Job.objects.filter(state__in=ACTIVE, engine=engine_name).order_by("pk")
    keys = list(waiting.values_list("key", flat=True))
    states = [_try(f"job {key}", partial(_follow, key, engine, now)) for key in keys]
    holds = _try("expiry of holds", lambda: expire_holds(actor=PLATFORM, now=now))
    vouchers = _try(
        "return of vouchers", lambda: return_expired_vouchers(as_of=as_of or now.date(), actor=PLATFORM, now=now)
    )
    sealed = _try("seal", lambda: int(seal(actor=PLATFORM, now=now) is not None))
    return Ticked(
        jobs=len(keys),
        ended=sum(state is not None and JobState(state).is_final for state in states),
        expired_holds=holds or 0,
        returned_vouchers=vouchers or 0,
        seals=sealed or 0,
        failed=sum(each is None for each in (*states, holds, vouchers, sealed)),
    )


def work(
    directory: Path,
    *,
    step: Callable[[], Ticked],
    interval_s: float,
    stop: threading.Event,
    report: Callable[[Ticked], Any] = lambda ticked: None,
) -> None:
    """Do `step` every `interval_s` seconds until `stop`. Whatever goes wrong is logged, and tried again next time.

    Raises Conflict where another process works for the city of this directory already.
    """
    with only_worker(directory):
        while not stop.is_set():
            ticked = _try("tick", step)
            # A database that went away and came back is found again by a new connection.
            connections.close_all()
            if ticked is not None:
                report(ticked)
            stop.wait(interval_s)


@contextmanager
def only_worker(directory: Path) -> Iterator[None]:
    """Held while a worker is at work; the system lets go of it when the process dies, however it dies.

    Two workers would do no harm, only the same work twice. Raises Conflict where another holds it.
    """
    with (directory / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another worker is at work for {directory} → leave it to that one, or stop it first"
            ) from None
        yield


def _follow(key: str, engine: Engine, now: datetime) -> str:
    return refresh_job(key, engine=engine, actor=PLATFORM, now=now).state


def _try(what: str, step: Callable[[], Any]) -> Any:
    """The step's result; None, and the reason in the log, where it failed. One bad job must not stop the others."""
    try:
        return step()
    except Exception:
        logger.exception("%s failed; it is tried again", what)
        return None
