"""Tables in and out: every row is placed, unplaced or rejected; hostile files are refused with a clear message."""

import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest
from chain_firms import firms

from siwei.chain.classify import FIRMS_SCHEMA, PLACEMENTS_SCHEMA
from siwei.chain.tables import check_target, read_firms, read_labels, write_placements
from siwei.cli.app import app
from siwei.cli.chain import classify as classify_command
from siwei.errors import EnvironmentMissing, ImportRefused, InputError

LABELS = Path(__file__).parent / "labels"
TEXT = "id,name,scope,profile\n1,甲,芯片设计,\n2,乙,,研发无人机\n"


def written(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def same_in_every_kind(tmp_path: Path) -> dict[str, Path]:
    frame = pl.read_csv(TEXT.encode(), infer_schema=False)
    frame.write_parquet(tmp_path / "a.parquet")
    return {
        "csv": written(tmp_path, "a.csv", TEXT),
        "gb18030": written(tmp_path, "b.csv", TEXT.encode("gb18030")),
        "utf-16": written(tmp_path, "c.csv", TEXT.encode("utf-16")),
        "semicolons": written(tmp_path, "d.csv", TEXT.replace(",", ";")),
        "gzip": written(tmp_path, "e.csv.gz", gzip.compress(TEXT.encode())),
        "parquet": tmp_path / "a.parquet",
    }


@pytest.mark.parametrize("kind", ["csv", "gb18030", "utf-16", "semicolons", "gzip", "parquet"])
def test_the_same_firms_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    table = read_firms(same_in_every_kind(tmp_path)[kind])
    assert table.firms.schema == FIRMS_SCHEMA
    assert [tuple(cell or None for cell in row) for row in table.firms.rows()] == [
        ("1", "甲", "芯片设计", None),
        ("2", "乙", None, "研发无人机"),
    ]
    assert table.rejects.height == 0


def test_a_workbook_is_read(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (("name", "id"), ("甲", 1), ("乙", 2)):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert read_firms(tmp_path / "a.xlsx").firms.rows() == [("1", "甲", None, None), ("2", "乙", None, None)]


def test_bad_rows_are_rejected_with_their_row_and_the_good_go_on(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "id,name\n1,甲\n2,乙\n 2,丙\n,丁\n5,a,b\n")
    table = read_firms(path)
    assert table.firms["id"].to_list() == ["1"]
    assert table.rejects.select("row", "reason").rows()[:3] == [
        (3, "id 2 stands more than once"),
        (4, "id 2 stands more than once"),
        (5, "blank id"),
    ]
    assert table.rejects["row"].to_list() == [3, 4, 5, 6]
    assert json.loads(table.rejects["record"][2])["name"] == "丁"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "name,scope\na,b\n", "column missing: id"),
        ("a.csv", "", "empty"),
        ("a.csv", "foo,bar\n1,2\n", "missing"),
        ("a.csv.gz", gzip.compress(TEXT.encode() * 50)[:60], None),
        ("a.parquet", b"PAR1nonsense", None),
        ("a.xlsx", b"PK\x03\x04nonsense", None),
    ],
    ids=["no id", "empty", "other columns", "cut gzip", "no parquet", "no workbook"],
)
def test_files_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, content: bytes | str, message: str | None
) -> None:
    with pytest.raises(ImportRefused, match=message):
        read_firms(written(tmp_path, name, content))


def test_a_missing_file_and_a_wrong_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no such file"):
        read_firms(tmp_path / "none.csv")
    with pytest.raises(InputError, match="unknown kind of table"):
        check_target(tmp_path / "a.txt")
    with pytest.raises(InputError, match="no such folder"):
        check_target(tmp_path / "b" / "a.csv")


PLACED = pl.DataFrame(
    [("=1+1", "chip", "base", 0.9, "[]"), ("a", "chip", "base", 0.5, "[]")], PLACEMENTS_SCHEMA, orient="row"
)


def test_placements_come_back_and_formulas_do_not_run(tmp_path: Path) -> None:
    write_placements(PLACED, tmp_path / "a.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet").equals(PLACED)
    write_placements(PLACED, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["id,segment,layer,confidence,evidence", "'=1+1,chip,base,0.9,[]", "a,chip,base,0.5,[]"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet"]


def test_the_command_accounts_for_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = "我们是一家无人机研发商，专注无人机飞行控制"
    source = written(tmp_path, "in.csv", f"id,name,profile\n1,甲,{profile}\n2,乙,\n,丙,\n")
    classify_command(source=source, target=tmp_path / "out.csv", json=True)
    counts = json.loads(capsys.readouterr().out)
    assert {key: counts[key] for key in ("read", "rejected", "firms", "placed", "none")} == {
        "read": 3,
        "rejected": 1,
        "firms": 2,
        "placed": 1,
        "none": 1,
    }
    out = pl.read_csv(tmp_path / "out.csv", schema_overrides={"id": pl.String})
    assert out.columns == ["id", "segment", "layer", "confidence", "evidence"]
    assert out.select("id", "segment", "layer").rows() == [("1", "drone", "application")]
    assert (tmp_path / "out.rejects.csv").is_file()
    classify_command(source=written(tmp_path, "in.csv", "id,name\n1,甲\n"), target=tmp_path / "out.csv", json=True)
    assert not (tmp_path / "out.rejects.csv").exists()


def test_evaluation_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIWEI_DATA", raising=False)
    with pytest.raises(EnvironmentMissing, match="SIWEI_DATA"):
        app(["chain", "evaluate"], result_action="return_value")


def test_evaluation_refuses_a_half_that_is_none() -> None:
    with pytest.raises(InputError, match="no half 'tests'"):
        app(["chain", "evaluate", "--half", "tests"], result_action="return_value")


@pytest.mark.skipif(
    not os.environ.get("SIWEI_DATA"), reason="SIWEI_DATA is not set: the labelled firms' texts are real"
)
def test_evaluation_gives_the_fresh_firms_first(capsys: pytest.CaptureFixture[str]) -> None:
    app(["chain", "evaluate", "--json", "--labels", str(LABELS)], result_action="return_value")
    reports = [each["report"] for each in json.loads(capsys.readouterr().out)["reports"]]
    assert [(each["half"], each["firms"], each["disputed"]) for each in reports] == [
        ("fresh", 91, 0),
        ("spent", 94, 4),
        ("dev", 135, 0),
        ("test", 145, 0),
    ]


def test_labels_must_be_whole(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no such file"):
        read_labels(tmp_path)
    written(tmp_path, "sample.csv", "code,stratum,stratum_size,stratum_sampled,half\n1,rest,2,1,dev\n")
    for name in ("a", "b"):
        written(tmp_path, f"{name}.csv", "code,segments\n1,none\n")
    written(tmp_path, "gold.csv", "code,segments\n2,none\n")
    with pytest.raises(ImportRefused, match="no label for 1"):
        read_labels(tmp_path)


def test_no_firms_is_no_error(tmp_path: Path) -> None:
    assert read_firms(written(tmp_path, "a.csv", "id,name\n")).firms.equals(firms())
