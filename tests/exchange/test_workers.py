"""Several workers on one city, killed at random: nothing is done twice and nothing is left, on both databases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("workers_killed.py")
WORKERS, KILLS, JOBS, HOLDS = 3, 15, 30, 40
# The jobs are metered for the whole of what was agreed on, so each charged once is exactly all of it.


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A city of its own; on PostgreSQL a database of its own on the same server."""
    values = os.environ | {"SIWEI_CITY": str(tmp_path)}
    url = os.environ.get("SIWEI_DATABASE_URL", "")
    if not url:
        yield values
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS siwei_workers")
        server.execute("CREATE DATABASE siwei_workers")
    yield values | {"SIWEI_DATABASE_URL": url.rsplit("/", 1)[0] + "/siwei_workers"}
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE siwei_workers WITH (FORCE)")


@pytest.mark.database
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_workers_do_nothing_twice_and_leave_nothing(environment: dict[str, str], seed: int) -> None:
    command = [sys.executable, PROGRAM, *map(str, (WORKERS, KILLS, seed, JOBS))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # What a kill hits is chance: a worker in a task, between two, or one that has not begun yet.
    assert 0 < told.pop("killed") <= KILLS
    assert told.pop("taken_over") > 0
    assert told["agreed_fen"] > 0
    assert told == {
        "exits": [0] * WORKERS,
        "stopped": WORKERS + 1,
        "statuses": ["SUCCESSFUL"],
        "jobs": ["succeeded"],
        "metered": JOBS,
        "charged_fen": told["agreed_fen"],
        "agreed_fen": told["agreed_fen"],
        "expired": HOLDS,
        "sum": 0,
        "seals": [],
    }
