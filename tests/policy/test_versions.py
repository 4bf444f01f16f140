"""Versions of a programme: which applies on a day, the lock, loading by hash; and a new file to start from."""

import codecs
import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.cli.policy_author import new
from siwei.errors import Conflict, InputError, NotFound, PolicyError
from siwei.policy import explain, load_programme, load_programmes
from siwei.policy.checks.check import check_programmes
from siwei.policy.checks.sourcing import draft_sentences
from siwei.policy.documents.loading import load_all_versions
from siwei.policy.documents.releases import (
    LOCK,
    as_released,
    find_version,
    load_version,
    read_releases,
    release_version,
)
from siwei.policy.documents.scaffold import write_scaffold
from siwei.policy.versions import latest_versions, version_on

TODAY = date(2026, 11, 23)
OLD = "period: {start: 2026-01-01, end: 2026-12-31}"


@pytest.fixture
def folder(write_programme: Callable[..., Path], tmp_path: Path) -> Path:
    """Versions 1 (2026), 2 (from July 2026 on) and 3 (a draft from 2027 on) of one programme."""
    text = write_programme(clause="spent > 0").read_text(encoding="utf-8")
    (tmp_path / "trial.yaml").unlink()
    dated = "[{start: 2026-01-01, value: 5000}, {start: 2026-07-01, value: 6000}]"
    assert dated in text
    text = text.replace(dated, "[{value: 5000}]")
    programmes = tmp_path / "pack" / "programmes"
    programmes.mkdir(parents=True)
    for version, period, state in (
        ("1", OLD, "in_force"),
        ("2", "period: {start: 2026-07-01, end: 2027-12-31}", "in_force"),
        ("3", "period: {start: 2027-01-01}", "draft"),
    ):
        made = text.replace('version: "1"', f'version: "{version}"\nstate: {state}').replace(OLD, period)
        (programmes / f"trial@{version}.yaml").write_text(made, encoding="utf-8")
    return programmes


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 1), "1"),
        (date(2026, 6, 30), "1"),
        (date(2026, 7, 1), "2"),
        (date(2027, 12, 31), "2"),
        (date(2028, 1, 1), None),
    ],
)
def test_the_version_of_a_day(folder: Path, attributes: dict[str, Attribute], day: date, expected: str | None) -> None:
    """Where two are in force, the one that began last; a draft never is."""
    versions = load_all_versions(folder, attributes)
    assert [each.version for each in versions] == ["1", "2", "3"]
    found = version_on(versions, day)
    assert (found and found.version) == expected
    # Nobody is left without a programme to look at: where none is in force, the last that was.
    assert [each.version for each in load_programmes(folder, attributes, day)] == [expected or "2"]


def test_without_a_day_the_latest_in_force(folder: Path, attributes: dict[str, Attribute]) -> None:
    assert [each.version for each in load_programmes(folder, attributes)] == ["2"]
    drafts = tuple(each for each in load_all_versions(folder, attributes) if each.version == "3")
    assert latest_versions(drafts) == drafts
    assert drafts[0].is_draft


def test_one_version_written_twice_is_refused(folder: Path, attributes: dict[str, Attribute]) -> None:
    (folder / "trial.yaml").write_bytes((folder / "trial@1.yaml").read_bytes())
    with pytest.raises(PolicyError, match=r"version '1' of 'trial' is also trial\.yaml"):
        load_programmes(folder, attributes)
    assert "refused" in [finding.kind for finding in check_programmes(folder, attributes, TODAY)]


def test_a_file_is_named_by_its_id_and_version(folder: Path, attributes: dict[str, Attribute]) -> None:
    moved = (folder / "trial@1.yaml").rename(folder / "trial@9.yaml")
    with pytest.raises(PolicyError, match=r"rename the file to trial.yaml or trial@1.yaml"):
        load_programme(moved, attributes)


