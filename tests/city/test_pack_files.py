"""What is refused before anything is parsed: places, sizes, encodings."""

import os
from pathlib import Path

import pytest

from siwei.city.pack_files import read_pack_file
from siwei.errors import Problem

LIMIT = 100


def only_problem(directory: Path, relative: str) -> Problem:
    file = read_pack_file(directory, relative, LIMIT)
    assert file.text is None
    (problem,) = file.problems
    return problem


def test_reads_utf8_and_drops_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffid,名\n1,甲\n".encode())
    file = read_pack_file(tmp_path, "a.csv", LIMIT)
    assert (file.text, file.problems) == ("id,名\n1,甲\n", ())


@pytest.mark.parametrize(
    ("raw", "message", "place"),
    [
        ("id\n甲\n".encode("gb18030"), "is not UTF-8 (byte 0xbc)", (2, 1, "id")),
        ("\ufeffid,名\n1,中".encode() + "甲\n".encode("gb18030"), "is not UTF-8 (byte 0xbc)", (2, 4, "名")),
        ('id,名\n1,"a,\n中'.encode() + b'\xff"\n', "is not UTF-8 (byte 0xff)", (3, 2, "名")),
        (b"id,\xff\n", "is not UTF-8 (byte 0xff)", (1, 4, "")),
        (b"id\n1,2,\xff\n", "is not UTF-8 (byte 0xff)", (2, 5, "")),
        ("id\n甲\n".encode("utf-16"), "is UTF-16, not UTF-8", (1, 1, "")),
        (b"id\n1\x00\n", "holds the control character U+0000", (2, 2, "id")),
        (b"id\n1\n\x1b[31m\n", "holds the control character U+001B", (3, 1, "id")),
    ],
)
def test_names_the_place_that_is_wrong(tmp_path: Path, raw: bytes, message: str, place: tuple[int, int, str]) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    problem = only_problem(tmp_path, "a.csv")
    assert (problem.message, problem.file) == (message, str(tmp_path / "a.csv"))
    assert (problem.line, problem.column, problem.field) == place


def test_size_is_checked_before_reading(tmp_path: Path) -> None:
    (tmp_path / "exact.csv").write_bytes(b"x" * LIMIT)
    assert read_pack_file(tmp_path, "exact.csv", LIMIT).text == "x" * LIMIT
    (tmp_path / "over.csv").write_bytes(b"x" * (LIMIT + 1))
    assert only_problem(tmp_path, "over.csv").message == "has 101 bytes; the limit is 100"


def test_a_link_out_of_the_pack_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (tmp_path / "secret.csv").write_text("id\n")
    (pack / "a.csv").symlink_to("../secret.csv")
    assert only_problem(pack, "a.csv") == Problem(
        "is a link that leaves the pack", "put the file itself into the pack", str(pack / "a.csv")
    )


def test_a_linked_folder_out_of_the_pack_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    outside = tmp_path / "outside"
    pack.mkdir()
    outside.mkdir()
    (outside / "a.csv").write_text("id\n")
    (pack / "chain").symlink_to(outside)
    assert only_problem(pack, "chain/a.csv").message == "is a link that leaves the pack"


def test_a_link_within_the_pack_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n")
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert read_pack_file(tmp_path, "b.csv", LIMIT).text == "id\n"


def test_links_that_lead_nowhere_and_in_circles(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").symlink_to("gone.csv")
    broken = read_pack_file(tmp_path, "broken.csv", LIMIT)
    assert broken.problems[0].message == "is behind a link that leads nowhere"
    assert broken.absent is False
    (tmp_path / "chain").symlink_to("gone")
    assert read_pack_file(tmp_path, "chain/a.csv", LIMIT).absent is False
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    assert only_problem(tmp_path, "circle.csv").fix == "put a plain file here"


def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert only_problem(tmp_path, "pipe.csv").message == "is not a plain file"
    (tmp_path / "folder.csv").mkdir()
    assert only_problem(tmp_path, "folder.csv").message == "is not a plain file"
    (tmp_path / "a.csv").write_text("id\n")
    assert only_problem(tmp_path, "a.csv/b.csv").fix == "put a plain file here"
    assert only_problem(tmp_path, "gone.csv") == Problem("file is missing", "add the file", str(tmp_path / "gone.csv"))
    assert read_pack_file(tmp_path, "gone.csv", LIMIT).absent is True
