"""Reading one text file of a pack, bounded: nothing is parsed before its place, size and encoding are known."""

import stat
from dataclasses import dataclass
from pathlib import Path

from siwei.errors import Problem

MAX_CSV_BYTES = 4 * 2**20
MAX_YAML_BYTES = 64 * 2**10

MISSING = "file is missing"


@dataclass(frozen=True, slots=True)
class PackFile:
    """`text` is None where the file cannot be used; `problems` then says why. `raw` is what a digest is made of.

    `absent`: there is nothing at this place, not even a link that leads nowhere.
    """

    name: str
    text: str | None
    raw: bytes
    problems: tuple[Problem, ...]
    absent: bool = False


def read_pack_file(directory: Path, relative: str, max_bytes: int) -> PackFile:
    """Read `relative` below `directory` as UTF-8 (a byte-order mark is dropped), at most `max_bytes`."""
    path = directory / relative
    name = str(path)
    refusal = _refuse_place(directory, path, max_bytes)
    if refusal:
        return PackFile(name, None, b"", (refusal,), absent=refusal.message == MISSING)
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        return PackFile(
            name, None, b"", (Problem(f"cannot be read: {error.strerror}", "mend the file's permissions", name),)
        )
    text, problem = _decode(raw, name)
    return PackFile(name, text, raw, (problem,) if problem else ())


def _refuse_place(directory: Path, path: Path, max_bytes: int) -> Problem | None:
    name = str(path)
    try:
        # A link may stay inside the pack; one that leaves it would publish another file of the machine.
        if not path.resolve(strict=True).is_relative_to(directory.resolve()):
            return Problem("is a link that leaves the pack", "put the file itself into the pack", name)
        status = path.stat()
    except FileNotFoundError:
        way = [path, *path.parents][: len(path.relative_to(directory).parts)]
        if any(step.is_symlink() for step in way):
            return Problem("is behind a link that leads nowhere", "remove the link, or restore its target", name)
        return Problem(MISSING, "add the file", name)
    except (OSError, RuntimeError) as error:
        return Problem(f"cannot be reached: {error}", "put a plain file here", name)
    if not stat.S_ISREG(status.st_mode):
        return Problem("is not a plain file", "put a plain file here", name)
    if status.st_size > max_bytes:
        return Problem(
            f"has {status.st_size:,} bytes; the limit is {max_bytes:,}",
            "split the data, or keep it out of the pack",
            name,
        )
    return None


def _decode(raw: bytes, name: str) -> tuple[str | None, Problem | None]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return None, Problem(
            f"is not UTF-8 (byte 0x{raw[error.start]:02x} at offset {error.start})",
            "save the file as UTF-8",
            name,
            line,
        )
    control = next((position for position, char in enumerate(text) if char < " " and char not in "\t\r\n"), None)
    if control is not None:
        return None, Problem(
            f"holds the control character U+{ord(text[control]):04X}",
            "remove it",
            name,
            text.count("\n", 0, control) + 1,
        )
    return text, None
