"""A command begins without what only others need: most of its time would go into loading that."""

import json
import os
import subprocess
import sys

import pytest

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
