"""The lock of released versions: what is in force keeps its bytes, so that a decision can be replayed years later.

`versions.lock` beside the programmes has a line per release: programme, version, SHA-256 of the text, day, separated
by tabs. Lines are only ever added. Of the text, not of the bytes: an editor's or a checkout's other line ends and byte
order mark change no word. What a decision records, and a replay looks for, is the hash of the bytes.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from siwei.city.attributes import Attribute, load_attributes
from siwei.errors import Conflict, NotFound, PolicyError, Problem
from siwei.policy.bounded import read_bounded
from siwei.policy.documents.finding_words import told
from siwei.policy.documents.findings import Finding, Severity
from siwei.policy.documents.loading import load_all_versions, load_programme, programme_files
from siwei.policy.documents.reading import LARGEST_FILE
from siwei.policy.places import read_places
from siwei.policy.programmes import Programme, State

LARGEST_LOCK = 4 * 1024 * 1024
LOCK = "versions.lock"
MISSING = "released_version_missing"
"""The kind of finding that a released version's file is not there."""
HEADER = "# programme\tversion\tsha256\treleased on. Written by `siwei policy release`; lines are only added.\n"


@dataclass(frozen=True, slots=True)
class Release:
    """`sha256` is of the text, or of the bytes of the file."""

    programme: str
    version: str
    sha256: str
    released_on: date

    def is_of(self, programme: Programme) -> bool:
        return self.sha256 in (programme.text_sha256, programme.sha256)


