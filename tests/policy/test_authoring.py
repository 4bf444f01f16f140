"""The commands of those who write programmes, as docs/how-to/write-a-programme.md tells them."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import siwei.cli.policy_author
import siwei.cli.policy_diff
import siwei.cli.policy_explain  # noqa: F401
from siwei.city.home import PACKS
from siwei.cli.output import print_error
from siwei.cli.policy import policy_app
from siwei.errors import SiweiError

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-programme.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROGRAMME, CASES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line.removeprefix("siwei policy ") for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
            for line in block.strip().split("\n") if line.startswith("siwei policy ")]  # fmt: skip


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str


Run = Callable[[str], Result]


@pytest.fixture
def siwei_policy(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """In a folder with the pack `my-city`, whose programmes are to be written, and a table of firms."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-city" / "programmes").mkdir(parents=True)
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", tmp_path / "my-city")
    (tmp_path / "firms.csv").write_text(
        "id,legal_form,corpus_purchase,corpus_purchase__status,district,employees\n"
        "a,firm,900000,documented,longhua,5\nb,firm,10000000,documented,longhua,20\nc,university,,,nanshan,\n",
        encoding="utf-8",
    )

    def run(line: str) -> Result:
        code: object = 0
        try:
            policy_app(shlex.split(line))
        except SystemExit as left:
            code = left.code or 0
        except SiweiError as error:
            print_error(error)
            code = error.exit_code
        written = capsys.readouterr()
        assert isinstance(code, int)
        return Result(code, written.out, written.err)

    return run


