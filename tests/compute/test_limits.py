"""Jobs that take too much: each is stopped, soon, and says for what."""

import time

import pytest
from jobs_at_hand import SUCCEEDED, Run, python_job, wait_for

from siwei.compute import JobPhase, JobState, LocalEngine

HOG = "held = []\nwhile True: held.append(bytearray(8 << 20)); __import__('time').sleep(.01)"
FORKS = """
import os, time
made = 0
while True:
    try:
        if os.fork() == 0:
            time.sleep(999); os._exit(0)
        made += 1
    except OSError as refused:
        print(made, refused.errno); break
"""
FILL = "with open('big', 'wb') as file:\n    while True: file.write(bytes(1 << 20)); file.flush()"
MANY = "import os, time\nopen('a', 'w')\nfor n in range(12000): os.link('a', f'l{n}')\ntime.sleep(999)"
DEEP = "import os\nfor n in range(3000): os.mkdir('d' * 200); os.chdir('d' * 200)\n__import__('time').sleep(999)"
LEAVES = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(999)
    os._exit(0)
"""
DEAF = """
import signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except OSError: pass
print('deaf', flush=True)
time.sleep(999)
"""


@pytest.mark.parametrize(
    ("code", "members", "exit_code", "reason"),
    [
        ("import time; time.sleep(999)", {"wall_limit_s": 1}, 137, "wall_limit"),
        ("while True: pass", {"cpu_limit_s": 1}, 152, "cpu_limit"),
        (HOG, {"memory_mb": 128}, 137, "memory_limit"),
        (MANY, {}, 137, "disk_limit"),
        (DEEP, {}, 137, "disk_limit"),
    ],
)
def test_each_limit_ends_the_job(run: Run, code: str, members: dict[str, int], exit_code: int, reason: str) -> None:
    began = time.monotonic()
    assert run(code, **members) == JobState(JobPhase.FAILED, exit_code, reason)
    assert time.monotonic() - began < 300


def test_one_large_file_meets_the_file_size_limit(engine: LocalEngine, run: Run) -> None:
    code = "try:\n    with open('big', 'wb', 0) as file:\n        while True: file.write(bytes(1 << 20))\n"
    code += "except OSError as refused: print(refused.errno)\nimport os; os.truncate('big', 1000)"
    state = run(code, disk_mb=8)
    # 27 is EFBIG; the supervisor may look in the moment between.
    assert (state, engine.logs("job-1")[0]) == (SUCCEEDED, b"27\n") or state.reason == "disk_limit"


def test_many_files_meet_the_sum_and_are_not_kept(engine: LocalEngine, run: Run) -> None:
    code = "for n in range(64): open(f'f{n}', 'wb').write(bytes(2 << 20)); __import__('time').sleep(.05)"
    assert run(code, disk_mb=8) == JobState(JobPhase.FAILED, 137, "disk_limit")
    assert engine.outputs("job-1") == ()


def test_processor_time_is_summed_over_processes(run: Run) -> None:
    code = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
    assert run(code, cpu_limit_s=1, wall_limit_s=200) == JobState(JobPhase.FAILED, 137, "cpu_limit")


def test_memory_is_summed_over_processes(run: Run) -> None:
    code = "import os, time\nfor _ in range(2): os.fork()\nheld = bytearray(60 << 20); time.sleep(999)"
    assert run(code, memory_mb=160) == JobState(JobPhase.FAILED, 137, "memory_limit")


def test_one_great_allocation_is_refused_inside(engine: LocalEngine, run: Run) -> None:
    code = "try: bytearray(3 << 30)\nexcept MemoryError: print('refused')"
    assert run(code, memory_mb=128) == SUCCEEDED
    assert engine.logs("job-1")[0] == b"refused\n"


def test_a_fork_bomb_is_bounded_and_swept_away(engine: LocalEngine, run: Run) -> None:
    began = time.monotonic()
    state = run(FORKS, processes=12)
    assert time.monotonic() - began < 300
    # The kernel refuses the thirteenth; where it does not count (user 0), the supervisor ends the job.
    if state == SUCCEEDED:
        assert engine.logs("job-1")[0] == b"11 11\n"
    else:
        assert state == JobState(JobPhase.FAILED, 137, "process_limit")


def test_a_log_flood_is_cut_and_does_not_block_the_job(engine: LocalEngine, run: Run) -> None:
    code = "import sys\nfor _ in range(3000): sys.stdout.write('x' * 1000)\nopen('end', 'w').write('reached')"
    assert run(code, log_kb=16) == SUCCEEDED
    log, size = engine.logs("job-1")
    note = "\n[siwei] 日志已达上限，其余部分不再保存 / log limit reached, the rest is not kept\n"
    assert log == b"x" * 16 * 1024 + note.encode()
    assert engine.logs("job-1", size) == (b"", size)
    assert engine.read_output("job-1", "end") == b"reached"


def test_temporary_and_shared_memory_files_are_bounded(engine: LocalEngine, run: Run) -> None:
    code = """
for path in ('/tmp/f', '/dev/shm/f'):
    with open(path, 'wb') as file:
        try:
            for _ in range(4096): file.write(bytes(1 << 20))
        except OSError as refused: print(path, refused.errno)
"""
    assert run(code, memory_mb=256, disk_mb=512) == SUCCEEDED
    assert engine.logs("job-1")[0] == b"/tmp/f 28\n/dev/shm/f 28\n"


def test_a_job_that_closes_its_output_is_watched_all_the_same(run: Run) -> None:
    code = "import os, time\nfor n in (0, 1, 2): os.close(n)\ntime.sleep(999)"
    assert run(code, wall_limit_s=1) == JobState(JobPhase.FAILED, 137, "wall_limit")


def test_what_a_job_leaves_running_ends_with_it(run: Run) -> None:
    began = time.monotonic()
    assert run(LEAVES) == SUCCEEDED
    assert time.monotonic() - began < 300


def test_children_nobody_waits_for_do_no_harm(run: Run) -> None:
    code = "import os, time\nfor _ in range(8):\n    if os.fork() == 0: os._exit(0)\ntime.sleep(.5)"
    assert run(code, processes=12) == SUCCEEDED


def test_a_stubborn_job_is_killed_all_the_same(engine: LocalEngine) -> None:
    engine.submit(python_job(DEAF), "job-1")
    while engine.logs("job-1")[0] != b"deaf\n":
        time.sleep(0.02)
    engine.cancel("job-1")
    assert wait_for(engine, "job-1") == JobState(JobPhase.CANCELLED, 137, "cancelled")


def test_the_time_it_takes_to_notice_the_limit_is_not_billed(engine: LocalEngine, run: Run) -> None:
    assert run("import time; time.sleep(999)", wall_limit_s=1) == JobState(JobPhase.FAILED, 137, "wall_limit")
    assert engine.usage("job-1").wall_s == 1.0
