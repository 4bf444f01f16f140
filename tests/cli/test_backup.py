"""`siwei backup` and `siwei restore`: of one moment while others write, proven equal, whole or not at all."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forking
import pytest
from forking import SIWEI

from siwei.city.archive import MANIFEST
from siwei.city.drafts import DRAFTS
from siwei.city.home import PACKS

pytestmark = pytest.mark.database
PROGRAM = Path(__file__).with_name("backup_city.py")
SERVER = os.environ.get("SIWEI_DATABASE_URL", "")
OLDER = Path(__file__).parents[1] / "fixtures" / "backups"
SECRET = "not-for-the-process-list"
WRITERS = 2
TELLS_ITS_CHILDREN = """
import json, subprocess, sys
begin = subprocess.Popen.__init__
def told(self, command, *rest, **named):
    print(json.dumps([[str(word) for word in command], named["env"].get("PGPASSWORD")]), file=sys.stderr)
    begin(self, command, *rest, **named)
subprocess.Popen.__init__ = told
from siwei.cli import main
main()
"""


@dataclass
class City:
    """A city and where it would be brought back to; on PostgreSQL with a database of its own for each."""

    folder: Path

    def environment(self, name: str) -> dict[str, str]:
        values = os.environ | {"SIWEI_CITY": str(self.folder / name)}
        return values | ({"SIWEI_DATABASE_URL": database(name)} if SERVER else {})

    def siwei(self, *words: str | Path, to: str = "city", expect: int = 0) -> Any:
        command = [*SIWEI, *map(str, words)]
        done = forking.run(command, env=self.environment(to))
        assert done.returncode == expect, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stderr

    def backup(self, name: str, *words: str) -> Any:
        return self.siwei("backup", self.folder / name, "--json", *words)

    def restore(self, name: str, to: str = "new") -> Any:
        return self.siwei("restore", self.folder / name, self.folder / to, "--json", to=to)

    def refused(self, name: str, code: int, to: str = "refused") -> str:
        """What is said; nothing is left in the folder or the database."""
        words = self.siwei("restore", self.folder / name, self.folder / to, to=to, expect=code)
        assert not (self.folder / to).exists()
        assert list(self.folder.glob(f"{DRAFTS}*")) == []
        return str(words)


def database(name: str) -> str:
    server, _, _ = SERVER.rpartition("/")
    return f"{server.replace('siwei@', f'siwei:{SECRET}@')}/siwei_backup_{name}"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("backup")
    made = City(folder)
    names = ("city", "new", "refused")
    with databases(names):
        shutil.copytree(PACKS / "shenzhen", folder / "our-pack")
        made.siwei("init", folder / "city", "--pack", folder / "our-pack", "--as-of", "2026-11-23")
        settings = folder / "city" / "city.toml"
        text = re.sub('pack = ".*"', 'pack = "../our-pack"', settings.read_text())
        settings.write_text(text)
        subprocess.run([sys.executable, PROGRAM, "fill"], env=made.environment("city"), check=True)
        yield made


class databases:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __enter__(self) -> None:
        self.run("DROP DATABASE IF EXISTS {}", "CREATE DATABASE {}")

    def __exit__(self, *_: object) -> None:
        self.run("DROP DATABASE {} WITH (FORCE)")

    def run(self, *statements: str) -> None:
        if not SERVER:
            return
        import psycopg

        with psycopg.connect(SERVER, autocommit=True) as server:
            for statement in statements:
                for name in self.names:
                    server.execute(statement.format(f"siwei_backup_{name}"))  # type: ignore[arg-type]


@pytest.fixture
def new(city: City) -> Iterator[Path]:
    yield city.folder / "new"
    shutil.rmtree(city.folder / "new", ignore_errors=True)
    databases(("new",)).__enter__()


def test_a_city_comes_back_as_it_was(city: City, new: Path) -> None:
    saved = city.backup("whole.siwei")
    assert (city.folder / "whole.siwei").stat().st_mode & 0o777 == 0o600
    # Its pack is a folder beside the city: without it, and from anywhere, the new one works all the same.
    hidden = (city.folder / "our-pack").rename(city.folder / "hidden-pack")
    try:
        proof = city.restore("whole.siwei")
    finally:
        hidden.rename(city.folder / "our-pack")
    assert proof["digest"] == saved["digest"] == city.siwei("city", "digest", "--json")["sha256"]
    assert city.siwei("city", "digest", "--city", new, "--json", to="new")["sha256"] == saved["digest"]
    assert (proof["digest_is_compared"], proof["migrated"], proof["rows"]) == (True, False, saved["rows"])
    papers = [path.read_bytes() for path in (new / "files").rglob("*") if path.is_file()]
    assert sorted(papers) == [b"%PDF-1.7 evidence", "日期,读数\n2026-11-23,3600\n".encode()]
    assert len(list((new / "runs").glob("awards-*.parquet"))) == 1
    assert (new / "jobs" / "job-1" / "work" / "model.new").read_bytes() == b"weights"
    assert sorted(each.name for each in (new / "jobs").rglob("*")) == ["job-1", "model.new", "work"]
    assert (new / "city.toml").read_text() == (city.folder / "city" / "city.toml").read_text().replace(
        "../our-pack", "./pack"
    )
    assert (new.stat().st_mode & 0o777, (new / "city.toml").stat().st_mode & 0o777) == (0o700, 0o600)
    city.siwei("init", new, "--json", to="new")  # as after an upgrade: it knows its own pack
    # A backup of what was restored is of the same city, and its pack comes along inside.
    again = city.siwei("backup", city.folder / "again.siwei", "--json", to="new")
    assert (again["digest"], again["pack"]) == (saved["digest"], "./pack")


def test_one_of_an_older_version_comes_back_in_the_present_form(city: City, new: Path) -> None:
    """Made by the first version that had backups (exchange.0022), of the same city as `backup_city.py` filled then."""
    shutil.copy(OLDER / f"exchange-0022-{'postgresql' if SERVER else 'sqlite'}.siwei", city.folder / "older.siwei")
    proof = city.restore("older.siwei")
    assert (proof["migrated"], proof["digest_is_compared"], proof["rows"]) == (True, False, 491)
    city.siwei("ledger", "verify", "--city", new, to="new")
    papers = [path.read_bytes() for path in (new / "files").rglob("*") if path.is_file()]
    assert papers == [b"%PDF-1.7 evidence"]
    # From now on it is one like any other.
    saved = city.siwei("backup", city.folder / "present.siwei", "--json", to="new")
    assert saved["digest"] == city.siwei("city", "digest", "--city", new, "--json", to="new")["sha256"]
    shutil.rmtree(new)
    databases(("new",)).__enter__()
    again = city.restore("present.siwei")
    assert (again["digest"], again["digest_is_compared"], again["migrated"]) == (saved["digest"], True, False)


def test_it_is_of_one_moment_while_others_write(city: City, new: Path) -> None:
    """Every one of them proves itself on the way back: balances, holds, seals and digest of the same moment."""
    command = [sys.executable, PROGRAM, "write"]
    writers = [
        subprocess.Popen([*command, f"{number}-{time.time()}"], env=city.environment("city"), stdout=subprocess.PIPE)
        for number in range(WRITERS)
    ]
    try:
        for each in writers:
            assert each.stdout is not None
            assert each.stdout.readline() == b"begun\n"
        saved = [city.backup(f"moment-{number}.siwei") for number in range(2)]
        assert [each.poll() for each in writers] == [None] * WRITERS
    finally:
        for each in writers:
            each.kill()
            each.communicate()
    assert saved[0]["rows"] < saved[1]["rows"]
    for number, each in enumerate(saved):
        proof = city.restore(f"moment-{number}.siwei")
        assert (proof["digest"], proof["digest_is_compared"]) == (each["digest"], True)
        shutil.rmtree(new)
        databases(("new",)).__enter__()


@pytest.fixture
def large(city: City) -> Iterator[Path]:
    """Something of a size that takes a moment to pack."""
    path = city.folder / "city" / "runs" / "large.bin"
    path.write_bytes(os.urandom(1024 * 1024) * 60)
    yield path
    path.unlink()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_one_ended_midway_leaves_no_half_file(city: City, large: Path, end: signal.Signals) -> None:
    place = city.folder / "ended"
    place.mkdir(exist_ok=True)
    command = [*SIWEI, "backup", str(place / "a.siwei"), "--city", str(city.folder / "city")]
    with subprocess.Popen(command, env=city.environment("city"), stderr=subprocess.PIPE) as running:
        while not any(path.stat().st_size > 3_000_000 for path in place.rglob("archive")):
            assert running.poll() is None
            time.sleep(0.005)
        running.send_signal(end)
        assert running.wait() in (-end, 143)
    left = list(place.iterdir())
    assert not (place / "a.siwei").exists()
    assert len(left) == (end is signal.SIGKILL)
    for each in left:
        os.utime(each, (0, 0))
    if left:
        city.siwei("backup", place / "a.siwei", "--json")
        assert [path.name for path in place.iterdir()] == ["a.siwei"]
        (place / "a.siwei").unlink()


def test_a_restore_killed_midway_leaves_no_half_city(city: City, large: Path, new: Path) -> None:
    city.backup("large.siwei")
    command = [*SIWEI, "restore", str(city.folder / "large.siwei"), str(new)]
    with subprocess.Popen(command, env=city.environment("new"), stdout=subprocess.DEVNULL) as running:
        while not list(city.folder.glob(f"{DRAFTS}*/city/runs/large.bin")):
            assert running.poll() is None
            time.sleep(0.005)
        running.kill()
    assert not new.exists()
    for each in city.folder.glob(f"{DRAFTS}*"):
        os.utime(each, (0, 0))
    assert city.restore("large.siwei")["digest_is_compared"]
    assert list(city.folder.glob(f"{DRAFTS}*")) == []
    (city.folder / "large.siwei").unlink()


def change(source: Path, target: Path, changes: Any) -> None:
    """The same archive with other contents, and a manifest that fits them: what only the proof can notice."""
    import hashlib

    with zipfile.ZipFile(source) as zipped:
        contents = {name: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(contents.pop(MANIFEST))
    changes(contents, manifest)
    for entry in manifest["files"]:
        content = contents[entry["name"]]
        entry.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    with zipfile.ZipFile(target, "w") as zipped:
        for name, content in (contents | {MANIFEST: json.dumps(manifest).encode()}).items():
            zipped.writestr(name, content)


def test_what_is_wrong_is_refused_and_nothing_is_left(city: City) -> None:
    whole = city.folder / "right.siwei"
    city.backup(whole.name)
    (city.folder / "letter").write_text("Dear city")
    assert "no backup" in city.refused("letter", 3)
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    (city.folder / "flipped").write_bytes(content)
    assert "damaged" in city.refused("flipped", 3)

    def later(contents: Any, manifest: Any) -> None:
        manifest["about"]["migrations"].append("exchange.9999_later")

    change(whole, city.folder / "later", later)
    assert "later version" in city.refused("later", 6)

    def other(contents: Any, manifest: Any) -> None:
        manifest["about"]["database"] = "postgresql" if manifest["about"]["database"] == "sqlite" else "sqlite"

    change(whole, city.folder / "other", other)
    assert "SIWEI_DATABASE_URL" in city.refused("other", 6)

    def digest(contents: Any, manifest: Any) -> None:
        manifest["about"]["digest"]["tables"]["Organisation"]["sha256"] = "0" * 64
        manifest["about"]["rows"]["exchange_account"] += 1

    change(whole, city.folder / "another", digest)
    words = city.refused("another", 6)
    assert "Organisation: its digest is" in words
    assert "exchange_account" in words
    full = city.folder / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    assert "not empty" in city.siwei("restore", whole, full, to="refused", expect=6)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    (city.folder / "refused").mkdir()  # an empty one is as good as none
    assert city.restore(whole.name, "refused")["digest_is_compared"]
    shutil.rmtree(city.folder / "refused")
    databases(("refused",)).__enter__()


def test_where_a_backup_may_not_go(city: City) -> None:
    city.backup("there.siwei")
    before = (city.folder / "there.siwei").read_bytes()
    assert "--replace" in city.siwei("backup", city.folder / "there.siwei", expect=6)
    assert (city.folder / "there.siwei").read_bytes() == before
    city.backup("there.siwei", "--replace")
    assert (city.folder / "there.siwei").read_bytes() != before
    assert "inside the city" in city.siwei("backup", city.folder / "city" / "a.siwei", expect=6)
    assert "no folder" in city.siwei("backup", city.folder / "nowhere" / "a.siwei", expect=3)
    assert "is there already" in city.siwei("backup", city.folder, "--replace", expect=6)


@pytest.mark.skipif(bool(SERVER), reason="needs SQLite: it alters the file; PostgreSQL's run has its own below")
def test_a_database_altered_or_damaged_is_noticed(city: City, tmp_path: Path) -> None:
    whole = city.folder / "altered.siwei"
    city.backup(whole.name)

    def altered(contents: Any, manifest: Any) -> None:
        path = tmp_path / "database"
        path.write_bytes(contents["database"])
        with sqlite3.connect(path) as database:
            database.execute("DROP TRIGGER siwei_transfer_update")
            database.execute("UPDATE exchange_transfer SET memo = 'other' WHERE id = 1")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        contents["database"] = path.read_bytes()

    change(whole, city.folder / "altered", altered)
    words = city.refused("altered", 6)
    assert "siwei_transfer_update" in words
    assert "seal 1" in words
    assert "Transfer: its digest" in words

    def damaged(contents: Any, manifest: Any) -> None:
        content = bytearray(contents["database"])
        content[8192:12288] = os.urandom(4096)
        contents["database"] = bytes(content)

    change(whole, city.folder / "damaged", damaged)
    city.refused("damaged", 6)


@pytest.mark.skipif(not SERVER, reason="needs PostgreSQL (scripts/with-postgres): SQLite has no servers")
def test_servers_are_reached_without_a_password_on_the_command_line(city: City, new: Path) -> None:
    for command, name in (("backup", "city"), ("restore", "new")):
        words = ["told.siwei"] if command == "backup" else ["told.siwei", "new"]
        done = subprocess.run(
            [sys.executable, "-c", TELLS_ITS_CHILDREN, command, *(str(city.folder / each) for each in words)],
            env=city.environment(name), capture_output=True, text=True, check=True,
        )  # fmt: skip
        children = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[[")]
        assert [Path(child[0]).name for child, _ in children] == [
            {"backup": "pg_dump", "restore": "pg_restore"}[command]
        ]
        assert [password for _, password in children] == [SECRET]
        assert SECRET not in " ".join(children[0][0])
    assert "not empty" in city.siwei("restore", city.folder / "told.siwei", new, to="new", expect=6)
    shutil.rmtree(new)
    assert "tables" in city.siwei("restore", city.folder / "told.siwei", new, to="new", expect=6)
    assert not new.exists()