def test_what_has_ended_has_a_last_day(folder: Path, attributes: dict[str, Attribute]) -> None:
    path = folder / "trial@3.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("state: draft", "state: ended"), encoding="utf-8")
    with pytest.raises(PolicyError, match="needs the last day of its period"):
        load_programme(path, attributes)


def test_a_released_version_may_not_change(folder: Path, attributes: dict[str, Attribute]) -> None:
    first = find_version(folder, attributes, "trial", "1")
    done = release_version(folder, first, TODAY)
    assert read_releases(folder) == (done,)
    assert (done.sha256, release_version(folder, first, date(2027, 1, 1))) == (first.sha256, done)
    found = check_programmes(folder, attributes, TODAY)
    assert [(str(each.severity), each.kind) for each in found] == [("warning", "never_released")]
    path = folder / "trial@1.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("spent > 0", "spent > 1"), encoding="utf-8")
    changed = check_programmes(folder, attributes, TODAY)[0]
    assert (changed.kind, changed.problem.line) == ("released_version_changed", 2)
    with pytest.raises(Conflict, match="was released on 2026-11-23 with other text"):
        release_version(folder, load_programme(path, attributes), TODAY)
    path.unlink()
    gone = check_programmes(folder, attributes, TODAY)[0]
    assert (gone.kind, Path(gone.problem.file).name) == ("released_version_missing", LOCK)
    path.write_text(before, encoding="utf-8")
    assert [each.kind for each in check_programmes(folder, attributes, TODAY)] == ["never_released"]


def test_a_released_text_that_changed_releases_no_money(folder: Path, attributes: dict[str, Attribute]) -> None:
    release_version(folder, find_version(folder, attributes, "trial", "1"), TODAY)
    path = folder / "trial@1.yaml"
    text = path.read_bytes()
    for written, day in ((text, None), (text.replace(b"value: 5000", b"value: 5001"), TODAY), (text, None)):
        path.write_bytes(written)
        first = as_released(folder, load_all_versions(folder, attributes))[0]
        assert (first.released_otherwise, first.is_draft) == (day, day is not None)
    path.write_bytes(text + b"# a word\n")
    changed = as_released(folder, load_all_versions(folder, attributes))[0]
    told = draft_sentences(changed)
    assert told is not None and "was released on 2026-11-23 and its file has changed since" in told.en
    assert explain(changed, {}, date(2026, 6, 1), attributes).sentence.en.endswith(
        "(Its text has changed since it was released, so no money is released.)"
    )


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_and_a_byte_order_mark_change_no_word(
    folder: Path, attributes: dict[str, Attribute], mark: bytes, end: bytes
) -> None:
    """As a checkout or an editor of another system writes them; released here or there."""
    for version in ("1", "2"):
        path = folder / f"trial@{version}.yaml"
        text = path.read_bytes()
        other = mark + text.replace(b"\n", end)
        path.write_bytes(text if version == "1" else other)
        released = release_version(folder, find_version(folder, attributes, "trial", version), TODAY)
        lock = folder / LOCK
        lock.write_bytes(mark + lock.read_bytes().removeprefix(mark).replace(b"\r\n", b"\n").replace(b"\n", end))
        path.write_bytes(other if version == "1" else text)
        read = find_version(folder, attributes, "trial", version)
        assert release_version(folder, read, date(2027, 1, 1)) == released
        # Decisions go on to record the bytes, and are replayed from them.
        assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert load_version(folder.parent, "trial", read.sha256, attributes) == read
    assert [each.version for each in read_releases(folder)] == ["1", "2"]
    first, second, _ = as_released(folder, load_all_versions(folder, attributes))
    assert (first.is_draft, second.is_draft) == (False, False)
    assert check_programmes(folder, attributes, TODAY) == ()
    path = folder / "trial@1.yaml"
    path.write_bytes(path.read_bytes().replace(b"value: 5000", b"value: 5001"))
    assert as_released(folder, load_all_versions(folder, attributes))[0].is_draft
    assert [each.kind for each in check_programmes(folder, attributes, TODAY)] == ["released_version_changed"]


