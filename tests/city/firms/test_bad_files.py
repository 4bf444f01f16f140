"""Files nobody should have sent: each is refused with a clear message, quickly, or its bad rows are kept as rejects."""

import gzip
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from siwei.city.firms import Counts, Imported, Limits
from siwei.errors import ImportRefused

Read = Callable[..., Imported]
HEADER = "企业名称,统一社会信用代码,注册日期\n"


@pytest.fixture
def refused(read: Read) -> Callable[..., str]:
    def message(path: Path, **options: object) -> str:
        with pytest.raises(ImportRefused) as caught:
            read(path, **options)
        assert all(problem.fix for problem in caught.value.problems)
        return str(caught.value)

    return message


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_garbage_names_the_byte(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "garbage.csv", b"name\n" + b"ok\n" + b"\xff\xff\xff")
    assert refused(path) == (
        "garbage.csv: the text is neither UTF-8 nor GB18030 (first bad byte at offset 8) → save it as UTF-8"
    )


def test_wounded_utf8_is_not_taken_for_gb18030(refused: Callable[..., str], tmp_path: Path) -> None:
    text = (HEADER + "甲乙丙丁公司,,\n").encode()
    path = write(tmp_path / "wounded.csv", text + b"\xe7\x94,,\n")
    assert f"first bad byte at offset {len(text)}" in refused(path)


def test_wrong_delimiter_names_what_was_seen(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "odd.csv", "企业名称#统一社会信用代码#注册日期\n甲#乙#丙\n")
    assert "seen: '企业名称#统一社会信用代码#注册日期' (delimiters: none" in refused(path)


def test_missing_columns_name_the_nearest(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "short.csv", "企业名称,统一信用代码号,注册日期,经营范围\n甲,,,\n")
    assert refused(path).startswith("short.csv:1: missing columns: 统一社会信用代码 (nearest here: 统一信用代码号)")


def test_optional_columns_may_be_missing_and_it_is_said(read: Read, tmp_path: Path) -> None:
    imported = read(write(tmp_path / "thin.csv", "企业名称,统一社会信用代码\n示例甲公司,\n"))
    assert imported.counts == Counts(1, 1, 0, 0)
    assert imported.warnings["message"][0] == "column '注册日期' is missing: its facts stay unknown"


def test_doubled_columns(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "double.csv", "name,code,name\n甲,,乙\n")
    assert refused(path) == "double.csv:1: columns named twice: name → rename or remove one of each"


