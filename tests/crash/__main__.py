"""A city that is killed again and again: web, workers and clients, at random moments of thousands of agreements.

    python -m tests.crash --kills 200 --database sqlite --seed 7 --json

Every process may die at any moment (SIGKILL) and is started again; clients repeat what they had asked under the same
keys. What was begun is ended, and then all that is judged is the database: is every agreement in a lawful state, every
fen where it belongs, nothing captured twice, everything reported settled, no hold left over? Exit status 1 where not.
On PostgreSQL a throw-away server is started (`scripts/with-postgres`), or the one of SIWEI_DATABASE_URL gets a
database of its own.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    given = arguments()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**9)
    if given.database == "postgresql" and not os.environ.get("SIWEI_DATABASE_URL"):
        command = [sys.executable, "-m", "tests.crash", *sys.argv[1:], "--seed", str(seed)]
        os.execv(ROOT / "scripts" / "with-postgres", ["with-postgres", *command])
    print(f"seed {seed}", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="siwei-crash-"))
    try:
        with database(given.database):
            told = run(folder, given, seed)
    finally:
        if given.keep:
            print(f"kept in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        for name, value in told.items():
            print(f"{name:14} {value}")
    return 0 if told["ok"] else 1


def run(folder: Path, given: argparse.Namespace, seed: int) -> dict[str, Any]:
    from siwei.city.home import create_home

    os.environ["SIWEI_CITY"] = str(create_home(folder / "city", "shenzhen", date.today()).directory)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["SIEGE_PATIENCE_S"] = str(given.patience)
    os.environ["DJANGO_SETTINGS_MODULE"] = "siwei.portal.django_settings"
    import django

    django.setup()
    from tests.crash.siege import Asked, besiege

    asked = Asked(kills=given.kills, agreements=given.agreements, minutes=given.minutes, work=given.work)
    told = besiege(folder, asked, seed)
    return told | {"seed": seed, "database": given.database}


@contextmanager
def database(kind: str) -> Iterator[None]:
    """SQLite in the city's folder, or a database of its own on the server."""
    url = os.environ.pop("SIWEI_DATABASE_URL", "")
    if kind == "sqlite":
        yield
        return
    import psycopg

    name = f"siwei_crash_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    os.environ["SIWEI_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--work", type=float, default=1.0, help="longer lives: this times as much work between kills")
    parser.add_argument("--agreements", type=int, default=1, help="go on at least until so many are over")
    parser.add_argument("--minutes", type=float, help="kill nobody any more when so many are over, and judge then")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds for which a refused client asks again")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the city's folder where it is")
    given = parser.parse_args()
    if given.kills < 0 or given.work < 0.01 or (given.minutes is not None and given.minutes <= 0):
        parser.error("--kills 0 or more, --work 0.01 or more, --minutes above 0")
    return given


if __name__ == "__main__":
    sys.exit(main())
