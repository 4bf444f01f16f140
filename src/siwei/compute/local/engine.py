"""Runs jobs on this machine, each in its own bubblewrap sandbox under its own supervisor."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from siwei.city.drafts import sync_directory
from siwei.compute.engine import JobPhase, JobState, Usage
from siwei.compute.local.directory import JobDirectory, nothing_used, write_durably
from siwei.compute.local.sandbox import check_environment, end_leftovers, interpreter_prefixes
from siwei.compute.local.slots import processors
from siwei.compute.local.supervisor import MAXIMUM_JOBS, NO_PLACE
from siwei.compute.local.watching import MAXIMUM_ENTRIES
from siwei.compute.specification import JobSpec, check_job_id, is_safe_path
from siwei.errors import Conflict, FinalEngineError, InputError, NotFound, RetryableEngineError, Said

SOURCES = Path(__file__).resolve().parents[3]
PHYSICAL_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024 // 1024
LOG_CHUNK_BYTES = 256 * 1024
NEVER_STARTED_AFTER_S = 15.0


class LocalEngine:
    """An `Engine` whose whole state is in `directory`: any number of processes may open the same one, at any time.

    It has no accelerators but the machine's own processors (`cpu`), one slot each; jobs beyond the slots wait.
    """

    def __init__(self, directory: Path, slots: int | None = None) -> None:
        self.directory = directory.absolute()
        self.slots = slots or len(processors())

    def submit(self, spec: JobSpec, job_id: str) -> None:
        """Raises EnvironmentMissing without a working bubblewrap, FinalEngineError for what this machine never has,
        Conflict where `job_id` was another job, RetryableEngineError where the disk or the machine is full."""
        check_environment()
        if any(self.directory.is_relative_to(prefix) for prefix in interpreter_prefixes()):
            raise FinalEngineError(
                f"{self.directory} lies inside Python's own directory, which jobs can read → move the city"
            )
        if spec.accelerator != "cpu":
            raise FinalEngineError(
                f"no {spec.accelerator!r} on this engine, only cpu → send the job to a centre that has it"
            )
        if spec.count > self.slots:
            raise FinalEngineError(f"{spec.count} processors asked of {self.slots} → ask for fewer")
        # Memory goes with the processors, so that jobs side by side never want more than there is.
        share = PHYSICAL_MB * spec.count // self.slots
        if spec.memory_mb > share:
            raise FinalEngineError(
                f"{spec.memory_mb} MB asked of {share} MB for {spec.count} processors → ask for less"
            )
        directory = self._path(job_id)
        try:
            if not directory.path.exists():
                self._lay(spec, directory)
            if json.loads((directory.path / "spec.json").read_text()) != json.loads(json.dumps(spec.as_dict())):
                raise Conflict(f"job {job_id} was submitted with another specification → give the new job a new id")
            self._launch(directory)
        except OSError as error:
            raise RetryableEngineError(f"job {job_id} cannot be laid under {self.directory} ({error})") from error

    def state(self, job_id: str) -> JobState:
        directory = self._existing(job_id)
        result = directory.read_result()
        if result is not None:
            return result[0]
        if self._lost_reason(directory):
            with directory.locked(shared=True) as is_unwatched:
                pass
            if is_unwatched:
                self._give_up(directory)
            result = directory.read_result()
            if result is not None:
                return result[0]
        return JobState(JobPhase.RUNNING if directory.is_started else JobPhase.QUEUED)

    def logs(self, job_id: str, offset: int = 0) -> tuple[bytes, int]:
        if offset < 0:
            raise InputError(f"log offset {offset} is negative")
        try:
            with self._existing(job_id).log.open("rb") as file:
                file.seek(offset)
                read = file.read(LOG_CHUNK_BYTES)
        except FileNotFoundError:
            read = b""
        return read, offset + len(read)

    def cancel(self, job_id: str) -> None:
        directory = self._existing(job_id)
        directory.mark("cancel")
        with directory.locked() as got:
            if got and directory.read_result() is None and not directory.is_started:
                state = JobState(JobPhase.CANCELLED, None, "cancelled")
                directory.write_result(state, nothing_used(directory.read_spec()))

    def usage(self, job_id: str) -> Usage:
        directory = self._existing(job_id)
        result = directory.read_result()
        return result[1] if result else nothing_used(directory.read_spec())

    def outputs(self, job_id: str) -> tuple[tuple[str, int], ...]:
        work = self._existing(job_id).work
        found: list[tuple[str, int]] = []
        waiting, entries = [""], 0
        while waiting and entries < MAXIMUM_ENTRIES:
            folder = waiting.pop()
            try:
                # By descriptor: a running job could put a link in a directory's place between two looks at its path.
                with _opened_folder(work, folder) as descriptor, os.scandir(descriptor) as listing:
                    for entry in listing:
                        entries += 1
                        path = f"{folder}/{entry.name}" if folder else entry.name
                        if not is_safe_path(path):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(path)
                        elif entry.is_file(follow_symlinks=False):
                            found.append((path, entry.stat(follow_symlinks=False).st_size))
            except OSError:
                continue
        return tuple(sorted(found))

    def read_output(self, job_id: str, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        with self.open_output(job_id, path) as file:
            return file.read(limit_bytes)

    def open_output(self, job_id: str, path: str) -> BinaryIO:
        """The file, open, whatever its size; whoever asks closes it."""
        directory = self._existing(job_id)
        if not is_safe_path(path):
            raise InputError(
                Said(
                    f"output {path!r:.100} leaves the work directory → name one of its files",
                    f"输出 {path!r:.100} 超出作业目录 → 请写其中的文件",
                )
            )
        try:
            return _open_beneath(directory.work, path)
        except OSError as error:
            raise NotFound(
                f"job {job_id} left no file {path!r:.100} ({error.strerror})",
                f"作业 {job_id} 没有留下文件 {path!r:.100}（{error.strerror}）",
            ) from None

    def _path(self, job_id: str) -> JobDirectory:
        return JobDirectory(self.directory / check_job_id(job_id))

    def _existing(self, job_id: str) -> JobDirectory:
        directory = self._path(job_id)
        if not (directory.path / "spec.json").is_file():
            raise NotFound(f"no job {job_id!r} on this engine", f"此引擎上没有作业 {job_id!r}")
        return directory

    def _lay(self, spec: JobSpec, directory: JobDirectory) -> None:
        """Everything is written under a passing name; the rename claims the id, for one submitter only."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.directory / f".draft-{uuid.uuid4().hex}"
        (draft / "work").mkdir(parents=True, mode=0o700)
        draft.chmod(0o700)
        try:
            for file in spec.files:
                target = draft / "work" / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.content)
            write_durably(draft / "spec.json", spec.as_dict())
            try:
                draft.rename(directory.path)
            except OSError:
                if not directory.path.exists():
                    raise
            sync_directory(self.directory)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _launch(self, directory: JobDirectory) -> None:
        """Returns once the supervisor holds the lock, or somebody else does."""
        with directory.locked(shared=True) as is_unwatched:
            if not is_unwatched or directory.is_started or directory.read_result() is not None:
                return
        # Nothing of the platform's environment, where its secrets are, goes further than this.
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCES), "LANG": "C.UTF-8"}
        line = [sys.executable, "-P", "-m", "siwei.compute.local.supervisor"]
        line += [str(directory.path), str(self.directory / ".slots"), str(self.slots)]
        done = subprocess.run(
            line, env=environment, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode == NO_PLACE:
            raise RetryableEngineError(f"{MAXIMUM_JOBS} jobs run or wait here already → submit again later")
        if done.returncode != 0:
            job_id = directory.path.name
            raise RetryableEngineError(
                f"the supervisor of {job_id} did not start (exit {done.returncode}) → submit again"
            )

    def _give_up(self, directory: JobDirectory) -> None:
        """Write the end of a job that no supervisor watches, unless one came meanwhile."""
        with directory.locked() as got:
            reason = self._lost_reason(directory) if got and directory.read_result() is None else ""
            if reason:
                end_leftovers(directory.work)
                directory.write_result(JobState(JobPhase.LOST, None, reason), nothing_used(directory.read_spec()))

    def _lost_reason(self, directory: JobDirectory) -> str:
        """Why the job is lost if no supervisor lives, which the lock alone tells; empty while it need not have one."""
        if directory.is_started:
            return "supervisor_died"
        age = time.time() - (directory.path / "spec.json").stat().st_mtime
        return "never_started" if age > NEVER_STARTED_AFTER_S else ""


@contextmanager
def _opened_folder(directory: Path, path: str) -> Iterator[int]:
    """Open `path` beneath `directory` step by step, following no link that a job may have left on the way."""
    here = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in path.split("/") if path else ():
            further = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = further
        yield here
    finally:
        os.close(here)


def _open_beneath(directory: Path, path: str) -> BinaryIO:
    """A regular file; neither a link nor a pipe, on which reading would wait for ever."""
    folder, _, name = path.rpartition("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with _opened_folder(directory, folder) as here:
        file = os.fdopen(os.open(name, flags, dir_fd=here), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(2, "not a regular file")
    return file
