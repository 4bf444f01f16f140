"""What each of the processes does, by its name: `web-0`, `worker-1`, `gateway-0`, `upstream-0`, `client-2`, `desk-0`,
`office-0`.

`python -m tests.crash.member FOLDER NAME` is one that starts from nothing; it is told the rest by FOLDER/plan.json.
"""

import gc
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

CREW = {"upstream": 1, "web": 2, "worker": 2, "gateway": 2, "client": 6, "desk": 1, "office": 1}
NAMES = tuple(f"{role}-{number}" for role, many in CREW.items() for number in range(many))
SPARED = ("upstream",)
"""No part of the city: a model's server of another house. It breaks off and refuses by itself."""
SWEEP_GRACE, COLLECT_AFTER = timedelta(seconds=2), timedelta(seconds=1)


@dataclass(frozen=True)
class Plan:
    seed: int
    ports: tuple[int, ...]
    gateways: tuple[int, ...]
    upstream: int

    def save(self, folder: Path) -> None:
        (folder / "plan.json").write_text(json.dumps(asdict(self)))


def make_plan(seed: int) -> Plan:
    ports, gateways = (tuple(_free_port() for _ in range(CREW[role])) for role in ("web", "gateway"))
    return Plan(seed, ports, gateways, _free_port())


def load_plan(folder: Path) -> Plan:
    values = json.loads((folder / "plan.json").read_text())
    return Plan(values["seed"], tuple(values["ports"]), tuple(values["gateways"]), values["upstream"])


def be(name: str, folder: Path, *, ahead: bool = False) -> None:
    """Do what `name` does until it is told to stop. A web process reads and measures the city `ahead` only where it is
    new: that writes nothing, and takes longer than all else it does."""
    from tests.crash.clients import Client
    from tests.crash.desk import Desk
    from tests.crash.office import Office
    from tests.crash.pulse import Pulse, Pulses
    from tests.crash.town import load_town

    plan, town = load_plan(folder), load_town(folder / "town.json")
    role, number = name.split("-")
    if role == "upstream":
        answer_as_a_model(plan.upstream)
        return
    pulse = Pulse(Pulses(folder / "pulses", NAMES), name)
    pulse.watch(begins_by_itself=role != "web", polls=role == "worker")
    if role == "web":
        serve(plan.ports[int(number)], pulse, ahead)
    elif role == "worker":
        toil()
    elif role == "gateway":
        pass_calls_on(plan.gateways[int(number)], pulse)
    elif role == "client":
        Client(town, int(number), plan, folder, pulse).run()
    else:
        {"desk": Desk, "office": Office}[role](town, plan.seed, folder, pulse).run()


def serve(port: int, pulse: Any, ahead: bool) -> None:
    """As `siwei serve --no-work` does."""
    from django.core.signals import request_started

    from siwei.cli import serve as serving

    request_started.connect(pulse.begin, weak=False)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if not ahead:
        serving.warm_up = lambda: None
    serving.run_server("127.0.0.1", port)


def toil() -> None:
    """As `siwei worker` does, with its tasks coming back sooner."""
    from siwei.exchange import tasks, worker
    from siwei.exchange.trading import call_collection
    from tests.crash.engine import LEASE, workplace

    call_collection.COLLECT_AFTER = COLLECT_AFTER
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    often = tuple(replace(each, every=timedelta(seconds=1)) for each in tasks.RECURRING)
    worker.work(workplace(), stop=stop, poll_s=0.4, lease=LEASE, recurring=often)


def pass_calls_on(port: int, pulse: Any) -> None:
    """As `siwei gateway` does, with what it leaves behind swept sooner; each piece of a stream is a step."""
    from aiohttp import web

    from siwei.cli.serve import listen
    from siwei.exchange.calls import model_calls
    from siwei.gateway.server import make_application, run_server
    from siwei.settings import load_settings
    from tests.crash.pulse import STREAMING

    model_calls.SWEEP_GRACE = SWEEP_GRACE
    write = web.StreamResponse.write

    async def stepping(response: web.StreamResponse, piece: Any) -> None:
        pulse.step(STREAMING)
        await write(response, piece)
        pulse.step(STREAMING)

    web.StreamResponse.write = stepping  # type: ignore[method-assign]
    listening = listen("127.0.0.1", port)
    listening.listen(1024)
    listening.setblocking(False)
    run_server(make_application(load_settings()), listening, lambda: None)


def answer_as_a_model(port: int) -> None:
    """The character network of the gateway's tests, asked by all."""
    sys.path.append(str(Path(__file__).parents[1] / "gateway"))
    from text_server import TextHandler, ThreadingHTTPServer

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", port), TextHandler)
    server.daemon_threads = True
    server.serve_forever()


def prepare() -> None:
    """Import and read all that a process needs from files, and nothing from the database. Forks share it."""
    from django.core.wsgi import get_wsgi_application
    from django.urls import resolve
    from pypinyin import lazy_pinyin

    from siwei.portal.assets import compile_locales
    from siwei.portal.city_pack import chain, programmes

    for module in (
        "encodings.idna",
        "uvloop",
        "waitress",
        "django.contrib.messages.storage.fallback",
        "siwei.cli.serve",
        "siwei.exchange.worker",
        "siwei.gateway.server",
        "siwei.portal.urls",
        "tests.crash.clients",
        "tests.crash.desk",
        "tests.crash.office",
    ):
        importlib.import_module(module)
    for each in (chain, programmes, compile_locales):
        each()
    lazy_pinyin("深圳")  # reads its dictionaries
    get_wsgi_application()
    resolve("/api/acts/sign")  # compiles the patterns of addresses
    gc.collect()
    gc.freeze()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    import django

    django.setup()
    random.seed()
    be(sys.argv[2], Path(sys.argv[1]), ahead=True)
