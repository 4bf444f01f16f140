"""Files that people give: written part by part beside their place, kept under their own hash, outside the web root.

What is evidence (of a claim, a delivery, a dispute) is bounded and of few kinds, told by its bytes.
"""

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from siwei.city.drafts import draft_directory, sync_directory
from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.archives import check_zip
from siwei.exchange.models import Person, StoredFile

PART_BYTES = 1024 * 1024
LIMIT_BYTES = 20 * 1024 * 1024
"""Below what the server takes in one request (`siwei.cli.serve`)."""
MEDIA_TYPES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"PK\x03\x04": "application/zip",
}
"""By the first bytes. Documents of office programs (.docx, .xlsx) are ZIP archives."""
TEXT = "text/plain"
PAPERS = frozenset({"application/pdf", "image/png", "image/jpeg"})
EVIDENCE = frozenset({*MEDIA_TYPES.values(), TEXT})
WORDS = {
    PAPERS: (
        Said("the file is no PDF, PNG or JPEG", "文件不是 PDF、PNG 或 JPEG"),
        Said("scan or photograph the paper", "请扫描或拍摄材料"),
    ),
    EVIDENCE: (
        Said("the file is empty, or of no kind that is taken", "文件是空的，或不是可接收的类型"),
        Said(
            "give a PDF, PNG, JPEG, a document of an office program, a ZIP archive, or plain text (UTF-8)",
            "请给 PDF、PNG、JPEG、办公文档、ZIP 压缩包或纯文本（UTF-8）",
        ),
    ),
}
ENDINGS = {
    "application/pdf": ("pdf",),
    "image/png": ("png",),
    "image/jpeg": ("jpeg", "jpg"),
    "application/zip": ("zip", "docx", "xlsx", "pptx", "odt", "ods"),
    TEXT: ("txt", "csv", "md", "json", "xml", "log"),
}
"""What a file's name may end in; the first where the sender's says otherwise."""
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Source(Protocol):
    """Whatever bytes are read from: an open file, an upload."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...


@dataclass(frozen=True, slots=True)
class KeptFile:
    sha256: str
    size_bytes: int


class UnsatisfiableRange(Exception):
    """A part was asked for that the file has not."""


def keep_parts(
    parts: Iterable[bytes],
    directory: Path,
    *,
    check: Callable[[Path, KeptFile], None],
    limit_bytes: int | None = None,
) -> KeptFile:
    """Write a file under its hash; the same again is the same file. `check` looks the whole copy through and raises
    what is wrong with it. Killed anywhere, it leaves the whole file or a draft that the next one sweeps."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with draft_directory(directory) as drafts:
        draft = drafts / "file"
        digest, size = hashlib.sha256(), 0
        with draft.open("wb") as file:
            for part in parts:
                size += len(part)
                if limit_bytes is not None and size > limit_bytes:
                    fix = Said(f"{limit_bytes // 1024 // 1024} MB at most", f"不超过 {limit_bytes // 1024 // 1024} MB")
                    raise InputError([Problem(Said("the file is too large", "文件过大"), fix, field="file")])
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        kept = KeptFile(digest.hexdigest(), size)
        check(draft, kept)
        place = path_of(kept.sha256, directory)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.chmod(0o600)
        draft.replace(place)
        sync_directory(place.parent)
    return kept


def parts_of(source: Source) -> Iterator[bytes]:
    """From its beginning, however often it is asked."""
    source.seek(0)
    while part := source.read(PART_BYTES):
        yield part


def sha256_of_source(source: Source) -> str:
    digest = hashlib.sha256()
    for part in parts_of(source):
        digest.update(part)
    return digest.hexdigest()


def store_file(
    source: Source, name: str, *, directory: Path, person: Person, now: datetime, kinds: frozenset[str] = EVIDENCE
) -> StoredFile:
    """Evidence. On disk before its row is: a row never names bytes that are not there. The same again is the same file.
    Raises InputError for what is empty, too large, of no kind that is taken, or an archive that must not be opened."""
    found: list[str] = []

    def check(copy: Path, kept: KeptFile) -> None:
        with copy.open("rb") as file:
            found.append(check_kind(file, kinds))

    kept = keep_parts(parts_of(source), directory, check=check, limit_bytes=LIMIT_BYTES)
    media_type = found[0]
    stored, _ = StoredFile.objects.get_or_create(
        person=person,
        sha256=kept.sha256,
        defaults={
            "size_bytes": kept.size_bytes, "media_type": media_type, "name": plain_name(name, media_type), "at": now
        },
    )  # fmt: skip
    return stored


def check_kind(source: IO[bytes], kinds: frozenset[str] = EVIDENCE) -> str:
    """The media type by the file's bytes, never by its name. Raises InputError for what is none of `kinds`, and for an
    archive that must not be opened."""
    source.seek(0)
    beginning = source.read(16)
    found = next((kind for magic, kind in MEDIA_TYPES.items() if beginning.startswith(magic)), None)
    if found is None and beginning and TEXT in kinds and _is_text(source):
        found = TEXT
    if found not in kinds or found is None:
        raise InputError([Problem(*WORDS[kinds], field="file")])
    if found == "application/zip":
        check_zip(source, "file")
    return found


def whole_path(sha256: str, directory: Path) -> Path:
    """Where the bytes lie, compared with their hash: what was changed on disk is not shown. Raises NotFound."""
    path = path_of(sha256, directory)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise NotFound(
            f"file {sha256[:12]} is not on this machine → restore it from a backup",
            f"文件 {sha256[:12]} 不在本机 → 请从备份恢复",
        ) from None
    if digest != sha256:
        raise NotFound(
            f"file {sha256[:12]} was changed on disk → restore it from a backup",
            f"文件 {sha256[:12]} 在磁盘上被改动 → 请从备份恢复",
        )
    return path


def path_of(sha256: str, directory: Path) -> Path:
    return directory / sha256[:2] / sha256


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
        raise NotFound(
            f"file {sha256[:12]} is not on this machine → restore it from a backup",
            f"文件 {sha256[:12]} 不在本机 → 请从备份恢复",
        )
    return _parts(path, first, last)


def _parts(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (part := file.read(min(PART_BYTES, left))):
            left -= len(part)
            yield part


def plain_name(name: str, media_type: str) -> str:
    """The sender's name for it, without paths and control characters, with an ending that its bytes allow."""
    given = Path(name.replace("\\", "/"))
    kept = "".join(character for character in given.stem if character.isprintable() and character not in '"/<>:|?*')
    endings = ENDINGS[media_type]
    ending = given.suffix.removeprefix(".").lower()
    return f"{kept.strip()[:100] or 'file'}.{ending if ending in endings else endings[0]}"


def _is_text(file: Source) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in parts_of(file):
            if "\0" in decoder.decode(part):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
