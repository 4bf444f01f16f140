"""`siwei worker` as processes: killed in the middle of a real job, another finishes it, metered once."""

import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import forking
import pytest
from forking import SIWEI

from siwei.cli.worker import StopBySignal, worker
from siwei.compute.local.sandbox import check_environment
from siwei.errors import EnvironmentMissing, InputError

TESTS = Path(__file__).parents[1]
PREPARE = '''
import os, sys
from datetime import UTC, datetime
import django; django.setup()
sys.path += sys.argv[1:3]
from portal_city import fill_city
from siwei.city.home import open_home
from siwei.compute import JobSpec, LocalEngine
from siwei.exchange.trading.jobs import submit_job
from pathlib import Path
city = fill_city()
city.deal.signed()
code = """
import os, time
print('begun', flush=True)
while not os.path.exists('go'):
    time.sleep(0.05)
print('fitted')
"""
submit_job("deal", 1, JobSpec(command=(sys.executable, "-c", code), wall_limit_s=600),
    engine=LocalEngine(open_home(Path(os.environ["SIWEI_CITY"])).jobs), engine_name="local", actor=city.alice,
    now=datetime.now(UTC), idempotency_key="job")
'''
REPORT = """
import django, json; django.setup()
from siwei.exchange.ledger.seals import verify_seals
from siwei.exchange.models import Job, Usage
job = Job.objects.get(key="job")
faults = [str(fault) for fault in verify_seals()]
usage = list(Usage.objects.values_list("job__key", "quantity"))
print(json.dumps([job.state, job.attempt, usage, faults]))
"""


@pytest.fixture
def environment(tmp_path: Path, lay_city: Callable[[Path], None]) -> Iterator[dict[str, str]]:
    """A city of its own with a real job, submitted and awaited by nobody."""
    try:
        check_environment()
    except EnvironmentMissing as missing:
        pytest.skip(f"no sandbox here: {missing}")
    values = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"} | {
        "SIWEI_CITY": str(tmp_path / "city"),
        "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings",
    }
    lay_city(tmp_path / "city")
    prepare = [sys.executable, "-c", PREPARE, str(TESTS / "portal"), str(TESTS / "exchange")]
    forking.run(prepare, env=values, check=True)
    yield values
    let_go(values)


def let_go(environment: dict[str, str]) -> None:
    """The job waits for this, so that what is to happen while it runs does, however slow the machine is."""
    [work] = Path(environment["SIWEI_CITY"]).glob("jobs/*/work")
    (work / "go").touch()


def billed_s(environment: dict[str, str]) -> int:
    """Started minutes of what the engine measured, one processor's."""
    [result] = Path(environment["SIWEI_CITY"]).glob("jobs/*/result.json")
    return 60 * math.ceil(json.loads(result.read_text())["usage"]["wall_s"] / 60)


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(environment: dict[str, str]) -> Any:
    return json.loads(forking.run([sys.executable, "-c", REPORT], env=environment, check=True).stdout)


def wait_for(environment: dict[str, str], state: str, worker: "subprocess.Popen[Any]") -> Any:
    deadline = time.monotonic() + 240
    while (found := state_of_job(environment)) != state:
        assert worker.poll() is None, "the worker has ended"
        assert time.monotonic() < deadline, f"the job is still {found}"
        time.sleep(0.05)
    return report(environment)


def state_of_job(environment: dict[str, str]) -> str:
    """Without a process of its own for every look: waiting would be most of the work."""
    file = Path(environment["SIWEI_CITY"]) / "city.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        return str(database.execute("SELECT state FROM exchange_job WHERE key = 'job'").fetchone()[0])


def test_a_killed_worker_loses_nothing(environment: dict[str, str]) -> None:
    """Two at once; one is killed, the other told to stop, a third does the rest."""
    environment |= {"SIWEI_WORKER_LEASE_S": "1"}
    command = [*SIWEI, "worker", "--poll-s", "0.2"]
    first, second = (subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2))
    with first, second:
        for each in (first, second):
            assert each.stdout is not None
            assert "Working for" in each.stdout.readline()
        first.send_signal(signal.SIGKILL)
        second.send_signal(signal.SIGTERM)
        second.communicate()
    assert state_of_job(environment) in ("queued", "running")
    let_go(environment)
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, 0)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as third:
        assert third.stdout is not None
        assert "Working for" in third.stdout.readline()
        found = wait_for(environment, "succeeded", third)
        third.send_signal(signal.SIGINT)
    assert third.returncode == 0
    assert found == ["succeeded", 1, [["job", billed_s(environment)]], []]
    run([*SIWEI, "worker", "--once"], environment)
    idle = forking.run([*SIWEI, "worker", "--once", "--json"], env=environment, check=True).stdout
    assert json.loads(idle) == {"succeeded": {}, "retried": {}, "failed": {}}
    assert forking.run([*SIWEI, "worker", "--once"], env=environment).stdout == "Nothing waits.\n"


def test_one_told_to_stop_before_it_has_begun_ends_well(environment: dict[str, str]) -> None:
    """At every moment from its first line on; before Python itself is up a signal simply ends it."""
    program = "import signal; from siwei.cli import worker as cli; begin = cli.open_city\n"
    program += "def told(*given, **named):\n    signal.raise_signal(signal.{0})\n    return begin(*given, **named)\n"
    program += "cli.open_city = told\nfrom siwei.cli import main; main()"
    for name in ("SIGTERM", "SIGINT"):
        said = run([sys.executable, "-c", program.replace("{0}", name), "worker"], environment)
        assert "Working for" in said
    state, attempt, _, seals = report(environment)
    assert (state, attempt, seals) == ("queued", 1, [])


def test_a_stop_set_by_its_own_threads_signal_never_waits_for_itself() -> None:
    """The handler runs in the midst of whatever the thread does, thousands of times."""
    signals = 0
    before = signal.getsignal(signal.SIGALRM)
    try:
        for _ in range(300):
            stop = StopBySignal()

            def told(number: int, frame: Any, stop: StopBySignal = stop) -> None:
                nonlocal signals
                signals += 1
                stop.set()

            signal.signal(signal.SIGALRM, told)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0001)
            while not stop.wait(0.0002):
                pass
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert stop.is_set()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert signals >= 300


def test_serving_works_too(environment: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*SIWEI, "serve", "--port", str(port)]
    let_go(environment)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        found = wait_for(environment, "succeeded", server)
        server.terminate()
    assert server.returncode == 0
    assert found[:3] == ["succeeded", 1, [["job", billed_s(environment)]]]


@pytest.mark.parametrize("interval", [0, -1, math.nan, 3601, math.inf])
def test_an_interval_that_cannot_be(interval: float) -> None:
    with pytest.raises(InputError, match=r"0\.1 to 3600"):
        worker(poll_s=interval)
