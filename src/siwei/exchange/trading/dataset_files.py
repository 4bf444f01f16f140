"""The files of datasets: kept under the hash that their description names, archives looked through before."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from siwei.errors import InputError, Problem, Said
from siwei.exchange.archives import check_archive
from siwei.exchange.files import KeptFile, keep_parts, parts_of, path_of

Progress = Callable[[int, int], None]
"""Bytes read so far, of how many."""


def keep_file(
    source: Path, expected_sha256: str, directory: Path, place: str, progress: Progress | None = None
) -> KeptFile:
    """Copy a file under its hash, a part at a time; one that is kept already is only compared. Raises InputError (where
    it is no plain file, has another checksum, or is an archive that must not be handed on), naming `place`."""
    if not source.is_file() or source.is_symlink():
        raise InputError(
            [
                Problem(
                    Said("the file is not there, or is no plain file", "文件不存在，或不是普通文件"),
                    Said("put it beside the others", "请与其他文件放在一起"),
                    field=place,
                )
            ]
        )

    def check(copy: Path, kept: KeptFile) -> None:
        if kept.sha256 != expected_sha256:
            fix = Said(
                f"it is {kept.sha256}; give the file described, or describe it anew",
                f"它是 {kept.sha256}；请给出所描述的文件，或重新描述",
            )
            raise InputError(
                [
                    Problem(
                        Said("the file has another checksum than described", "文件的校验和与描述不符"), fix, field=place
                    )
                ]
            )
        # The copy is looked through, not the original: nobody can change it in between.
        check_archive(copy, place)

    kept, size = path_of(expected_sha256, directory), source.stat().st_size
    with source.open("rb") as given:
        parts = _told(parts_of(given), size, progress)
        if kept.is_file() and kept.stat().st_size == size:
            digest = hashlib.sha256()
            for part in parts:
                digest.update(part)
            check(kept, KeptFile(digest.hexdigest(), size))
            return KeptFile(expected_sha256, size)
        return keep_parts(parts, directory, check=check)


def _told(parts: Iterable[bytes], total: int, progress: Progress | None) -> Iterator[bytes]:
    read = 0
    for part in parts:
        yield part
        read += len(part)
        if progress is not None:
            progress(read, total)
