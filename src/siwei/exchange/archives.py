"""Archives that others will unpack: looked through before they are handed on."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from siwei.errors import InputError, Problem, Said
from siwei.market.file_names import name_fault

MOST_MEMBERS = 100_000
MOST_UNPACKED_BYTES = 2 * 1024**4
MOST_RATIO = 200
"""How much an archive may grow: text shrinks to a tenth, a bomb to a thousandth."""
LONGEST_HEADER = 1024 * 1024
PACKERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""What unpacks a TAR, by its first bytes."""
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, ValueError, EOFError,
    # A way of packing that the library does not know.
    NotImplementedError,
)  # fmt: skip


def check_archive(path: Path, place: str) -> None:
    """Raises InputError for a ZIP or TAR whose names lead elsewhere, or that unpacks to more than it should."""
    problems: list[Problem] = []
    try:
        if zipfile.is_zipfile(path):
            with path.open("rb") as file:
                check_zip(file, place)
        else:
            with closing(_unpacked(path)) as source, tarfile.open(fileobj=_Bounded(source), mode="r:") as archive:
                problems = list(_tar_faults(archive, path.stat().st_size, place))
    except _NoTar:
        return
    except BROKEN as error:
        problems = [_unreadable(error, place)]
    if problems:
        raise InputError(problems[:20])


def check_zip(source: IO[bytes], place: str) -> None:
    """As `check_archive`, of an open file that says it is a ZIP. Raises InputError."""
    if not zipfile.is_zipfile(source):
        what, fix = Said("the archive is cut off", "压缩包不完整"), Said("pack it again", "请重新打包")
        raise InputError([Problem(what, fix, field=place)])
    packed = source.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(source) as archive:
            problems = list(_zip_faults(archive, packed, place))
    except BROKEN as error:
        problems = [_unreadable(error, place)]
    if problems:
        raise InputError(problems[:20])


def _unreadable(error: Exception, place: str) -> Problem:
    said = str(error)[:120]
    what = Said(f"the archive cannot be read: {said}", f"压缩包无法读取：{said}")
    return Problem(what, Said("pack it again", "请重新打包"), field=place)


def _zip_faults(archive: zipfile.ZipFile, packed: int, place: str) -> Iterator[Problem]:
    members = archive.infolist()
    unpacked = sum(each.file_size for each in members)
    if len(members) > MOST_MEMBERS or unpacked > min(MOST_UNPACKED_BYTES, max(packed, 1024) * MOST_RATIO):
        fix = Said(
            f"at most {MOST_MEMBERS} files, {MOST_RATIO} times the archive's size",
            f"至多 {MOST_MEMBERS} 个文件、压缩包大小的 {MOST_RATIO} 倍",
        )
        yield Problem(
            Said(
                f"it unpacks to {len(members)} files, {unpacked} bytes",
                f"解压后有 {len(members)} 个文件、{unpacked} 字节",
            ),
            fix,
            field=place,
        )
        return
    for each in members:
        if stat.S_ISLNK(each.external_attr >> 16):
            yield Problem(
                Said(f"{each.filename!r:.80} is a link", f"{each.filename!r:.80} 是链接"),
                Said("pack files alone", "只打包文件本身"),
                field=place,
            )
        # As it stands in the archive: the library turns a backslash around on some systems only.
        if fault := name_fault(each.orig_filename.rstrip("/")):
            yield Problem(
                Said(
                    f"a file in it is called {each.orig_filename!r:.80}", f"其中一个文件名为 {each.orig_filename!r:.80}"
                ),
                fault,
                field=place,
            )


class _NoTar(Exception):
    """The file is another one than an archive."""


class _Bounded(io.RawIOBase):
    """A TAR's bytes, of which the library is never given many at once: it reads a header whole, as long as that says it
    is."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        try:
            first = source.read(tarfile.BLOCKSIZE)
        except BROKEN:
            raise _NoTar from None
        if len(first) < tarfile.BLOCKSIZE or not _is_header(first):
            raise _NoTar
        source.seek(0)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LONGEST_HEADER:
            raise tarfile.ReadError("a header in it is too long")
        return self.source.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self.source.seek(place, whence)

    def tell(self) -> int:
        return self.source.tell()


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _unpacked(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        first = file.read(8)
    return next((opened(path) for magic, opened in PACKERS.items() if first.startswith(magic)), None) or path.open("rb")


def _tar_faults(archive: tarfile.TarFile, packed: int, place: str) -> Iterator[Problem]:
    unpacked, most = 0, min(MOST_UNPACKED_BYTES, max(packed, 1024) * MOST_RATIO)
    # A header says how long its member is before that is passed over, so that a bomb is not unpacked to be found.
    for number, each in enumerate(archive):
        unpacked += each.size
        if number >= MOST_MEMBERS or unpacked > most:
            fix = Said(
                f"at most {MOST_MEMBERS} files, {MOST_RATIO} times the archive's size",
                f"至多 {MOST_MEMBERS} 个文件、压缩包大小的 {MOST_RATIO} 倍",
            )
            yield Problem(Said("it unpacks to too much", "解压后过大"), fix, field=place)
            return
        if not (each.isfile() or each.isdir()):
            yield Problem(
                Said(f"{each.name!r:.80} is a link or a device", f"{each.name!r:.80} 是链接或设备"),
                Said("pack files alone", "只打包文件本身"),
                field=place,
            )
        if fault := name_fault(each.name.rstrip("/")):
            yield Problem(
                Said(f"a file in it is called {each.name!r:.80}", f"其中一个文件名为 {each.name!r:.80}"),
                fault,
                field=place,
            )
