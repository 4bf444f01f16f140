"""Whole files in: what comes out of the fixtures (all made up, in the shapes and with the dirt of real extracts)."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.firms import Counts, Imported, name_files
from siwei.city.firms.reading import FACTS, MERGES, ORGANISATIONS, REJECTS, WARNINGS

Read = Callable[..., Imported]


def facts_of(imported: Imported, name: str) -> dict[str, str]:
    key = imported.organisations.filter(pl.col("name") == name)["key"][0]
    return dict(imported.facts().filter(pl.col("key") == key).select("attribute", "value").iter_rows())


def test_registry(read: Read, fixtures: Path) -> None:
    imported = read(fixtures / "registry.csv")
    assert imported.counts == Counts(read=10, created=8, merged=1, rejected=1)
    assert imported.files[0].shape == "registry"
    assert facts_of(imported, "深圳市示例甲(集团)股份有限公司") == {
        "founded_on": "1979-01-01",
        "district": "luohu",
        "address": "深圳市罗湖区宝安北路1号",
        "registered_capital": "39076870000",
        "registered_capital_currency": "CNY",
        "scope": "计算机软件开发；国内商业",
    }
    assert imported.rejects.select("row", "field", "reason").rows() == [
        (7, "统一社会信用代码", "code Y14403000000000940 fails its check: character 18 is 0, expected E")
    ]
    assert imported.merges.select("file", "row", "key", "reason").rows() == [
        ("registry.csv", 6, "Y1440300000000035B", "code")
    ]
    assert json.loads(imported.merges["record"][0])["注册资金"] == "100万港币"


def test_what_was_wrong_is_said_and_the_row_is_kept(read: Read, fixtures: Path) -> None:
    warnings = read(fixtures / "registry.csv").warnings.select("row", "field", "message").rows()
    assert warnings == [
        (4, "企业类型", "'13（万元）' is an amount: the cells of this row look shifted"),
        (4, "注册资金", "amount 'ROY' cannot be read"),
        (5, "注册资金", "capital of zero: taken as not stated"),
        (9, "注册日期", "date '2012-02-30' does not exist in the calendar"),
        (10, "注册日期", "date '2031-01-01' is in the future"),
        (6, "name", "same code as '深圳市示例丙有限公司', another name: merged by code"),
    ]


def test_cells_are_text_whatever_they_look_like(read: Read, fixtures: Path) -> None:
    imported = read(fixtures / "registry.csv")
    assert facts_of(imported, "=cmd|' /C calc'!A0有限公司")["address"] == "@SUM(A1)"
    assert facts_of(imported, '深圳市示例庚，"引号"有限公司')["scope"] == "多行\n经营范围"


def test_all_files_together(read: Read, fixtures: Path) -> None:
    paths = [fixtures / name for name in ("registry.csv", "profiles.csv", "listed.csv", "generic.csv")]
    imported = read(*paths)
    assert {file.name: file.counts for file in imported.files} == {
        "registry.csv": Counts(10, 7, 2, 1),
        "profiles.csv": Counts(5, 3, 1, 1),
        "listed.csv": Counts(2, 1, 1, 0),
        "generic.csv": Counts(3, 3, 0, 0),
    }
    # Both the registry's codeless row and the coded profile are 示例己: the profile's code makes it one organisation.
    assert imported.merges.select("file", "row", "reason").rows() == [
        ("registry.csv", 6, "code"),
        ("registry.csv", 9, "name"),
        ("profiles.csv", 2, "code"),
        ("listed.csv", 2, "name"),
    ]
    facts = imported.facts()
    first = facts.filter((pl.col("attribute") == "registered_capital") & (pl.col("key") == "Y1440300000000019M"))
    assert first.select("value", "status", "source").rows() == [
        ("39076870000", 1, "business registry extract (工商登记公开信息)"),
        ("222222200", 0, "published company profile (企业公开介绍)"),
    ]


def test_generic_shape_states_status_and_reads_our_own_values(read: Read, fixtures: Path) -> None:
    imported = read(fixtures / "generic.csv", source="a survey")
    assert facts_of(imported, "深圳市示例丑有限公司") == {
        "founded_on": "2018-05-06",
        "district": "nanshan",
        "registered_capital": "100000000",
        "registered_capital_currency": "CNY",
        "employees": "25",
        "revenue": "123400",
        "serious_violation": "false",
        "scope": "算法",
    }
    assert facts_of(imported, "深圳市示例寅有限公司") == {
        "founded_on": "2018-05-06",
        "registered_capital": "1000000000",
        "registered_capital_currency": "CNY",
        "revenue": "12500000",
        "scope": "芯片",
    }
    assert facts_of(imported, "深圳市示例卯有限公司") == {
        "district": "longhua",
        "registered_capital": "500",
        "registered_capital_currency": "USD",
        "serious_violation": "true",
    }
    facts = imported.facts()
    assert facts.filter(pl.col("attribute") == "employees")["status"].to_list() == [2]
    assert facts["source"].unique().to_list() == ["a survey"]
    assert sorted(imported.warnings.select("row", "field", "message").iter_rows()) == [
        (0, "", "column 'not_ours' is not read"),
        (3, "district", "'不存在区' is no district of this city"),
        (3, "employees", "'many' is not a whole number"),
        (3, "employees__status", "'maybe' is no status: taken as declared"),
        (3, "serious_violation", "'?' is neither true nor false"),
        (4, "revenue", "amount in USD, expected CNY"),
    ]


def test_frames_are_as_declared(read: Read, fixtures: Path) -> None:
    imported = read(fixtures / "registry.csv", fixtures / "listed.csv")
    assert imported.organisations.schema == pl.Schema(ORGANISATIONS)
    assert imported.facts().schema == pl.Schema(FACTS)
    assert imported.merges.schema == pl.Schema(MERGES)
    assert imported.rejects.schema == pl.Schema(REJECTS)
    assert imported.warnings.schema == pl.Schema(WARNINGS)


def test_facts_lead_to_their_rows(read: Read, fixtures: Path) -> None:
    imported = read(fixtures / "listed.csv")
    assert imported.facts().select("attribute", "value", "source_ref").rows() == [
        ("stock_code", "399901", f"listed.csv#{imported.files[0].sha256[:8]} row 2"),
        ("stock_code", "399902", f"listed.csv#{imported.files[0].sha256[:8]} row 3"),
        ("listed_on", "2001-02-03", f"listed.csv#{imported.files[0].sha256[:8]} row 2"),
        ("industry", "软件服务", f"listed.csv#{imported.files[0].sha256[:8]} row 2"),
        ("industry", "元器件", f"listed.csv#{imported.files[0].sha256[:8]} row 3"),
    ]


def test_file_order_changes_nothing(read: Read, fixtures: Path) -> None:
    names = ["registry.csv", "profiles.csv", "listed.csv", "generic.csv"]
    one, other = read(*(fixtures / n for n in names)), read(*(fixtures / n for n in reversed(names)))
    assert one.organisations.equals(other.organisations)
    assert {f.name: f.counts for f in one.files} == {f.name: f.counts for f in other.files}


def as_gz(source: Path, folder: Path) -> Path:
    path = folder / "registry.csv.gz"
    path.write_bytes(gzip.compress(source.read_bytes()))
    return path


def as_parquet(source: Path, folder: Path) -> Path:
    path = folder / "registry.parquet"
    pl.read_csv(source, infer_schema=False).with_columns(pl.col("year").cast(pl.Int32)).write_parquet(path)
    return path


def as_workbook(source: Path, folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["这不是数据"])
    sheet = book.create_sheet("企业")
    sheet.append(["企业名单（示例）"])
    sheet.append([])
    for row in pl.read_csv(source, infer_schema=False, has_header=False).iter_rows():
        sheet.append(["" if cell is None else cell for cell in row])
    sheet["C4"] = date(1979, 1, 1)
    sheet["A12"].data_type = "s"  # openpyxl would write the `=cmd…` name as a formula
    sheet.merge_cells("A1:D1")
    path = folder / "registry.xlsx"
    book.save(path)
    return path


def as_gb18030(source: Path, folder: Path) -> Path:
    path = folder / "gb.csv"
    path.write_bytes(source.read_text(encoding="utf-8").encode("gb18030"))
    return path


def as_bom(source: Path, folder: Path) -> Path:
    path = folder / "bom.csv"
    path.write_bytes(source.read_text(encoding="utf-8").replace("\n", "\r\n").encode("utf-8-sig"))
    return path


def as_utf16(source: Path, folder: Path) -> Path:
    path = folder / "utf16.csv"
    path.write_bytes(source.read_text(encoding="utf-8").encode("utf-16"))
    return path


def as_semicolons(source: Path, folder: Path) -> Path:
    path = folder / "semicolons.csv"
    pl.read_csv(source, infer_schema=False).write_csv(path, separator=";")
    return path


def as_tabs(source: Path, folder: Path) -> Path:
    path = folder / "tabs.txt"
    pl.read_csv(source, infer_schema=False).write_csv(path, separator="\t")
    return path


@pytest.mark.parametrize(
    "write",
    [as_gz, as_parquet, as_workbook, as_gb18030, as_bom, as_utf16, as_semicolons, as_tabs],
    ids=lambda f: f.__name__,
)
def test_every_format_gives_the_same_firms(
    read: Read, fixtures: Path, tmp_path: Path, write: Callable[[Path, Path], Path]
) -> None:
    expected, found = read(fixtures / "registry.csv"), read(write(fixtures / "registry.csv", tmp_path))
    assert found.organisations.to_dicts() == expected.organisations.to_dicts()
    assert found.counts == expected.counts
    columns = ["key", "attribute", "value", "status"]
    # Line ends inside a cell may be written in two ways.
    normal = [frame.facts().with_columns(pl.col("value").str.replace_all("\r\n", "\n")) for frame in (expected, found)]
    assert normal[1].select(columns).sort(columns).equals(normal[0].select(columns).sort(columns))


def test_names_of_files() -> None:
    paths = [Path("/a/x/firms.csv"), Path("/b/y/firms.csv"), Path("/b/y/other.csv"), Path("/b/y/other.csv")]
    assert list(name_files(paths)) == ["x/firms.csv", "y/firms.csv", "other.csv"]


CELL = st.text(alphabet="甲乙(集团)有限公司 0123456789AX,\"'=;\n\r\t万元-/", max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELL, min_size=1, max_size=6), min_size=1, max_size=8))
def test_every_row_is_accounted_for(read: Read, tmp_path: Path, rows: list[list[str]]) -> None:
    """Raw cells joined by hand: quotes, line ends and delimiters fall where they may."""
    path = tmp_path / "dirty.csv"
    body = "".join(",".join(row) + "\n" for row in rows)
    path.write_text("企业名称,统一社会信用代码,注册资金,注册日期\n" + body, encoding="utf-8", newline="")
    try:
        imported = read(path)
    except Exception as error:
        assert type(error).__name__ == "ImportRefused"
        return
    counts = imported.counts
    assert counts.read == counts.created + counts.merged + counts.rejected
    assert counts.read == imported.files[0].rows.height + imported.rejects.height
    assert imported.organisations.height == counts.created
