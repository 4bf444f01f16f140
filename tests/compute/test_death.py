"""Kills at bad moments: of the supervisor, of the platform, of both; and what is left to be found afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from jobs_at_hand import SUCCEEDED, python_job, wait_for, wait_until

from siwei.compute import JobPhase, JobState, LocalEngine, billed_accelerator_seconds
from siwei.compute.local.directory import JobDirectory
from siwei.errors import RetryableEngineError

LOST = JobState(JobPhase.LOST, None, "supervisor_died")
SLEEP = "import time; print('up', flush=True); time.sleep({marker})"


def processes_with(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if marker.encode() in command:
                found.append(int(entry.name))
    return found


def supervisor_of(engine: LocalEngine, job_id: str) -> int:
    return int((engine.directory / job_id / "supervisor.pid").read_text())


def processes_of(engine: LocalEngine, job_id: str) -> list[int]:
    """Its supervisor, which `submit` has started when it returns, and its sandbox."""
    return processes_with(str(engine.directory / job_id))


def start(engine: LocalEngine, job_id: str, marker: str) -> None:
    engine.submit(python_job(SLEEP.format(marker=marker)), job_id)
    wait_until(lambda: engine.logs(job_id)[0] == b"up\n")


def test_a_killed_supervisor_takes_its_job_along_and_the_job_is_lost(engine: LocalEngine) -> None:
    start(engine, "job-1", "3001.125")
    assert len(processes_with("3001.125")) >= 2
    os.kill(supervisor_of(engine, "job-1"), signal.SIGKILL)
    wait_until(lambda: processes_with("3001.125") == [])
    assert wait_for(engine, "job-1") == LOST
    usage = engine.usage("job-1")
    assert (usage.started_at, usage.wall_s, billed_accelerator_seconds(usage)) == (None, 0.0, 0)
    assert engine.logs("job-1")[0] == b"up\n"


def test_a_supervisor_killed_at_any_moment_of_starting_leaves_nothing_running(engine: LocalEngine) -> None:
    """Between starting bubblewrap and bubblewrap's own request to die with its parent there is a moment."""
    for n in range(20):
        job_id, marker = f"job-{n}", f"3004.{n:03}1"
        engine.submit(python_job(SLEEP.format(marker=marker)), job_id)
        if n % 2:
            wait_until(lambda marker=marker: processes_with(marker) != [])
        time.sleep(n * 0.002)
        os.kill(supervisor_of(engine, job_id), signal.SIGKILL)
        assert wait_for(engine, job_id).phase == JobPhase.LOST
        wait_until(lambda marker=marker: processes_with(marker) == [])


def test_a_lost_job_stays_lost_and_goes_on_under_a_new_id(engine: LocalEngine) -> None:
    spec = python_job(SLEEP.format(marker="3002.125"))
    engine.submit(spec, "attempt-1")
    wait_until(lambda: engine.logs("attempt-1")[0] == b"up\n")
    os.kill(supervisor_of(engine, "attempt-1"), signal.SIGKILL)
    assert wait_for(engine, "attempt-1") == LOST
    wait_until(lambda: processes_of(engine, "attempt-1") == [])
    engine.submit(spec, "attempt-1")
    assert engine.state("attempt-1") == LOST
    assert processes_of(engine, "attempt-1") == []
    assert engine.logs("attempt-1")[0] == b"up\n"
    engine.submit(spec, "attempt-2")
    wait_until(lambda: engine.logs("attempt-2")[0] == b"up\n")
    engine.cancel("attempt-2")
    assert wait_for(engine, "attempt-2").phase == JobPhase.CANCELLED


def test_a_lost_job_gives_its_slot_back(engine: LocalEngine) -> None:
    narrow = LocalEngine(engine.directory, slots=1)
    start(narrow, "first", "3003.125")
    narrow.submit(python_job("print('second')"), "second")
    os.kill(supervisor_of(narrow, "first"), signal.SIGKILL)
    assert wait_for(narrow, "second") == SUCCEEDED
    assert wait_for(narrow, "first") == LOST


