"""Jobs that end by themselves: what is kept of them, and that each runs once."""

import json
import os
import sys
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from jobs_at_hand import SUCCEEDED, Run, python_job, wait_for, wait_until

from siwei.compute import JobPhase, JobSpec, JobState, LocalEngine, Usage, WorkingFile, billed_accelerator_seconds
from siwei.compute.jobs import training_job
from siwei.compute.local.slots import claim_slots
from siwei.compute.local.supervisor import MAXIMUM_JOBS
from siwei.errors import Conflict, FinalEngineError, InputError, NotFound, RetryableEngineError


def test_a_job_runs_and_leaves_log_output_and_usage(engine: LocalEngine) -> None:
    spec = JobSpec(
        ("python", "main.py", "七"),
        files=(WorkingFile("main.py", b"import part.more, sys\nprint('got', sys.argv[1], part.more.VALUE)\n"
                           b"open('out.txt', 'w').write('done')"), WorkingFile("part/more.py", b"VALUE = 3")),
    )  # fmt: skip
    engine.submit(spec, "job-1")
    assert wait_for(engine, "job-1") == SUCCEEDED
    assert engine.logs("job-1") == ("got 七 3\n".encode(), 10)
    assert engine.logs("job-1", 4) == ("七 3\n".encode(), 10)
    assert engine.logs("job-1", 10) == (b"", 10)
    assert engine.outputs("job-1") == (("main.py", 99), ("out.txt", 4), ("part/more.py", 9))
    assert engine.read_output("job-1", "out.txt") == b"done"
    assert engine.read_output("job-1", "out.txt", 2) == b"do"


def test_usage_is_what_the_clock_and_the_kernel_say(engine: LocalEngine, run: Run) -> None:
    code = "import time\nx = bytearray(60 << 20)\nwhile time.process_time() < .5: pass"
    assert run(code) == SUCCEEDED
    usage = engine.usage("job-1")
    assert usage.started_at is not None
    assert usage.ended_at == usage.started_at + timedelta(seconds=usage.wall_s)
    assert 0.4 <= usage.wall_s < 5
    assert 0.4 <= usage.cpu_s <= usage.wall_s
    assert 60 <= usage.peak_memory_mb < 120
    assert (usage.accelerator_model, usage.accelerator_count) == ("cpu", 1)
    assert usage.accelerator_seconds == usage.wall_s
    assert billed_accelerator_seconds(usage) == 60


@pytest.mark.parametrize(
    ("code", "exit_code"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 11)", 139), ("1/0", 1)]
)
def test_a_failing_job_says_how(run: Run, code: str, exit_code: int) -> None:
    assert run(code) == JobState(JobPhase.FAILED, exit_code, "exit")


def test_a_command_that_is_not_there(engine: LocalEngine) -> None:
    engine.submit(JobSpec(("no-such-program",)), "job-1")
    assert wait_for(engine, "job-1") == JobState(JobPhase.FAILED, 127, "exit")
    assert b"no-such-program" in engine.logs("job-1")[0]


def test_the_training_job_fits_and_its_metrics_do_not_vary(engine: LocalEngine) -> None:
    spec = training_job(epochs=6, rows=20_000)
    for job_id in ("one", "two"):
        engine.submit(spec, job_id)
    metrics = []
    for job_id in ("one", "two"):
        assert wait_for(engine, job_id) == SUCCEEDED
        assert [name for name, _ in engine.outputs(job_id)] == [
            "history.jsonl", "metrics.json", "model.npz", "train_classifier.py"
        ]  # fmt: skip
        metrics.append(json.loads(engine.read_output(job_id, "metrics.json")))
    assert metrics[0] == metrics[1]
    history = [json.loads(line) for line in engine.read_output("one", "history.jsonl").splitlines()]
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["accuracy"] == metrics[0]["accuracy"]
    # Six classes by chance give 0.17; a fit that learns nothing must not pass.
    assert metrics[0]["accuracy"] > 0.6
    assert engine.logs("one")[0].decode().count("\nepoch ") == 6


