"""Files in, files out: good rows go on, bad ones are kept with every reason, however the file is written or cut."""

import gzip
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from siwei.errors import ImportRefused
from siwei.policy import Programme, decide
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.deciding.decide_files import decide_file, rejects_file
from siwei.policy.files import subject_files as files
from siwei.policy.files.subject_batches import read_batches
from siwei.policy.files.table_files import open_table, write_table

from .shenzhen import ATTRIBUTES
from .shenzhen import PROGRAMMES as ALL

DAY = date(2026, 11, 23)
PROGRAMMES: tuple[Programme, ...] = tuple(each for each in ALL if each.id in ("longhua-compute", "yuliao"))
HEADER = "id,legal_form,district,longhua_compute_paid,corpus_purchase,corpus_purchase__status"
GOOD = "a,firm,longhua,1000,1000,verified\nb,,nanshan,1000,0,0\n"


def write(path: Path, rows: str, header: str = HEADER) -> Path:
    path.write_text(f"{header}\n{rows}", encoding="utf-8")
    return path


def rejected(path: Path) -> list[tuple[int, str | None, str | None, str | None, str, str]]:
    return pl.read_csv(rejects_file(path), infer_schema=False).with_columns(pl.col("row").cast(pl.Int64)).rows()


def test_every_bad_row_is_kept_with_its_reasons_and_the_good_ones_go_on(tmp_path: Path) -> None:
    bad = [
        "c,firm,longhua,ten,-1.5,proven",
        "d,firm,longhua,9223372036854775808,+5,",
        ",firm,longhua,1,1,0",
        "e,firm,longhua,1,1,0",
        "e,firm,longhua,2,1,0",
        "short,firm",
        "long,firm,longhua,1,1,0,7",
        "=f(),firm,longhua,1e3,007,0",
    ]
    source, target = write(tmp_path / "firms.csv", GOOD + "\n".join(bad) + "\n"), tmp_path / "awards.csv"
    with source.open("ab") as file:
        file.write("h,深圳深圳\ud800,longhua,1,1,0\n".encode("utf-8", "surrogatepass") + b"i,firm,longhua,1,9\x00,0\n")
    done = decide_file(PROGRAMMES, ATTRIBUTES, source, target, DAY)
    assert (done.rows, done.rejected, done.rejects) == (12, 10, rejects_file(target))
    assert done.verdicts == {
        "longhua-compute": Counter(eligible=1, not_eligible=1), "yuliao": Counter(eligible=1, not_eligible=1),
    }  # fmt: skip
    assert done.award_fen == {"longhua-compute": 300, "yuliao": 300}
    assert target.read_text(encoding="utf-8").splitlines() == [
        "id,programme,verdict,award_fen",
        "a,longhua-compute,eligible,300",
        "a,yuliao,eligible,300",
        "b,longhua-compute,not_eligible,0",
        "b,yuliao,not_eligible,0",
    ]
    whole, status = "not a whole number within 64 bits", "not 0, 1, 2 or declared, documented, verified"
    twice = "the id stands more than once: keep one row per id"
    found = [(row, name, value, reason) for row, _, name, value, reason, _ in rejected(target)]
    assert sorted(found[:4], key=str) == [
        (4, "corpus_purchase", "-1.5", whole),
        (4, "corpus_purchase__status", "proven", status),
        (4, "longhua_compute_paid", "ten", whole),
        (5, "corpus_purchase", "+5", whole),
    ]
    assert found[4:10] == [
        (5, "longhua_compute_paid", "9223372036854775808", whole),
        (6, "id", None, "no id: give every row one"),
        (7, "id", "e", twice),
        (8, "id", "e", twice),
        (9, None, "short,firm", "2 cells where the header has 6"),
        (10, None, "long,firm,longhua,1,1,0,7", "7 cells where the header has 6"),
    ]
    assert {(row, name) for row, name, _, _ in found[10:]} == {
        (11, "corpus_purchase"), (11, "longhua_compute_paid"), (12, "legal_form"), (13, "corpus_purchase"),
    }  # fmt: skip
    # A spreadsheet would run it.
    assert [row[1] for row in rejected(target) if row[0] == 11] == ["'=f()"] * 2


def test_every_kind_of_file_gives_the_same_bytes(tmp_path: Path) -> None:
    text = write(tmp_path / "a.csv", GOOD)
    typed = pl.read_csv(text).with_columns(corpus_purchase__status=pl.Series([2, 0], dtype=pl.Int8))
    typed.write_parquet(tmp_path / "a.parquet")
    typed.write_ipc(tmp_path / "a.arrow")
    typed.write_ipc(tmp_path / "a.feather", compression="zstd")
    content = text.read_text(encoding="utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    (tmp_path / "gbk.csv").write_bytes(content.replace("firm,", "firm,").replace("nanshan", "南山").encode("gb18030"))
    names = ("a.csv", "a.parquet", "a.arrow", "a.feather", "a.csv.gz", "marked.csv", "gbk.csv")
    written = set()
    for name in names:
        decide_file(PROGRAMMES, ATTRIBUTES, tmp_path / name, tmp_path / "out.csv", DAY, tmp_path / "clauses.csv")
        written.add(((tmp_path / "out.csv").read_bytes(), (tmp_path / "clauses.csv").read_bytes()))
    assert len(written) == 1
    for kind in (".parquet", ".arrow"):
        decide_file(PROGRAMMES, ATTRIBUTES, text, tmp_path / f"out{kind}", DAY)
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_ipc(tmp_path / "out.arrow"))
    assert pl.read_parquet(tmp_path / "out.parquet").height == 4


