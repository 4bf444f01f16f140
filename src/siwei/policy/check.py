"""Check every programme of a pack: what cannot be read, what can never be, and what is worth knowing."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import PolicyError
from siwei.policy.check_award import check_award
from siwei.policy.check_clauses import check_clauses
from siwei.policy.check_dates import check_bands, check_parameters, check_source, check_state, check_tables
from siwei.policy.findings import Finding, Severity, Subject, worst_first
from siwei.policy.loading import load_all_versions, load_programme, programme_files
from siwei.policy.places import read_places
from siwei.policy.programmes import Programme
from siwei.policy.releases import check_releases

CHECKS = (check_clauses, check_bands, check_award, check_parameters, check_tables, check_source, check_state)


def check_programmes(directory: Path, attributes: Mapping[str, Attribute], today: date) -> tuple[Finding, ...]:
    """Findings over all files of `directory` (`programmes` of a pack), errors first.

    A file that cannot be read gives errors of kind `refused`, and the others are checked all the same.
    """
    return worst_first(_findings(Path(directory), attributes, today))


def _findings(directory: Path, attributes: Mapping[str, Attribute], today: date) -> Iterator[Finding]:
    until = documents_until(directory.parent)
    read: list[tuple[Programme, Path]] = []
    for path in programme_files(directory):
        try:
            programme = load_programme(path, attributes)
        except PolicyError as error:
            for problem in error.problems:
                yield Finding(Severity.ERROR, "refused", path.stem.partition("@")[0], problem)
            continue
        read.append((programme, path))
        subject = Subject(programme, read_places(path), today, until)
        for check in CHECKS:
            yield from check(subject)
    yield from check_releases(directory, read)
    if len(read) == len(programme_files(directory)):
        # Faults between files, such as one version written twice.
        try:
            load_all_versions(directory, attributes)
        except PolicyError as error:
            for problem in error.problems:
                yield Finding(Severity.ERROR, "refused", Path(problem.file).stem.partition("@")[0], problem)


def documents_until(pack: Path) -> dict[str, date]:
    """Until when the documents of a pack's `documents.csv` are valid, by Chinese name; the ones that say so."""
    path = pack / "documents.csv"
    if not path.is_file():
        return {}
    table = pl.read_csv(path, infer_schema=False)
    if not {"name_zh", "valid_to"} <= set(table.columns):
        return {}
    dated = table.select("name_zh", pl.col("valid_to").str.to_date("%Y-%m-%d", strict=False)).drop_nulls()
    return dict(dated.iter_rows())
