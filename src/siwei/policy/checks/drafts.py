"""A programme as a text that stands in no pack yet: read and checked beside a pack's attributes and size classes."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from siwei.city.attributes import Attribute
from siwei.errors import PolicyError, Problem, Said
from siwei.policy.bounded import read_bounded
from siwei.policy.checks.case_results import CaseRun, run_cases
from siwei.policy.checks.check import check_programmes, documents_until
from siwei.policy.checks.check_stacking import StackingSubject, check_stacking
from siwei.policy.documents.cases import SUFFIX, read_cases
from siwei.policy.documents.findings import Finding, Severity, worst_first
from siwei.policy.documents.loading import load_programme
from siwei.policy.documents.loading_language import SIZE_CLASSES
from siwei.policy.documents.loading_stacking import FILE as STACKING
from siwei.policy.documents.loading_stacking import load_related_rule, load_stacking, read_stacking
from siwei.policy.documents.reading import LARGEST_FILE
from siwei.policy.documents.releases import LARGEST_LOCK, LOCK, MISSING, as_released
from siwei.policy.programmes import Programme
from siwei.policy.stacking import Stacking
from siwei.policy.versions import latest_versions

_ID = re.compile(r"^id:\s*['\"]?([a-z][a-z0-9-]{0,62})['\"]?\s*(?:#.*)?$", re.MULTILINE)
DOCUMENTS = "documents.csv"


def check_text(text: str, pack: Path, attributes: Mapping[str, Attribute], today: date) -> tuple[Finding, ...]:
    """What `check_programmes` finds in it, errors first; places are of the text."""
    with _written(text, pack) as path:
        found = check_programmes(path.parent, attributes, today)
    # Its other versions stand in the pack, and not beside the text.
    mine = [each for each in found if each.kind != MISSING]
    return tuple(replace(each, problem=replace(each.problem, file=Path(each.problem.file).name)) for each in mine)


def load_text(text: str, pack: Path, attributes: Mapping[str, Attribute]) -> Programme:
    """The programme, a draft where its version was released with another text. Raises PolicyError with every
    problem."""
    with _written(text, pack) as path:
        try:
            (programme,) = as_released(path.parent, [load_programme(path, attributes)])
            return programme
        except PolicyError as error:
            raise PolicyError([replace(problem, file=path.name) for problem in error.problems]) from None


def run_text_cases(text: str, cases: str, pack: Path, attributes: Mapping[str, Attribute]) -> CaseRun:
    """The cases of a text, run on a programme that is one too. Raises PolicyError with every problem of either."""
    content, rule = _bounded(cases), load_related_rule(pack)
    with _written(text, pack) as path:
        beside = path.with_name(f"{path.stem}{SUFFIX}")
        beside.write_bytes(content)
        try:
            programme = load_programme(path, attributes)
            return run_cases(programme, read_cases(beside, programme, attributes, rule))
        except PolicyError as error:
            raise PolicyError([replace(each, file=Path(each.file).name) for each in error.problems]) from None


def load_stacking_text(text: str, attributes: Mapping[str, Attribute], programmes: Sequence[Programme]) -> Stacking:
    """A stacking.yaml that stands in no pack yet. Raises PolicyError with every problem."""
    content = _bounded(text)
    with TemporaryDirectory(prefix="siwei-draft-") as folder:
        (Path(folder) / STACKING).write_bytes(content)
        try:
            return load_stacking(Path(folder), attributes, programmes)
        except PolicyError as error:
            raise PolicyError([replace(problem, file=STACKING) for problem in error.problems]) from None


def check_stacking_text(
    text: str, pack: Path, attributes: Mapping[str, Attribute], versions: Sequence[Programme], today: date
) -> tuple[Finding, ...]:
    """What `check_programmes` finds in a stacking.yaml, errors first, beside every version of the pack's programmes."""
    content = _bounded(text)
    known: dict[str, str | None] = {each.id: each.applies_to for each in versions}
    known |= {each.id: each.applies_to for each in latest_versions(versions, today)}
    with TemporaryDirectory(prefix="siwei-draft-") as folder:
        (Path(folder) / STACKING).write_bytes(content)
        try:
            written = read_stacking(Path(folder), attributes, known)
        except PolicyError as error:
            refused = (Finding(Severity.ERROR, "refused", STACKING, each) for each in error.problems)
            return tuple(_of_text(each) for each in refused)
    assert written is not None
    found = check_stacking(StackingSubject(written, versions, today, documents_until(pack)[0]))
    return tuple(_of_text(each) for each in worst_first(found))


def _of_text(finding: Finding) -> Finding:
    return replace(finding, problem=replace(finding.problem, file=STACKING))


def _bounded(text: str) -> bytes:
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError:
        told = Said("holds half a character", "含有半个字符")
        raise PolicyError([Problem(told, Said("write it as UTF-8", "请用 UTF-8 书写"))]) from None
    if len(content) > LARGEST_FILE:
        told = Said(f"is larger than {LARGEST_FILE // 1024} KiB", f"超过 {LARGEST_FILE // 1024} KiB")
        raise PolicyError([Problem(told, Said("a programme is a few kilobytes", "政策文件只有几 KB"))])
    return content


@contextmanager
def _written(text: str, pack: Path) -> Iterator[Path]:
    """A pack that holds it alone, with what the pack's lock has released of it. A programme's file bears its id."""
    content = _bounded(text)
    named = _ID.search(text)
    with TemporaryDirectory(prefix="siwei-draft-") as folder:
        programmes = Path(folder) / "programmes"
        programmes.mkdir()
        for source, target in ((pack / "programmes" / SIZE_CLASSES, programmes), (pack / DOCUMENTS, Path(folder))):
            if source.is_file():
                shutil.copy(source, target)
        path = programmes / f"{named[1] if named else 'programme'}.yaml"
        path.write_bytes(content)
        if named and (lock := pack / "programmes" / LOCK).is_file():
            lines = read_bounded(lock, LARGEST_LOCK).splitlines(keepends=True)
            # A checkout's byte order mark stands before the first line, which tells of no release.
            (programmes / LOCK).write_bytes(
                b"".join(each for each in lines if each.startswith(f"{named[1]}\t".encode()))
            )
        yield path
