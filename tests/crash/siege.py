"""Processes, and their killing. Each is a fork of one that has imported everything, and opened no connection: what a
process would do for seconds before it could be killed in the middle of something is done already."""

import ctypes
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connections

from tests.crash.check import examine
from tests.crash.clients import Client, Desk
from tests.crash.engine import LEASE, workplace
from tests.crash.town import found_town, load_town

WEBS, WORKERS, CLIENTS = 2, 2, 4
WEIGHTS = {"web": 2, "worker": 4, "client": 4, "desk": 1}
STOP_S = 120.0
DRAIN_S = 60.0
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass
class Crew:
    """Who is alive, by name (`web-0`), and how each name is begun."""

    folder: Path
    bodies: dict[str, Callable[[], None]]
    alive: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def start(self, name: str) -> None:
        self.alive[name] = fork(self.bodies[name], self.folder / f"{name}.log")

    def kill(self, name: str) -> None:
        pid = self.alive.pop(name)
        os.kill(pid, signal.SIGKILL)
        self._note(name, os.waitpid(pid, 0)[1], expected=-signal.SIGKILL)

    def look(self) -> None:
        """Whoever ended without being asked has met a fault."""
        for name, pid in list(self.alive.items()):
            if (ended := os.waitpid(pid, os.WNOHANG))[0]:
                del self.alive[name]
                self._note(name, ended[1], expected=None)

    def end(self, role: str, wait_s: float, *, by_signal: bool) -> None:
        """Let all of a role end by themselves, or by SIGTERM; what does not is killed and noted."""
        names = [name for name in self.alive if name.startswith(role)]
        for name in names:
            if by_signal:
                os.kill(self.alive[name], signal.SIGTERM)
        deadline = time.monotonic() + wait_s
        for name in names:
            pid = self.alive.pop(name)
            while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    self.faults.append(f"{name} did not end within {wait_s} s")
                    break
                time.sleep(0.02)
            else:
                self._note(name, ended[1], expected=0)

    def _note(self, name: str, status: int, expected: int | None) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code != expected:
            log = self.folder / f"{name}.log"
            words = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
            self.faults.append(f"{name} ended with {code}: {' / '.join(words)}"[:600])


def besiege(folder: Path, *, kills: int, agreements: int, seed: int, pause_s: float) -> dict[str, Any]:
    begun = time.monotonic()
    import siwei.portal.urls  # noqa: F401

    in_a_fork(lambda: fill(folder / "town.json"), folder / "fill.log")
    town = load_town(folder / "town.json")
    ports = tuple(free_port() for _ in range(WEBS))
    bodies: dict[str, Callable[[], None]] = {}
    for number, port in enumerate(ports):
        bodies[f"web-{number}"] = lambda port=port: serve(port)  # type: ignore[misc]
    for number in range(WORKERS):
        bodies[f"worker-{number}"] = toil
    for number in range(CLIENTS):
        bodies[f"client-{number}"] = Client(town, number, seed, ports, folder).run
    bodies["desk-0"] = Desk(town, seed, folder).run
    crew, chance, killed = Crew(folder, bodies), random.Random(seed), Counter[str]()
    try:
        for name in bodies:
            crew.start(name)
        wait_for(crew, 1)  # a city that never got up has nothing to lose
        for _ in range(kills):
            time.sleep(chance.uniform(0, 2 * pause_s))
            crew.look()
            if crew.faults:
                break
            role = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            name = chance.choice([each for each in bodies if each.startswith(role)])
            crew.kill(name)
            killed[role] += 1
            crew.start(name)
        wait_for(crew, agreements)
        (folder / "stop").touch()
        for role in ("client", "desk"):
            crew.end(role, STOP_S, by_signal=False)
        for role in ("web", "worker"):
            crew.end(role, STOP_S, by_signal=True)
    finally:
        for pid in crew.alive.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    in_a_fork(lambda: judge(folder), folder / "judge.log")
    told = json.loads((folder / "verdict.json").read_text())
    told["faults"] = [*crew.faults, *told["faults"]]
    told["ok"] = told["ok"] and not told["faults"] and sum(killed.values()) == kills
    return {"kills": sum(killed.values()), **told, "killed": dict(killed), "seconds": round(time.monotonic() - begun)}


def wait_for(crew: Crew, agreements: int) -> None:
    """Until so many are over; as long as there is one from time to time."""
    over, deadline = -1, time.monotonic()
    while not crew.faults:
        found = sum(len(path.read_text().splitlines()) for path in crew.folder.glob("done-*"))
        if found >= agreements:
            return
        if found > over:
            over, deadline = found, time.monotonic() + STOP_S
        if time.monotonic() > deadline:
            crew.faults.append(f"no agreement ended for {STOP_S} s; {found} had")
        crew.look()
        time.sleep(0.05)


def fill(path: Path) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    found_town().save(path)


def serve(port: int) -> None:
    """As `siwei serve --no-work` does."""
    from siwei.cli.serve import run_server

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    run_server("127.0.0.1", port)


def toil() -> None:
    """As `siwei worker` does, with its tasks coming back sooner."""
    from siwei.exchange import tasks, worker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    often = tuple(replace(each, every=timedelta(seconds=0.5)) for each in tasks.RECURRING)
    worker.work(workplace(), stop=stop, poll_s=0.2, lease=LEASE, recurring=often)


def judge(folder: Path) -> None:
    """With everybody gone: what waits is done once more, and then the database speaks."""
    from siwei.exchange import worker
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.seals import seal

    deadline = time.monotonic() + DRAIN_S
    while waiting() and time.monotonic() < deadline:
        time.sleep(LEASE.total_seconds())
        worker.work_once(workplace(), lease=LEASE)
    seal(actor=PLATFORM, now=workplace().now())
    promised = [line for path in folder.glob("done-*") for line in path.read_text().splitlines()]
    verdict = examine(promised)
    (folder / "verdict.json").write_text(json.dumps(verdict, ensure_ascii=False, default=str))


def waiting() -> bool:
    from siwei.exchange.queue import READY, RUNNING, DBTaskResult

    return DBTaskResult.objects.filter(status__in=(READY, RUNNING)).exists()


def in_a_fork(body: Callable[[], None], log: Path) -> None:
    """The one that forks opens no connection and starts no thread itself."""
    status = os.waitpid(fork(body, log), 0)[1]
    if status:
        raise RuntimeError(f"{log.stem} failed:\n{log.read_text(errors='replace')}")


def fork(body: Callable[[], None], log: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        random.seed()
        body()
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        connections.close_all()
        sys.stderr.flush()
        os._exit(code)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
