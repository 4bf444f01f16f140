"""Joint limits as a person meets them on the command line: `siwei policy explain`, `diff` and `combine`."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, Protocol

import pytest

import siwei.cli.policy_diff
import siwei.cli.policy_explain
import siwei.cli.policy_money
from siwei.city.home import PACKS
from siwei.cli.policy import policy_app
from siwei.errors import InputError

from .test_joint import HEAD, TWO, rules
from .test_joint import pack as pack

FIRMS = "id,compute_other_support,compute_rental,revenue,rd_expensed\na,500,400,10000,700\nb,0,0,10000,0\nd,0,0,,0\n"
CONTRACTS = (
    "id,organisation,contract_amount,contract_paid,contract_own_paid,contract_signed_on\n"
    "c1,a,6000,0,0,2026-01-01\nc2,a,5000,0,0,2026-01-02\nc3,b,6000,0,0,2026-01-01\nc4,d,50,0,0,2026-01-01\n"
)
PROJECTS = "id,organisation,project_budget\np1,a,900\n"


class Run(Protocol):
    def __call__(self, command: str) -> Any: ...


@pytest.fixture
def folder(pack: Any, tmp_path: Path) -> Path:
    made, programmes, _ = pack
    shutil.copy(PACKS / "shenzhen" / "attributes.csv", made)
    rules(made, HEAD + TWO, programmes)
    target = tmp_path / "pack"
    shutil.copytree(made, target)
    (target / "programmes").mkdir(exist_ok=True)
    for name, text in (("firms", FIRMS), ("contracts", CONTRACTS), ("projects", PROJECTS)):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def siwei(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(command: str) -> Any:
        made = command.format(pack=f"--pack {folder}/pack", day="--as-of 2026-06-30", t=folder)
        policy_app(shlex.split(made), result_action="return_value")
        out = capsys.readouterr().out
        # Lines are broken at the terminal's width.
        return json.loads(out) if "--json" in command else " ".join(out.split())

    return run


EXPLAIN = "explain city {pack} {day} --in {t}/contracts.csv --id c2"
OTHERS = " --organisations {t}/firms.csv --projects {t}/projects.csv"


def test_explain_names_the_joint_limit_and_who_takes_the_rest(siwei: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = siwei(EXPLAIN + OTHERS + " --json")
    (binding,) = told["bindings"]
    assert (binding["kind"], binding["rule"], binding["before_fen"], binding["after_fen"]) == (
        "joint", "firm", 5_000, 4_000,
    )  # fmt: skip
    assert [(each["kind"], each["id"], each["kept_fen"]) for each in binding["others"]] == [
        ("claim", "c1", 6_000), ("organisation", "a", 0),
    ]  # fmt: skip
    (limit,) = told["joint_limits"]
    assert (limit["id"], limit["limit_fen"], limit["counted_fen"], limit["left_fen"]) == ("firm", 10_000, 11_500, 0)
    assert told["not_told"] == []
    words = siwei(EXPLAIN + OTHERS)
    assert "the rest of the same organisation takes 60 CNY (Trial of city of contract c1 60 CNY)." in words
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    words = siwei(EXPLAIN + OTHERS)
    assert "由50元减为40元；同一机构的其他扶持占用60元（合同c1《city政策》60元）。" in words.replace(" ", "")
    assert "合计最多100元；由115元减为100元；已用100元，尚余0元。" in words.replace(" ", "")


def test_subjects_are_called_by_the_titles_their_rows_carry(
    siwei: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two are called the same their ids stand beside; what carries none keeps its id."""
    rows = CONTRACTS.splitlines()

    def titled(*titles: str) -> str:
        text = "\n".join(f"{row},{title}" for row, title in zip(rows, titles, strict=True))
        (folder / "contracts.csv").write_text(text + "\n", "utf-8")
        told = []
        for locale in ("C.UTF-8", "zh_CN.UTF-8"):
            monkeypatch.setenv("LC_ALL", locale)
            told.append(str(siwei(EXPLAIN + OTHERS)))
        return "\n".join(told)

    words = titled("title_zh,title_en", "昇腾\u202e训练, Ascend\ttraining ", "同名,Other", ",", ",")
    assert "由 50 元减为 40 元；同一机构的其他扶持占用 60 元（合同 “昇腾 训练”《city政策》60 元）。" in words
    assert "takes 60 CNY (Trial of city of contract “Ascend training” 60 CNY)." in words
    words = titled("title_zh,title_en", "昇腾训练,Training", "推理,Training", ",", ",")
    assert "of contract “Training” (c1) 60 CNY" in words
    assert "合同 “昇腾训练”（c1）《city政策》60 元" in words
    assert "of contract “训练” 60 CNY" in titled("title", "训练", "", "", "")
    assert "合同 c1《city政策》60 元" in titled("title", "", "训练", "", "")


def test_explain_says_what_is_left_where_nothing_is_cut(siwei: Run) -> None:
    told = siwei("explain city {pack} {day} --in {t}/contracts.csv --id c3 --json" + OTHERS)
    assert (told["bindings"], told["joint_limits"][0]["left_fen"]) == ([], 4_000)


def test_an_organisation_s_and_a_project_s_award_are_weighed_alike(siwei: Run) -> None:
    """400 and 900 under 700: the organisation's is cut first, as `reduce` says, and then the project's."""
    base = " {pack} {day} --json --in {t}/"
    own = siwei(f"explain more{base}firms.csv --id a --projects {{t}}/projects.csv")
    (mine,) = own["bindings"]
    assert (mine["rule"], mine["after_fen"], mine["others"][0]["id"]) == ("research", 0, "p1")
    topic = siwei(f"explain topic{base}projects.csv --id p1 --organisations {{t}}/firms.csv")
    (mine,) = topic["bindings"]
    assert (mine["rule"], mine["before_fen"], mine["after_fen"]) == ("research", 900, 700)


def test_what_was_not_given_is_said(siwei: Run, folder: Path) -> None:
    told = siwei(EXPLAIN + " --json")
    assert (told["bindings"], told["joint_limits"]) == ([], [])
    assert told["not_told"][0]["en"] == (
        "The joint limits “Each firm together” bear on it and were not weighed: no file of the organisations was given "
        "(--organisations)."
    )
    part = siwei("explain own {pack} {day} --in {t}/firms.csv --id a --json")
    assert "without awards of contracts: no file of them was given (--claims)" in part["not_told"][0]["en"]
    assert part["joint_limits"][0]["kept_fen"] == 500
    unknown = siwei("explain city {pack} {day} --in {t}/contracts.csv --id c4 --json" + OTHERS)
    assert unknown["joint_limits"][0]["kept_fen"] is None
    (folder / "firms.csv").write_text("id,compute_other_support\na,1\n", "utf-8")
    lacking = siwei(EXPLAIN + OTHERS + " --json")
    assert (
        lacking["not_told"][0]["en"]
        == "The joint limits “Each firm together” were not weighed: firms.csv lacks revenue."
    )


def test_a_file_twice_for_one_kind_is_refused(siwei: Run) -> None:
    with pytest.raises(InputError, match="--claims gives rows for a claim a second time"):
        siwei(EXPLAIN + " --claims {t}/contracts.csv")


def test_combine_says_which_kinds_were_not_given(siwei: Run) -> None:
    words = siwei("combine {pack} {day} --in {t}/firms.csv --claims {t}/contracts.csv")
    assert "weighed without awards of projects: no file of them was given (--projects)" in words
    told = siwei("combine {pack} {day} --in {t}/firms.csv --claims {t}/contracts.csv --json")
    assert told["joint_kinds_not_given"] == ["project"]
