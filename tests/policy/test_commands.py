"""The commands of `siwei policy`, run as a person runs them, on a pack outside the source tree."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from siwei.city.home import PACKS
from siwei.cli import policy_author
from siwei.cli.output import print_error
from siwei.cli.policy import policy_app
from siwei.cli.policy_explain import explain as registered
from siwei.errors import SiweiError
from siwei.policy.files.table_files import write_table

assert registered and policy_author
SHENZHEN = PACKS / "shenzhen"
HEADER = "id,legal_form,district,longhua_compute_paid,corpus_purchase,corpus_purchase__status,model_purchase"


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture
def siwei(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> Result:
        """As `siwei.cli.main` runs it, which alone turns an error into a message and an exit code."""
        code: object = 0
        try:
            policy_app([*map(str, arguments)])
        except SystemExit as left:
            code = left.code or 0
        except SiweiError as error:
            print_error(error)
            code = error.exit_code
        written = capsys.readouterr()
        assert isinstance(code, int)
        return Result(code, written.out, written.err)

    return run


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Three of the programmes, and the attributes, in a folder of its own."""
    folder = tmp_path / "pack"
    (folder / "programmes").mkdir(parents=True)
    shutil.copy(SHENZHEN / "attributes.csv", folder)
    for name in ("longhua-compute", "moxing", "yuliao"):
        shutil.copy(SHENZHEN / "programmes" / f"{name}.yaml", folder / "programmes")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "firms.csv"
    path.write_text(f"{HEADER}\na,firm,longhua,1000,1000,verified,\nb,,nanshan,1000,0,0,5\n", encoding="utf-8")
    return path


def test_decide_writes_awards_and_clauses(siwei: Run, pack: Path, table: Path, tmp_path: Path) -> None:
    awards, clauses = tmp_path / "awards.parquet", tmp_path / "clauses.csv"
    arguments = [
        "--pack",
        pack,
        "--in",
        table,
        "--out",
        awards,
        "--clauses",
        clauses,
        "--as-of",
        "2026-11-23",
        "--json",
    ]
    result = siwei("decide", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["programmes"][0] == {
        "programme": "longhua-compute",
        "eligible": 1,
        "not_eligible": 1,
        "cannot_tell": 0,
        "award_fen": 300,
        "draft": False,
    }
    assert pl.read_parquet(awards).rows() == [
        ("a", "longhua-compute", "eligible", 300),
        ("a", "moxing", "cannot_tell", None),
        ("a", "yuliao", "eligible", 300),
        ("b", "longhua-compute", "not_eligible", 0),
        ("b", "moxing", "cannot_tell", None),
        ("b", "yuliao", "not_eligible", 0),
    ]
    assert pl.read_csv(clauses).filter(pl.col("verdict") == "unknown").select("id", "clause", "missing").rows() == [
        ("a", "model-used", "model_purchase"),
        ("b", "firm", "legal_form"),
        ("b", "firm", "legal_form"),
    ]
    again = tmp_path / "again.parquet"
    siwei("decide", "--pack", pack, "--in", table, "--out", again, "--as-of", "2026-11-23")
    assert again.read_bytes() == awards.read_bytes()


def test_parquet_in_gives_the_same(siwei: Run, pack: Path, table: Path, tmp_path: Path) -> None:
    typed = pl.read_csv(table, schema_overrides={"model_purchase": pl.Int64}).with_columns(
        corpus_purchase__status=pl.Series([2, 0], dtype=pl.UInt8)
    )
    typed.write_parquet(tmp_path / "firms.parquet")
    for source, target in ((table, "one.csv"), (tmp_path / "firms.parquet", "two.csv")):
        siwei("decide", "--pack", pack, "--in", source, "--out", tmp_path / target, "--as-of", "2026-11-23")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f"{HEADER}\na,firm,longhua,1e3,1,0,1\n",
            "firms.csv:2: '1e3': not a whole number within 64 bits [longhua_compute_paid]",
        ),
        (f"{HEADER}\na,firm,longhua,9223372036854775808,1,0,1\n", "'9223372036854775808': not a whole number"),
        (f"{HEADER}\na,firm,longhua,1,1,proven,1\n", "'proven': not 0, 1, 2 or declared"),
        (
            f"{HEADER}\na,firm,longhua,1,1,0,1\na,firm,longhua,1,1,0,1\n",
            "firms.csv:3: 'a': the id stands more than once",
        ),
        (f"{HEADER}\n,firm,longhua,1,1,0,1\n", "no id: give every row one"),
        ("id,legal_frm\na,firm\n", "no column 'legal_form' [legal_form] → rename column 'legal_frm'?"),
        ("", "is empty"),
    ],
)
def test_a_dirty_table_is_refused_with_its_places(
    siwei: Run, pack: Path, table: Path, content: str, message: str
) -> None:
    table.write_text(content, encoding="utf-8")
    result = siwei("decide", "--pack", pack, "--in", table, "--out", table.with_name("out.csv"))
    assert result.returncode == 3
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not table.with_name("out.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["decide", "--in", "nothing.csv", "--out", "x.csv"], 3, "nothing.csv: no such file"),
        (["decide", "--in", "nothing.csv", "--out", "x.txt"], 3, "results are written as .csv, .parquet or .arrow"),
        (["decide", "--in", "nothing.doc", "--out", "x.csv"], 3, "is neither .csv, .csv.gz, .parquet nor .arrow"),
        (["check", "--pack", "atlantis"], 4, "no pack 'atlantis'"),
        (["explain", "nothing", "--in", "nothing.csv", "--id", "a"], 4, "no programme 'nothing'"),
        (["explain", "xunly", "--in", "nothing.csv", "--id", "a"], 4, "no programme 'xunly' → did you mean 'xunli'?"),
        (["combine", "--in", "nothing.csv", "--id", "a", "--claims", "c.csv"], 3, "without claims and projects"),
    ],
)
def test_wrong_arguments(siwei: Run, arguments: list[str], code: int, message: str) -> None:
    result = siwei(*arguments)
    assert (result.returncode, message in result.stderr.replace("\n", "")) == (code, True)


