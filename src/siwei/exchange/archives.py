"""Archives that others will unpack: looked through before they are handed on."""

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from siwei.errors import InputError, Problem
from siwei.market.croissant import name_fault

MOST_MEMBERS = 100_000
MOST_UNPACKED_BYTES = 2 * 1024**4
MOST_RATIO = 200
"""How much an archive may grow: text shrinks to a tenth, a bomb to a thousandth."""


def check_archive(path: Path, place: str) -> None:
    """Raises InputError for a ZIP or TAR whose names lead elsewhere, or that unpacks to more than it should."""
    problems: list[Problem] = []
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                problems = list(_zip_faults(archive, path.stat().st_size, place))
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                problems = list(_tar_faults(archive, place))
    except (zipfile.BadZipFile, tarfile.TarError, OSError, ValueError, EOFError, NotImplementedError) as error:
        problems = [Problem(f"the archive cannot be read: {str(error)[:120]}", "pack it again", field=place)]
    if problems:
        raise InputError(problems[:20])


def _zip_faults(archive: zipfile.ZipFile, packed: int, place: str) -> Iterator[Problem]:
    members = archive.infolist()
    unpacked = sum(each.file_size for each in members)
    if len(members) > MOST_MEMBERS or unpacked > min(MOST_UNPACKED_BYTES, max(packed, 1024) * MOST_RATIO):
        fix = f"at most {MOST_MEMBERS} files, {MOST_RATIO} times the archive's size"
        yield Problem(f"it unpacks to {len(members)} files, {unpacked} bytes", fix, field=place)
        return
    for each in members:
        if stat.S_ISLNK(each.external_attr >> 16):
            yield Problem(f"{each.filename!r:.80} is a link", "pack files alone", field=place)
        # As it stands in the archive: the library turns a backslash around on some systems only.
        if fault := name_fault(each.orig_filename.rstrip("/")):
            yield Problem(f"a file in it is called {each.orig_filename!r:.80}", fault, field=place)


def _tar_faults(archive: tarfile.TarFile, place: str) -> Iterator[Problem]:
    unpacked = 0
    for number, each in enumerate(archive):
        unpacked += each.size
        if number >= MOST_MEMBERS or unpacked > MOST_UNPACKED_BYTES:
            yield Problem("it unpacks to too much", f"at most {MOST_MEMBERS} files", field=place)
            return
        if not (each.isfile() or each.isdir()):
            yield Problem(f"{each.name!r:.80} is a link or a device", "pack files alone", field=place)
        if fault := name_fault(each.name.rstrip("/")):
            yield Problem(f"a file in it is called {each.name!r:.80}", fault, field=place)
