"""Tables that are made to hurt: of every type a column can have, damaged at every place, or no files at all. Refused
with the column or decided, never with a traceback, half a result or a row too few; and results that have no room."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import ImportRefused, PolicyError
from siwei.policy import load_programme
from siwei.policy.checks.check import check_programmes
from siwei.policy.deciding.decide_files import FileDecisions, decide_file
from siwei.policy.files.subject_batches import read_batches
from siwei.policy.files.typed_rows import read_rows
from siwei.policy.subjects import attribute_dtypes

PACK = PACKS / "shenzhen"
ATTRIBUTES = load_attributes(PACK)
PROGRAMMES = (load_programme(PACK / "programmes" / "yuliao.yaml", ATTRIBUTES),)
DAY = date(2026, 3, 1)
COLUMNS: dict[str, Callable[[], Any]] = {
    "decimal": lambda: pa.array([Decimal("1.50"), None]),
    "decimal256": lambda: pa.array([Decimal("1" * 50), None], pa.decimal256(60, 0)),
    "list": lambda: pa.array([[1], [2]]),
    "list view": lambda: pa.array([[1], [2]], pa.list_view(pa.int64())),
    "struct": lambda: pa.array([{"a": 1}, {"a": 2}]),
    "map": lambda: pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "moment of a zone": lambda: pa.array([datetime(2026, 1, 1), None], pa.timestamp("us", "Asia/Shanghai")),
    "moment in nanoseconds": lambda: pa.array([datetime(2026, 1, 1), None], pa.timestamp("ns")),
    "uint64": lambda: pa.array([2**64 - 1, 1], pa.uint64()),
    "int8": lambda: pa.array([1, 2], pa.int8()),
    "float": lambda: pa.array([1.5, float("nan")]),
    "infinite": lambda: pa.array([float("inf"), float("-inf")]),
    "half float": lambda: pa.array([1.0, 2.0]).cast(pa.float16()),
    "binary": lambda: pa.array([b"\xff", b"5"]),
    "fixed binary": lambda: pa.array([b"ab", b"cd"], pa.binary(2)),
    "bool": lambda: pa.array([True, False]),
    "null": lambda: pa.nulls(2),
    "dictionary": lambda: pa.array(["1", "x"]).dictionary_encode(),
    "text": lambda: pa.array(["12", "x"], pa.large_string()),
    "text view": lambda: pa.array(["a", "b"], pa.string_view()),
    "date": lambda: pa.array([date(2026, 1, 1), None]),
    "time": lambda: pa.array([clock(1), None]),
    "duration": lambda: pa.array([timedelta(1), None]),
    "interval": lambda: pa.array([pa.MonthDayNano([1, 2, 3]), None]),
    "runs": lambda: pa.RunEndEncodedArray.from_arrays([1, 2], [1, 2]),
}
ENDINGS = (".parquet", ".arrow")


def table() -> pa.Table:
    schema: dict[str, Any] = {"id": pl.String, **attribute_dtypes(PROGRAMMES)}
    rows = [{"id": id, "legal_form": "firm", "corpus_purchase": fen} for id, fen in (("a", 900_000), ("b", 5))]
    return pl.DataFrame(rows, schema=schema).to_arrow()


def write(path: Path, made: pa.Table) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(made, path)
    else:
        with pa.ipc.new_file(str(path), made.schema) as file:
            file.write_table(made)


def decided(source: Path) -> FileDecisions | str:
    """What was decided, every row of the file; or why nothing was. Nothing half done is left."""
    target = source.with_name("out.csv")
    try:
        done = decide_file(PROGRAMMES, ATTRIBUTES, source, target, DAY)
        assert pl.read_csv(target).height == done.rows - done.rejected
        return done
    except ImportRefused as refused:
        assert not target.exists()
        assert all(each.file == str(source) for each in refused.problems)
        return str(refused)
    finally:
        assert [path.name for path in source.parent.iterdir() if path.name.startswith(".")] == []
        for each in source.parent.glob("out*"):
            each.unlink()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("name", ["id", "corpus_purchase", "legal_form", "corpus_purchase__status", "beside"])
def test_a_column_of_any_type(tmp_path: Path, kind: str, ending: str, name: str) -> None:
    made, source = table(), tmp_path / f"a{ending}"
    place = made.schema.get_field_index(name)
    column = COLUMNS[kind]()
    made = made.append_column(name, column) if place < 0 else made.set_column(place, name, column)
    try:
        write(source, made)
    except pa.ArrowException:
        return  # no such file can be
    found = decided(source)
    assert isinstance(found, FileDecisions) or name in found
    if isinstance(found, FileDecisions):
        assert found.rows == 2


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["id", "corpus_purchase", "beside"])
def test_a_column_that_stands_twice(tmp_path: Path, ending: str, name: str) -> None:
    made, source = table(), tmp_path / f"a{ending}"
    for _ in range(1 if name in made.schema.names else 2):
        made = made.append_column(name, made["id"])
    write(source, made)
    assert f"column {name!r} stands twice" in str(decided(source))


@pytest.mark.parametrize("ending", [".csv", *ENDINGS])
def test_columns_that_differ_only_by_case(tmp_path: Path, ending: str) -> None:
    """Which is meant cannot be told; a column nobody reads may be called anything."""
    source = tmp_path / f"a{ending}"

    def said(*names: str) -> FileDecisions | str:
        made = table()
        for name in names:
            made = made.append_column(name, made["id"])
        if ending == ".csv":
            pl.DataFrame(made).write_csv(source)
        else:
            write(source, made)
        return decided(source)

    for name in ("ID", "Corpus_Purchase", "corpus_purchase ", "LEGAL_FORM"):
        found = said(name)
        assert f"{name!r} differ only by case or spaces" in str(found)
        assert str(source) in str(found)
    assert isinstance(said("Beside", "beside"), FileDecisions)
    made = table()
    write(tmp_path / "b.parquet", made.rename_columns(["ID" if name == "id" else name for name in made.schema.names]))
    assert "no column 'id' [id] → rename column 'ID'?" in str(decided(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    ("mark", "english", "chinese"),
    [(";", "semicolons", "分号"), ("\t", "tabs", "制表符"), ("，", "Chinese commas", "中文逗号")],
)
def test_columns_separated_by_something_else(tmp_path: Path, mark: str, english: str, chinese: str) -> None:
    source = tmp_path / "firms.csv"
    source.write_text(mark.join(table().column_names) + "\n", encoding="utf-8")
    with pytest.raises(ImportRefused) as refused:
        next(read_batches(source, PROGRAMMES, ATTRIBUTES))
    (problem,) = refused.value.problems
    assert (problem.line, f"separated by {english}" in str(problem)) == (1, True)
    assert f"各列以 {chinese} 分隔" in refused.value.in_chinese()


def test_a_column_that_stands_twice_among_claims(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,claim_fen,claim_fen\na,1,2\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match="column 'claim_fen' stands twice"):
        read_rows(tmp_path / "a.csv", {"claim_fen": "int"})
    names = ["id", "claim_fen", "claim_fen"]
    write(tmp_path / "a.parquet", pa.table([pa.array(["a"]), pa.array([1]), pa.array([2])], names=names))
    with pytest.raises(ImportRefused, match="column 'claim_fen' stands twice"):
        read_rows(tmp_path / "a.parquet", {"claim_fen": "int"})


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_cut_off_or_damaged_anywhere(tmp_path: Path, ending: str) -> None:
    source = tmp_path / f"a{ending}"
    write(source, table())
    whole = source.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 20)):
        source.write_bytes(whole[:place])
        assert isinstance(decided(source), str), place
    for place in range(4, len(whole) - 4, max(1, len(whole) // 40)):
        source.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        decided(source)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_no_row_or_one(tmp_path: Path, ending: str, rows: int) -> None:
    source = tmp_path / f"a{ending}"
    write(source, table().slice(0, rows))
    found = decided(source)
    assert isinstance(found, FileDecisions)
    assert found.rows == rows


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"zero{ending}").symlink_to("/dev/zero")
    (tmp_path / f"loop{ending}").symlink_to(f"loop{ending}")
    (tmp_path / f"folder{ending}").mkdir()
    for name in ("pipe", "zero", "loop", "folder"):
        assert isinstance(decided(tmp_path / f"{name}{ending}"), str), name


@pytest.mark.parametrize("name", ["x.yaml", "x.cases.yaml", "versions.lock", "size_classes.csv", "../stacking.yaml"])
@pytest.mark.parametrize("kind", ["pipe", "zero", "loop", "folder"])
def test_nor_is_a_packs(tmp_path: Path, name: str, kind: str) -> None:
    programmes = tmp_path / "programmes"
    programmes.mkdir()
    text = (PACK / "programmes" / "yuliao.yaml").read_text(encoding="utf-8")
    (programmes / "yuliao.yaml").write_text(text, encoding="utf-8")
    place = programmes / name
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero" if kind == "zero" else place.name)
    started = time.perf_counter()
    try:
        check_programmes(programmes, ATTRIBUTES, DAY)
    except PolicyError as error:
        assert error.problems
    assert time.perf_counter() - started < 300


def test_a_result_over_its_source_by_another_name(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    pl.from_arrow(table()).write_csv(source)  # type: ignore[union-attr]
    before = source.read_bytes()
    (tmp_path / "soft.csv").symlink_to("a.csv")
    os.link(source, tmp_path / "hard.csv")
    for target in ("a.csv", "soft.csv", "hard.csv", "../" + tmp_path.name + "/a.csv"):
        with pytest.raises(ImportRefused, match="overwritten"):
            decide_file(PROGRAMMES, ATTRIBUTES, source, tmp_path / target, DAY)
    with pytest.raises(ImportRefused, match="no such folder"):
        decide_file(PROGRAMMES, ATTRIBUTES, source, tmp_path / "none" / "out.csv", DAY)
    assert source.read_bytes() == before


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from siwei.cli import main
sys.argv = ["siwei", "policy", "decide", "--pack", sys.argv[2], "--in", sys.argv[3], "--out", sys.argv[4]]
main()
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pack of one programme and a table whose result is a few megabytes."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "pack" / "programmes").mkdir(parents=True)
    for name in ("attributes.csv", "programmes/yuliao.yaml"):
        (folder / "pack" / name).write_bytes((PACK / name).read_bytes())
    rows = "".join(f"row-{n:032},firm,{n}\n" for n in range(120_000))
    (folder / "in.csv").write_text("id,legal_form,corpus_purchase\n" + rows, encoding="utf-8")
    return folder / "pack", folder / "in.csv"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_a_result_for_which_there_is_no_room(large: tuple[Path, Path], tmp_path: Path, ending: str) -> None:
    """The limit of a file's size stands for a full disk: the same error of the same call."""
    target = tmp_path / f"out{ending}"
    target.write_bytes(b"before")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "20000", str(large[0]), str(large[1]), str(target)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr, "cannot be written" in done.stderr) == (3, False, True), done
    assert ([path.name for path in tmp_path.iterdir()], target.read_bytes()) == ([target.name], b"before")


def test_killed_midway_no_half_of_a_result_is_there(large: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    code = "import sys; sys.argv = ['siwei', *sys.argv[1:]]; from siwei.cli import main; main()"
    given = ["policy", "decide", "--pack", str(large[0]), "--in", str(large[1]), "--out", str(target)]
    running = subprocess.Popen([sys.executable, "-c", code, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 200
    draft = tmp_path / ".out.csv.part"
    while running.poll() is None and time.monotonic() < until and not (draft.exists() and draft.stat().st_size):
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    if running.returncode == -signal.SIGKILL:
        assert not target.exists()
    again = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, timeout=300, check=False)
    assert (again.returncode, [path.name for path in tmp_path.iterdir()]) == (0, ["out.csv"])
    assert pl.scan_csv(target).select(pl.len()).collect().item() == 120_000
