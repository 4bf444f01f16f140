"""A city saved as one file and brought back: database and files of one moment, proven by what they then are.

The database's copy is made first. A row's files are on disk before the row is and are never taken away, so every row of
the copy finds its files among those copied after it; what came later is one more file that nothing names.
"""

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader

from siwei import __version__
from siwei.city.archive import ArchiveWriter, Manifest, new_archive, pieces_of, read_entry, write_new
from siwei.city.drafts import DRAFTS, draft_directory, move_file
from siwei.city.home import PACKS, CityHome
from siwei.errors import Conflict, InputError, Problem, Said, chinese_of
from siwei.exchange import canonical
from siwei.exchange import digest as digests
from siwei.exchange.actors import PLATFORM
from siwei.exchange.database_copy import (
    count_rows,
    damage_in_sqlite,
    dump_postgresql,
    empty_postgresql,
    load_postgresql,
    postgresql_snapshot,
    sqlite_copy,
)
from siwei.exchange.ledger.verification import verify_ledger

DATABASE = "database"
CITY = "city"
SETTINGS = "city.toml"
STORES = ("files", "datasets")
"""Directories in which files lie under their hash, beside drafts of them."""
IN_THEIR_OWN_WAY = ("city.sqlite3", "city.sqlite3-wal", "city.sqlite3-shm", "city.sqlite3-journal", SETTINGS)


def back_up(home: CityHome, file: Path, *, now: datetime, replace: bool = False) -> dict[str, Any]:
    """Save the city into `file` while it goes on; returns the city's digest, the file's size and sha256.

    Raises Conflict where the file is there already (unless `replace`) or lies inside the city.
    """
    if file.resolve().is_relative_to(home.directory):
        raise Conflict(
            f"{file} lies inside the city: what loses one loses both → choose a place outside",
            f"{file} 在城市目录之内：一处丢失两者皆失 → 请选目录之外的位置",
        )
    if file.is_dir() or (file.exists() and not replace):
        raise Conflict(
            f"{file} is there already → choose another name, or --replace", f"{file} 已存在 → 请换名，或用 --replace"
        )
    if not file.absolute().parent.is_dir():
        raise InputError(
            [
                Problem(
                    Said(f"there is no folder {file.absolute().parent}", f"没有文件夹 {file.absolute().parent}"),
                    Said("make it first", "请先建立"),
                    "FILE",
                )
            ]
        )
    with draft_directory(file.absolute().parent) as drafts:
        draft = drafts / "archive"
        with new_archive(draft) as writer:
            about = _write_database(writer, drafts / "database")
            added = _write_files(writer, home)
            about |= {"made_at": now.isoformat(), "siwei": __version__, "as_of": str(home.as_of), "pack": added}
            writer.finish(about)
        with draft.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        size = draft.stat().st_size
        move_file(draft, file.absolute(), replace=replace)
    told = {name: about[name] for name in ("database", "made_at", "pack")}
    rows = sum(about["rows"].values())
    return {
        **told,
        "rows": rows,
        "digest": about["digest"]["sha256"],
        "files": len(writer.entries),
        "bytes": size,
        "sha256": sha256,
    }


def bring_back(zipped: zipfile.ZipFile, manifest: Manifest, *, home: CityHome, file: Path) -> dict[str, Any]:
    """Lay the database of an archive into a city whose files are there and which this process is pointed at; prove it.

    Raises Conflict where anything differs from what was saved; a PostgreSQL database is then empty again.
    """
    about = manifest.about
    _check_versions(about)
    pieces = read_entry(zipped, manifest.named(DATABASE), file=file)
    if connection.vendor == "sqlite":
        write_new(home.database, pieces)
    else:
        load_postgresql(pieces)
    try:
        return _prove(about)
    except BaseException as error:
        if connection.vendor == "postgresql":
            empty_postgresql()
        if isinstance(error, DatabaseError):
            raise Conflict(
                f"the backup's database cannot be read ({error}) → use another backup",
                f"备份中的数据库无法读取（{error}） → 请用另一份备份",
            ) from error
        raise


def _write_database(writer: ArchiveWriter, draft: Path) -> dict[str, Any]:
    if connection.vendor == "sqlite":
        with sqlite_copy(draft):
            about = _describe()
        with draft.open("rb") as source:
            writer.add(DATABASE, pieces_of(source))
        draft.unlink()
        return about
    with postgresql_snapshot() as snapshot:
        about = _describe()
        writer.add(DATABASE, dump_postgresql(snapshot))
    return about


