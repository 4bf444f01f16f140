"""A saved city as one file: a zip of its files, and a manifest that names each with its size and sha256.

The manifest is the last entry, so a file cut short has none. What is written is whole or is not there: it is made under
another name beside its place, fsynced, and renamed. Nothing is read that the manifest does not name.
"""

import hashlib
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from siwei.errors import Conflict, InputError, Problem

FORMAT = "siwei-city"
EDITION = 1
"""Of the format. A file of a later one is refused, an earlier one is read."""
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 256 * 1024 * 1024
PIECE = 1024 * 1024
PACKED_ALREADY = (".parquet", ".gz", ".zip", ".png", ".jpg", ".jpeg", ".pdf", ".xlsx")


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is where it belongs, `name` what it is called in the zip (they differ where a name is no clean text)."""

    path: str
    name: str
    size: int
    sha256: str
    mode: int = 0o600

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path, "name": self.name, "size": self.size, "sha256": self.sha256, "mode": self.mode
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manifest:
    """`about` is what the writer says of the city and its database."""

    about: Mapping[str, Any]
    entries: tuple[Entry, ...]
    directories: tuple[str, ...]

    def named(self, path: str) -> Entry:
        found = next((entry for entry in self.entries if entry.path == path), None)
        if found is None:
            raise InputError([Problem(f"the backup has no {path}", "use another backup")])
        return found


@dataclass(slots=True)
class ArchiveWriter:
    zipped: zipfile.ZipFile
    entries: list[Entry] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)

    def add(self, path: str, pieces: Iterable[bytes], mode: int = 0o600) -> Entry:
        """One file from its bytes, whatever they are by now: the hash is of what was written."""
        name = path if _is_plain(path) else f"odd-names/{len(self.entries)}"
        digest, size = hashlib.sha256(), 0
        packed = zipfile.ZIP_STORED if path.endswith(PACKED_ALREADY) else zipfile.ZIP_DEFLATED
        info = zipfile.ZipInfo(name)
        info.compress_type, info.external_attr = packed, (stat.S_IFREG | 0o600) << 16
        with self.zipped.open(info, "w", force_zip64=True) as target:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                target.write(piece)
        self.entries.append(Entry(path, name, size, digest.hexdigest(), mode))
        return self.entries[-1]

    def add_tree(self, root: Path, under: str, *, leave_out: Callable[[PurePosixPath], bool]) -> None:
        """Every file of a directory but those that `leave_out`, asked with the path below the root, says no state of.

        Of symbolic links only the root's own children are followed, so that nothing a job laid deeper leads outside;
        sockets and pipes are left out.
        """
        for path, mode in _walk(root, leave_out):
            place = f"{under}/{path.relative_to(root).as_posix()}"
            if mode is None:
                self.directories.append(place)
                continue
            try:
                with path.open("rb") as source:
                    self.add(place, pieces_of(source), mode)
            except FileNotFoundError:  # a job's own file, gone since it was listed
                continue

    def finish(self, about: Mapping[str, Any]) -> None:
        manifest = {
            "format": FORMAT,
            "edition": EDITION,
            "about": dict(about),
            "directories": self.directories,
            "files": [entry.as_dict() for entry in self.entries],
        }
        # ASCII: a name that is no text survives as the escapes of its bytes.
        self.zipped.writestr(MANIFEST, json.dumps(manifest, indent=1, default=str), zipfile.ZIP_DEFLATED)


@contextmanager
def new_archive(draft: Path) -> Iterator[ArchiveWriter]:
    """Write an archive under a draft's name; durable when the block ends."""
    with draft.open("xb") as file:
        draft.chmod(0o600)  # it holds the city's key
        with zipfile.ZipFile(file, "w", compresslevel=3) as zipped:
            yield ArchiveWriter(zipped)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def open_archive(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Raises InputError for a file that is no backup of a city, is damaged or of a later edition."""
    try:
        zipped = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise InputError([Problem("there is no such file", "name a file that siwei backup wrote", str(file))]) from None
    except IsADirectoryError:
        raise InputError([Problem("is a folder", "name a file that siwei backup wrote", str(file))]) from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InputError(
            [Problem(f"is no backup, or is damaged ({error})", "use another copy of it", str(file))]
        ) from None
    with zipped:
        yield zipped, _read_manifest(zipped, file)


def read_entry(zipped: zipfile.ZipFile, entry: Entry, *, file: Path) -> Iterator[bytes]:
    """The bytes of one file, never more than the manifest says. Raises InputError at the end if they are others."""
    digest, left = hashlib.sha256(), entry.size
    try:
        with zipped.open(entry.name) as source:
            while piece := source.read(min(PIECE, left + 1)):
                digest.update(piece)
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise _damaged(file, entry.path, str(error).strip("'\"")) from None
    if left or digest.hexdigest() != entry.sha256:
        raise _damaged(file, entry.path, "its bytes do not have the sha256 of the manifest")


def check_archive(zipped: zipfile.ZipFile, manifest: Manifest, *, file: Path) -> None:
    """Read everything once. Raises InputError naming each file that is damaged."""
    problems: list[Problem] = []
    for entry in manifest.entries:
        try:
            for _ in read_entry(zipped, entry, file=file):
                pass
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)


def unpack(zipped: zipfile.ZipFile, manifest: Manifest, target: Path, *, under: str, file: Path) -> None:
    """Lay the files under one prefix into an empty directory, made if need be, durably. For its owner's eyes alone."""
    target.mkdir(exist_ok=True)
    target.chmod(0o700)
    for each in manifest.directories:
        if each.startswith(f"{under}/"):
            (target / each[len(under) + 1 :]).mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in manifest.entries:
        if not entry.path.startswith(f"{under}/"):
            continue
        path = target / entry.path[len(under) + 1 :]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_new(path, read_entry(zipped, entry, file=file), entry.mode)


def pieces_of(source: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: source.read(PIECE), b"")


def write_new(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    with path.open("xb") as target:
        for piece in pieces:
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    path.chmod(mode)


def _walk(root: Path, leave_out: Callable[[PurePosixPath], bool]) -> Iterator[tuple[Path, int | None]]:
    """Files with their permissions, directories with None."""
    waiting = sorted(root.iterdir(), reverse=True)
    while waiting:
        path = waiting.pop()
        if leave_out(PurePosixPath(path.relative_to(root))):
            continue
        try:
            found = path.stat() if path.parent == root else path.lstat()
            if stat.S_ISDIR(found.st_mode):
                yield path, None
                waiting.extend(sorted(path.iterdir(), reverse=True))
            elif stat.S_ISREG(found.st_mode):
                yield path, stat.S_IMODE(found.st_mode) & 0o777
        except FileNotFoundError:
            continue


def _is_plain(path: str) -> bool:
    return path.isprintable() and "\\" not in path and path != MANIFEST


def _read_manifest(zipped: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        info = zipped.getinfo(MANIFEST)
        if info.file_size > LONGEST_MANIFEST:
            raise ValueError("its manifest is too long")
        values = json.loads(zipped.read(info))
        if values["format"] != FORMAT:
            raise ValueError(f"its format is {values['format']!r}")
        edition = int(values["edition"])
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(
            [Problem(f"is not a backup of a city ({error})", "name a file that siwei backup wrote", str(file))]
        ) from None
    if edition > EDITION:
        raise Conflict(f"{file} was written by a later version of Siwei (format {edition}) → restore it with that")
    try:
        entries = tuple(Entry(**{name: each[name] for name in Entry.__slots__}) for each in values["files"])
        manifest = Manifest(values["about"], entries, tuple(str(each) for each in values["directories"]))
        _check_names(zipped, manifest)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError([Problem(f"its manifest is wrong ({error})", "use another copy of it", str(file))]) from None
    return manifest


def _check_names(zipped: zipfile.ZipFile, manifest: Manifest) -> None:
    """Raises ValueError for a path that leads elsewhere, or a zip that holds other files than its manifest says."""
    paths = [entry.path for entry in manifest.entries]
    for path in (*paths, *manifest.directories):
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path:
            raise ValueError(f"the path {path!r} leads elsewhere")
    names = sorted([*(entry.name for entry in manifest.entries), MANIFEST])
    if names != sorted(zipped.namelist()) or len(set(paths)) != len(paths):
        raise ValueError("it names other files than there are")
    if any(entry.mode & ~0o777 or entry.size < 0 for entry in manifest.entries):
        raise ValueError("a size or a mode is none")


def _damaged(file: Path, path: str, why: str) -> InputError:
    return InputError([Problem(f"{path} is damaged: {why}", "use another copy of it", str(file))])