def test_a_lock_of_bytes_holds_and_one_cut_short_goes_on(folder: Path, attributes: dict[str, Attribute]) -> None:
    """A release of before, of a file with the other line ends; and no line end behind the last line."""
    path = folder / "trial@1.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    bytes_ = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / LOCK).write_text(f"trial\t1\t{bytes_}\t2026-01-01", encoding="utf-8")
    release_version(folder, find_version(folder, attributes, "trial", "2"), TODAY)
    assert [each.version for each in read_releases(folder)] == ["1", "2"]
    first, second, _ = as_released(folder, load_all_versions(folder, attributes))
    assert (first.is_draft, second.is_draft) == (False, False)


def test_another_number_does_not_put_a_changed_text_in_force(folder: Path, attributes: dict[str, Attribute]) -> None:
    (folder / "trial@2.yaml").unlink()
    (folder / "trial@3.yaml").unlink()
    path = folder / "trial@1.yaml"
    text = path.read_text(encoding="utf-8")
    changed = text.replace('version: "1"', 'version: "1.1"').replace("value: 5000", "value: 9000")
    other = folder / "trial@1.1.yaml"
    other.write_text(changed, encoding="utf-8")
    # A pack without a lock goes by what its files say.
    assert [each.is_draft for each in as_released(folder, load_all_versions(folder, attributes))] == [False, False]
    release_version(folder, find_version(folder, attributes, "trial", "1"), TODAY)
    first, second = as_released(folder, load_all_versions(folder, attributes))
    assert (first.lacks_release, second.lacks_release, second.is_draft) == (False, True, True)
    told = draft_sentences(second)
    assert told is not None
    assert "was never released, while another version was" in told.en and told.en.endswith(
        "siwei policy release trial 1.1."
    )
    assert "尚未发布" in told.zh
    assert explain(second, {}, date(2026, 6, 1), attributes).sentence.en.endswith(
        "(This version was never released, so no money is paid by it.)"
    )
    (warned,) = (each for each in check_programmes(folder, attributes, TODAY) if each.kind == "never_released")
    assert "so it releases no money" in warned.problem.message
    # Neither by calling it ended, while its days go on …
    other.write_text(changed.replace("state: in_force", "state: ended"), encoding="utf-8")
    assert as_released(folder, load_all_versions(folder, attributes))[1].never_released
    # … but what was over before anything of it was released is older than the lock.
    over = changed.replace("state: in_force", "state: ended").replace(OLD, "period: {end: 2026-11-22}")
    other.write_text(over, encoding="utf-8")
    assert not any(each.is_draft for each in as_released(folder, load_all_versions(folder, attributes)))
    other.write_text(changed, encoding="utf-8")
    release_version(folder, find_version(folder, attributes, "trial", "1.1"), TODAY)
    assert not any(each.is_draft for each in as_released(folder, load_all_versions(folder, attributes)))


@pytest.mark.parametrize("day", [date(2024, 1, 1), date(2026, 1, 1), date(2026, 11, 29)])
def test_the_lock_that_is_shipped_makes_nothing_a_draft(day: date) -> None:
    folder, attributes = PACKS / "shenzhen" / "programmes", load_attributes(PACKS / "shenzhen")
    read = load_programmes(folder, attributes, day)
    assert as_released(folder, read) == read
    assert any(not each.is_draft for each in read)


def test_why_no_money_is_released_is_said(folder: Path, attributes: dict[str, Attribute]) -> None:
    """The third version cites everything and is a draft by its state."""
    early = find_version(folder, attributes, "trial", "3")
    assert not early.unsourced
    assert explain(early, {}, date(2027, 6, 1), attributes).sentence.en.endswith(
        "(Not put in force yet, so no money is released.)"
    )


