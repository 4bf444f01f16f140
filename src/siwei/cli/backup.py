"""`siwei backup` and `siwei restore`: a city as one file, and back."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from siwei.city.archive import check_archive, open_archive, unpack
from siwei.city.drafts import draft_directory, move_directory
from siwei.cli.app import City, Json, app, open_city
from siwei.cli.city_words import line
from siwei.cli.output import print_json, print_line
from siwei.errors import Conflict, EnvironmentMissing


@app.command
def backup(
    file: Path,
    /,
    *,
    city: City = None,
    replace: Annotated[
        bool, Parameter(name="--replace", negative="", help="Take the place of a file there is.")
    ] = False,
    json: Json = False,
) -> None:
    """Save the whole city into FILE, at one moment, while it goes on: database, files, results, settings and its keys.

    FILE is a zip with a manifest of sha256 hashes; it is there when it is whole. Keep it as you keep the city: its keys
    and everybody's data are in it. What SIWEI_GATEWAY_SECRETS names is not.
    """
    end_on_signal()
    home = open_city(city)
    from siwei.exchange.backup import back_up

    with disk_faults(file):
        done = back_up(home, file, now=datetime.now(UTC), replace=replace)
    if json:
        print_json({"file": str(file), "city": str(home.directory), **done})
        return
    sizes = {"files": done["files"], "bytes": f"{done['bytes']:,}"}
    print_line(line("saved", city=home.directory, file=file, **sizes))
    print_line(line("file_sha256", sha256=done["sha256"]))
    print_line(line("city_digest", digest=done["digest"]))


@app.command
def restore(file: Path, directory: Path, /, *, json: Json = False) -> None:
    """Bring the city saved in FILE back into DIRECTORY, a new or an empty one, and prove that it is the same.

    Compared are every file's hash, every table's rows, the city's digest, the database's own rules and the seals; where
    anything differs nothing is left. A city of PostgreSQL goes into the empty database that SIWEI_DATABASE_URL names.
    """
    end_on_signal()
    place = directory.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Conflict(f"{directory} is not empty → name a new directory", f"{directory} 不是空的 → 请指定新目录")
    with disk_faults(directory), open_archive(file) as (zipped, manifest):
        check_archive(zipped, manifest, file=file)
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft_directory(place.parent) as drafts:
            unpack(zipped, manifest, drafts / "city", under="city", file=file)
            home = open_city(drafts / "city", migrated=False)
            from siwei.exchange.backup import bring_back, close_database

            proof = bring_back(zipped, manifest, home=home, file=file)
            close_database()
            move_directory(drafts / "city", place)
    if json:
        print_json({"city": str(place), **proof})
        return
    print_line(line("restored", city=place, at=proof["made_at"], rows=f"{proof['rows']:,}"))
    if proof["digest_is_compared"]:
        print_line(line("as_saved", digest=proof["digest"]))
    else:
        print_line(line("other_version"))


@contextmanager
def disk_faults(place: Path) -> Iterator[None]:
    """A full disk or a folder that may not be written is the machine's trouble, not a fault of ours."""
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise EnvironmentMissing(
            f"{where}: {error.strerror or error} → make room or choose another place",
            f"{where}：{error.strerror or error} → 请腾出空间或另选位置",
        ) from None


def end_on_signal() -> None:
    """SIGTERM as Ctrl-C: what was begun is taken away."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
