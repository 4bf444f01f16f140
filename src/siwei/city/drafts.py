"""Things that are whole or not there: made in a directory beside their place, and moved into it when they are done."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from siwei.errors import Conflict

DRAFTS = ".siwei-draft-"
OLD_DRAFT_S = 60.0


@contextmanager
def draft_directory(parent: Path) -> Iterator[Path]:
    """A private directory on the same file system, gone when the block ends. What a killed process left is swept by
    the next one."""
    _sweep(parent)
    draft = Path(tempfile.mkdtemp(prefix=DRAFTS, dir=parent))
    lock = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield draft
    finally:
        os.close(lock)
        shutil.rmtree(draft, ignore_errors=True)


def move_file(draft: Path, place: Path, *, replace: bool) -> None:
    """Raises Conflict where something else came there meanwhile (unless `replace`)."""
    if replace:
        draft.replace(place)
    else:
        try:
            os.link(draft, place)
        except FileExistsError:
            raise Conflict(
                f"{place} came while it was being written → choose another name",
                f"写入期间出现了 {place} → 请另取名字",
            ) from None
        except OSError:  # a file system without links
            draft.rename(place)
    sync_directory(place.parent)


def move_directory(draft: Path, place: Path) -> None:
    """Onto an empty directory or nothing. Raises Conflict where something came there meanwhile."""
    try:
        draft.rename(place)
    except OSError as error:
        raise Conflict(
            f"{place} is not empty any more ({error.strerror}) → name a new directory",
            f"{place} 已不是空的（{error.strerror}） → 请指定新目录",
        ) from None
    sync_directory(place.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{DRAFTS}*"):
        try:
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # got: its owner is dead, or has not locked it yet
            if time.time() - os.fstat(lock).st_mtime > OLD_DRAFT_S:
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