def test_pieces_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{i},firm,longhua,{i},{'x' if i % 97 == 0 else 1},2" for i in range(3_000)]
    rows[1_500] = "7,firm"
    rows[2_000] = rows[30]
    source = write(tmp_path / "firms.csv", "\n".join(rows) + "\n")
    written = []
    for size in (1_000, 8 * 1024 * 1024):
        monkeypatch.setattr(files, "BYTES_PER_BATCH", size)
        done = decide_file(PROGRAMMES, ATTRIBUTES, source, tmp_path / "out.csv", DAY)
        assert done.rejected == 31 + 1 + 2
        written.append(((tmp_path / "out.csv").read_bytes(), rejects_file(tmp_path / "out.csv").read_bytes()))
    assert written[0] == written[1]
    numbers = {row: name for row, name, *_ in rejected(tmp_path / "out.csv")}
    assert (numbers[2], numbers[1_502], numbers[32], numbers[2_002]) == ("0", None, "30", "30")
    monkeypatch.setattr(files, "BYTES_PER_BATCH", 1_000)
    assert len(list(read_batches(source, PROGRAMMES, ATTRIBUTES))) > 20


def test_limits_and_sums_are_the_same_however_a_file_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims of one organisation lie far apart; its limit is served by date over all of them."""
    programmes = tuple(each for each in ALL if each.id == "compute-contract")
    header = ("id,organisation,contract_kind,contract_settled,is_related,contract_listed_provider,contract_own_paid,"
              "contract_signed_on")  # fmt: skip
    rows = [
        f"c{i},o{i % 7},compute,true,false,true,{i * 9_973 % 9_000_000},2026-{i % 12 + 1:02}-01" for i in range(900)
    ]
    rows[400] = "c400,o1,compute,true,false,true,many,2026-01-01"
    source = write(tmp_path / "claims.csv", "\n".join(rows) + "\n", header)
    every = pl.read_csv(source, infer_schema=False).filter(pl.col("id") != "c400").with_columns(
        pl.col("contract_own_paid").cast(pl.Int64), pl.col("contract_signed_on").str.to_date(),
        pl.col("contract_settled", "is_related", "contract_listed_provider") == "true",
    )  # fmt: skip
    awards = pl.DataFrame({"organisation": ["o2"], "programme": ["xunli"], "award_fen": [100_000_001]})
    awards = awards.with_columns(awarded_on=pl.lit(DAY), paid_fen=pl.lit(0))
    related = Rows(claims=every.with_columns(provider=pl.lit("p")), awards=awards)
    whole = add_aggregates(programmes, every, related, DAY).table
    expected = apply_limits(decide(programmes, whole, DAY), whole).awards
    written = []
    for size in (2_000, 8 * 1024 * 1024):
        monkeypatch.setattr(files, "BYTES_PER_BATCH", size)
        done = decide_file(programmes, ATTRIBUTES, source, tmp_path / "out.csv", DAY, related_rows=related)
        assert (done.rows, done.rejected) == (900, 1)
        written.append((tmp_path / "out.csv").read_bytes())
        found = pl.read_csv(tmp_path / "out.csv")
        assert found["award_fen"].to_list() == expected["award_fen"].to_list()
        assert found.filter(pl.col("id").is_in([f"c{i}" for i in range(2, 900, 7)]))["award_fen"].sum() == 0
        assert found.filter(pl.col("id").is_in([f"c{i}" for i in range(3, 900, 7)]))["award_fen"].sum() == 5_000_000
    assert written[0] == written[1]


def test_typed_files_have_bad_rows_too(tmp_path: Path) -> None:
    frame = pl.read_csv(write(tmp_path / "a.csv", GOOD + "c,firm,longhua,1,1,0\nd,firm,longhua,1,1,0\n"))
    frame = frame.with_columns(
        id=pl.Series(["a", None, " ", "d"]), corpus_purchase__status=pl.Series([2, 0, 0, 300], dtype=pl.Int64)
    )
    frame.write_parquet(tmp_path / "a.parquet")
    done = decide_file(PROGRAMMES, ATTRIBUTES, tmp_path / "a.parquet", tmp_path / "out.csv", DAY)
    assert (done.rows, done.rejected) == (4, 3)
    assert [(row, name) for row, _, name, *_ in rejected(tmp_path / "out.csv")] == [
        (2, "id"), (3, "id"), (4, "corpus_purchase__status"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"id,id\n1,2\n", "column 'id' stands twice"),
        ("a.csv", HEADER.encode("utf-16"), "is neither UTF-8 nor GB18030"),
        ("a.csv", HEADER.replace("e__status", "e_status").encode(), "rename it 'corpus_purchase__status'"),
        ("a.csv", HEADER.replace("district", "distrct").encode(), "rename column 'distrct'?"),
        ("a.csv", f"{HEADER}\n,,,,,\n".encode(), "none of the 1 rows can be used"),
        ("a.csv.gz", gzip.compress(HEADER.encode() * 99)[:-9], "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.arrow", b"ARROW1", "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_leaves_nothing(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImportRefused) as refused:
        decide_file(PROGRAMMES, ATTRIBUTES, tmp_path / name, tmp_path / "out.csv", DAY)
    assert message in str(refused.value)
    left = {path.name for path in tmp_path.iterdir()} - {name}
    assert left == ({"out.rejects.csv"} if "none of" in message else set())


def test_the_status_of_a_fact_that_nothing_reads_is_no_misspelt_one(tmp_path: Path) -> None:
    header = f"{HEADER},corpus_purchase_2025,corpus_purchase_2025__status"
    source = write(tmp_path / "a.csv", "a,firm,longhua,1000,1000,verified,5,verified\n", header)
    done = decide_file(PROGRAMMES, ATTRIBUTES, source, tmp_path / "out.csv", DAY)
    assert (done.rows, done.rejected) == (1, 0)


def test_a_result_never_overwrites_its_source_nor_another_result(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", GOOD)
    for target, clauses in ((source, None), (tmp_path / "b.csv", source), (tmp_path / "b.csv", tmp_path / "b.csv")):
        with pytest.raises(ImportRefused):
            decide_file(PROGRAMMES, ATTRIBUTES, source, target, DAY, clauses)
    assert source.read_text(encoding="utf-8") == f"{HEADER}\n{GOOD}"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_what_is_broken_off_leaves_the_earlier_file(tmp_path: Path, ending: str) -> None:
    target, frame = tmp_path / f"out{ending}", pl.DataFrame({"a": [1, 2]})
    write_table(frame, target)
    before = target.read_bytes()
    with pytest.raises(KeyboardInterrupt), open_table(target, frame.schema) as add:
        add(frame)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_bytes() == before


def test_codes_amounts_and_words_are_written_as_they_are_read(tmp_path: Path) -> None:
    """By Polars and by Arrow; group by group, and each column with what it holds: nulls, the ends of 64 bits, lists."""
    words = pl.Enum(["no", "yes", "unknown"])
    frame = pl.DataFrame(
        {
            "code": pl.Series([0, 1, 3], dtype=pl.UInt8), "word": pl.Series(["yes", "unknown", "no"], dtype=words),
            "some": pl.Series([None, 255, 0], dtype=pl.UInt8), "fen": [-(2**63), None, 2**63 - 1],
            "flag": [None, True, False], "id": ["", None, "企"], "names": [["a", "b"], [], ["a"]],
        }
    )  # fmt: skip
    target = tmp_path / "out.parquet"
    with open_table(target, frame.schema, ("code", "word")) as add:
        add(frame)
        add(frame.clear())
        add(frame.reverse())
    expected = pl.concat([frame, frame.reverse()]).with_columns(pl.col("word").cast(pl.String))
    assert pl.read_parquet(target).equals(expected)
    assert pl.DataFrame(parquet.read_table(target)).equals(expected)
    # What was said to hold no null and does is not written as something else.
    with pytest.raises(pa.ArrowInvalid, match="some"), open_table(target, frame.schema, ("some",)) as add:
        add(frame)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, a disk that is full")
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("rows", [10, 1_000_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, ending: str, rows: int) -> None:
    target, frame = tmp_path / f"out{ending}", pl.DataFrame({"a": range(rows)})
    (tmp_path / f".{target.name}.part").symlink_to("/dev/full")
    full = "cannot be written: No space left"
    with pytest.raises(ImportRefused, match=full), open_table(target, frame.schema) as add:
        add(frame)
        add(frame)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_columns_are_written_by_name(tmp_path: Path, ending: str) -> None:
    """Two of one type in another order are not exchanged."""
    target, frame = tmp_path / f"out{ending}", pl.DataFrame({"a": [1, 2], "b": [3, 4]})
    with open_table(target, frame.schema) as add:
        add(frame.select("b", "a"))
    read: Any = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".arrow": pl.read_ipc}[ending]
    assert read(target).equals(frame)


def test_a_fault_of_something_else_is_not_told_of_the_file(tmp_path: Path) -> None:
    """Such as of what is read while the file is written."""
    frame = pl.DataFrame({"a": [1]})
    with pytest.raises(ConnectionResetError), open_table(tmp_path / "out.csv", frame.schema) as add:
        add(frame)
        raise ConnectionResetError
    assert [*tmp_path.iterdir()] == []
    target = tmp_path / "taken.csv"
    with pytest.raises(ImportRefused, match="cannot be written: "), open_table(target, frame.schema) as add:
        add(frame)
        target.mkdir()
    assert [*tmp_path.iterdir()] == [target]
