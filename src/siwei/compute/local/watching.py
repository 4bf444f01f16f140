"""What a running job takes: processes, memory and processor time of its tree, and room on disk."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MAXIMUM_ENTRIES = 10_000
"""Files and directories a job may leave in its work directory."""


@dataclass(frozen=True, slots=True)
class Taken:
    processes: int
    memory_bytes: int
    cpu_s: float


def measure_tree(root: int) -> Taken:
    """Sums over `root` and all its descendants. What ended and was waited for is in its parent's processor time.

    Memory is the proportional share (Pss), in which pages that forked workers share count once.
    """
    waiting, processes, memory, ticks = [root], 0, 0, 0
    while waiting:
        process = waiting.pop()
        try:
            # After the name, which may hold spaces and brackets: field 3 on; proc_pid_stat(5).
            fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(int(value) for value in fields[11:15])
            memory += _proportional_bytes(process, int(fields[21]) * PAGE_BYTES)
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                waiting.extend(int(child) for child in children.read_bytes().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        processes += 1
    return Taken(processes, memory, ticks / TICKS_PER_S)


def is_waiting_for_child(process: int) -> bool:
    """Whether it has a child and sleeps; false when it is gone."""
    try:
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0]
        return state == b"S" and Path(f"/proc/{process}/task/{process}/children").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def _proportional_bytes(process: int, resident: int) -> int:
    # Reading every mapping costs more than it tells for a small process.
    if resident < 8 * 1024 * 1024:
        return resident
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident


def measure_disk(directory: Path, limit_bytes: int) -> int | None:
    """Bytes on disk under `directory`, or None as soon as it is over the limit, has too many entries, or hides a part.

    A job can make directories that are too deep or closed to be read; what cannot be measured is not allowed.
    """
    taken, entries, waiting = 0, 0, [directory]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    try:
                        taken += entry.stat(follow_symlinks=False).st_blocks * 512
                    except FileNotFoundError:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    if entries > MAXIMUM_ENTRIES or taken > limit_bytes:
                        return None
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return taken
