"""A command begins without what only others need: most of its time would go into loading that."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from siwei.cli.loading import loading

HEAVY = {"duckdb", "jieba", "numpy", "openpyxl", "polars", "pyarrow", "reportlab", "scipy"}
LOADED = """
import json, sys
from siwei.cli import load_commands
load_commands()
if sys.argv[1] == "opened":
    import django
    django.setup()
print(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""


@pytest.mark.parametrize("how", ["told", "opened"])
def test_what_crunches_numbers_is_loaded_by_the_commands_that_do(how: str) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings"}
    command = [sys.executable, "-c", LOADED, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert ("siwei" in loaded, "django" in loaded or how == "told", loaded & HEAVY) == (True, True, set())


def test_garbage_is_looked_for_again_when_all_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()
        with loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


LEAVING = """
import sys, threading
import duckdb
began = threading.Event()
def query():
    connection = duckdb.connect()
    while True:
        connection.execute("SELECT sum(i * i) FROM range(100000) t(i)").fetchall()
        began.set()
threading.Thread(target=query, daemon=True).start()
began.wait()
sys.argv = ["siwei", *sys.argv[1:]]
from siwei.cli import main
main()
"""


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["policy", "schema", "--pack", "nowhere"], 4)])
def test_a_command_ends_well_while_a_thread_is_still_at_work(arguments: list[str], code: int) -> None:
    """Before, the interpreter ended under the query and aborted."""
    left = subprocess.run([sys.executable, "-c", LEAVING, *arguments], capture_output=True, text=True, timeout=120)
    assert (left.returncode, bool(left.stdout or left.stderr)) == (code, True)


ENDING = """
import atexit, sys, threading, time
atexit.register(lambda: print("put in order", file=sys.stderr))
def work():
    time.sleep(0.5)
    print("waited for", file=sys.stderr)
if sys.argv[1] == "waited-for":
    threading.Thread(target=work).start()
sys.argv = ["siwei", "--version"]
from siwei.cli import main
main()
"""


@pytest.mark.parametrize(("beside", "told"), [("nothing", ""), ("waited-for", "waited for\n")])
def test_a_command_ends_with_all_that_is_to_be_done(beside: str, told: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDING, beside], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, f"{told}put in order\n")
    assert done.stdout.strip()


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
SAYING = [sys.executable, "-c", "from siwei.cli.ending import leave; print('told'); leave(0)"]


def test_what_cannot_be_told_on_a_full_disk_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(SAYING, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (7, "✗ what was told could not be written: No space left on device\n")


RUNNING = [sys.executable, "-c", "from siwei.cli import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, a disk that is full")
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["policy", "schema", "--programme-file"]])
@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_full_disk_is_told_once_however_much_was_to_be_told(words: list[str], buffering: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*RUNNING, *words], env=BUFFERED | buffering, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert (done.returncode, done.stderr) == (7, "✗ what was told could not be written: No space left on device\n")


FAULTY = """
import tempfile
tempfile.tempdir = "/nowhere/at/all"
def fail():
    raise RuntimeError("ours")
import siwei.cli
siwei.cli.load_commands = fail
siwei.cli.main()
"""


def test_a_fault_is_told_where_its_details_have_no_place() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTY], capture_output=True, text=True, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr, done.stderr.count("\n")) == (1, False, 1)
    assert "(RuntimeError)" in done.stderr
    assert done.stderr.endswith("Please report it (its details found no place on this disk)\n")


def test_a_reader_who_has_had_enough_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(SAYING, env=BUFFERED, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
