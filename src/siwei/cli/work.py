"""`siwei work`: the city's worker, alone or beside the portal."""

import logging
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from siwei.city.home import CityHome
from siwei.cli.app import City, Json, app, open_city
from siwei.cli.output import console, print_json
from siwei.errors import Conflict, InputError, Problem

if TYPE_CHECKING:
    from siwei.exchange.worker import Ticked

INTERVAL_S = 5.0


@app.command
def work(
    *,
    once: Annotated[bool, Parameter(name="--once", negative="", help="Look once at everything that waits.")] = False,
    interval_s: float = INTERVAL_S,
    city: City = None,
    json: Json = False,
) -> None:
    """Follow jobs to their end, give back what ran out, seal the trail; until interrupted, or once.

    `siwei serve` does this too, unless told otherwise. One worker at a time works for a city; it may be killed at any
    moment, and the next one goes on where it was.

    Parameters
    ----------
    interval_s: seconds between two looks
    """
    if not 0.1 <= interval_s <= 3600:
        raise InputError([Problem(f"an interval of {interval_s} s", fix="0.1 to 3600 seconds", field="--interval-s")])
    home = open_city(city)
    from siwei.exchange.worker import work as keep_working

    def report(ticked: "Ticked") -> None:
        if json:
            print_json(ticked.as_dict())
        elif once or not ticked.is_idle:
            console.print(", ".join(f"{name} {count}" for name, count in ticked.as_dict().items()), highlight=False)

    stop = threading.Event()
    step = worker_step(home)
    if once:

        def only_step() -> "Ticked":
            stop.set()
            return step()

        keep_working(home.directory, step=only_step, interval_s=0, stop=stop, report=report)
        return
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    console.print(f"Working for {home.directory} every {interval_s:g} s  (Ctrl-C stops)", highlight=False)
    keep_working(home.directory, step=step, interval_s=interval_s, stop=stop, report=report)


def worker_step(home: CityHome) -> "Callable[[], Ticked]":
    """One tick over the city's own engine, at the moment it is called."""
    from django.utils import timezone

    from siwei.compute import LocalEngine
    from siwei.exchange.worker import tick

    engine = LocalEngine(home.jobs)
    return lambda: tick(engine=engine, now=timezone.now(), as_of=home.as_of)


def start_worker(home: CityHome) -> bool:
    """Work in a daemon thread of this process; whether it could: another process may be at it already."""
    from siwei.exchange.worker import only_worker
    from siwei.exchange.worker import work as keep_working

    try:
        with only_worker(home.directory):
            pass
    except Conflict:
        return False
    step = worker_step(home)

    def run() -> None:
        try:
            keep_working(home.directory, step=step, interval_s=INTERVAL_S, stop=threading.Event())
        except Conflict as conflict:
            logging.getLogger(__name__).warning("%s", conflict)

    threading.Thread(target=run, name="siwei-worker", daemon=True).start()
    return True
