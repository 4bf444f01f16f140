"""`siwei work` as a process: killed in the middle of a real job, the next one finishes it, metered once."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from siwei.cli.work import work
from siwei.compute.local.sandbox import check_environment
from siwei.errors import EnvironmentMissing, InputError

SIWEI = [sys.executable, "-c", "from siwei.cli import main; main()"]
TESTS = Path(__file__).parents[1]
PREPARE = """
import os, sys
from datetime import UTC, datetime
import django; django.setup()
sys.path += sys.argv[1:3]
from portal_city import fill_city
from siwei.city.home import open_home
from siwei.compute import JobSpec, LocalEngine
from siwei.exchange.jobs import submit_job
from pathlib import Path
city = fill_city()
city.deal.signed()
code = "import time; print('begun', flush=True); time.sleep(12); print('fitted')"
submit_job("deal", 1, JobSpec(command=(sys.executable, "-c", code), wall_limit_s=60),
    engine=LocalEngine(open_home(Path(os.environ["SIWEI_CITY"])).jobs), engine_name="local", actor=city.alice,
    now=datetime.now(UTC), idempotency_key="job")
"""
REPORT = """
import django, json; django.setup()
from siwei.exchange.audit import verify_seals
from siwei.exchange.models import Job, Usage
job = Job.objects.get(key="job")
print(json.dumps([job.state, job.attempt, list(Usage.objects.values_list("job__key", "quantity")), verify_seals()]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A city of its own with a real job, submitted and awaited by nobody."""
    try:
        check_environment()
    except EnvironmentMissing as missing:
        pytest.skip(f"no sandbox here: {missing}")
    values = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"} | {
        "SIWEI_CITY": str(tmp_path / "city"),
        "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings",
    }
    run([*SIWEI, "init", values["SIWEI_CITY"], "--as-of", "2026-11-23"], values)
    run([sys.executable, "-c", PREPARE, str(TESTS / "portal"), str(TESTS / "exchange")], values)
    yield values


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(environment: dict[str, str]) -> Any:
    return json.loads(run([sys.executable, "-c", REPORT], environment))


def wait_for(environment: dict[str, str], state: str) -> Any:
    deadline = time.monotonic() + 90
    while (found := report(environment))[0] != state:
        assert time.monotonic() < deadline, f"the job is still {found[0]}"
    return found


def test_a_killed_worker_loses_nothing(environment: dict[str, str]) -> None:
    command = [*SIWEI, "work", "--interval-s", "0.2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = subprocess.run(
            [*SIWEI, "work", "--once"], env=environment, capture_output=True, text=True, check=False
        )
        first.send_signal(signal.SIGKILL)
    assert (second.returncode, "another worker is at work" in second.stderr) == (6, True)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as third:
        assert third.stdout is not None
        third.stdout.readline()
        found = wait_for(environment, "succeeded")
        third.send_signal(signal.SIGTERM)
    assert third.returncode == 0
    assert found == ["succeeded", 1, [["job", 60]], []]
    idle = json.loads(run([*SIWEI, "work", "--once", "--json"], environment))
    assert idle == {"jobs": 0, "ended": 0, "expired_holds": 0, "returned_vouchers": 0, "seals": 0, "failed": 0}


def test_serving_works_too(environment: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*SIWEI, "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        found = wait_for(environment, "succeeded")
        server.terminate()
    assert found[:3] == ["succeeded", 1, [["job", 60]]]


@pytest.mark.parametrize("interval", [0, -1, math.nan, 3601, math.inf])
def test_an_interval_that_cannot_be(interval: float) -> None:
    with pytest.raises(InputError, match=r"0\.1 to 3600"):
        work(interval_s=interval)