def write(version: str = "1", **changes: str) -> Path:
    text = PROGRAMME.replace('version: "1"', f'version: "{version}"')
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = Path("my-city/programmes") / ("corpus.yaml" if version == "1" else f"corpus@{version}.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_page_is_run_as_it_stands(siwei_policy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    new, check, test, explain, compare, release = COMMANDS
    assert siwei_policy(new).code == 0
    assert siwei_policy(check).code == 0
    path = write()
    Path("my-city/programmes/corpus.cases.yaml").write_text(CASES, encoding="utf-8")
    assert siwei_policy(check).code == 0
    tested = siwei_policy(test)
    assert (tested.code, "100%" in tested.stdout, "!" in tested.stdout) == (0, True, False)
    with monkeypatch.context() as terminal:
        terminal.setenv("LC_ALL", "zh_CN.UTF-8")
        explained = siwei_policy(explain)
    nearest = "“语料采购合同额”由 9,000 元 变为 10,000 元（附证明材料），即符合语料券（示例），测算金额 3,000 元。"
    assert nearest in explained.stdout.replace("\n", "")
    write("2", **{"value: 3000": "value: 4000"})
    assert siwei_policy(compare).code == 0
    refused = siwei_policy(release)
    assert (refused.code, "write `state: in_force`" in refused.stderr) == (6, True)
    path.write_text(path.read_text(encoding="utf-8").replace("state: rehearsed", "state: in_force"), encoding="utf-8")
    assert siwei_policy(release).code == 0
    assert Path("my-city/programmes/versions.lock").read_text(encoding="utf-8").count("corpus\t1\t") == 1


def test_check_tells_faults_and_warnings_apart(siwei_policy: Run) -> None:
    write(**{"corpus_purchase >= p.least": "corpus_purchase >= p.least && corpus_purchase < 5"})
    shown = siwei_policy("check --pack my-city")
    assert shown.code == 3
    assert "corpus.yaml:32:38: clause 'bought' can never be yes, so nobody can be eligible" in shown.stderr
    told = json.loads(siwei_policy("check --pack my-city --json").stdout)
    assert (told["ok"], [each["kind"] for each in told["problems"]], told["warnings"]) == (False, ["never_true"], [])
    write(**{"expr: basis_points(corpus_purchase, p.rate)": "expr: p.least"})
    told = json.loads(siwei_policy("check --pack my-city --json").stdout)
    assert (told["ok"], sorted(each["kind"] for each in told["warnings"])) == (
        True, ["cap_never_binds", "unused_parameter"],
    )  # fmt: skip
    assert [each["programme"] for each in told["programmes"]] == ["corpus"]


def test_a_case_that_fails_is_readable(siwei_policy: Run) -> None:
    write()
    cases = Path("my-city/programmes/corpus.cases.yaml")
    cases.write_text(CASES.replace("award_fen: 300000}", "award_fen: 300001}"), encoding="utf-8")
    result = siwei_policy("test --pack my-city")
    assert result.code == 3
    assert (
        "corpus.cases.yaml:8: corpus, case least on 2026-03-01\n    award_fen: expected 300001, got 300000"
        in result.stderr
    )
    told = json.loads(siwei_policy("test --pack my-city --json").stdout)
    assert (told["ok"], [each["ok"] for each in told["programmes"][0]["cases"]].count(False)) == (False, 1)
    cases.write_text(CASES.replace("programme: corpus", "programme: corpse"), encoding="utf-8")
    unnamed = siwei_policy("test --pack my-city")
    assert unnamed.code == 3
    assert unnamed.stderr.splitlines() == [
        "✗ my-city/programmes/corpus.cases.yaml:1:12: no programme 'corpse' in the pack",
        "    programme: corpse",
        "               ^",
        "    [programme] → did you mean 'corpus'?",
    ]


def test_release_is_refused_while_something_is_wrong(siwei_policy: Run) -> None:
    in_force = {"state: rehearsed": "state: in_force"}
    write(**in_force, **{"corpus_purchase >= p.least": "corpus_purchase >= p.least && corpus_purchase < 5"})
    assert siwei_policy("release corpus 1 --pack my-city").code == 3
    write(**in_force)
    Path("my-city/programmes/corpus.cases.yaml").write_text(CASES.replace("300000}", "300001}"), encoding="utf-8")
    assert siwei_policy("release corpus 1 --pack my-city").code == 3
    assert siwei_policy("release corpus 9 --pack my-city").code == 4
    Path("my-city/programmes/corpus.cases.yaml").unlink()
    done = json.loads(siwei_policy("release corpus 1 --pack my-city --json").stdout)
    assert (done["programme"], done["version"], len(done["sha256"])) == ("corpus", "1", 64)
    write(**in_force, **{"value: 3000": "value: 3001"})
    changed = siwei_policy("check --pack my-city")
    assert (changed.code, "has changed since" in changed.stderr) == (3, True)


def test_diff_of_versions_and_of_packs(siwei_policy: Run) -> None:
    write()
    write("2", **{"value: 3000": "value: 4000"})
    told = json.loads(
        siwei_policy("diff corpus@1 corpus@2 --pack my-city --in firms.csv --as-of 2026-03-01 --json").stdout
    )
    (programme,) = told["programmes"]
    assert (told["subjects"], programme["gains"], programme["loses"], programme["same"]) == (3, 1, 0, 2)
    # Neither is in force: what they cost stands apart from what is paid.
    assert told["costs"] == [{"kind": "draft", "before_fen": 3_000_000, "after_fen": 4_000_000}]
    assert programme["reasons"] == [
        {
            "reason": "parameter rate",
            "reason_zh": "参数 rate",
            "gains": 1,
            "loses": 0,
            "undecided": 0,
            "change_fen": 1_000_000,
        }
    ]
    assert {each["dimension"] for each in programme["groups"]} == {"by_district", "by_size"}
    shutil.copytree("my-city", "their-city")
    Path("their-city/programmes/corpus@2.yaml").unlink()
    Path("their-city/programmes/corpus.yaml").unlink()
    write()
    gone = siwei_policy("diff my-city their-city --in firms.csv --as-of 2026-03-01")
    assert (gone.code, "the programme is gone" in gone.stdout) == (0, True)
    late = json.loads(
        siwei_policy("diff corpus@1 corpus@2 --pack my-city --in firms.csv --as-of 2027-03-01 --json").stdout
    )
    assert late["programmes"][0]["same"] == 3
    as_if = siwei_policy(
        "diff corpus@1 corpus@2 --pack my-city --in firms.csv --as-of 2027-03-01 --ignore-period --json"
    )
    assert json.loads(as_if.stdout)["programmes"][0]["gains"] == 1
    assert siwei_policy("diff corpus@1 corpus@5 --pack my-city --in firms.csv").code == 4
    assert siwei_policy("diff corpus@1 corpus@2 --pack my-city --in nothing.csv").code == 3


def test_new_takes_no_path_and_overwrites_nothing(siwei_policy: Run) -> None:
    assert siwei_policy("new ../evil --pack my-city").code == 3
    assert siwei_policy("new corpus --pack my-city").code == 0
    assert siwei_policy("new corpus --pack my-city").code == 6
    assert siwei_policy("new corpus --pack nowhere").code == 4
