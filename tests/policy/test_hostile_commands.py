"""`siwei policy` where files, folders and the person at the terminal do what nobody expects: told in a line of either
language, with the exit code of its kind, never with a traceback or half a result."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from string import Formatter

import polars as pl
import pytest

import siwei.cli.policy_author
import siwei.cli.policy_money  # noqa: F401
from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.errors import Conflict, ImportRefused, InputError, PolicyError, Saying, SiweiError
from siwei.policy.documents.scaffold import write_scaffold
from siwei.policy.files.file_words import FILES
from siwei.policy.money_words import MONEY

CODE = "import sys; sys.argv = ['siwei', 'policy', *sys.argv[1:]]; from siwei.cli import main; main()"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ROWS = "id,legal_form,corpus_purchase\na,firm,900000\nb,firm,5\n"


@pytest.mark.parametrize("saying", [*FILES.values(), *MONEY.values()], ids=[*FILES, *MONEY])
def test_every_fault_has_both_texts_with_the_same_values(saying: Saying) -> None:
    for en, zh in ((saying.en, saying.zh), (saying.fix_en, saying.fix_zh)):
        named = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (en, zh)]
        assert (named[0], CHINESE.search(en)) == (named[1], None)
        assert CHINESE.search(zh) or re.fullmatch(r"\{\w+\}", zh), zh


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    (folder / "programmes").mkdir()
    for name in ("attributes.csv", "programmes/yuliao.yaml"):
        shutil.copy(PACKS / "shenzhen" / name, folder / name)
    return folder


def check_told(done: "subprocess.CompletedProcess[str]", code: int, told: str) -> None:
    assert (done.returncode, "Traceback" in done.stderr + done.stdout) == (code, False), done
    assert told in done.stderr, done.stderr


INPUTS: Mapping[str, tuple[str, str]] = {
    "empty.csv": ("is empty", "是空的"),
    "pipe.csv": ("is no plain file", "不是普通文件"),
    "pipe.parquet": ("is no plain file", "不是普通文件"),
    "folder.csv": ("is a folder", "是文件夹"),
    "zipped.csv": ("is compressed by gzip, whatever its name says → name it .csv.gz", "其实是 经 gzip 压缩的文件"),
    "plain.csv.gz": ("is not compressed by gzip → name it .csv", "没有经 gzip 压缩 → 请命名为 .csv"),
    "book.csv": ("is a workbook or an archive", "其实是 工作簿或压缩包"),
    "columns.csv": ("is Parquet, whatever its name says → name it .parquet", "其实是 Parquet 文件"),
    "none.csv": ("no such file", "没有此文件"),
    "a.xlsx": ("is neither .csv, .csv.gz", "既不是 .csv、.csv.gz"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "empty.csv").touch()
    os.mkfifo(folder / "pipe.csv")
    os.mkfifo(folder / "pipe.parquet")
    (folder / "folder.csv").mkdir()
    (folder / "zipped.csv").write_bytes(gzip.compress(ROWS.encode()))
    (folder / "plain.csv.gz").write_text(ROWS, "utf-8")
    (folder / "book.csv").write_bytes(b"PK\x03\x04" + b"\x00" * 60)
    pl.DataFrame({"id": ["a"]}).write_parquet(folder / "columns.csv")
    (folder / "a.xlsx").write_bytes(b"PK\x03\x04" + b"\x00" * 60)
    return folder


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_that_is_no_table_is_told_in_either_language(
    pack: Path, inputs: Path, name: str, tmp_path: Path
) -> None:
    target = tmp_path / "out.csv"
    base = ["--in", inputs / name, "--out", target, "--pack", pack]
    for words in (["decide"], ["combine"], ["share", "--programme", "yuliao", "--budget", 5]):
        with pytest.raises(ImportRefused) as refused:
            policy_app([*map(str, (*words, *base))], result_action="return_value")
        told, chinese = INPUTS[name]
        assert (told in str(refused.value), chinese in refused.value.in_chinese()) == (True, True), refused.value
        assert re.search(r"\b(nor|neither)\b", refused.value.in_chinese()) is None
    assert [*tmp_path.iterdir()] == []


def test_a_target_that_is_no_file_is_left_as_it_is(pack: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(ROWS, "utf-8")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, told in (
        ("pipe.csv", "is no plain file"), ("folder.csv", "is a folder"), ("out.txt", "results are written as"),
        ("none/out.csv", "no such folder"), ("in.csv", "overwritten by its own result"),
    ):  # fmt: skip
        with pytest.raises(ImportRefused, match=told):
            policy_app(
                [*map(str, ("decide", "--in", source, "--out", tmp_path / name, "--pack", pack))],
                result_action="return_value",
            )
    assert (tmp_path / "pipe.csv").is_fifo()
    assert source.read_text("utf-8") == ROWS
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder.csv", "in.csv", "pipe.csv"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    rows = "".join(f"row-{n:032},firm,{n}\n" for n in range(150_000))
    (folder / "in.csv").write_text("id,legal_form,corpus_purchase\n" + rows, "utf-8")
    claims = "".join(f"row-{n:032},{n},2026-01-01\n" for n in range(600_000))
    (folder / "claims.csv").write_text("id,claim_fen,applied_at\n" + claims, "utf-8")
    return folder


@pytest.mark.parametrize("name", ["decide", "combine", "diff", "share"])
def test_interrupted_midway_it_says_so_in_a_line_and_leaves_no_half(
    pack: Path, many: Path, tmp_path: Path, name: str
) -> None:
    """^C once the input is open, and a little later."""
    target, apart = tmp_path / "out.csv", tmp_path / "apart.csv"
    source = many / ("claims.csv" if name == "share" else "in.csv")
    words: dict[str, list[object]] = {
        "decide": ["--out", target, "--pack", pack], "combine": ["--out", target, "--pack", pack],
        "diff": [pack, pack, "--rejects", apart],
        "share": ["--programme", "yuliao", "--budget", 10**9, "--mode", "first_come", "--out", target, "--pack", pack],
    }  # fmt: skip
    codes = []
    for later_s, locale in ((0.0, "C.UTF-8"), (0.15, "zh_CN.UTF-8")):
        given = [sys.executable, "-c", CODE, name, *map(str, words[name]), "--in", str(source)]
        environment = {**os.environ, "LC_ALL": locale, "COLUMNS": "300"}
        running = subprocess.Popen(
            given, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        wait_until_open(running, source)
        time.sleep(later_s)
        running.send_signal(signal.SIGINT)
        out, errors = running.communicate(timeout=300)
        codes.append(running.returncode)
        assert "Traceback" not in out + errors, errors
        if running.returncode == 0:
            continue  # it was done before
        assert running.returncode == 130, errors
        (line,) = [each for each in errors.splitlines() if "✗" in each]
        assert ("已中断" if locale.startswith("zh") else "interrupted") in line
        assert [each.name for each in tmp_path.iterdir()] == []
    assert 130 in codes


def wait_until_open(running: "subprocess.Popen[str]", source: Path) -> None:
    until = time.monotonic() + 200
    while running.poll() is None and time.monotonic() < until:
        for each in Path(f"/proc/{running.pid}/fd").glob("*"):
            try:
                if each.readlink() == source:
                    return
            except OSError:
                continue
        time.sleep(0.002)


def test_a_disk_without_room_for_shares_and_combinations(pack: Path, many: Path, tmp_path: Path) -> None:
    """The limit of a file's size stands for a full disk: the same error of the same call."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
    target = tmp_path / "out.parquet"
    for words in (
        ["combine", "--in", str(many / "in.csv")],
        ["share", "--in", str(many / "claims.csv"), "--programme", "yuliao", "--budget", "5", "--mode", "first_come"],
    ):
        given = [sys.executable, "-c", limit + CODE, *words, "--out", str(target), "--pack", str(pack)]
        done = subprocess.run(given, capture_output=True, text=True, timeout=300, check=False)
        check_told(done, 3, "cannot be written")
        assert [*tmp_path.iterdir()] == []


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A pack without programmes."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", folder)
    return folder


