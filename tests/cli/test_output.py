"""What a person at the command line sees when something goes wrong: never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from siwei.cli.output import in_terminal_language
from siwei.errors import Conflict, Problem, Said

SIWEI = str(Path(sys.executable).with_name("siwei"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SIWEI, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("city", "digest", "--city", "/nowhere/at/all"), 4, "is not a city"),
        (("init", "/tmp/never-made", "--pack", "atlantis"), 4, "no city pack 'atlantis'"),
        (("pack", "check", "/nowhere/at/all"), 3, "is not a folder"),
        (("no-such-command",), 2, "no-such-command"),
    ],
)
def test_each_failure_has_its_exit_code_and_words(words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words)
    assert (done.returncode, "Traceback" in done.stderr + done.stdout) == (code, False), done.stderr
    assert said in " ".join((done.stdout + done.stderr).split())


def test_a_city_laid_by_another_version_says_what_to_do(tmp_path: Path) -> None:
    city = tmp_path / "city"
    assert run("init", str(city)).returncode == 0
    (city / "city.sqlite3").unlink()
    done = run("run", "--city", str(city))
    assert done.returncode == 6
    assert f"siwei init {city}" in " ".join(done.stderr.split())


def test_an_unexpected_fault_leaves_a_file_and_a_sentence(tmp_path: Path) -> None:
    city = tmp_path / "city"
    assert run("init", str(city)).returncode == 0
    (city / "city.sqlite3").write_bytes(b"not a database at all")
    for leftover in city.glob("city.sqlite3-*"):
        leftover.unlink()
    done = run("city", "digest", "--city", str(city))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [file] = [Path(word) for word in done.stderr.split() if "siwei-fault-" in word]
    assert "file is not a database" in file.read_text(encoding="utf-8")
    file.unlink()


MISSING = Problem(
    Said("no column '注册日期'\n    a,发布\n    ^\n   ", "没有列 '注册日期'\n    a,发布\n    ^\n   "),
    Said("add it; see `发布`", "请补上；见 `发布`"), "/发布/a.csv", 2, 3, "注册日期",
)  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("C.UTF-8", "no column '注册日期'\n    a,发布\n    ^\n    [注册日期] → add it; see `发布`"),
        ("en_GB.UTF-8", "no column '注册日期'\n    a,发布\n    ^\n    [注册日期] → add it; see `发布`"),
        ("zh_CN.UTF-8", "没有列 '注册日期'\n    a,发布\n    ^\n    [注册日期] → 请补上；见 `发布`"),
        ("zh_HK.UTF-8", "沒有列 '注册日期'\n    a,发布\n    ^\n    [注册日期] → 請補上；見 `发布`"),
    ],
)
def test_errors_are_in_the_language_of_the_terminal(locale: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But what is quoted, the lines of a file, and names of files and fields stand as they are written."""
    monkeypatch.setenv("LC_ALL", locale)
    assert in_terminal_language(MISSING) == f"/发布/a.csv:2:3: {said}"


@pytest.mark.parametrize(
    ("settings", "is_chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}, True),
        ({"LC_MESSAGES": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({}, False),
    ],
)
def test_the_locale_is_read_as_posix_says(
    settings: dict[str, str], is_chinese: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert in_terminal_language(Conflict("round 1 is shared", "轮次 1 已分配")) == (
        "轮次 1 已分配" if is_chinese else "round 1 is shared"
    )


def test_what_is_said_in_english_only_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert in_terminal_language(Problem("is a folder", "name a file", "x")) == "x: is a folder → name a file"
