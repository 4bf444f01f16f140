"""What every engine can do with a job, and what it says of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from siwei.compute.specification import JobSpec


class JobPhase(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The engine no longer knows how the job went on: never billed, to be submitted again under a new id."""

    @property
    def is_final(self) -> bool:
        return self not in (JobPhase.QUEUED, JobPhase.RUNNING)


@dataclass(frozen=True, slots=True)
class JobState:
    """`reason` says in a word why a job did not succeed: exit, wall_limit, cpu_limit, memory_limit, disk_limit,
    process_limit, cancelled, supervisor_died, never_started, sandbox; empty otherwise.
    `exit_code` is 128 + n when the command ended by signal n."""

    phase: JobPhase
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job took, as measured. A job that never ran, or was lost, took nothing: times are None, amounts zero.

    `wall_s` and `cpu_s` are seconds to the millisecond, `peak_memory_mb` the largest sampled sum over its processes,
    `accelerator_seconds` is `wall_s × accelerator_count`, unrounded to any billing step.
    """

    started_at: datetime | None
    ended_at: datetime | None
    wall_s: float
    cpu_s: float
    peak_memory_mb: float
    accelerator_model: str
    accelerator_count: int
    accelerator_seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "peak_memory_mb": self.peak_memory_mb,
            "accelerator_model": self.accelerator_model,
            "accelerator_count": self.accelerator_count,
            "accelerator_seconds": self.accelerator_seconds,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Usage":
        started, ended = values["started_at"], values["ended_at"]
        return cls(
            started_at=datetime.fromisoformat(started) if started else None,
            ended_at=datetime.fromisoformat(ended) if ended else None,
            wall_s=float(values["wall_s"]),
            cpu_s=float(values["cpu_s"]),
            peak_memory_mb=float(values["peak_memory_mb"]),
            accelerator_model=str(values["accelerator_model"]),
            accelerator_count=int(values["accelerator_count"]),
            accelerator_seconds=float(values["accelerator_seconds"]),
        )


class Engine(Protocol):
    """Runs jobs. Every method may raise RetryableEngineError or FinalEngineError; all but `submit` raise NotFound for
    an id never submitted."""

    def submit(self, spec: JobSpec, job_id: str) -> None:
        """Idempotent by `job_id`: again with the same specification does nothing, with another is a Conflict."""

    def state(self, job_id: str) -> JobState: ...

    def logs(self, job_id: str, offset: int = 0) -> tuple[bytes, int]:
        """Bytes from `offset` (stdout and stderr as they came) and the offset to ask from next."""

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; a finished job is left as it is."""

    def usage(self, job_id: str) -> Usage:
        """Final once the phase is; before that, what was taken so far is not told (amounts are zero)."""

    def outputs(self, job_id: str) -> tuple[tuple[str, int], ...]:
        """Relative path and size in bytes of each regular file in the work directory, sorted."""

    def read_output(self, job_id: str, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """A file the job wrote, at most `limit_bytes` of it. Links are never followed: the job is not trusted."""
