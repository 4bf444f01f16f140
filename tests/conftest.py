"""What all tests share: a city of their own, a database on disk, real data when there is any."""

import fcntl
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from siwei.city.home import CityHome, create_home

settings.register_profile("siwei", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("siwei")
gc.disable()  # until all is loaded
os.environ["LC_ALL"] = "C.UTF-8"  # errors are told in the language of the terminal; the tests read the English
os.environ["SIWEI_CITY"] = tempfile.mkdtemp(prefix="siwei-tests-")


@pytest.fixture(scope="session")
def city_home() -> CityHome:
    return create_home(Path(os.environ["SIWEI_CITY"]), "shenzhen", date(2026, 11, 23))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(city_home: CityHome, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite in a file, with its write-ahead log, as in a real city; memory would hide locking.

    Processes side by side have a city of their own, and on PostgreSQL a database whose name ends in the process's.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(city_home.directory / "test.sqlite3")


@pytest.fixture(scope="session")
def lay_city(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Lays a city as `siwei init` leaves it, on SQLite: made once for all tests, in whatever process, and copied."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    laid = shared / "laid-city"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIWEI_")}

    def lay(directory: Path) -> None:
        with (shared / "laid-city.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not laid.exists():
                made = laid.with_name("city-being-laid")
                command = [sys.executable, "-c", "from siwei.cli import main; main()", "init", str(made)]
                subprocess.run(command, env=environment, check=True, capture_output=True)
                made.rename(laid)
        shutil.copytree(laid, directory)

    return lay


TESTS = Path(__file__).parent
BEGUN_FIRST = (
    "run/test_main_job.py", "crash", "cli/test_backup.py", "portal/test_browser.py", "gateway", "cli",
    "portal/test_hostile_pages.py", "portal/test_api.py", "portal/test_hostile_requests.py", "compute",
    "policy/test_joint_explanation.py", "portal/test_who_sees_what.py", "portal/test_refusals_in_both_languages.py",
    "exchange/test_ledger_model.py",
)  # fmt: skip
"""The longest files; one begun last would keep one processor at work while the others have nothing left to do."""


@cache
def place_in_line(file: Path) -> int:
    path = file.relative_to(TESTS)
    return next((n for n, name in enumerate(BEGUN_FIRST) if path.is_relative_to(name)), len(BEGUN_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the database carries the mark, so that the PostgreSQL run finds it; long files go first.

    What is told once for a file (`…_once`) stays told to its end: tests of less come before those of more.
    """
    files: dict[Path, int] = {}
    for item in items:
        files.setdefault(item.path, len(files))
    items.sort(key=lambda item: (place_in_line(item.path), files[item.path], told_once(item)))
    for item in items:
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database)


def told_once(item: pytest.Item) -> int:
    return sum(name.endswith("_once") for name in getattr(item, "fixturenames", ()))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays to the end: to look through it for garbage again and again is a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


def pytest_unconfigure() -> None:
    gc.unfreeze()  # what is bound to native code says so when the process ends and it was never given back


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not os.environ.get("SIWEI_DATA"):
        pytest.skip("SIWEI_DATA is not set: no real data here")
    return Path(os.environ["SIWEI_DATA"])
