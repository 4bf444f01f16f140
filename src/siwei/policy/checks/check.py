"""Check a pack's programmes and stacking rules: what cannot be read, what can never be, what is worth knowing."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from siwei.city.attributes import Attribute
from siwei.city.cells import OptionalDate
from siwei.city.pack_csv import read_csv_table
from siwei.city.pack_files import MAX_CSV_BYTES, read_pack_file
from siwei.city.tables import TABLES_BY_ID, explain_error
from siwei.errors import PolicyError, Problem
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

_DAY: TypeAdapter[date | None] = TypeAdapter(OptionalDate)
BESIDE_FAULTS = (check_clauses, check_source)
CHECKS = (check_clauses, check_bands, check_award, check_parameters, check_tables, check_source, check_state)


def check_programmes(directory: Path, attributes: Mapping[str, Attribute], today: date) -> tuple[Finding, ...]:
    """Findings over all files of `directory` (`programmes` of a pack), errors first.

    A file that cannot be read gives errors of kind `refused`, and the others are checked all the same. `stacking.yaml`
    of the pack around it is checked with them; its findings are of the "programme" `stacking.yaml`.
    """
    return worst_first(_findings(Path(directory), attributes, today))


def _findings(directory: Path, attributes: Mapping[str, Attribute], today: date) -> Iterator[Finding]:
    until, unread = documents_until(directory.parent)
    for problem in unread:
        yield Finding(Severity.ERROR, "refused", TABLES_BY_ID["documents"].path, problem)
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


def documents_until(pack: Path) -> tuple[dict[str, date], tuple[Problem, ...]]:
    """Until when the documents of a pack's `documents.csv` are valid, by Chinese name; the ones that say so. With what
    of the file cannot be read."""
    table = TABLES_BY_ID["documents"]
    file = read_pack_file(pack, table.path, MAX_CSV_BYTES)
    if file.text is None:
        return {}, () if file.absent else file.problems
    rows = read_csv_table(file.text, file.name, table.columns, ("name_zh", "valid_to"))
    until, problems = {}, [*rows.problems]
    for row in rows.rows:
        try:
            day = _DAY.validate_python(row.cells["valid_to"])
        except ValidationError as error:
            found = [explain_error({**each, "loc": ("valid_to",)}, file.name, row.line) for each in error.errors()]
            problems += found
            continue
        if day is not None:
            until[row.cells["name_zh"]] = day
    return until, tuple(problems)
