"""What each of the processes does, by its name: `web-0`, `worker-1`, `client-2`, `desk-0`.

`python -m tests.crash.member FOLDER NAME` is one that starts from nothing; it is told the rest by FOLDER/plan.json.
"""

import importlib
import json
import random
import signal
import socket
import sys
import threading
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

WEBS, WORKERS, CLIENTS, DESKS = 2, 2, 6, 1
NAMES = tuple(
    f"{role}-{number}"
    for role, many in (("web", WEBS), ("worker", WORKERS), ("client", CLIENTS), ("desk", DESKS))
    for number in range(many)
)


@dataclass(frozen=True)
class Plan:
    seed: int
    ports: tuple[int, ...]

    def save(self, folder: Path) -> None:
        (folder / "plan.json").write_text(json.dumps(asdict(self)))


def make_plan(seed: int) -> Plan:
    return Plan(seed, tuple(_free_port() for _ in range(WEBS)))


def load_plan(folder: Path) -> Plan:
    values = json.loads((folder / "plan.json").read_text())
    return Plan(values["seed"], tuple(values["ports"]))


def be(name: str, folder: Path, *, ahead: bool = False) -> None:
    """Do what `name` does until it is told to stop. A web process measures the city `ahead` only where it is new: that
    reads, and takes longer than all else it does."""
    from tests.crash.clients import Client
    from tests.crash.desk import Desk
    from tests.crash.pulse import Pulse, Pulses
    from tests.crash.town import load_town

    plan, town = load_plan(folder), load_town(folder / "town.json")
    role, number = name.split("-")
    pulse = Pulse(Pulses(folder / "pulses", NAMES), name)
    pulse.watch(begins_by_itself=role != "web", polls=role == "worker")
    if role == "web":
        serve(plan.ports[int(number)], pulse, ahead)
    elif role == "worker":
        toil()
    elif role == "client":
        Client(town, int(number), plan.seed, plan.ports, folder, pulse).run()
    else:
        Desk(town, plan.seed, folder, pulse).run()


def serve(port: int, pulse: Any, ahead: bool) -> None:
    """As `siwei serve --no-work` does."""
    from django.core.signals import request_started

    from siwei.cli import serve as serving

    request_started.connect(pulse.begin, weak=False)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if not ahead:
        serving.measure_ahead = lambda: None
    serving.run_server("127.0.0.1", port)


def toil() -> None:
    """As `siwei worker` does, with its tasks coming back sooner."""
    from siwei.exchange import tasks, worker
    from tests.crash.engine import LEASE, workplace

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    often = tuple(replace(each, every=timedelta(seconds=1)) for each in tasks.RECURRING)
    worker.work(workplace(), stop=stop, poll_s=0.2, lease=LEASE, recurring=often)


def prepare() -> None:
    """Import and read all that a process needs from files, and nothing from the database."""
    from django.core.wsgi import get_wsgi_application
    from pypinyin import lazy_pinyin

    from siwei.portal.assets import compile_locales
    from siwei.portal.city_pack import chain, programmes

    for module in ("siwei.cli.serve", "siwei.exchange.worker", "siwei.portal.urls", "tests.crash.desk"):
        importlib.import_module(module)
    for each in (chain, programmes, compile_locales):
        each()
    lazy_pinyin("深圳")  # reads its dictionaries
    get_wsgi_application()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    import django

    django.setup()
    random.seed()
    be(sys.argv[2], Path(sys.argv[1]), ahead=True)
