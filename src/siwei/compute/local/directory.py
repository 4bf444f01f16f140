"""What is on disk for one job, and how it is written so that a kill at any moment leaves it readable.

spec.json      the specification, there before the directory gets its name
work/          the job's own files, the only thing it can write that lasts
lock           held (flock) by the supervisor as long as it lives
supervisor.pid for the operator; whether it lives is told by the lock alone
started        made once, before the command runs: the job never runs twice
cancel         made by whoever wants it stopped
log            stdout and stderr as they came
supervisor.log the supervisor's own troubles
result.json    the end: phase, exit code, reason, usage
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siwei.city.drafts import sync_directory
from siwei.compute.engine import JobPhase, JobState, Usage
from siwei.compute.specification import JobSpec


@dataclass(frozen=True, slots=True)
class JobDirectory:
    path: Path

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def is_started(self) -> bool:
        return (self.path / "started").exists()

    @property
    def is_cancelled(self) -> bool:
        return (self.path / "cancel").exists()

    def read_spec(self) -> JobSpec:
        return JobSpec.from_dict(json.loads((self.path / "spec.json").read_text()))

    def read_result(self) -> tuple[JobState, Usage] | None:
        """None while there is no end yet."""
        try:
            values = json.loads((self.path / "result.json").read_text())
        except FileNotFoundError:
            return None
        state = JobState(JobPhase(values["phase"]), values["exit_code"], values["reason"])
        return state, Usage.from_dict(values["usage"])

    def write_result(self, state: JobState, usage: Usage) -> None:
        values = {"phase": state.phase.value, "exit_code": state.exit_code, "reason": state.reason}
        write_durably(self.path / "result.json", values | {"usage": usage.as_dict()})

    def mark(self, name: str) -> bool:
        """Make an empty marker file that survives a crash; False where it was there already."""
        try:
            os.close(os.open(self.path / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        sync_directory(self.path)
        return True

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[bool]:
        """Try for the lock without waiting; whether it was got. The kernel drops it when its holder dies.

        Whoever only looks whether a supervisor lives takes it shared, so that two who look are not taken for one.
        """
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def nothing_used(spec: JobSpec) -> Usage:
    return Usage(None, None, 0.0, 0.0, 0.0, spec.accelerator, spec.count, 0.0)


def write_durably(path: Path, values: Mapping[str, Any]) -> None:
    """The file is either as before or whole, also after a power cut."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w") as file:
        json.dump(values, file, ensure_ascii=False, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)