def test_explain_names_its_row_and_its_sources(
    siwei: Run, pack: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = siwei("explain", "yuliao", "--pack", pack, "--in", table, "--id", "a", "--as-of", "2026-11-23", "--json")
    explanation = json.loads(result.stdout)
    assert explanation["award"]["award_fen"] == 300
    assert explanation["clauses"][1]["saw"][0]["fact"] == {
        "value": 1000,
        "status": "verified",
        "source": "firms.csv",
        "source_ref": "id a",
        "valid_from": None,
    }
    absent = siwei("explain", "yuliao", "--pack", pack, "--in", table, "--id", "z")
    assert (absent.returncode, "no row with id 'z'" in absent.stderr) == (4, True)
    for_people = siwei("explain", "yuliao", "--pack", pack, "--in", table, "--id", "a", "--as-of", "2026-11-23")
    assert "Eligible for Corpus voucher: 3 CNY by the rules." in for_people.stdout
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    for_people = siwei("explain", "yuliao", "--pack", pack, "--in", table, "--id", "a", "--as-of", "2026-11-23")
    assert "符合语料券，测算金额 3 元。" in for_people.stdout


def test_check_shows_problems_and_drafts(siwei: Run, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = json.loads(siwei("check", "--json").stdout)
    drafts = {each["programme"]: each["draft"] for each in right["programmes"]}
    assert (drafts["high-tech-enterprise"], drafts["xunli"]) == (True, False)
    lacking = {
        each["programme"]: [(one["part"], one["id"]) for one in each["unsourced"]] for each in right["programmes"]
    }
    assert lacking["peacock"] == [("clause", "level")]
    assert lacking["high-tech-enterprise"] == [
        ("clause", "high-tech-revenue"), ("clause", "no-serious-violation"), ("parameter", "high_tech_share"),
        ("parameter", "rate_standard"),
    ]  # fmt: skip
    words = siwei("check").stdout
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    chinese = siwei("check").stdout
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for each in right["programmes"]:
        assert len(lacking[each["programme"]]) == len([one for one in each["without a source"].split(", ") if one])
        # Every draft, and nothing else, is told, with all that has no source.
        assert (f"（{each['programme']}）" in chinese) == each["draft"], each["programme"]
        assert (f"({each['programme']}) " in words) == each["draft"], each["programme"]
        assert all(f" {one} (" in words for _, one in lacking[each["programme"]] if one)
    assert "以下无出处：条款 level（属于三个层次之一" in chinese
    assert "(rd-super-deduction-chips) cites its sources, and its state is draft" in words
    assert "（rd-super-deduction-chips）各处均有出处，但状态为草案：" in chinese
    path = pack / "programmes" / "yuliao.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("corpus_purchase > 0", "corpus_purchas > 0"), encoding="utf-8"
    )
    wrong = siwei("check", "--pack", pack)
    assert wrong.returncode == 3
    assert "did you mean 'corpus_purchase'?" in wrong.stderr
    as_json = siwei("check", "--pack", pack, "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["problems"][0]["line"]) == (3, 34)


def test_schema_lists_what_a_table_must_hold(siwei: Run, pack: Path) -> None:
    columns = json.loads(siwei("schema", "--pack", pack, "--json").stdout)["columns"]
    names = ["id", "corpus_purchase", "district", "legal_form", "longhua_compute_paid", "model_purchase"]
    assert [each["column"] for each in columns] == names
    assert (columns[1]["type"], columns[1]["unit"], columns[1]["read_by"]) == ("int", "fen", ["yuliao"])
    assert "ProgrammeDocument" not in json.loads(siwei("schema", "--programme-file").stdout)["$defs"]


def test_a_pack_for_one_kind_of_subject_need_not_be_told_which(siwei: Run, pack: Path, tmp_path: Path) -> None:
    (pack / "programmes" / "longhua-compute.yaml").unlink()
    for path in (pack / "programmes").glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("applies_to: organisation", "applies_to: project")
        path.write_text(text, encoding="utf-8")
    columns = [each["column"] for each in json.loads(siwei("schema", "--pack", pack, "--json").stdout)["columns"]]
    source = tmp_path / "projects.csv"
    cells = {"id": "a", "organisation": "o", "legal_form": "firm"}
    source.write_text(",".join(columns) + "\n" + ",".join(cells.get(each, "") for each in columns) + "\n")
    target = tmp_path / "awards.csv"
    done = siwei("decide", "--pack", pack, "--in", source, "--out", target, "--as-of", "2026-11-23")
    assert (done.returncode, done.stderr) == (0, "")
    assert pl.read_csv(target)["id"].to_list() == ["a", "a"]


def test_a_table_in_a_file_or_pipe_is_cut_nowhere(siwei: Run, pack: Path) -> None:
    shown = siwei("schema", "--pack", pack).stdout
    assert "longhua_compute_paid" in shown
    assert "…" not in shown


def test_schema_names_what_is_added_up_and_what_limits_group_by(siwei: Run) -> None:
    columns = json.loads(siwei("schema", "--applies-to", "claim", "--json").stdout)["columns"]
    shown = {each["column"]: (each["type"], each["unit"], each["added_up_of"]) for each in columns}
    assert shown["own_paid_on_compute"] == ("int", "fen", "claims")
    assert shown["organisation"] == ("string", None, None)
    assert shown["is_related"] == ("bool", None, "ties")
    assert all(each["meaning_zh"] and each["meaning_en"] and each["read_by"] for each in columns)
    assert "may be absent where --rows gives them" in siwei("schema", "--applies-to", "claim").stdout


def test_explain_keeps_bad_rows_apart(siwei: Run, pack: Path, table: Path, tmp_path: Path) -> None:
    with table.open("a", encoding="utf-8") as file:
        file.write("c,firm,longhua,many,1,0,\n")
    arguments = ("explain", "yuliao", "--pack", pack, "--in", table, "--as-of", "2026-11-23")
    good = siwei(*arguments, "--id", "a", "--json")
    assert (good.returncode, json.loads(good.stdout)["verdict"]) == (0, "eligible")
    # The programme of corpora does not read what row c has wrong.
    assert siwei(*arguments, "--id", "c").returncode == 0
    arguments = ("explain", "longhua-compute", *arguments[2:])
    alone = siwei(*arguments, "--id", "a")
    assert (alone.returncode, alone.stderr) == (0, "")
    # Out of a pot with a budget each gets what the others leave.
    programme = pack / "programmes" / "longhua-compute.yaml"
    programme.write_text(programme.read_text("utf-8").replace("pot:\n", "pot:\n  budget_fen: 1\n"), "utf-8")
    told = siwei(*arguments, "--id", "a")
    assert told.returncode == 0
    assert "1 of 3 rows rejected" in told.stderr
    assert ":4: 'many': not a whole number within 64 bits [longhua_compute_paid]" in told.stderr
    bad = siwei(*arguments, "--id", "c", "--rejects", tmp_path / "bad.csv")
    assert (bad.returncode, "'many': not a whole number" in bad.stderr) == (3, True)
    assert pl.read_csv(tmp_path / "bad.csv").select("row", "id", "column").rows() == [(4, "c", "longhua_compute_paid")]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_the_row_that_is_explained_is_read_by_itself(siwei: Run, pack: Path, tmp_path: Path, ending: str) -> None:
    """Nothing is held of the others, and an id that stands twice is still nobody's."""
    rows = 60_000
    ids = pl.int_range(rows, eager=True).cast(pl.String).str.zfill(6)
    table = pl.DataFrame({"id": ids, "district": ["longhua"] * rows, "longhua_compute_paid": range(rows)})
    twice = table.with_columns(id=pl.when(pl.col("id") == "000007").then(pl.lit("000006")).otherwise("id"))
    source = tmp_path / f"firms.{ending}"
    write_table(twice, source)
    arguments = ("explain", "longhua-compute", "--pack", pack, "--in", source, "--as-of", "2026-11-23", "--id")
    found = siwei(*arguments, "059999", "--json")
    assert found.returncode == 0, found.stderr
    (spent,) = (
        each for each in json.loads(found.stdout)["award"]["saw"] if each["attribute"] == "longhua_compute_paid"
    )
    assert spent["fact"]["value"] == 59_999
    assert found.stderr == ""
    refused = siwei(*arguments, "000006")
    assert refused.returncode == 3
    first = 8 if ending == "csv" else 7
    assert f"{source.name}:{first}: '000006': the id stands more than once: keep one row per id [id]" in refused.stderr
    assert f"{source.name}:{first + 1}: '000006'" in refused.stderr
    assert siwei(*arguments, "000007").returncode == 4


def test_cases_of_a_programme_or_version_that_is_not_there_are_told_in_every_file(siwei: Run, pack: Path) -> None:
    """With file, line, column, a caret and the nearest name; and what is wrong with the others besides."""
    cases = (SHENZHEN / "programmes" / "moxing.cases.yaml").read_text(encoding="utf-8")
    folder = pack / "programmes"
    for name, line in (
        ("a", "programme: moxin"), ("b", "programme: nothing-of-it"), ("c", "programme: moxing\nversion: \"1.9\""),
        ("d", "programme: yuliao"),
    ):  # fmt: skip
        (folder / f"{name}.cases.yaml").write_text(cases.replace("programme: moxing", line), encoding="utf-8")
    said = siwei("test", "--pack", pack)
    assert said.returncode == 3
    flat = " ".join(said.stderr.split())
    assert "a.cases.yaml:2:12: no programme 'moxin' in the pack programme: moxin ^" in flat
    assert "[programme] → did you mean 'moxing'?" in flat
    assert "b.cases.yaml:2:12: no programme 'nothing-of-it' in the pack" in flat
    assert "→ one of longhua-compute, moxing, yuliao" in flat
    assert "c.cases.yaml:3:10: no version '1.9' of 'moxing'" in flat
    assert "d.cases.yaml:7:19: yuliao reads no fact 'model_purchase' model_purchase: 100000000 ^" in flat


HURT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "utf-16": (lambda text: text.decode().encode("utf-16"), ":1:1: is UTF-16, not UTF-8"),
    "utf-16 without a mark": (lambda text: text.decode().encode("utf-16-le"), "is not UTF-8"),
    "gb18030": (lambda text: text.decode().encode("gb18030"), "is not UTF-8"),
    "nul": (lambda text: text + b"a\x00b: c\n", ":2: is not YAML: holds the character U+0000"),
    "half a character": (lambda text: text + b"ab: \xed\xa0\x80\n", ":5: is not UTF-8"),
    "a key twice": (lambda text: text + b"zz: 1\nzz: 2\n", ":1: key 'zz' appears twice"),
    "empty": (lambda text: b"", ":1: is empty"),
    "byte order mark": (lambda text: b"\xef\xbb\xbf" + text, ""),
    "lines of windows": (lambda text: text.replace(b"\n", b"\r\n"), ""),
    "lines of an old mac": (lambda text: text.replace(b"\n", b"\r"), ""),
}
"""What is done to a file, and what is said of it; nothing where it reads the same."""


@pytest.mark.parametrize("hurt", HURT)
@pytest.mark.parametrize("file", ["programmes/moxing.yaml", "programmes/moxing.cases.yaml", "stacking.yaml"])
def test_files_of_a_pack_in_every_encoding(siwei: Run, pack: Path, table: Path, file: str, hurt: str) -> None:
    """Read alike or refused with the file and the place, by every command that reads it."""
    shutil.copy(SHENZHEN / "programmes" / "moxing.cases.yaml", pack / "programmes")
    words = "words: {zh: 限, en: Limit}, citation: {document: 文, url: example.org}"
    group = f"groups:\n  - {{id: g, programmes: [moxing, yuliao], limit: '1000', reduce: [yuliao, moxing], {words}}}\n"
    (pack / "stacking.yaml").write_text(group, encoding="utf-8")
    out = table.with_name("out.csv")
    commands: dict[str, tuple[str | Path, ...]] = {
        "test": (), "check": (), "decide": ("--in", table, "--out", out),
        "explain": ("moxing", "--in", table, "--id", "a"),
    }  # fmt: skip
    change, message = HURT[hurt]
    before = {} if message else {name: siwei(name, *more, "--pack", pack) for name, more in commands.items()}
    path = pack / file
    path.write_bytes(change(path.read_bytes()))
    # Cases are read by `test` alone; deciding and explaining what gets nothing ask for no stacking.
    few = {"programmes/moxing.cases.yaml": {"test"}, "stacking.yaml": {"test", "check"}}
    readers = few.get(file, {*commands})
    for name, more in commands.items():
        said = siwei(name, *more, "--pack", pack)
        if message and name in readers:
            assert said.returncode == 3, name
            assert message in said.stderr + said.stdout
            assert path.name in said.stderr + said.stdout
        elif not message:
            assert said == before[name]
        else:
            assert said.returncode == 0, name


CHINESE = {
    "unit: fen": ("unit: fens", "'fens': 这不是单位：应为 fen, ", "；是否应为 'fen'？"),
    'expr: "taxable_income > 0"': (
        'expr: "taxible_income > 0"', "没有名为 'taxible_income' 的属性、参数或函数", "是否应为 'taxable_income'？",
    ),
    "clauses:": ("clausess:", "没有字段 'clausess'", "是否应为 'clauses'？"),
    "period: {}": ("period: {start: 2020-01-01}", "参数 cap 自 2020-01-01 至 2021-01-01 没有值", "请给出期限首日的值"),
    'expr: "patents > 0"': ('expr: "patents + revenue > 0"', "item 与 fen 的单位不合", "请统一单位"),
    'expr: "taxable_income > 0" ': ('expr: "taxable_income" ', "此处类型是 int，应为 bool", "条款的结果是真或假"),
}  # fmt: skip
TAX_RELIEF = """
id: tax-relief
version: "1"
title: {zh: 税收优惠, en: Tax relief}
kind: tax_saving
issuer: {zh: 虚构城市, en: A made-up city}
source: {document: made up, as_of: 2026-11-23, verified: false}
period: {}
applies_to: organisation
parameters:
  cap:
    unit: fen
    words: {zh: 参数, en: A figure}
    citation: {document: made up}
    values: [{start: 2021-01-01, value: 100000000000}]
clauses:
  - id: profit
    expr: "taxable_income > 0" # of the year
    words: {zh: 条款, en: A clause}
    citation: {document: made up}
  - id: patents
    expr: "patents > 0"
    words: {zh: 条款, en: A clause}
    citation: {document: made up}
award:
  expr: "share(taxable_income, 10, 100)"
  cap: p.cap
  words: {zh: 扶持, en: An award}
  citation: {document: made up}
rounding: {mode: down, to: fen}
"""


@pytest.fixture
def chinese_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


@pytest.mark.usefixtures("chinese_terminal")
@pytest.mark.parametrize("written", CHINESE)
def test_frequent_faults_of_a_programme_are_told_in_chinese(written: str, pack: Path, siwei: Run) -> None:
    wrong, message, fix = CHINESE[written]
    assert written in TAX_RELIEF
    benchmark = Path(__file__).parents[2] / "benchmarks" / "policy" / "pack"
    shutil.copy(benchmark / "attributes.csv", pack)
    shutil.rmtree(pack / "programmes")
    (pack / "programmes").mkdir()
    (pack / "programmes" / "tax-relief.yaml").write_text(TAX_RELIEF.replace(written, wrong, 1), encoding="utf-8")
    done = siwei("check", "--pack", pack)
    assert (done.returncode, message in done.stderr, fix in done.stderr) == (3, True, True), done.stderr


@pytest.mark.usefixtures("chinese_terminal")
def test_missing_and_mistyped_columns_are_told_in_chinese(pack: Path, tmp_path: Path, siwei: Run) -> None:
    source = tmp_path / "subjects.parquet"
    pl.DataFrame({"id": ["a"], "legal_form": [1], "distrit": ["x"]}).write_parquet(source)
    done = siwei("decide", "--pack", pack, "--in", source, "--out", tmp_path / "out.parquet")
    assert done.returncode == 3
    lines = done.stderr.splitlines()
    assert f"✗ {source}: 列 legal_form 的类型是 Int64，应为 String [legal_form] → 请转换类型" in lines
    assert (
        f"✗ {source}: 缺少列 'district' [district] → 是否应把列 'distrit' 改名？（`siwei policy schema` 列出各列）"
        in lines
    )
