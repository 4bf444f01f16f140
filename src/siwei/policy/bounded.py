"""Read a file that somebody else wrote: never more than is wanted of it, and nothing that is no plain file: a pipe or a
device has no end."""

import errno
from pathlib import Path


class NoPlainFile(OSError):
    """A pipe, a device, a socket."""


def check_plain(path: Path) -> None:
    """Raises OSError for what is there and is neither a file nor a folder, and for a link in a circle."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise NoPlainFile(errno.EINVAL, "no plain file")


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """At most one byte more than `most_bytes`, so that what is larger can be told. Raises OSError."""
    check_plain(path)
    with path.open("rb") as file:
        return file.read(most_bytes + 1)
