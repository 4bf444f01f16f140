"""Jobs: what one is, the engines that run it, and what it took."""

from siwei.compute.engine import Engine, JobPhase, JobState, Usage
from siwei.compute.local.engine import LocalEngine
from siwei.compute.metering import billed_accelerator_seconds, most_billed
from siwei.compute.specification import JobSpec, WorkingFile

__all__ = [
    "Engine",
    "JobPhase",
    "JobSpec",
    "JobState",
    "LocalEngine",
    "Usage",
    "WorkingFile",
    "billed_accelerator_seconds",
    "most_billed",
]
