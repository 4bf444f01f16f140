"""What stands behind protocols in this room's tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from siwei.compute import JobPhase, JobSpec, JobState, Usage
from siwei.errors import FinalEngineError, NotFound, RetryableEngineError

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@dataclass
class FakeEngine:
    """An engine whose jobs go as the test says: set `phases[job_id]`."""

    phases: dict[str, JobPhase] = field(default_factory=dict)
    wall_s: float = 61.0
    busy: bool = False
    refuses: bool = False

    def submit(self, spec: JobSpec, job_id: str) -> None:
        if self.busy:
            raise RetryableEngineError("no room")
        if self.refuses:
            raise FinalEngineError("no such accelerator here")
        self.phases.setdefault(job_id, JobPhase.QUEUED)

    def state(self, job_id: str) -> JobState:
        if job_id not in self.phases:
            raise NotFound(job_id)
        phase = self.phases[job_id]
        return JobState(phase, 0 if phase == JobPhase.SUCCEEDED else None)

    def usage(self, job_id: str) -> Usage:
        return Usage(START, START + timedelta(seconds=self.wall_s), self.wall_s, 1.0, 10.0, "cpu", 1, self.wall_s)

    def logs(self, job_id: str, offset: int = 0) -> tuple[bytes, int]:
        return b"", offset

    def cancel(self, job_id: str) -> None:
        self.phases[job_id] = JobPhase.CANCELLED

    def outputs(self, job_id: str) -> tuple[tuple[str, int], ...]:
        return ()

    def read_output(self, job_id: str, path: str, limit_bytes: int = 0) -> bytes:
        raise NotFound(path)
