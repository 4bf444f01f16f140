"""One process per job that outlives the platform: it starts the sandbox, streams the log, holds the limits.

`python -m siwei.compute.local.supervisor JOB_DIRECTORY SLOTS_DIRECTORY SLOTS`

Dying itself (kill -9, a reboot) takes the sandbox with it (`--die-with-parent`) and frees the lock, by which everybody
sees that the job is lost.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from siwei.compute.engine import JobPhase, JobState, Usage
from siwei.compute.local.directory import JobDirectory, nothing_used
from siwei.compute.local.sandbox import WORD, command_line, end_leftovers, job_user
from siwei.compute.local.seccomp import filter_program
from siwei.compute.local.slots import claim_slots, processors
from siwei.compute.local.watching import is_waiting_for_child, measure_disk, measure_tree
from siwei.compute.specification import JobSpec

TICK_S = 0.1
SETTLED_WITHIN_S = 20.0
DISK_EVERY_S = 0.3
MAXIMUM_JOBS = 64
"""Running and waiting together: each has a supervisor, some ten megabytes of this machine."""
FULL, NO_PLACE = b"f", 75
BUSY, NO_LOCK = b"b", 73
SIGNALLED = {128 + signal.SIGXCPU: "cpu_limit", 128 + signal.SIGXFSZ: "disk_limit"}


@dataclass(slots=True)
class Watch:
    """What was seen of the running job so far, and why it was killed if it was."""

    spec: JobSpec
    started: float = field(default_factory=time.monotonic)
    disk_seen: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    killed_for: str = ""


def supervise(directory: JobDirectory, slots_directory: Path, slots: int) -> None:
    """Wait for room, run, write the end. The caller holds the job's lock."""
    spec = directory.read_spec()
    while not directory.is_cancelled:
        with claim_slots(slots_directory, slots, spec.count) as claimed:
            if claimed:
                directory.mark("started")
                directory.write_result(*run(directory, spec, claimed, job_user(slots_directory, claimed[0])))
                return
        time.sleep(TICK_S)
    directory.write_result(JobState(JobPhase.CANCELLED, None, "cancelled"), nothing_used(spec))


def run(directory: JobDirectory, spec: JobSpec, claimed: list[int], user: int | None) -> tuple[JobState, Usage]:
    """Run the job to its end or its limit."""
    if user is not None:
        hand_over(directory.work, user)
    watch, released = Watch(spec), False
    before = os.times()
    status_read, status_write = os.pipe()
    with os.fdopen(os.memfd_create("seccomp"), "w+b") as rules, os.fdopen(status_read, "rb") as status:
        rules.write(filter_program())
        rules.seek(0)
        line = command_line(spec, directory.work, user=user, seccomp_fd=rules.fileno(), status_fd=status_write)
        with start(line, claimed, (rules.fileno(), status_write)) as process:
            os.close(status_write)
            try:
                root = int(json.loads(status.readline() or b"{}").get("child-pid", 0))
                released = release(process, root)
                began, watch.started = datetime.now(UTC), time.monotonic()
                watch_job(directory, watch, process, root)
            finally:
                process.kill()
        ran = released and (b'"exit-code"' in status.read() or bool(watch.killed_for))
    # What it takes to notice the limit is not the job's time.
    wall = min(round(time.monotonic() - watch.started, 3), float(spec.wall_limit_s))
    after = os.times()
    if not ran:
        return JobState(JobPhase.FAILED, process.returncode, "sandbox"), nothing_used(spec)
    cpu = max(watch.cpu_s, after.children_user + after.children_system - before.children_user - before.children_system)
    usage = Usage(
        started_at=began, ended_at=began + timedelta(seconds=wall), wall_s=wall, cpu_s=round(cpu, 3),
        peak_memory_mb=round(watch.peak_bytes / 1024 / 1024, 1), accelerator_model=spec.accelerator,
        accelerator_count=spec.count, accelerator_seconds=round(wall * spec.count, 3),
    )  # fmt: skip
    code = process.returncode
    if watch.killed_for == "disk_limit":
        discard(directory.work)
    return judge(code if code >= 0 else 128 - code, watch.killed_for), usage


