"""The files of datasets: kept under the hash that their description names, archives looked through before."""

from pathlib import Path

from siwei.errors import InputError, Problem
from siwei.exchange.archives import check_archive
from siwei.exchange.files import KeptFile, keep_parts, parts_of


def keep_file(source: Path, expected_sha256: str, directory: Path, place: str) -> KeptFile:
    """Copy a file under its hash; the same again is the same file. Raises InputError (where it is no plain file, has
    another checksum, or is an archive that must not be handed on), naming `place`."""
    if not source.is_file() or source.is_symlink():
        raise InputError(
            [Problem("the file is not there, or is no plain file", "put it beside the others", field=place)]
        )

    def check(copy: Path, kept: KeptFile) -> None:
        if kept.sha256 != expected_sha256:
            fix = f"it is {kept.sha256}; give the file described, or describe it anew"
            raise InputError([Problem("the file has another checksum than described", fix, field=place)])
        # The copy is looked through, not the original: nobody can change it in between.
        check_archive(copy, place)

    with source.open("rb") as given:
        return keep_parts(parts_of(given), directory, check=check)
