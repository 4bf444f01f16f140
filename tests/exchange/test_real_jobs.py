"""The deal with the engine that really runs jobs: a supervisor killed on the way costs nobody anything."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from siwei.compute import JobSpec
from siwei.compute.local import LocalEngine
from siwei.compute.local.sandbox import check_environment
from siwei.errors import EnvironmentMissing
from siwei.exchange.models import Job, Usage


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    try:
        check_environment()
    except EnvironmentMissing as missing:
        pytest.skip(f"no sandbox here: {missing}")
    return LocalEngine(tmp_path / "jobs")


def follow(deal: Any, until: set[str]) -> Job:
    deadline = time.monotonic() + 240
    while (job := deal.refresh()).state not in until:
        assert time.monotonic() < deadline, f"the job is still {job.state}"
        time.sleep(0.05)
    return job


def test_a_killed_supervisor_costs_nobody_anything(deal: Any, engine: LocalEngine) -> None:
    deal.engine = engine
    deal.signed()
    code = "import pathlib, time; time.sleep(0.5); pathlib.Path('done').write_text('yes'); print('fitted')"
    first = deal.submit(spec=JobSpec(command=(sys.executable, "-c", code), wall_limit_s=60)).engine_job_id
    follow(deal, {"running"})
    os.kill(int((engine.directory / first / "supervisor.pid").read_text()), signal.SIGKILL)
    job = follow(deal, {"succeeded", "failed"})
    assert (job.state, job.attempt, job.exit_code) == ("succeeded", 2, 0)
    assert engine.logs(job.engine_job_id)[0] == b"fitted\n"
    (usage,) = Usage.objects.all()
    assert (usage.reading, usage.quantity) == (job.engine_job_id, 60)
    assert usage.measured["wall_s"] >= 0.5
    # A minute of an hour at 36,001 fen.
    assert deal.settle().gross_fen == 600
