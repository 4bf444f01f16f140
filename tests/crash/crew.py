"""Processes that are killed and begun again. Most are forks of one that has imported everything, read the city's files
and opened no connection: what a process would do for a second before it could be killed in the middle of something is
done already. One in FRESH is begun as a new interpreter, as `siwei serve` and `siwei worker` are."""

import ctypes
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connections

from tests.crash.pulse import PLACES, STARTING, Pulses

FRESH = 100
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Life:
    """How a process is to end: at a step of its work, or when a time has passed since it was begun."""

    steps: int = 0
    seconds: float | None = None


@dataclass
class Crew:
    """Who is alive, by name (`web-0`), until when, and how each name is begun."""

    folder: Path
    pulses: Pulses
    begin: Callable[[str], None]
    chance: random.Random
    alive: dict[str, int] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    fresh: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Processor time of those that ended, by role."""

    def start(self, name: str, life: Life) -> None:
        self.pulses.reset(name, life.steps)
        log = self.folder / f"{name}.log"
        if self.chance.randrange(FRESH) == 0:
            self.fresh += 1
            self.alive[name] = fork(lambda: renew(self.folder, name), log)
        else:
            self.alive[name] = fork(lambda: self.begin(name), log)
        if life.seconds is not None:
            self.until[name] = time.monotonic() + life.seconds

    def reap(self) -> list[str]:
        """Kill whose time is over; who was killed since the last look. Whoever ended otherwise has met a fault."""
        killed = []
        for name, pid in list(self.alive.items()):
            if name in self.until and time.monotonic() >= self.until[name]:
                del self.until[name]
                os.kill(pid, signal.SIGKILL)
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if ended:
                del self.alive[name]
                self.until.pop(name, None)
                self._spent(name, used)
                if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
                    killed.append(name)
                else:
                    self._note(name, status, expected=None)
        return killed

    def spare(self) -> None:
        """Nobody alive is to be killed any more."""
        self.until.clear()
        for name in self.alive:
            self.pulses.spare(name)

    def end(self, role: str, wait_s: float, *, by_signal: bool) -> None:
        """Let all of a role end by themselves, or by SIGTERM; what does not is killed and noted."""
        names = [name for name in self.alive if name.startswith(role)]
        for name in names:
            if by_signal:
                os.kill(self.alive[name], signal.SIGTERM)
        deadline = time.monotonic() + wait_s
        for name in names:
            pid = self.alive.pop(name)
            while not (ended := os.wait4(pid, os.WNOHANG))[0]:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    self.faults.append(f"{name} did not end within {wait_s} s")
                    break
                time.sleep(0.02)
            else:
                # One that was still starting when it was told to end had nothing to finish.
                is_new = by_signal and self.pulses.place(name) == PLACES[STARTING]
                self._note(name, ended[1], expected=-signal.SIGTERM if is_new and ended[1] else 0)
                self._spent(name, ended[2])

    def end_all(self) -> None:
        for pid in self.alive.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _spent(self, name: str, used: resource.struct_rusage) -> None:
        role = name.partition("-")[0]
        self.cpu_s[role] = self.cpu_s.get(role, 0) + used.ru_utime + used.ru_stime

    def _note(self, name: str, status: int, expected: int | None) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code != expected:
            log = self.folder / f"{name}.log"
            words = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
            self.faults.append(f"{name} ended with {code}: {' / '.join(words)}"[:600])


def renew(folder: Path, name: str) -> None:
    """Become a new interpreter that does what `name` does; the terms of dying with the parent outlast it."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.crash.member", str(folder), name])


def in_a_fork(body: Callable[[], None], log: Path) -> None:
    status = os.waitpid(fork(body, log), 0)[1]
    if status:
        raise RuntimeError(f"{log.stem} failed:\n{log.read_text(errors='replace')}")


def fork(body: Callable[[], None], log: Path) -> int:
    """The one that forks opens no connection and starts no thread of Python itself."""
    assert not any(each.connection for each in connections.all(initialized_only=True)), "a connection would be shared"
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
