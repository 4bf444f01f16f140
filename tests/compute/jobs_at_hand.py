"""Small jobs and waiting for them; used by every test of the engine."""

import time
from collections.abc import Callable
from typing import Any

from siwei.compute import JobPhase, JobSpec, JobState, LocalEngine

Run = Callable[..., JobState]
SUCCEEDED = JobState(JobPhase.SUCCEEDED, 0)


def wait_for(engine: LocalEngine, job_id: str, timeout_s: float = 240) -> JobState:
    until = time.monotonic() + timeout_s
    while not (state := engine.state(job_id)).phase.is_final:
        assert time.monotonic() < until, f"{job_id} is still {state} after {timeout_s} s: {engine.logs(job_id)}"
        time.sleep(0.02)
    return state


def wait_until(condition: Callable[[], bool], timeout_s: float = 240) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def python_job(code: str, **members: Any) -> JobSpec:
    return JobSpec(("python", "-c", code), **members)
