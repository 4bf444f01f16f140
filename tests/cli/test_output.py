"""What a person at the command line sees when something goes wrong: never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

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