def put_file(programmes: Path) -> None:
    programmes.write_text("x", "utf-8")


def put_circle(programmes: Path) -> None:
    programmes.symlink_to("programmes")


def put_unwritable(programmes: Path) -> None:
    programmes.symlink_to("/proc")


def put_folder(programmes: Path) -> None:
    (programmes / "trial.yaml").mkdir(parents=True)


def put_dangling(programmes: Path) -> None:
    programmes.mkdir()
    (programmes / "trial.yaml").symlink_to("nothing")


@pytest.mark.parametrize(
    ("put", "error", "told", "chinese"),
    [
        (put_file, InputError, "cannot be written", "无法写入"),
        (put_circle, InputError, "cannot be written", "无法写入"),
        (put_unwritable, InputError, "cannot be written", "无法写入"),
        (put_folder, Conflict, "exists already", "已存在"),
        (put_dangling, Conflict, "exists already", "已存在"),
    ],
)
def test_a_programme_is_started_whole_or_not_at_all(
    fresh: Path, put: Callable[[Path], None], error: type[SiweiError], told: str, chinese: str
) -> None:
    put(fresh / "programmes")
    before = sorted(each.name for each in fresh.iterdir())
    with pytest.raises(error) as refused:
        policy_app(["new", "trial", "--pack", str(fresh)], result_action="return_value")
    assert (told in str(refused.value), chinese in refused.value.in_chinese()) == (True, True), refused.value
    assert sorted(each.name for each in fresh.iterdir()) == before


