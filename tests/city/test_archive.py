"""The file of a saved city: whole or refused, never a path that leads elsewhere."""

import json
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from siwei.city.archive import MANIFEST, check_archive, new_archive, open_archive, unpack
from siwei.city.drafts import DRAFTS, draft_directory, move_directory, move_file
from siwei.errors import Conflict, InputError

ODD = os.fsdecode(b"model-\xff\n.bin")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With what a job may lay into its directory: a name that is no text, a link outside, a pipe, a socket."""
    root = tmp_path / "tree"
    deep = root / "jobs" / "job-1" / "work"
    deep.mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "runs").symlink_to(make(tmp_path / "elsewhere", "a.parquet", b"rows" * 1000))
    (deep / ODD).write_bytes(b"\0\xff" * 100_000)
    (deep / "run.sh").write_text("#!/bin/sh\n")
    (deep / "run.sh").chmod(0o700)
    (deep / "passwords").symlink_to("/etc/passwd")
    os.mkfifo(deep / "pipe")
    with socket.socket(socket.AF_UNIX) as listening, monkeypatch.context() as there:
        there.chdir(deep)  # a socket's address is short
        listening.bind("socket")
    (root / "left-out").write_text("draft")
    return root


def make(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir()
    (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def saved(tree: Path, tmp_path: Path) -> Path:
    file = tmp_path / "saved.zip"
    with new_archive(file) as writer:
        writer.add_tree(tree, "city", leave_out=lambda path: path.name == "left-out")
        writer.finish({"who": "甲"})
    return file


def test_what_is_laid_back_is_what_was_there(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "back"
    target.mkdir()
    with open_archive(saved) as (zipped, manifest):
        check_archive(zipped, manifest, file=saved)
        unpack(zipped, manifest, target, under="city", file=saved)
        assert manifest.about == {"who": "甲"}
    deep = target / "jobs" / "job-1" / "work"
    assert sorted(path.name for path in deep.iterdir()) == sorted([ODD, "run.sh"])
    assert (deep / ODD).read_bytes() == b"\0\xff" * 100_000
    assert (deep / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (target / "runs" / "a.parquet").read_bytes() == b"rows" * 1000
    assert not (target / "runs").is_symlink()
    assert sorted(path.name for path in target.iterdir()) == ["empty", "jobs", "runs"]
    assert saved.stat().st_mode & 0o777 == 0o600


def test_every_byte_that_changes_is_noticed(saved: Path, tmp_path: Path) -> None:
    """But for what a zip says twice or for nobody: times, flags and sizes that no reading asks for."""
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as zipped:
        places = {
            info.filename: info.header_offset + 30 + len(info.filename.encode()) + 20 for info in zipped.infolist()
        }
    for name, start in places.items():
        broken = bytearray(whole)
        broken[start + 3] ^= 0x10
        file = tmp_path / "broken.zip"
        file.write_bytes(broken)
        with pytest.raises(InputError, match=r"damaged|not a backup|wrong"), open_archive(file) as (archive, manifest):
            check_archive(archive, manifest, file=file)
            pytest.fail(name)


def test_a_file_cut_short_is_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:size])
        with pytest.raises(InputError, match="no backup, or is damaged"), open_archive(saved):
            pass


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\0" * 5000])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "letter.docx"
    file.write_bytes(content)
    with pytest.raises(InputError, match="no backup"), open_archive(file):
        pass


def test_folders_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), open_archive(tmp_path):
        pass
    with pytest.raises(InputError, match="no such file"), open_archive(tmp_path / "nothing"):
        pass


def rewrite(file: Path, change: Callable[[dict[str, Any]], Any], extra: str = "") -> None:
    with zipfile.ZipFile(file) as zipped:
        contents = {name: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(contents.pop(MANIFEST))
    change(manifest)
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)
        if extra:
            zipped.writestr(extra, b"x")
        zipped.writestr(MANIFEST, json.dumps(manifest))


MANIFESTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another's format": lambda values: values.update(format="other"),
    "an edition that is no number": lambda values: values.update(edition="x"),
    "no files": lambda values: values.pop("files"),
    "a path upwards": lambda values: values["files"][0].update(path="city/../../x"),
    "a path from the root": lambda values: values["files"][0].update(path="/etc/x"),
    "a directory upwards": lambda values: values["directories"].append("city/../../../x"),
    "a path twice": lambda values: values["files"][1].update(path=values["files"][0]["path"]),
    "a file that is not there": lambda values: values["files"][0].update(name="nowhere"),
    "no sha256": lambda values: values["files"][0].pop("sha256"),
    "a size below nothing": lambda values: values["files"][0].update(size=-1),
    "a mode of another's": lambda values: values["files"][0].update(mode=0o4755),
    "a path that is no text": lambda values: values["files"][0].update(path=3),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_wrong(saved: Path, name: str) -> None:
    rewrite(saved, MANIFESTS[name])
    with pytest.raises(InputError, match=r"not a backup|manifest is wrong"), open_archive(saved):
        pass


def test_a_file_that_the_manifest_does_not_name(saved: Path) -> None:
    rewrite(saved, lambda values: None, extra="city/more")
    with pytest.raises(InputError, match="other files"), open_archive(saved):
        pass


def test_a_manifest_that_says_less_than_there_is(saved: Path) -> None:
    """Nothing is read beyond the size it says, so a file that swells to fill the disk does not."""
    rewrite(saved, lambda values: values["files"][0].update(size=5))
    with pytest.raises(InputError, match="sha256"), open_archive(saved) as (zipped, manifest):
        check_archive(zipped, manifest, file=saved)


def test_a_later_edition_is_left_to_a_later_version(saved: Path) -> None:
    rewrite(saved, lambda values: values.update(edition=2))
    with pytest.raises(Conflict, match="later version"), open_archive(saved):
        pass


def test_drafts_of_dead_processes_are_swept_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    dead, fresh = tmp_path / f"{DRAFTS}dead", tmp_path / f"{DRAFTS}fresh"
    for each in (dead, fresh):
        each.mkdir()
        (each / "archive").write_text("half")
    os.utime(dead, (0, 0))
    with draft_directory(tmp_path) as living:
        os.utime(living, (0, 0))
        with draft_directory(tmp_path):
            assert living.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [fresh.name]


def test_nothing_is_replaced_that_came_meanwhile(tmp_path: Path) -> None:
    draft, place = tmp_path / "draft", tmp_path / "place"
    draft.write_text("new")
    place.write_text("old")
    with pytest.raises(Conflict, match="came while"):
        move_file(draft, place, replace=False)
    assert place.read_text() == "old"
    move_file(draft, place, replace=True)
    assert place.read_text() == "new"
    full = make(tmp_path / "full", "a", b"")
    with pytest.raises(Conflict, match="not empty any more"):
        move_directory(make(tmp_path / "other", "b", b""), full)