def _write_files(writer: ArchiveWriter, home: CityHome) -> str:
    """Everything of the city's directory, and its pack where that is nowhere else; returns what the pack is called."""
    writer.add_tree(home.directory, CITY, leave_out=_is_no_state)
    pack, directory = home.pack, home.pack_directory.resolve()
    if directory.is_relative_to(home.directory):
        pack = f"./{directory.relative_to(home.directory).as_posix()}"
    elif not directory.is_relative_to(PACKS):
        name = next(
            name for name in ("pack", *(f"pack-{n}" for n in range(2, 99))) if not (home.directory / name).exists()
        )
        writer.add_tree(directory, f"{CITY}/{name}", leave_out=lambda path: path.name in (".git", "__pycache__"))
        pack = f"./{name}"
    text = (home.directory / SETTINGS).read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^\s*pack\s*=.*$", lambda found: f"pack = {json.dumps(pack)}", text, count=1)
    if tomllib.loads(changed) != tomllib.loads(text) | {"pack": pack}:
        raise Conflict(
            f"{home.directory / SETTINGS} says its pack in a way that cannot be changed → put it on one line",
            f"{home.directory / SETTINGS} 中数据包的写法无法更改 → 请写在一行内",
        )
    writer.add(f"{CITY}/{SETTINGS}", [changed.encode()])
    return pack


def _is_no_state(path: PurePosixPath) -> bool:
    """Drafts of what is being written, and locks; of a job's own files every one is state, whatever its name."""
    top, depth = path.parts[0], len(path.parts)
    if depth == 1:
        return top in IN_THEIR_OWN_WAY or top.startswith((".", "new-")) or top.endswith(".new")
    if depth > 1 and top in STORES and path.parts[1].startswith(DRAFTS):
        return True
    if top == "jobs":
        return (depth == 2 and path.name.startswith(".")) or (depth == 3 and path.suffix == ".new")
    return path.suffix == ".new"


def _describe() -> dict[str, Any]:
    """What the database that the default connection leads to holds; equal before and after, or it is not the same."""
    return {
        "database": connection.vendor,
        "migrations": sorted(f"{app}.{name}" for app, name in MigrationLoader(connection).applied_migrations),
        "rows": count_rows(),
        "digest": digests.digest(),
        "digest_edition": digest_edition(),
    }


def digest_edition() -> str:
    """Digests are compared only where they were computed by the same code."""
    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in (digests, canonical))
    return hashlib.sha256(sources).hexdigest()


def _check_versions(about: Mapping[str, Any]) -> None:
    if about["database"] != connection.vendor:
        wanted = (
            Said("unset SIWEI_DATABASE_URL", "请取消 SIWEI_DATABASE_URL")
            if about["database"] == "sqlite"
            else Said("name an empty one in SIWEI_DATABASE_URL", "请在 SIWEI_DATABASE_URL 中指定空库")
        )
        raise Conflict(
            f"the backup is of {about['database']}, this would be {connection.vendor} → {wanted}",
            f"备份来自 {about['database']}，此处为 {connection.vendor} → {chinese_of(wanted)}",
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if later := sorted(set(about["migrations"]) - known):
        raise Conflict(
            f"the backup is of a later version of Siwei (it knows {later[-1]}, this one does not) "
            "→ restore it with that version",
            f"备份来自更新版本的四维（其中有 {later[-1]}，本版没有） → 请用那个版本恢复",
        )


def _prove(about: Mapping[str, Any]) -> dict[str, Any]:
    """What was compared, in words of the manifest. Raises Conflict with every difference."""
    faults = damage_in_sqlite() if connection.vendor == "sqlite" else []
    counted = count_rows()
    for table in sorted(counted.keys() | about["rows"].keys()):
        if counted.get(table) != about["rows"].get(table):
            faults.append(f"{table}: {counted.get(table)} rows, saved were {about['rows'].get(table)}")
    is_older = bool(MigrationLoader(connection).disk_migrations.keys() - MigrationLoader(connection).applied_migrations)
    is_compared = not is_older and about["digest_edition"] == digest_edition()
    found: dict[str, Any] = {}
    if is_older:
        call_command("migrate", verbosity=0, interactive=False)
    else:
        found = digests.digest()
    if is_compared:
        faults.extend(
            f"{name}: its digest is {found['tables'].get(name, {}).get('sha256')}, saved was {saved['sha256']}"
            for name, saved in about["digest"]["tables"].items()
            if saved != found["tables"].get(name)
        )
        if not faults and found["sha256"] != about["digest"]["sha256"]:
            faults.append("the digest is another")
    faults.extend(str(finding) for finding in verify_ledger(actor=PLATFORM).findings)
    if faults:
        told = "\n".join(faults)
        raise Conflict(
            f"what was restored is not what was saved → use another backup:\n{told}",
            f"恢复的内容与保存的不一致 → 请用另一份备份：\n{told}",
        )
    return {
        "database": about["database"],
        "made_at": about["made_at"],
        "tables": len(counted),
        "rows": sum(counted.values()),
        "digest": found.get("sha256"),
        "digest_is_compared": is_compared,
        "migrated": is_older,
    }


def close_database() -> None:
    """No connection, and of SQLite no log beside the file."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connections.close_all()
