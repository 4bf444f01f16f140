"""A siege: processes are killed and begun again while the city works, then the database is judged."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.crash.check import examine
from tests.crash.crew import Crew, Life, in_a_fork
from tests.crash.engine import LEASE, workplace
from tests.crash.member import NAMES, be, make_plan, prepare
from tests.crash.pulse import Pulses
from tests.crash.town import actor, found_town

STEPS = {"web": 1_200, "worker": 500, "client": 1_000, "desk": 900}
"""How long a life is at most, in steps; an agreement takes a few hundred."""
AT_START, BY_CLOCK = 0.04, 0.15
"""The share of lives that end within START_S of their beginning, or within CLOCK_S whatever is done; all others end at
a step of their work."""
START_S, CLOCK_S = 0.15, 10.0
STOP_S = 120.0
SPARED_WITHIN_S = 1.0
DRAIN_S = 60.0


def besiege(folder: Path, *, kills: int, agreements: int, seed: int, work: float) -> dict[str, Any]:
    begun = time.monotonic()
    prepare()
    in_a_fork(lambda: fill(folder / "town.json"), folder / "fill.log")
    make_plan(seed).save(folder)
    chance, killed, landed = random.Random(seed), Counter[str](), Counter[str]()
    crew = Crew(folder, Pulses(folder / "pulses", NAMES), lambda name: be(name, folder), random.Random(f"{seed}:fresh"))

    def begin_again(names: Iterable[str]) -> None:
        for name in names:
            landed[crew.pulses.place(name)] += 1
            killed[name.partition("-")[0]] += 1
            crew.start(name, a_life(name, chance, work) if killed.total() < kills else Life())

    try:
        for name in NAMES:
            crew.start(name, a_life(name, chance, work) if kills else Life())
        wait_for(crew, lambda: killed.total() >= kills, begin_again, f"{kills} kills")
        crew.spare()
        # Whoever had read the step of its death before that was taken back dies a moment later.
        time.sleep(SPARED_WITHIN_S)
        begin_again(crew.reap())
        wait_for(crew, lambda: done(folder) >= agreements, begin_again, f"{agreements} agreements")
        (folder / "stop").touch()
        for role in ("client", "desk"):
            crew.end(role, STOP_S, by_signal=False)
        for role in ("web", "worker"):
            crew.end(role, STOP_S, by_signal=True)
    finally:
        crew.end_all()
    in_a_fork(lambda: judge(folder), folder / "judge.log")
    told = json.loads((folder / "verdict.json").read_text())
    told["faults"] = [*crew.faults, *told["faults"]]
    told["ok"] = told["ok"] and not told["faults"] and killed.total() >= kills
    how = {
        "killed": dict(killed),
        "landed": dict(landed),
        "fresh": crew.fresh,
        "cpu_s": {role: round(spent, 1) for role, spent in crew.cpu_s.items()},
    }
    return {"kills": killed.total(), **told, **how, "seconds": round(time.monotonic() - begun)}


def a_life(name: str, chance: random.Random, work: float) -> Life:
    how, steps = chance.random(), chance.randint(1, round(STEPS[name.partition("-")[0]] * work))
    if how < AT_START:
        return Life(seconds=chance.uniform(0, START_S))
    return Life(steps, chance.uniform(0, CLOCK_S) if how < AT_START + BY_CLOCK else None)


def wait_for(crew: Crew, over: Callable[[], bool], begin_again: Callable[[Iterable[str]], None], what: str) -> None:
    """Until it is `over`, beginning again who was killed; as long as somebody is killed or done from time to time."""
    seen, deadline = -1, 0.0
    while not over() and not crew.faults:
        killed = crew.reap()
        begin_again(killed)
        if (found := done(crew.folder)) > seen or killed:
            seen, deadline = found, time.monotonic() + STOP_S
        if time.monotonic() > deadline:
            crew.faults.append(f"nothing happened for {STOP_S} s before {what}; {found} agreements were over")
        time.sleep(0.01)


def done(folder: Path) -> int:
    return sum(path.stat().st_size > 0 and path.read_bytes().count(b"\n") for path in folder.glob("done-*"))


def fill(path: Path) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    found_town().save(path)


def judge(folder: Path) -> None:
    """With everybody gone: what waits, or was given up because three workers died of it, is done once more; then the
    database speaks."""
    from siwei.exchange import worker
    from siwei.exchange.actors import PLATFORM
    from siwei.exchange.queue import FAILED, DBTaskResult, retry_task
    from siwei.exchange.seals import seal

    for each in DBTaskResult.objects.filter(status=FAILED, exception_class_path="WorkerDied"):
        retry_task(str(each.id), actor=actor("olive"), now=workplace().now())
    deadline = time.monotonic() + DRAIN_S
    while waiting() and time.monotonic() < deadline:
        time.sleep(LEASE.total_seconds())
        worker.work_once(workplace(), lease=LEASE)
    seal(actor=PLATFORM, now=workplace().now())
    lines = [line.split() for path in folder.glob("done-*") for line in path.read_text().splitlines()]
    verdict = examine((key, state) for key, state in lines)
    (folder / "verdict.json").write_text(json.dumps(verdict, ensure_ascii=False, default=str))


def waiting() -> bool:
    from siwei.exchange.queue import READY, RUNNING, DBTaskResult

    return DBTaskResult.objects.filter(status__in=(READY, RUNNING)).exists()
