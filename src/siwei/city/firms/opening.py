"""Open a file that may be anything: what it is, its hash, and whether it can be read within limits.

A first pass over the whole content finds every reason to refuse (truncated, bomb, over-long line, wrong encoding)
before a row is read, in bounded memory. The parser then reads from the same open descriptor.
"""

import codecs
import gzip
import hashlib
import io
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from siwei.errors import ImportRefused, Problem

BLOCK = 1 << 18
GZIP, ZIP, PARQUET, COMPOUND = b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost before it is refused. `ratio` counts once `ratio_floor_bytes` have come out."""

    line_bytes: int = 1 << 20
    text_bytes: int = 2 << 30
    workbook_bytes: int = 2 << 30
    ratio: int = 200
    ratio_floor_bytes: int = 32 << 20
    rows: int = 20_000_000
    columns: int = 1_000
    cells: int = 150_000_000
    broken_quotes: int = 1_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """`kind`: text, gzip (of text), workbook, parquet. `encoding` and `has_nul` are of text only."""

    name: str
    sha256: str
    kind: str
    handle: BinaryIO
    size: int
    encoding: str = "utf-8"
    has_nul: bool = False


def refuse(file: str, message: str, fix: str, *, line: int | None = None) -> ImportRefused:
    return ImportRefused([Problem(message, fix=fix, file=file, line=line)])


def open_file(path: Path, name: str, limits: Limits = LIMITS) -> OpenedFile:
    """Raises `ImportRefused`. The caller closes `handle`. A symbolic link is followed to a regular file."""
    handle = _open_regular(path, name)
    try:
        magic = handle.read(8)
        if not magic:
            raise refuse(name, "the file is empty", "export it again")
        opened = OpenedFile(name, "", _kind(magic, name), handle, handle.seek(0, io.SEEK_END))
        if opened.kind in ("text", "gzip"):
            encoding, has_nul = _inspect_text(opened, limits)
            opened = replace(opened, encoding=encoding, has_nul=has_nul)
        return replace(opened, sha256=_hash(handle))  # last: an endless line is refused before it is read to its end
    except BaseException:
        handle.close()
        raise


def file_sha256(path: Path, name: str) -> str:
    """The content hash alone, to know whether a file was imported before."""
    with _open_regular(path, name) as handle:
        return _hash(handle)


def _open_regular(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise refuse(name, "this is a directory", "name the files in it")
        if not stat.S_ISREG(mode):  # a pipe or a device would hang
            raise refuse(name, "this is not a regular file", "save it as a file first")
        return path.open("rb")
    except FileNotFoundError:
        target = " (a symbolic link to nothing)" if path.is_symlink() else ""
        raise refuse(name, f"there is no such file{target}", "check the path") from None
    except OSError as error:
        raise refuse(name, f"the file cannot be opened: {error.strerror}", "check its permissions and path") from None


def _kind(magic: bytes, name: str) -> str:
    if magic.startswith(GZIP):
        return "gzip"
    if magic.startswith(ZIP):
        return "workbook"
    if magic.startswith(PARQUET):
        return "parquet"
    if magic.startswith(COMPOUND):
        raise refuse(
            name,
            "this workbook is password-protected, or in the old .xls format",
            "save it as .xlsx without a password",
        )
    return "text"


def _hash(handle: BinaryIO) -> str:
    handle.seek(0)
    digest = hashlib.sha256()
    while block := handle.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def open_bytes(opened: OpenedFile) -> BinaryIO:
    """The (decompressed) bytes from the start."""
    opened.handle.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=opened.handle, mode="rb")) if opened.kind == "gzip" else opened.handle


def _blocks(opened: OpenedFile, limits: Limits) -> Iterator[bytes]:
    """Decompressed blocks; refuses a damaged, truncated or exploding file."""
    stream, total = open_bytes(opened), 0
    while True:
        try:
            block = stream.read(BLOCK)
        except EOFError:
            raise refuse(
                opened.name, f"the compressed file is truncated: it breaks off after {total:,} bytes of text",
                "transfer it again; no row was taken",
            ) from None  # fmt: skip
        except (gzip.BadGzipFile, zlib.error, OSError) as error:
            raise refuse(
                opened.name,
                f"the compressed file is damaged after {total:,} bytes of text ({error})",
                "transfer it again; no row was taken",
            ) from None
        if not block:
            return
        total += len(block)
        if total > limits.text_bytes:
            raise refuse(opened.name, f"more than {limits.text_bytes:,} bytes of text", "split the file")
        if total > limits.ratio_floor_bytes and total > limits.ratio * opened.size:
            raise refuse(
                opened.name,
                f"the content is over {limits.ratio} times its compressed size: refused as a decompression bomb",
                "send the text uncompressed if it is honest",
            )  # fmt: skip
        yield block


def _inspect_text(opened: OpenedFile, limits: Limits) -> tuple[str, bool]:
    """The encoding under which the whole text is valid, and whether it holds NUL bytes."""
    opened_at = open_bytes(opened).read(4)
    if opened_at.startswith(UTF16):
        return "utf-16", _decode_all(opened, "utf-16", limits).nul > 0
    decoded = _decode_all(opened, "utf-8", limits)
    encoding = "utf-8-sig" if opened_at.startswith(codecs.BOM_UTF8) else "utf-8"
    if decoded.bad_offset is not None:
        bad_offset, encoding = decoded.bad_offset, "gb18030"
        # A few whole multi-byte characters before the break: UTF-8 with a wound, of which GB18030 would make nonsense.
        wounded = decoded.foreign >= 3
        decoded = decoded if wounded else _decode_all(opened, encoding, limits)
        if decoded.bad_offset is not None:
            raise refuse(
                opened.name,
                f"the text is neither UTF-8 nor GB18030 (first bad byte at offset {bad_offset:,})",
                "save it as UTF-8",
            )
    if decoded.nul * 10 > decoded.bytes:
        message = f"{decoded.nul:,} of {decoded.bytes:,} bytes are NUL: this is not a text table"
        raise refuse(opened.name, message, "save it as CSV in UTF-8")
    return encoding, decoded.nul > 0


@dataclass(slots=True)
class Decoded:
    """How far a decoding went: `foreign` counts whole non-ASCII characters (at least up to three) before the end or
    break."""

    bytes: int = 0
    nul: int = 0
    foreign: int = 0
    bad_offset: int | None = None


def _decode_all(opened: OpenedFile, encoding: str, limits: Limits) -> Decoded:
    decoder = codecs.getincrementaldecoder(encoding)()
    decoded, line_bytes, lines = Decoded(), 0, 0
    for block in _blocks(opened, limits):
        line_bytes, lines = _measure_lines(opened.name, block, line_bytes, lines, limits)
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(encoding, "ignore")
            decoded.foreign += sum(not character.isascii() for character in good)
            decoded.bad_offset = decoded.bytes - held + error.start
            return decoded
        if decoded.foreign < 3 and not text.isascii():
            decoded.foreign += sum(not character.isascii() for character in text)
        decoded.nul += block.count(0)
        decoded.bytes += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        decoded.bad_offset = decoded.bytes - 1
    return decoded


def _measure_lines(name: str, block: bytes, carried: int, lines: int, limits: Limits) -> tuple[int, int]:
    """Refuse a line over the limit as soon as it is, without reading to its end."""
    if len(block) + carried <= limits.line_bytes:
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        return (carried + len(block) if last < 0 else len(block) - last - 1), lines + block.count(b"\n")
    pieces = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for number, piece in enumerate(pieces):
        carried = carried + len(piece) if number == 0 else len(piece)
        if carried > limits.line_bytes:
            raise refuse(
                name, f"a line is longer than {limits.line_bytes:,} bytes: refused without reading it to the end",
                "check quotes and line ends near it", line=lines + number + 1,
            )  # fmt: skip
    return carried, lines + len(pieces) - 1
