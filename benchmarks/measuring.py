"""How things are measured: wall-clock time around the work, peak memory of the process that did it."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl


def peak_memory_mb() -> float:
    """VmHWM of this process: unlike `ru_maxrss`, it is not inherited from the process that started this one."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


@contextmanager
def timed(result: dict[str, Any]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    result["seconds"] = time.perf_counter() - started


def in_child(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m MODULE ARGUMENTS` and read the JSON on the last line of what it prints."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict[str, Any]:
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {
        "processor": processor, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
        "polars": pl.__version__, "load_at_start": round(os.getloadavg()[0], 2),
    }  # fmt: skip
