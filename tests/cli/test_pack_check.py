"""`siwei pack check`, as a person and a program meet it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import forking
import pytest

TINY = Path(__file__).parent.parent / "fixtures" / "packs" / "tiny"


def run_siwei(*arguments: str, anew: bool = False) -> subprocess.CompletedProcess[str]:
    return forking.run([*forking.SIWEI, *arguments], env=os.environ, anew=anew)


@pytest.fixture
def wrong_pack(tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(TINY, tmp_path / "tiny"))
    path = copy / "chain" / "edges.csv"
    path.write_text(path.read_text().replace("chip,server", "[/red],server"))
    (copy / "programmes").mkdir()
    (copy / "programmes" / "wrong.yaml").write_text("id: &x wrong\n")
    return copy


def test_a_right_pack_prints_its_tables() -> None:
    done = run_siwei("pack", "check", str(TINY), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["ok"], report["pack"], report["programmes"]) == (True, "tiny", 0)
    assert report["tables"][0] == {
        "table": "attributes", "file": "attributes.csv", "rows": 4, "drafts": 1, "unverified": 4,
    }  # fmt: skip


def test_a_built_in_pack_is_found_by_name() -> None:
    done = run_siwei("pack", "check", "shenzhen", anew=True)
    assert done.returncode == 0, done.stderr
    assert "Shenzhen, pack shenzhen" in done.stdout


def test_a_wrong_pack_exits_with_3_and_every_problem(wrong_pack: Path) -> None:
    done = run_siwei("pack", "check", str(wrong_pack))
    assert done.returncode == 3
    assert f"{wrong_pack}/chain/edges.csv:2: '[/red]' is not an identifier" in done.stderr
    assert f"{wrong_pack}/programmes/wrong.yaml:1:5: uses a YAML anchor or alias" in done.stderr
    assert "2 problems" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_as_json(wrong_pack: Path) -> None:
    done = run_siwei("pack", "check", str(wrong_pack), "--json")
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert [(problem["line"], problem["field"]) for problem in report["problems"]] == [(2, "from"), (1, "")]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = run_siwei("pack", "check", str(tmp_path / "nowhere"))
    assert done.returncode == 3
    assert "is not a folder" in done.stderr
