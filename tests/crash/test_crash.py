"""Killed 200 times at random, on SQLite and on PostgreSQL, a city loses nothing and does nothing twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 200


@pytest.mark.database
@pytest.mark.timeout(1500)
def test_a_city_under_siege_loses_nothing() -> None:
    database = "postgresql" if os.environ.get("SIWEI_DATABASE_URL") else "sqlite"
    command = [sys.executable, "-m", "tests.crash", "--kills", str(KILLS), "--work", "0.5", "--json"]
    done = subprocess.run([*command, "--database", database], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == [], done.stderr
    zeroes = {name: told[name] for name in ("doubled", "lost_fen", "orphan_holds", "unsettled")}
    assert zeroes == {"doubled": 0, "lost_fen": 0, "orphan_holds": 0, "unsettled": 0}, done.stderr
    assert (told["unlawful"], told["forgotten"]) == ([], [])
    assert told["kills"] >= KILLS
    assert told["landed"]["transaction"] > KILLS / 4
    assert told["agreements"] == told["settled"] == told["reported"] > 0
    assert done.returncode == 0