def start(line: list[str], claimed: list[int], descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start the sandbox on the claimed processors; its watcher keeps them all, not to have to wait for the job."""
    cores = processors()
    os.sched_setaffinity(0, {cores[slot % len(cores)] for slot in claimed})
    try:
        return subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}, process_group=0,
            pass_fds=descriptors,
        )  # fmt: skip
    finally:
        os.sched_setaffinity(0, cores)


def release(process: subprocess.Popen[bytes], root: int) -> bool:
    """Let the job begin, once the sandbox is sure to die with this process; whether it was let.

    Bubblewrap asks the kernel for that at the start of its two processes; a supervisor killed just before would leave
    the job running unwatched. The second has asked when it sleeps waiting for its child, which is what is looked for.
    """
    assert process.stdin is not None
    until = time.monotonic() + SETTLED_WITHIN_S
    with process.stdin as standard_input:
        while root and process.poll() is None and time.monotonic() < until:
            if is_waiting_for_child(root):
                with suppress(BrokenPipeError):
                    standard_input.write(WORD)
                    standard_input.flush()
                    return True
            time.sleep(0.001)
    return False


def judge(exit_code: int, killed_for: str) -> JobState:
    """From how it ended to a phase."""
    if killed_for == "cancelled":
        return JobState(JobPhase.CANCELLED, exit_code, "cancelled")
    if killed_for:
        return JobState(JobPhase.FAILED, exit_code, killed_for)
    if exit_code == 0:
        return JobState(JobPhase.SUCCEEDED, 0)
    return JobState(JobPhase.FAILED, exit_code, SIGNALLED.get(exit_code, "exit"))


def watch_job(directory: JobDirectory, watch: Watch, process: subprocess.Popen[bytes], root: int) -> None:
    """Stream the log and hold the limits until the job is gone. `root` is its first process, by our numbering."""
    assert process.stdout is not None
    room, measured, is_open = watch.spec.log_kb * 1024, 0.0, True
    os.set_blocking(process.stdout.fileno(), False)
    with directory.log.open("ab") as log, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while is_open or process.poll() is None:
            # A job that closes its output is watched no less than one that talks.
            if is_open and selector.select(TICK_S):
                room, is_open = copy_log(process.stdout.fileno(), log, room)
            elif not is_open:
                time.sleep(TICK_S)
            if time.monotonic() - measured >= TICK_S and not watch.killed_for:
                measured = time.monotonic()
                watch.killed_for = limit_passed(directory, watch, root)
                if watch.killed_for:
                    kill(process, root)
        os.fsync(log.fileno())


def copy_log(source: int, log: IO[bytes], room: int) -> tuple[int, bool]:
    """Copy what is there, up to `room` bytes in all. Returns the room left and whether more may come.

    The rest is read and dropped, no faster than 64 KiB in two milliseconds: a flood slows its own job only.
    """
    try:
        read = os.read(source, 65536)
    except BlockingIOError:
        return room, True
    if not read:
        return room, False
    if room <= 0:
        time.sleep(0.002)
        return room, True
    log.write(read[:room])
    if len(read) >= room:
        log.write("\n[siwei] 日志已达上限，其余部分不再保存 / log limit reached, the rest is not kept\n".encode())
    log.flush()
    return max(room - len(read), 0), True


def limit_passed(directory: JobDirectory, watch: Watch, root: int) -> str:
    """The first limit found passed, or an empty text."""
    spec, now = watch.spec, time.monotonic()
    taken = measure_tree(root)
    watch.cpu_s = max(watch.cpu_s, taken.cpu_s)
    watch.peak_bytes = max(watch.peak_bytes, taken.memory_bytes)
    if directory.is_cancelled:
        return "cancelled"
    if now - watch.started > spec.wall_limit_s:
        return "wall_limit"
    if watch.cpu_s > spec.cpu_limit_s:
        return "cpu_limit"
    if taken.memory_bytes > spec.memory_mb * 1024 * 1024:
        return "memory_limit"
    # The sandbox's own first process is not the job's.
    if taken.processes > spec.processes + 1:
        return "process_limit"
    if now - watch.disk_seen > DISK_EVERY_S:
        watch.disk_seen = now
        if measure_disk(directory.work, spec.disk_mb * 1024 * 1024) is None:
            return "disk_limit"
    return ""


def kill(process: subprocess.Popen[bytes], root: int) -> None:
    """All at once: with its first process the kernel ends every other of the namespace."""
    with suppress(ProcessLookupError):
        # While bubblewrap is not waited for, neither number can have passed to somebody else.
        if root and process.poll() is None:
            os.kill(root, signal.SIGKILL)
        process.kill()


def discard(work: Path) -> None:
    """What grew over its limit is not kept. By rm, since a job can nest directories deeper than Python can remove."""
    subprocess.run(["/usr/bin/rm", "-rf", "--one-file-system", "--", str(work)], env={}, check=False)
    work.mkdir(mode=0o700, exist_ok=True)


def hand_over(work: Path, user: int) -> None:
    """Give the laid files to the user the job runs as."""
    for folder, folders, files in os.walk(work):
        for name in (*folders, *files):
            os.chown(Path(folder) / name, user, user, follow_symlinks=False)
    os.chown(work, user, user)


def main(job: Path, slots_directory: Path, slots: int) -> int:
    """Leave the caller's session and life behind, take the job's lock, then report ready and supervise."""
    ready_read, ready_write = os.pipe()
    if os.fork():
        os.close(ready_write)
        return {FULL: NO_PLACE, BUSY: NO_LOCK}.get(os.read(ready_read, 1), 0)
    os.close(ready_read)
    directory = JobDirectory(job)
    for _ in range(250):
        with directory.locked() as got:
            if got:
                begin(directory, slots_directory, slots, ready_write)
                return 0
        # Somebody asking for the state holds it for a moment; another supervisor holds it for good.
        time.sleep(0.02)
    with directory.locked(shared=True) as is_unwatched:
        if is_unwatched:
            os.write(ready_write, BUSY)
    return 0


def begin(directory: JobDirectory, slots_directory: Path, slots: int, ready: int) -> None:
    if directory.read_result() is not None:
        return
    if directory.is_started:
        end_leftovers(directory.work)
        directory.write_result(JobState(JobPhase.LOST, None, "supervisor_died"), nothing_used(directory.read_spec()))
        return
    (directory.path / "supervisor.pid").write_text(str(os.getpid()))
    try:
        with claim_slots(slots_directory / "places", MAXIMUM_JOBS, 1) as place:
            if not place:
                os.write(ready, FULL)
                return
            os.close(ready)
            supervise(directory, slots_directory, slots)
    except Exception:
        # Nobody is there to see it raised; the job is not to look as if it were still running.
        (directory.path / "supervisor.log").write_text(traceback.format_exc())
        directory.write_result(JobState(JobPhase.FAILED, None, "sandbox"), nothing_used(directory.read_spec()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