def test_only_what_is_in_force_and_sourced_is_released(folder: Path, attributes: dict[str, Attribute]) -> None:
    with pytest.raises(Conflict, match="trial 3 is draft"):
        release_version(folder, find_version(folder, attributes, "trial", "3"), TODAY)
    path = folder / "trial@2.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "    citation: {document: Trial rules}\n    requires", "    requires"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Conflict, match="first cite nothing"):
        release_version(folder, load_programme(path, attributes), TODAY)
    assert not (folder / LOCK).exists()


@pytest.mark.parametrize(
    "line", ["trial", "trial\t1\tabc\t2026-01-01", f"trial\t1\t{'a' * 64}\ttoday", f"trial\t1\t{'g' * 64}\t2026-01-01"]
)
def test_a_broken_lock_is_shown_with_its_line(folder: Path, attributes: dict[str, Attribute], line: str) -> None:
    (folder / LOCK).write_text(f"# ours\n{line}\n", encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        read_releases(folder)
    assert [problem.line for problem in refused.value.problems] == [2]
    assert [each.kind for each in check_programmes(folder, attributes, TODAY)] == ["lock"]


def test_a_version_is_loaded_by_the_hash_of_its_file(folder: Path, attributes: dict[str, Attribute]) -> None:
    for programme in load_all_versions(folder, attributes):
        assert load_version(folder.parent, "trial", programme.sha256, attributes) == programme
    with pytest.raises(NotFound, match="no version 000000000000…"):
        load_version(folder.parent, "trial", "0" * 64, attributes)
    with pytest.raises(NotFound, match="no version '7' of 'trial' → one of: 1, 2, 3"):
        find_version(folder, attributes, "trial", "7")


def test_a_new_programme_is_right_and_a_draft(tmp_path: Path) -> None:
    attributes = load_attributes(PACKS / "shenzhen")
    path = write_scaffold(tmp_path / "programmes", "my-programme", attributes, TODAY)
    programme = load_programme(path, attributes)
    assert (programme.is_draft, programme.state, programme.unsourced) == (
        True, "draft", ("first", "award", "p.amount"),
    )  # fmt: skip
    assert [each for each in check_programmes(path.parent, attributes, TODAY) if each.severity == "error"] == []
    with pytest.raises(Conflict, match="exists already"):
        write_scaffold(path.parent, "my-programme", attributes, TODAY)
    with pytest.raises(InputError, match="cannot be an id"):
        write_scaffold(path.parent, "../escape", attributes, TODAY)
    with pytest.raises(InputError, match="declares no fact"):
        write_scaffold(path.parent, "other", {}, TODAY)


@pytest.mark.parametrize("kind", ["int", "bool", "string", "date"])
def test_a_new_programme_reads_what_the_pack_has(tmp_path: Path, attributes: dict[str, Attribute], kind: str) -> None:
    mine = {name: each for name, each in attributes.items() if each.type == kind}
    path = write_scaffold(tmp_path / "programmes", "mine", mine, TODAY)
    assert load_programme(path, mine).attributes == (next(iter(mine)),)
    assert [each for each in check_programmes(path.parent, mine, TODAY) if each.severity == "error"] == []


def test_a_pack_is_started_in_an_empty_folder_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "my-city"
    with pytest.raises(NotFound, match="siwei policy new"):
        new("first", pack=str(pack))
    assert not pack.exists()
    pack.mkdir()
    with pytest.raises(InputError, match="cannot be an id"):
        new("../escape", pack=str(pack))
    assert list(pack.iterdir()) == []
    new("first", pack=str(pack))
    kept = (pack / "attributes.csv").read_bytes()
    new("second", pack=str(pack))
    assert (pack / "attributes.csv").read_bytes() == kept
    attributes = load_attributes(pack)
    assert {each.source for each in attributes.values()} == {None}
    assert [each.id for each in load_programmes(pack / "programmes", attributes)] == ["first", "second"]
    assert [each for each in check_programmes(pack / "programmes", attributes, TODAY) if each.severity == "error"] == []
    said = "".join(capsys.readouterr().out.split())
    assert said.count("attributes.csvwritten") == 1