@pytest.mark.parametrize("name", ["", "../evil", "CON", "a b", "-x", "a" * 64, "1a", "a\x00", "试验", "a/b", "a.yaml"])
def test_a_name_that_cannot_be_one_starts_nothing(fresh: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be an id") as refused:
        write_scaffold(fresh / "programmes", name, load_attributes(fresh), date(2026, 1, 1))
    assert "不能作为 id" in refused.value.in_chinese()
    assert not (fresh / "programmes").exists()


CASES = "programme: yuliao\nas_of: 2026-03-01\nfacts: {legal_form: firm, corpus_purchase: '1000'}\ncases:\n"


@pytest.mark.parametrize(
    ("text", "told", "chinese"),
    [
        (CASES + "  - {id: one, expect: {verdict: eligible}}\n" * 2, "must differ: one", "不得相同：one"),
        (CASES + "  - {id: one, facts: {corpus_purchase: ten}, expect: {verdict: eligible}}\n", "whole number", "整数"),
        (CASES + "  - {id: one, facts: {corpus_purchase: [1]}, expect: {verdict: eligible}}\n", "valid string", "文字"),
        (CASES + "  - {id: one, expect: {verdict: maybe}}\n", "'cannot_tell'", "之一"),
        (CASES + "  - {id: one, expect: {verdict: eligible, clauses: {none: yes}}}\n", "no clause 'none'", "没有条件"),
        (CASES + "  []\n", "at least 1 item", "至少 1 项"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "anchor or alias", "锚点"),
        ("programme: yuliap\nas_of: 2026-03-01\ncases: [{id: one, expect: {verdict: eligible}}]\n",
         "did you mean 'yuliao'", "是否应为 'yuliao'"),
        ("", "is empty", "是空的"), ("\x00\x1b[2J", "holds the character U+0000", "含有字符 U+0000"),
        ("a" * 300_000, "is no mapping", "不是键与值"), ("a" * 5_000_000, "is larger than", "大于"),
    ],
)  # fmt: skip
def test_a_broken_file_of_cases_is_told_with_its_place(
    pack: Path, tmp_path: Path, text: str, told: str, chinese: str
) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(pack, folder)
    (folder / "programmes" / "yuliao.cases.yaml").write_text(text, "utf-8")
    with pytest.raises(PolicyError) as refused:
        policy_app(["test", "--pack", str(folder)], result_action="return_value")
    assert (told in str(refused.value), chinese in refused.value.in_chinese()) == (True, True), refused.value
    assert all(each.file.endswith("yuliao.cases.yaml") for each in refused.value.problems)
    # What would move the cursor is not sent to the terminal.
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", str(refused.value))
