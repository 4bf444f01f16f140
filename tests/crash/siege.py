"""A siege: processes are killed and begun again while the city works, then the database is judged."""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.asking import PATIENCE_S
from tests.crash.check import examine
from tests.crash.crew import Crew, Life, in_a_fork
from tests.crash.engine import LEASE, workplace
from tests.crash.member import NAMES, SPARED, be, load_plan, make_plan, prepare
from tests.crash.pulse import Pulses
from tests.crash.town import actor, found_town

STEPS = {"web": 1_200, "worker": 500, "gateway": 200, "client": 1_000, "desk": 900, "office": 900}
"""How long a life is at most, in steps; an agreement takes a few hundred, a call of a model twenty to fifty."""
AT_START, BY_CLOCK = 0.04, 0.15
"""The share of lives that end within START_S of their beginning, or within CLOCK_S whatever is done; all others end at
a step of their work."""
START_S, CLOCK_S = 0.15, 10.0
STOP_S = PATIENCE_S + 160
"""For which nothing may happen: a little longer than a client's patience, which then says more."""
SPARED_WITHIN_S = 1.0
DRAIN_S = 240.0
LOOK_EVERY_S, TOLD_EVERY_S = 1.0, 60.0


@dataclass(frozen=True)
class Asked:
    """How long a siege is to last: until so many kills and so many agreements, at most so many minutes. Lives are
    `work` times as long as they are by themselves."""

    kills: int
    agreements: int = 1
    minutes: float | None = None
    work: float = 1.0


def besiege(folder: Path, asked: Asked, seed: int) -> dict[str, Any]:
    plan = make_plan(seed)
    plan.save(folder)
    os.environ["SIWEI_GATEWAY_PRIVATE_UPSTREAMS"] = f"127.0.0.1:{plan.upstream}"
    prepare()
    in_a_fork(lambda: fill(folder), folder / "fill.log")
    siege = Siege(folder, asked, seed)
    try:
        for name in NAMES:
            siege.crew.start(name, siege.a_life(name))
        siege.wait_for(lambda: siege.killed.total() >= asked.kills, f"{asked.kills} kills")
        siege.spare()
        siege.wait_for(lambda: siege.done >= asked.agreements, f"{asked.agreements} agreements")
        (folder / "stop").touch()
        for role in ("client", "desk", "office"):
            siege.crew.end(role, STOP_S, by_signal=False)
        for role in ("web", "worker", "gateway", "upstream"):
            siege.crew.end(role, STOP_S, by_signal=True)
    finally:
        siege.crew.end_all()
    say(f"judging {siege.done} agreements")
    in_a_fork(lambda: judge(folder), folder / "judge.log")
    return siege.verdict(json.loads((folder / "verdict.json").read_text()))


