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
