"""The files of datasets: kept under their own hash in the city, archives looked through before, handed out in parts."""

import hashlib
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from siwei.errors import InputError, NotFound, Problem
from siwei.market.croissant import name_fault

PART_BYTES = 1024 * 1024
MOST_MEMBERS = 100_000
MOST_UNPACKED_BYTES = 2 * 1024**4
MOST_RATIO = 200
"""How much an archive may grow: text shrinks to a tenth, a bomb to a thousandth."""
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class KeptFile:
    sha256: str
    size_bytes: int


class UnsatisfiableRange(Exception):
    """A part was asked for that the file has not."""


def keep_file(source: Path, expected_sha256: str, directory: Path, place: str) -> KeptFile:
    """Copy a file under its hash; the same again is the same file. Raises InputError (where it is no plain file, has
    another checksum, or is an archive that must not be handed on), naming `place`."""
    if not source.is_file() or source.is_symlink():
        raise InputError(
            [Problem("the file is not there, or is no plain file", "put it beside the others", field=place)]
        )
    draft = directory / f"{os.getpid()}-{expected_sha256}.new"
    draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    try:
        with source.open("rb") as given, draft.open("wb") as kept:
            while part := given.read(PART_BYTES):
                digest.update(part)
                size += len(part)
                kept.write(part)
            kept.flush()
            os.fsync(kept.fileno())
        if digest.hexdigest() != expected_sha256:
            fix = f"it is {digest.hexdigest()}; give the file described, or describe it anew"
            raise InputError([Problem("the file has another checksum than described", fix, field=place)])
        # The copy is looked through, not the original: nobody can change it in between.
        check_archive(draft, place)
        target = path_of(expected_sha256, directory)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.chmod(0o600)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return KeptFile(expected_sha256, size)


def path_of(sha256: str, directory: Path) -> Path:
    return directory / sha256[:2] / sha256


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


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a `Range` header; None for the whole (also where several parts are asked for, as RFC 9110
    allows). Raises UnsatisfiableRange."""
    found = RANGE.fullmatch(header.replace(" ", ""))
    if not header or found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if length == 0 or size == 0:
            raise UnsatisfiableRange
        return max(size - length, 0), size - 1
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise UnsatisfiableRange
    return first, last


def read_part(sha256: str, directory: Path, first: int, last: int) -> Iterator[bytes]:
    """The bytes from `first` to `last`. Raises NotFound where the file is not on this machine."""
    path = path_of(sha256, directory)
    if not path.is_file():
        raise NotFound(f"file {sha256[:12]} is not on this machine → restore it from a backup")
    return _parts(path, first, last)


def _parts(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (part := file.read(min(PART_BYTES, left))):
            left -= len(part)
            yield part