class Siege:
    """Who was killed, where, and what is over so far."""

    def __init__(self, folder: Path, asked: Asked, seed: int) -> None:
        self.folder, self.asked, self.begun = folder, asked, time.monotonic()
        self.until = self.begun + 60 * asked.minutes if asked.minutes is not None else float("inf")
        self.chance, self.killed, self.landed = random.Random(seed), Counter[str](), Counter[str]()
        pulses, fresh = Pulses(folder / "pulses", NAMES), random.Random(f"{seed}:fresh")
        self.crew = Crew(folder, pulses, lambda name: be(name, folder), fresh)
        self.done, self.looked, self.told = 0, 0.0, self.begun

    def a_life(self, name: str) -> Life:
        role = name.partition("-")[0]
        if role in SPARED or self.killed.total() >= self.asked.kills:
            return Life()
        how, steps = self.chance.random(), self.chance.randint(1, round(STEPS[role] * self.asked.work))
        if how < AT_START:
            return Life(seconds=self.chance.uniform(0, START_S))
        return Life(steps, self.chance.uniform(0, CLOCK_S) if how < AT_START + BY_CLOCK else None)

    def begin_again(self, names: Iterable[str]) -> None:
        for name in names:
            self.landed[self.crew.pulses.place(name)] += 1
            self.killed[name.partition("-")[0]] += 1
            self.crew.start(name, self.a_life(name))

    def wait_for(self, over: Callable[[], bool], what: str) -> None:
        """Until it is `over` or the time is, beginning again who was killed; as long as somebody is killed or done from
        time to time."""
        deadline = time.monotonic() + STOP_S
        while not over() and not self.crew.faults and time.monotonic() < self.until:
            killed = self.crew.reap()
            self.begin_again(killed)
            if self.look() or killed:
                deadline = time.monotonic() + STOP_S
            if time.monotonic() > deadline:
                self.crew.faults.append(f"nothing happened for {STOP_S} s before {what}; {self.done} were over")
            time.sleep(0.01)

    def look(self) -> bool:
        """Whether more agreements are over than a moment ago; says so once a minute."""
        now, before = time.monotonic(), self.done
        if now - self.looked < LOOK_EVERY_S:
            return False
        self.looked = now
        self.done = sum(path.read_bytes().count(b"\n") for path in self.folder.glob("done-*"))
        if now - self.told > TOLD_EVERY_S:
            self.told = now
            killed = f"{self.killed.total()} kills {dict(self.killed)}"
            say(f"{now - self.begun:.0f} s: {killed}, {self.done} agreements over")
        return self.done > before

    def spare(self) -> None:
        """Nobody is killed any more. Who had read the step of its death just before it was taken back dies at once."""
        self.asked = Asked(0, self.asked.agreements, self.asked.minutes)
        self.crew.spare()
        time.sleep(SPARED_WITHIN_S)
        self.begin_again(self.crew.reap())

    def verdict(self, told: dict[str, Any]) -> dict[str, Any]:
        kills, is_cut = self.killed.total(), time.monotonic() > self.until
        told["faults"] = [*self.crew.faults, *told["faults"]]
        told["ok"] = told["ok"] and not told["faults"]
        how = {
            "ended_by": "time" if is_cut else "work",
            "killed": dict(self.killed),
            "landed": dict(self.landed),
            "fresh": self.crew.fresh,
            "cpu_s": {role: round(spent, 1) for role, spent in self.crew.cpu_s.items()},
        }
        return {"kills": kills, **told, **how, "seconds": round(time.monotonic() - self.begun)}


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def fill(folder: Path) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    found_town(f"http://127.0.0.1:{load_plan(folder).upstream}/v1").save(folder / "town.json")


def judge(folder: Path) -> None:
    """With everybody gone: what waits, or was given up because three workers died of it, is done once more; then the
    database speaks."""
    from siwei.exchange import worker
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.ledger.seals import seal
    from siwei.exchange.queue import FAILED, DBTaskResult, retry_task

    for each in DBTaskResult.objects.filter(status=FAILED, exception_class_path="WorkerDied"):
        retry_task(str(each.id), actor=actor("olive"), now=workplace().now())
    deadline = time.monotonic() + DRAIN_S
    while waiting() and time.monotonic() < deadline:
        time.sleep(LEASE.total_seconds())
        worker.work_once(workplace(), lease=LEASE)
    seal(actor=PLATFORM, now=workplace().now())
    promised, answered = (
        [line.split() for path in folder.glob(f"{what}-*") for line in path.read_text().splitlines()]
        for what in ("done", "answered")
    )
    awarded = (folder / "rounds").read_text().splitlines()
    verdict = examine(((key, state) for key, state in promised), answered, awarded)
    (folder / "verdict.json").write_text(json.dumps(verdict, ensure_ascii=False, default=str))


def waiting() -> bool:
    from siwei.exchange.queue import READY, RUNNING, DBTaskResult

    return DBTaskResult.objects.filter(status__in=(READY, RUNNING)).exists()