def read_releases(directory: Path) -> tuple[Release, ...]:
    """The releases of a folder of programmes; none where there is no lock. Raises PolicyError with every bad line."""
    path = directory / LOCK
    try:
        content = read_bounded(path, LARGEST_LOCK)
        lines = content.decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([Problem(*told("lock:unreadable", why=error), str(path))]) from None
    if len(content) > LARGEST_LOCK:
        raise PolicyError([Problem(*told("lock:large", most=LARGEST_LOCK // 1024), str(path))])
    releases, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            programme, version, sha256, day = line.split("\t")
            if len(sha256) != 64 or int(sha256, 16) < 0:
                raise ValueError
            releases.append(Release(programme, version, sha256, date.fromisoformat(day)))
        except ValueError:
            problems.append(Problem(*told("lock:line"), str(path), number))
    if problems:
        raise PolicyError(problems)
    return tuple(releases)


def release_version(directory: Path, programme: Programme, day: date) -> Release:
    """Add a version to the lock; again with the same text changes nothing.

    Raises Conflict where the version is a draft, was not written as in force, or was released with another text.
    """
    if programme.state is not State.IN_FORCE:
        raise Conflict(
            f"{programme.id} {programme.version} is {programme.state} → write `state: in_force`",
            f"{programme.id} {programme.version} 的状态为 {programme.state} → 请写 `state: in_force`",
        )
    if programme.is_draft:
        raise Conflict(
            f"{programme.id} {programme.version} is a draft: {', '.join(programme.unsourced)} cite nothing → cite them",
            f"{programme.id} {programme.version} 是草案：{', '.join(programme.unsourced)} 没有写明出处 → 请写明",
        )
    for known in read_releases(directory):
        if (known.programme, known.version) == (programme.id, programme.version):
            if not known.is_of(programme):
                raise Conflict(
                    f"{programme.id} {programme.version} was released on {known.released_on} with other text → "
                    f"restore it, and write the change as another version ({programme.id}@<version>.yaml)",
                    f"{programme.id} {programme.version} 已于 {known.released_on} 以不同的文字发布 → "
                    f"请恢复原文，并把改动写成另一版本（{programme.id}@<version>.yaml）",
                )
            return known
    release = Release(programme.id, programme.version, programme.text_sha256, day)
    path = directory / LOCK
    before = path.read_text(encoding="utf-8-sig") if path.exists() else HEADER
    before += "" if before.endswith("\n") else "\n"
    draft = path.with_name(f".{LOCK}.part")
    draft.write_text(
        f"{before}{release.programme}\t{release.version}\t{release.sha256}\t{release.released_on}\n", encoding="utf-8"
    )
    draft.replace(path)
    return release


def as_released(directory: Path, programmes: Sequence[Programme]) -> tuple[Programme, ...]:
    """The programmes as a city goes by them: a released version whose text has changed since is a draft, and so is one
    that was never released of a programme that was, so that what nobody put in force releases no money. Raises
    PolicyError where the lock cannot be read."""
    releases = read_releases(directory)
    return tuple(_as_released(programme, releases) for programme in programmes)


def _as_released(programme: Programme, releases: Sequence[Release]) -> Programme:
    release = next((each for each in releases if each.programme == programme.id and each.version == programme.version),
                   None)  # fmt: skip
    if release is None:
        return replace(programme, never_released=True) if _awaits_release(programme, releases) else programme
    return programme if release.is_of(programme) else replace(programme, released_otherwise=release.released_on)


def _awaits_release(programme: Programme, releases: Sequence[Release]) -> bool:
    """In force by its own word while the lock has other versions of it. What was over before the first of them was
    released is older than the lock."""
    mine = [each for each in releases if each.programme == programme.id]
    if not mine or programme.is_draft or programme.version in [each.version for each in mine]:
        return False
    return programme.period.end is None or programme.period.end >= min(each.released_on for each in mine)


def check_releases(directory: Path, read: Sequence[tuple[Programme, Path]]) -> Iterator[Finding]:
    """Released versions whose text changed or is gone, and versions in force that were never released."""
    try:
        releases = read_releases(directory)
    except PolicyError as error:
        yield from (Finding(Severity.ERROR, "lock", "", problem) for problem in error.problems)
        return
    by_version = {(programme.id, programme.version): (programme, path) for programme, path in read}
    for release in releases:
        found = by_version.get((release.programme, release.version))
        if found is None:
            words = told(
                MISSING, programme=release.programme, version=release.version,
                day=release.released_on,
            )  # fmt: skip
            problem = Problem(*words, str(directory / LOCK))
            yield Finding(Severity.ERROR, MISSING, release.programme, problem)
        elif not release.is_of(found[0]):
            words = told(
                "released_version_changed", programme=release.programme, version=release.version,
                day=release.released_on,
            )  # fmt: skip
            problem = read_places(found[1]).problem_at(("version",), *words)
            yield Finding(Severity.ERROR, "released_version_changed", release.programme, problem)
    if releases:
        yield from _never_released(releases, read)


def _never_released(releases: tuple[Release, ...], read: Sequence[tuple[Programme, Path]]) -> Iterator[Finding]:
    """Only where the pack uses a lock at all."""
    known = {(release.programme, release.version) for release in releases}
    for programme, path in read:
        if _awaits_release(programme, releases):
            words = told("never_released:draft", programme=programme.id, version=programme.version)
            problem = read_places(path).problem_at(("version",), *words)
            yield Finding(Severity.WARNING, "never_released", programme.id, problem)
            continue
        in_force = programme.state is State.IN_FORCE and not programme.is_draft
        if in_force and (programme.id, programme.version) not in known:
            words = told("never_released", programme=programme.id, version=programme.version)
            problem = read_places(path).problem_at(("version",), *words)
            yield Finding(Severity.WARNING, "never_released", programme.id, problem)


def load_version(
    pack: Path, programme: str, sha256: str, attributes: Mapping[str, Attribute] | None = None
) -> Programme:
    """The version of a programme whose file has these bytes, whatever its state. Raises NotFound where the pack does
    not hold it, PolicyError where it cannot be read."""
    directory = pack / "programmes"
    for path in programme_files(directory):
        if path.stem.partition("@")[0] == programme and _sha256(path) == sha256:
            return load_programme(path, attributes if attributes is not None else load_attributes(pack))
    raise NotFound(
        f"no version {sha256[:12]}… of {programme!r} in {directory} → "
        "restore its file: its text has changed or is gone",
        f"{directory} 中没有 {programme!r} 的版本 {sha256[:12]}… → 请恢复其文件：文字已改动或文件已不在",
    )


def _sha256(path: Path) -> str | None:
    """None where the file cannot be read, or is larger than one of a programme may be."""
    try:
        content = read_bounded(path, LARGEST_FILE)
    except OSError:
        return None
    return None if len(content) > LARGEST_FILE else hashlib.sha256(content).hexdigest()


def find_version(directory: Path, attributes: Mapping[str, Attribute], programme: str, version: str) -> Programme:
    """Raises NotFound, naming the versions there are."""
    mine = [each for each in load_all_versions(directory, attributes) if each.id == programme]
    for each in mine:
        if each.version == version:
            return each
    there = ", ".join(each.version for each in mine) or "none"
    raise NotFound(
        f"no version {version!r} of {programme!r} → one of: {there}",
        f"{programme!r} 没有版本 {version!r} → 可选：{there}",
    )
