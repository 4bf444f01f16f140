"""Check a pack's programmes and stacking rules: what cannot be read, what can never be, what is worth knowing."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import PolicyError
from siwei.policy.checks.check_award import check_award
from siwei.policy.checks.check_clauses import check_clauses
from siwei.policy.checks.check_dates import check_bands, check_parameters, check_source, check_state, check_tables
from siwei.policy.checks.check_stacking import StackingSubject, check_stacking
from siwei.policy.documents.findings import Finding, Severity, Subject, worst_first
from siwei.policy.documents.loading import load_all_versions, load_readable, programme_files
from siwei.policy.documents.loading_stacking import FILE, read_stacking
from siwei.policy.documents.releases import check_releases
from siwei.policy.places import read_places
from siwei.policy.programmes import Programme
from siwei.policy.versions import latest_versions

BESIDE_FAULTS = (check_clauses, check_source)
CHECKS = (check_clauses, check_bands, check_award, check_parameters, check_tables, check_source, check_state)


def check_programmes(directory: Path, attributes: Mapping[str, Attribute], today: date) -> tuple[Finding, ...]:
    """Findings over all files of `directory` (`programmes` of a pack), errors first.

    A file that cannot be read gives errors of kind `refused`, and the others are checked all the same. `stacking.yaml`
    of the pack around it is checked with them; its findings are of the "programme" `stacking.yaml`.
    """
    return worst_first(_findings(Path(directory), attributes, today))


def _findings(directory: Path, attributes: Mapping[str, Attribute], today: date) -> Iterator[Finding]:
    until = documents_until(directory.parent)
    read: list[tuple[Programme, Path]] = []
    paths = programme_files(directory)
    for path in paths:
        programme, problems = load_readable(path, attributes)
        for problem in problems:
            yield Finding(Severity.ERROR, "refused", path.stem.partition("@")[0], problem)
        if programme is None:
            continue
        if not problems:
            read.append((programme, path))
        subject = Subject(programme, read_places(path), today, until)
        # Beside a fault only what does not hang on the rest is told: other clauses, and what is known of the source.
        for check in CHECKS if not problems else BESIDE_FAULTS:
            yield from check(subject)
    yield from check_releases(directory, read)
    if len(read) == len(paths):
        # Faults between files, such as one version written twice.
        try:
            load_all_versions(directory, attributes)
        except PolicyError as error:
            for problem in error.problems:
                yield Finding(Severity.ERROR, "refused", Path(problem.file).stem.partition("@")[0], problem)
    # A file that could not be read still stands for a programme that rules may name.
    known: dict[str, str | None] = dict.fromkeys(path.stem.partition("@")[0] for path in paths)
    latest = latest_versions([programme for programme, _ in read], today)
    known |= {programme.id: programme.applies_to for programme, _ in read}
    known |= {programme.id: programme.applies_to for programme in latest}
    try:
        written = read_stacking(directory.parent, attributes, known)
    except PolicyError as error:
        for problem in error.problems:
            yield Finding(Severity.ERROR, "refused", FILE, problem)
        return
    if written is not None:
        yield from check_stacking(StackingSubject(written, [programme for programme, _ in read], today, until))


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
