"""An engine in a passing directory, and a way to run a piece of Python in it to its end."""

from pathlib import Path
from typing import Any

import pytest
from jobs_at_hand import Run, python_job, wait_for

from siwei.compute import JobState, LocalEngine
from siwei.compute.local.sandbox import check_environment
from siwei.errors import EnvironmentMissing


@pytest.fixture
def engine(tmp_path: Path) -> LocalEngine:
    try:
        check_environment()
    except EnvironmentMissing as missing:
        pytest.skip(f"no sandbox here: {missing}")
    return LocalEngine(tmp_path / "jobs")


@pytest.fixture
def run(engine: LocalEngine) -> Run:
    def run_python(code: str, job_id: str = "job-1", **members: Any) -> JobState:
        engine.submit(python_job(code, **members), job_id)
        return wait_for(engine, job_id)

    return run_python