def test_submitted_again_by_many_at_once_it_runs_once(engine: LocalEngine) -> None:
    spec = python_job("import time; print('ran', flush=True); time.sleep(.3)")
    threads = [threading.Thread(target=LocalEngine(engine.directory).submit, args=(spec, "job-1")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wait_for(engine, "job-1") == SUCCEEDED
    engine.submit(spec, "job-1")
    time.sleep(0.3)
    assert engine.logs("job-1")[0] == b"ran\n"
    assert [path.name for path in engine.directory.iterdir() if path.name.startswith(".draft")] == []


def test_another_job_under_the_same_id_is_a_conflict(engine: LocalEngine, run: Run) -> None:
    run("print(1)")
    with pytest.raises(Conflict, match="job-1 was submitted with another specification"):
        engine.submit(python_job("print(2)"), "job-1")


def test_what_this_machine_never_has_is_final(engine: LocalEngine) -> None:
    with pytest.raises(FinalEngineError, match="no 'Ascend 910B' on this engine"):
        engine.submit(python_job("1", accelerator="Ascend 910B"), "job-1")
    with pytest.raises(FinalEngineError, match="1000 processors asked of"):
        engine.submit(python_job("1", count=1000), "job-1")
    with pytest.raises(FinalEngineError, match="4000000 MB asked of"):
        engine.submit(python_job("1", memory_mb=4_000_000), "job-1")
    with pytest.raises(FinalEngineError, match="lies inside Python's own directory"):
        LocalEngine(Path(sys.prefix) / "city").submit(python_job("1"), "job-1")
    with pytest.raises(NotFound):
        engine.state("job-1")


def test_a_directory_that_cannot_be_made_is_retryable(engine: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RetryableEngineError, match="job-1 cannot be laid"):
        LocalEngine(tmp_path / "file" / "jobs").submit(python_job("1"), "job-1")


@pytest.mark.parametrize("job_id", ["", "../up", ".hidden", "a/b", "a\n", "x" * 81, "作业"])
def test_ids_that_are_no_directory_names_are_refused(engine: LocalEngine, job_id: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        engine.submit(python_job("1"), job_id)


def test_an_unknown_job_is_not_found(engine: LocalEngine) -> None:
    for ask in (engine.state, engine.logs, engine.cancel, engine.usage, engine.outputs):
        with pytest.raises(NotFound, match="no job 'job-1' on this engine"):
            ask("job-1")


def test_jobs_beyond_the_slots_wait_and_can_be_cancelled(engine: LocalEngine) -> None:
    narrow = LocalEngine(engine.directory, slots=1)
    narrow.submit(python_job("import time; time.sleep(60)"), "first")
    wait_until(lambda: narrow.state("first").phase == JobPhase.RUNNING)
    narrow.submit(python_job("print('second')"), "second")
    narrow.submit(python_job("print('third')"), "third")
    assert narrow.state("second") == JobState(JobPhase.QUEUED)
    narrow.cancel("third")
    assert wait_for(narrow, "third") == JobState(JobPhase.CANCELLED, None, "cancelled")
    assert billed_accelerator_seconds(narrow.usage("third")) == 0
    assert narrow.state("first") == JobState(JobPhase.RUNNING)
    narrow.cancel("first")
    assert wait_for(narrow, "first") == JobState(JobPhase.CANCELLED, 137, "cancelled")
    assert wait_for(narrow, "second") == SUCCEEDED
    narrow.cancel("second")
    assert narrow.state("second") == SUCCEEDED
    assert billed_accelerator_seconds(narrow.usage("first")) == 60


def test_a_job_gets_the_processors_it_asked_for(engine: LocalEngine, run: Run) -> None:
    assert run("import os; print(len(os.sched_getaffinity(0)))", count=1) == SUCCEEDED
    assert engine.logs("job-1")[0] == b"1\n"
    if len(os.sched_getaffinity(0)) > 1:
        assert run("import os; print(len(os.sched_getaffinity(0)))", "job-2", count=2) == SUCCEEDED
        assert engine.logs("job-2")[0] == b"2\n"
        usage = engine.usage("job-2")
        assert usage.accelerator_seconds == round(usage.wall_s * 2, 3)


def test_usage_survives_its_written_form(engine: LocalEngine, run: Run) -> None:
    run("1")
    usage = engine.usage("job-1")
    assert Usage.from_dict(json.loads(json.dumps(usage.as_dict()))) == usage


def test_more_jobs_than_places_are_asked_to_come_again(engine: LocalEngine) -> None:
    with ExitStack() as taken:
        for _ in range(MAXIMUM_JOBS):
            taken.enter_context(claim_slots(engine.directory / ".slots" / "places", MAXIMUM_JOBS, 1))
        with pytest.raises(RetryableEngineError, match=f"{MAXIMUM_JOBS} jobs run or wait here already"):
            engine.submit(python_job("print(1)"), "job-1")
        assert engine.state("job-1") == JobState(JobPhase.QUEUED)
    engine.submit(python_job("print(1)"), "job-1")
    assert wait_for(engine, "job-1") == SUCCEEDED
