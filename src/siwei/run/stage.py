"""What a stage of the main job is given, and what it says when it is done."""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from siwei.city.home import CityHome
from siwei.city.pack import Pack
from siwei.policy.programmes import Programme

Progress = Callable[[str, int, int | None], None]
"""What is being done, how many are done, of how many (None: not known)."""

Counts = Mapping[str, Any]


def no_progress(what: str, done: int, total: int | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a stage may look at. `data` holds real inputs, or is None where there are none."""

    home: CityHome
    pack: Pack
    programmes: tuple[Programme, ...]
    data: Path | None
    now: Callable[[], datetime]
    progress: Progress = no_progress


@dataclass(frozen=True, slots=True)
class StageResult:
    """`peak_memory_mb` is this process's largest resident size so far (Linux never lowers it)."""

    stage: str
    counts: Counts
    seconds: float
    peak_memory_mb: float
    notes: tuple[str, ...] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "counts": dict(self.counts),
            "seconds": round(self.seconds, 3),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "notes": list(self.notes),
        }


def measure_stage(stage: str, work: Callable[[Job], Counts], job: Job) -> StageResult:
    started = time.monotonic()
    counts = dict(work(job))
    notes = tuple(counts.pop("notes", ()))
    return StageResult(stage, counts, time.monotonic() - started, peak_memory_mb(), notes)


def peak_memory_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1_000_000
