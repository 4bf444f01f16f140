"""Files people give as evidence: bounded, of few kinds, kept under their own hash, outside the web root."""

import hashlib
import os
from datetime import datetime
from pathlib import Path

from siwei.errors import InputError, NotFound, Problem
from siwei.exchange.models import Person, StoredFile

LIMIT_BYTES = 3 * 1024 * 1024
"""Below what the server takes in one request (`siwei.cli.serve`)."""
MEDIA_TYPES = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def sniff(content: bytes) -> str:
    """The media type by the first bytes. Raises InputError for what is no PDF, PNG or JPEG, or too large."""
    if len(content) > LIMIT_BYTES:
        raise InputError([Problem("the file is too large", f"{LIMIT_BYTES // 1024 // 1024} MB at most", field="file")])
    found = next((kind for magic, kind in MEDIA_TYPES.items() if content.startswith(magic)), None)
    if found is None:
        raise InputError([Problem("the file is no PDF, PNG or JPEG", "scan or photograph the paper", field="file")])
    return found


def store_file(content: bytes, name: str, *, directory: Path, person: Person, now: datetime) -> StoredFile:
    """On disk before its row is: a row never names bytes that are not there. The same again is the same file."""
    media_type = sniff(content)
    sha256 = hashlib.sha256(content).hexdigest()
    path = _place(directory, sha256)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{sha256}.{os.getpid()}.new")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o600)
        draft.replace(path)
    stored, _ = StoredFile.objects.get_or_create(
        person=person,
        sha256=sha256,
        defaults={
            "size_bytes": len(content), "media_type": media_type, "name": _plain_name(name, media_type), "at": now
        },
    )  # fmt: skip
    return stored


def read_file(stored: StoredFile, *, directory: Path) -> bytes:
    """The bytes, compared with their hash: what was changed on disk is not shown."""
    try:
        content = _place(directory, stored.sha256).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"file {stored.sha256[:12]} is not on this machine → restore it from a backup") from None
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise NotFound(f"file {stored.sha256[:12]} was changed on disk → restore it from a backup")
    return content


def _place(directory: Path, sha256: str) -> Path:
    return directory / sha256[:2] / sha256


def _plain_name(name: str, media_type: str) -> str:
    """The sender's name for it, without paths and control characters, and with the ending its bytes ask for."""
    stem = Path(name.replace("\\", "/")).stem
    kept = "".join(character for character in stem if character.isprintable() and character not in '"/<>:|?*')
    return f"{kept.strip()[:100] or 'file'}.{media_type.rpartition('/')[2]}"