def test_killing_the_platform_does_not_touch_the_job(engine: LocalEngine) -> None:
    code = '''
import os, sys
from pathlib import Path
from siwei.compute import JobSpec, LocalEngine
job = """
import os, time
print('up', flush=True)
while not os.path.exists('go'):
    time.sleep(0.02)
print('end')
open('out', 'w').write('x')
"""
LocalEngine(Path(sys.argv[1])).submit(JobSpec(("python", "-c", job)), "job-1")
os.kill(0, 9)
'''
    line = [sys.executable, "-c", code, str(engine.directory)]
    done = subprocess.run(line, start_new_session=True, timeout=240, check=False)
    assert done.returncode == -signal.SIGKILL
    again = LocalEngine(engine.directory)
    wait_until(lambda: again.logs("job-1")[0] == b"up\n")
    assert again.state("job-1") == JobState(JobPhase.RUNNING)
    (again.directory / "job-1" / "work" / "go").touch()
    assert wait_for(again, "job-1") == SUCCEEDED
    assert again.logs("job-1")[0] == b"up\nend\n"
    assert again.read_output("job-1", "out") == b"x"


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_killed_at_any_moment_of_submitting_it_runs_once_or_is_lost(engine: LocalEngine, delay_s: float) -> None:
    code = """
import sys
from pathlib import Path
from siwei.compute import JobSpec, LocalEngine
print("up", flush=True)
sys.stdin.readline()
LocalEngine(Path(sys.argv[1])).submit(JobSpec(("python", "-c", "print('ran')")), "job-1")
"""
    line = [sys.executable, "-c", code, str(engine.directory)]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        time.sleep(delay_s)
        os.killpg(process.pid, signal.SIGKILL)
    engine.submit(python_job("print('ran')"), "job-1")
    assert wait_for(engine, "job-1") == SUCCEEDED
    assert engine.logs("job-1")[0] == b"ran\n"


def test_a_job_laid_but_never_started_can_be_submitted_again_and_is_lost_if_it_is_not(engine: LocalEngine) -> None:
    """As if the machine had stopped between the two steps of submitting: the first step alone is done here."""
    spec = python_job("print('ran')")
    for job_id in ("again", "left"):
        engine._lay(spec, JobDirectory(engine.directory / job_id))
        assert engine.state(job_id) == JobState(JobPhase.QUEUED)
    engine.submit(spec, "again")
    assert wait_for(engine, "again") == SUCCEEDED
    past = time.time() - 60
    os.utime(engine.directory / "left" / "spec.json", (past, past))
    assert engine.state("left") == JobState(JobPhase.LOST, None, "never_started")
    engine.submit(spec, "left")
    assert processes_of(engine, "left") == []
    assert engine.state("left") == JobState(JobPhase.LOST, None, "never_started")
    assert engine.logs("left") == (b"", 0)


def test_asking_for_the_state_all_the_time_never_loses_a_job(engine: LocalEngine) -> None:
    seen: set[str] = set()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            seen.update(engine.state(f"job-{n}").phase for n in range(4) if (engine.directory / f"job-{n}").exists())
            time.sleep(0.002)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for n in range(4):
        engine.submit(python_job("print(1)"), f"job-{n}")
    states = [wait_for(engine, f"job-{n}") for n in range(4)]
    ended.set()
    for asker in askers:
        asker.join()
    assert states == [SUCCEEDED] * 4
    assert seen <= {"queued", "running", "succeeded"}


def test_a_job_is_started_though_somebody_asks_for_its_state_at_that_moment(engine: LocalEngine) -> None:
    spec, directory = python_job("print('ran')"), JobDirectory(engine.directory / "job-1")
    engine._lay(spec, directory)
    with directory.locked(shared=True) as got:
        assert got
        submitting = threading.Thread(target=engine.submit, args=(spec, "job-1"))
        submitting.start()
        wait_until(lambda: processes_of(engine, "job-1") != [])
        assert submitting.is_alive()
    submitting.join()
    assert wait_for(engine, "job-1") == SUCCEEDED


def test_submitting_says_so_where_those_who_ask_never_let_the_supervisor_in(engine: LocalEngine) -> None:
    spec, directory = python_job("print('ran')"), JobDirectory(engine.directory / "job-1")
    engine._lay(spec, directory)
    with directory.locked(shared=True), pytest.raises(RetryableEngineError, match="submit again"):
        engine.submit(spec, "job-1")
    engine.submit(spec, "job-1")
    assert wait_for(engine, "job-1") == SUCCEEDED


def test_no_supervisor_is_left_when_the_job_has_ended(engine: LocalEngine) -> None:
    engine.submit(python_job("print(1)"), "job-1")
    wait_for(engine, "job-1")
    pid = supervisor_of(engine, "job-1")
    wait_until(lambda: str(engine.directory) not in command_of(pid))


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_a_job_that_cannot_be_set_up_is_failed_by_the_engine_and_costs_nothing(engine: LocalEngine) -> None:
    """Its work directory is gone: somebody tidied up."""
    spec = python_job("print(1)")
    engine._lay(spec, JobDirectory(engine.directory / "job-1"))
    (engine.directory / "job-1" / "work").rmdir()
    engine.submit(spec, "job-1")
    state = wait_for(engine, "job-1")
    assert (state.phase, state.reason) == (JobPhase.FAILED, "sandbox")
    assert billed_accelerator_seconds(engine.usage("job-1")) == 0