def test_truncated_gz(refused: Callable[..., str], tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "示例甲公司,,\n" * 5_000).encode())
    path = write(tmp_path / "cut.csv.gz", whole[: len(whole) // 2])
    assert refused(path).startswith("cut.csv.gz: the compressed file is truncated: it breaks off after ")


def test_damaged_gz(refused: Callable[..., str], tmp_path: Path) -> None:
    whole = bytearray(gzip.compress((HEADER + "示例甲公司,,\n").encode()))
    whole[-6] ^= 0xFF
    assert "the compressed file is damaged" in refused(write(tmp_path / "bad.csv.gz", bytes(whole)))


def test_a_line_without_end_is_not_read_to_its_end(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "endless.csv"
    with path.open("wb") as stream:
        stream.write(b"name\n")
        stream.write(b"a" * (4 << 20))
        stream.truncate(1 << 30)  # the rest is a hole of NUL bytes: one gigabyte on one line
    started = time.process_time()
    assert refused(path).startswith("endless.csv:2: a line is longer than 1,048,576 bytes")
    # The hash alone must read the gigabyte; nothing else may.
    assert time.process_time() - started < 60


def test_gzip_bomb(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.csv.gz", gzip.compress(b"name\n" + b"a\n" * (24 << 20)))
    assert "refused as a decompression bomb" in refused(path)


def test_absolute_limit(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", "name\n" + "甲\n" * 1_000)
    assert "more than 1,000 bytes of text" in refused(path, limits=Limits(text_bytes=1_000))


def test_workbook_bomb(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (40 << 20))
    assert "refused as a decompression bomb" in refused(path)


def test_workbook_that_lies_about_its_size(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "liar.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 5_000_000)
    raw = path.read_bytes()
    write(path, raw.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 50)))
    assert "the workbook is damaged" in refused(path)


def test_empty_and_header_only(refused: Callable[..., str], tmp_path: Path) -> None:
    assert refused(write(tmp_path / "empty.csv", b"")) == "empty.csv: the file is empty → export it again"
    assert "the file holds no header" in refused(write(tmp_path / "blank.csv", "\n\n \n"))
    assert "the file holds a header and no rows" in refused(write(tmp_path / "header.csv", HEADER))


def test_nul_bytes_reject_their_row(read: Read, tmp_path: Path) -> None:
    path = write(tmp_path / "nul.csv", HEADER + "示例甲公司,,\n示例\0乙公司,,\n")
    imported = read(path)
    assert imported.counts == Counts(2, 1, 0, 1)
    assert imported.rejects.select("row", "reason", "record").row(0) == (
        3, "the row holds a NUL byte", json.dumps({"line": "示例␀乙公司,,"}, ensure_ascii=False),
    )  # fmt: skip


def test_binary(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "are NUL: this is not a text table" in refused(write(tmp_path / "binary.csv", b"name\n" + b"\0\1" * 500))


def test_ragged_rows_are_rejected_with_their_line(read: Read, tmp_path: Path) -> None:
    path = write(tmp_path / "ragged.csv", HEADER + "示例甲公司,,\n示例乙公司,\n\n示例丙公司,,,多\n示例丁公司,,,,\n")
    imported = read(path)
    assert imported.counts == Counts(4, 2, 0, 2)
    assert imported.rejects.select("row", "reason").rows() == [
        (3, "2 cells, the header has 3"),
        (5, "4 cells, the header has 3"),
    ]


def test_an_open_quote_costs_one_row(read: Read, tmp_path: Path) -> None:
    path = write(tmp_path / "quote.csv", HEADER + '示例甲公司,,\n"示例乙公司,,\n示例丙公司,,\n示例丁公司,,\n')
    imported = read(path)
    assert imported.counts == Counts(4, 3, 0, 1)
    assert imported.rejects["row"].to_list() == [3]


def test_hopeless_quotes(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "quotes.csv", HEADER + '"示例"甲公司,,\n' * 20)
    assert "more than 10 rows with broken quotes" in refused(path, limits=Limits(broken_quotes=10))


def test_paths(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "this is a directory" in refused(tmp_path)
    assert refused(tmp_path / "none.csv") == "none.csv: there is no such file → check the path"
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "none.csv")
    assert "a symbolic link to nothing" in refused(tmp_path / "dangling.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "this is not a regular file" in refused(tmp_path / "pipe.csv")
    assert "this is not a regular file" in refused(Path("/dev/zero"))


def test_a_link_to_a_file_is_read(read: Read, tmp_path: Path) -> None:
    target = write(tmp_path / "real.csv", HEADER + "示例甲公司,,\n")
    (tmp_path / "link.csv").symlink_to(target)
    assert read(tmp_path / "link.csv").counts == Counts(1, 1, 0, 0)


def test_all_refusals_at_once(refused: Callable[..., str], read: Read, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as caught:
        read(
            tmp_path / "none.csv",
            write(tmp_path / "empty.csv", b""),
            write(tmp_path / "good.csv", HEADER + "示例甲公司,,\n"),
        )
    assert [problem.file for problem in caught.value.problems] == ["none.csv", "empty.csv"]


def test_protected_workbook(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert "password-protected, or in the old .xls format" in refused(path)


def test_a_cell_in_the_far_corner_does_not_take_all_memory(refused: Callable[..., str], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "name"
    book.active["XFD1048576"] = "示例甲公司"
    book.save(tmp_path / "corner.xlsx")
    assert "over 1,048,576 rows of 16,384 columns" in refused(tmp_path / "corner.xlsx")


def test_zip_that_is_no_workbook(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "firms.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("firms.csv", HEADER)
    assert "a ZIP archive, but no XLSX workbook" in refused(path)


def test_two_sheets_of_firms(refused: Callable[..., str], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("二")):
        sheet.append(["name", "code"])
        sheet.append(["示例甲公司", ""])
    book.save(tmp_path / "two.xlsx")
    assert (
        refused(tmp_path / "two.xlsx")
        == "two.xlsx: several sheets hold firms: Sheet, 二 → save each as a file of its own"
    )


def test_workbook_numbers_and_day_numbers(read: Read, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["name", "founded_on", "employees"],
        ["示例甲公司", 43586, 12],
        [None, None, None],
        ["示例乙公司", "x", 1.5],
    ):
        book.active.append(row)
    book.save(tmp_path / "numbers.xlsx")
    imported = read(tmp_path / "numbers.xlsx")
    assert imported.facts().select("attribute", "value").rows() == [("founded_on", "2019-05-01"), ("employees", "12")]
    assert imported.warnings.filter(pl.col("row") > 0).select("row", "message").rows() == [
        (4, "'1.5' is not a whole number"), (4, "date 'x' cannot be read; write YYYY-MM-DD"),
    ]  # fmt: skip


def test_parquet_of_other_types(read: Read, refused: Callable[..., str], tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"name": ["示例甲公司", "示例\0乙公司"], "employees": [3.0, None], "serious_violation": [True, None]}
    )
    frame.write_parquet(tmp_path / "typed.parquet")
    imported = read(tmp_path / "typed.parquet")
    assert imported.counts == Counts(2, 1, 0, 1)
    assert imported.facts().select("attribute", "value").rows() == [("employees", "3"), ("serious_violation", "true")]
    pl.DataFrame({"name": [["a"]]}).write_parquet(tmp_path / "nested.parquet")
    assert "columns of lists, structures or bytes: name" in refused(tmp_path / "nested.parquet")
    write(tmp_path / "cut.parquet", (tmp_path / "typed.parquet").read_bytes()[:-20])
    assert "the Parquet file is damaged" in refused(tmp_path / "cut.parquet")


def test_parquet_of_endless_rows(refused: Callable[..., str], tmp_path: Path) -> None:
    pl.DataFrame({"name": ["示例甲公司" * 100] * 5_000}).write_parquet(tmp_path / "wide.parquet")
    assert "more than 1,000,000 bytes of text" in refused(
        tmp_path / "wide.parquet", limits=Limits(text_bytes=1_000_000)
    )
    assert "over 5,000 rows of 1 columns; at most 100 rows" in refused(
        tmp_path / "wide.parquet", limits=Limits(rows=100)
    )


def test_too_many_cells(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "many.csv", "name,code\n" + "示例甲公司,\n" * 60_000)
    assert "over 50,000 rows of 2 columns" in refused(path, limits=Limits(cells=90_000))


def test_too_many_columns(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "wide.csv", "name," + ",".join(f"c{n}" for n in range(1_000)) + "\n")
    assert "1,001 columns, more than 1,000" in refused(path)


def test_long_names_and_no_names(read: Read, tmp_path: Path) -> None:
    path = write(tmp_path / "names.csv", HEADER + "甲" * 201 + ",,\n,,\n无,,\n")
    assert read(path).rejects["reason"].to_list() == ["name of 201 characters, more than 200", "no name", "no name"]


def test_duplicate_codes(read: Read, tmp_path: Path) -> None:
    path = write(tmp_path / "twice.csv", HEADER + "示例甲公司,91440300192317458F,\n" * 3)
    assert read(path).counts == Counts(3, 1, 2, 0)
