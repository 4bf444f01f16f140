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
from siwei.cli.output import console, print_json
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
    say(f"Saved {home.directory} in {file}: {done['files']} files, {done['bytes']:,} bytes")
    say(f"sha256 of the file {done['sha256']}")
    say(f"digest of the city {done['digest']}")


@app.command
def restore(file: Path, directory: Path, /, *, json: Json = False) -> None:
    """Bring the city saved in FILE back into DIRECTORY, a new or an empty one, and prove that it is the same.

    Compared are every file's hash, every table's rows, the city's digest, the database's own rules and the seals; where
    anything differs nothing is left. A city of PostgreSQL goes into the empty database that SIWEI_DATABASE_URL names.
    """
    end_on_signal()
    place = directory.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Conflict(f"{directory} is not empty → name a new directory")
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
    say(f"Restored {place}, saved at {proof['made_at']}: {proof['rows']:,} rows")
    if proof["digest_is_compared"]:
        say(f"digest of the city {proof['digest']}, as saved")
    else:
        say("It was saved by another version: rows were compared, digests cannot be.")


@contextmanager
def disk_faults(place: Path) -> Iterator[None]:
    """A full disk or a folder that may not be written is the machine's trouble, not a fault of ours."""
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise EnvironmentMissing(f"{where}: {error.strerror or error} → make room or choose another place") from None


def say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def end_on_signal() -> None:
    """SIGTERM as Ctrl-C: what was begun is taken away."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
