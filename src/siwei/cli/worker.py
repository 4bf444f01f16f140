"""`siwei worker`: the city's own work, alone or beside the portal."""

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from siwei.city.home import CityHome
from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import code, line
from siwei.cli.ending import end_at_once
from siwei.cli.output import print_json, print_line, shown
from siwei.errors import InputError, Problem, Said
from siwei.settings import load_settings

if TYPE_CHECKING:
    from siwei.exchange.tasks import Workplace
    from siwei.exchange.worker import Done

POLL_S = 1.0
STOP_WAIT_S = 10.0


@app.command
def worker(
    *,
    once: Annotated[bool, Parameter(name="--once", negative="", help="Do everything that waits, and stop.")] = False,
    poll_s: float = POLL_S,
    city: City = None,
    json: Json = False,
) -> None:
    """Do the city's own work from its queue until interrupted: follow jobs, give back what ran out, seal the trail.

    Any number of workers work for one city, here or on other machines that reach its database; `siwei serve` keeps one
    beside itself, unless told otherwise. One may be killed at any moment: the others do what it had begun. SIGTERM and
    Ctrl-C let it finish the task in hand.

    Parameters
    ----------
    poll_s: seconds between two looks at an empty queue
    """
    if not 0.1 <= poll_s <= 3600:
        message = Said(f"looking every {poll_s} s", f"每 {poll_s} 秒查看一次")
        raise InputError([Problem(message, Said("0.1 to 3600 seconds", "须为 0.1 至 3600 秒"), field="--poll-s")])
    stop = StopBySignal()
    if not once:  # before anything else: one that is told to stop while it starts does not begin
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda number, frame: stop.set())
    end_at_once()
    home = open_city(city)
    place, lease = workplace_of(home), timedelta(seconds=load_settings().worker_lease_s)
    from siwei.exchange.worker import work_once

    if once:
        report_done(work_once(place, lease=lease), json)
        return

    def report(name: str, status: str, value: Any) -> None:
        if json:
            print_json({"task": name, "status": status, "result": value})
        elif status != "SUCCESSFUL" or value:
            print_line(f"{name}: {shown(code(status.lower()))} {value}")

    print_line(line("working", city=home.directory))
    keep_working(place, stop, poll_s, lease, report)


def report_done(done: "Done", as_json: bool) -> None:
    if as_json:
        print_json(done.as_dict())
        return
    for words, counts in done.as_dict().items():
        for name, count in counts.items():
            print_line(f"{name}: {shown(code(words))} {count}")
    if not any(done.as_dict().values()):
        print_line(line("nothing_waits"))


def workplace_of(home: CityHome) -> "Workplace":
    """The city's own engine, its day, and the clock."""
    from django.utils import timezone

    from siwei.compute import LocalEngine
    from siwei.exchange.tasks import Workplace

    return Workplace(LocalEngine(home.jobs), "local", timezone.now, None if home.follows_calendar else home.as_of)


def keep_working(
    place: "Workplace",
    stop: threading.Event,
    poll_s: float,
    lease: timedelta,
    report: Callable[[str, str, Any], Any] = lambda name, status, value: None,
) -> None:
    """Work until told to stop, also where the database cannot be reached or is busy for long at the very beginning."""
    from django.db import Error

    from siwei.exchange.worker import work

    while not stop.is_set():
        try:
            work(place, stop=stop, poll_s=poll_s, lease=lease, report=report)
        except Error:
            logging.getLogger(__name__).exception("the worker lost its database; it begins again")
            stop.wait(lease.total_seconds())


class StopBySignal(threading.Event):
    """An event that a signal's handler may set. A plain one takes a lock, and the handler runs in the very thread that
    may just have taken it: it would wait for itself for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def __del__(self) -> None:
        os.close(self._reading)
        os.close(self._writing)

    def is_set(self) -> bool:
        return self._told

    def set(self) -> None:
        if not self._told:
            self._told = True
            os.write(self._writing, b"!")

    def wait(self, timeout: float | None = None) -> bool:
        select.select([self._reading], [], [], timeout)
        return self._told


class Beside:
    """A worker in a thread of this process, which ends with it; `stop` lets it finish the task in hand."""

    def __init__(self, home: CityHome) -> None:
        self._stop, self._place = threading.Event(), workplace_of(home)
        self._thread = threading.Thread(target=self._run, name="siwei-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        from django.db import connections

        try:
            keep_working(self._place, self._stop, POLL_S, timedelta(seconds=load_settings().worker_lease_s))
        finally:
            connections.close_all()
