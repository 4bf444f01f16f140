"""Reading one text file of a pack, bounded: nothing is parsed before its place, size and encoding are known."""

import codecs
import csv
import io
import stat
from dataclasses import dataclass
from pathlib import Path

from siwei.city.table_words import of_pack
from siwei.errors import Problem, Said

MAX_CSV_BYTES = 4 * 2**20
MAX_YAML_BYTES = 64 * 2**10

MISSING = of_pack("missing")


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
        return PackFile(name, None, b"", (refusal,), absent=refusal.message == MISSING[0])
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        return PackFile(name, None, b"", (Problem(*of_pack("unreadable", why=error.strerror), name),))
    text, problem = _decode(raw, name)
    return PackFile(name, text, raw, (problem,) if problem else ())


def _refuse_place(directory: Path, path: Path, max_bytes: int) -> Problem | None:
    name = str(path)
    try:
        # A link may stay inside the pack; one that leaves it would publish another file of the machine.
        if not path.resolve(strict=True).is_relative_to(directory.resolve()):
            return Problem(*of_pack("leaves"), name)
        status = path.stat()
    except FileNotFoundError:
        way = [path, *path.parents][: len(path.relative_to(directory).parts)]
        if any(step.is_symlink() for step in way):
            return Problem(*of_pack("dangling"), name)
        return Problem(*MISSING, name)
    except (OSError, RuntimeError) as error:
        return Problem(*of_pack("unreachable", why=error), name)
    if not stat.S_ISREG(status.st_mode):
        return Problem(*of_pack("special"), name)
    if status.st_size > max_bytes:
        return Problem(*of_pack("large", count=status.st_size, most=max_bytes), name)
    return None


def _decode(raw: bytes, name: str) -> tuple[str | None, Problem | None]:
    unmarked = raw.removeprefix(codecs.BOM_UTF8)
    try:
        text = unmarked.decode()
    except UnicodeDecodeError as error:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            message = Said("is UTF-16, not UTF-8", "是 UTF-16 编码，不是 UTF-8")
        else:
            byte = f"0x{unmarked[error.start]:02x}"
            message = Said(f"is not UTF-8 (byte {byte})", f"不是 UTF-8 编码（字节 {byte}）")
        fix = Said("save the file as UTF-8", "请将文件存为 UTF-8")
        return None, _problem_after(unmarked[: error.start].decode(), message, fix, name)
    control = next((position for position, char in enumerate(text) if char < " " and char not in "\t\r\n"), None)
    if control is not None:
        character = f"U+{ord(text[control]):04X}"
        message = Said(f"holds the control character {character}", f"含有控制字符 {character}")
        return None, _problem_after(text[:control], message, Said("remove it", "请删去"), name)
    return text, None


def _problem_after(before: str, message: Said, fix: Said, name: str) -> Problem:
    """At the character that follows `before`: its line, its place in it, and the name of a CSV's column."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(message, fix, name, line, column, _cell_after(before) if name.endswith(".csv") else "")


def _cell_after(before: str) -> str:
    """The name that the first record gives to the cell; empty within that record itself, or beyond it."""
    try:
        records = [*csv.reader(io.StringIO(before + "x"))]
    except csv.Error:
        return ""
    place = len(records[-1]) - 1
    return records[0][place] if len(records) > 1 and place < len(records[0]) else ""
