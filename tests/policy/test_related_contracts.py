"""Contracts that do not say whether their provider is a related party: the ties beside them do; the path is shown."""

import json
from pathlib import Path

import polars as pl
import pytest

from siwei.cli import policy_author, policy_diff, policy_money
from siwei.cli.output import print_error
from siwei.cli.policy import policy_app
from siwei.cli.policy_explain import explain as registered
from siwei.errors import SiweiError

assert registered and policy_author and policy_diff and policy_money
TAIL = "true,false,,x,x,test,2026-01-01,false"
PROGRAMME = """
id: contract
version: "1"
title: {zh: 合同补贴, en: Contract support}
kind: grant
issuer: {zh: 示例, en: Example}
source: {document: D, as_of: 2026-01-01, verified: false}
period: {}
applies_to: claim
clauses:
  - {id: not-related, expr: "!is_related", words: {zh: 供给方不是关联方, en: The provider is not related}}
award: {expr: contract_amount / 2, words: {zh: 一半, en: Half}}
"""
STACKING = "related_parties: {share_from_bp: 2500, words: {zh: 关联, en: Related}}\n"
CASES = """
programme: contract
as_of: 2026-06-01
facts: {organisation: a, provider: q, contract_amount: 10}
rows: {ties: [{holder: x, held: a, kind: share, share_bp: 2500}]}
cases:
  - {id: apart, expect: {verdict: eligible, award_fen: 5}}
  - id: held-by-one
    rows: {ties: [{holder: x, held: a, kind: share, share_bp: 2500}, {holder: x, held: q, kind: control}]}
    expect: {verdict: not_eligible, clauses: {not-related: no}}
"""


def run(*arguments: str | Path) -> int:
    try:
        policy_app([*map(str, arguments)])
    except SystemExit as left:
        return int(left.code or 0)
    except SiweiError as error:
        print_error(error)
        return error.exit_code
    return 0


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    made = tmp_path / "pack"
    (made / "programmes").mkdir(parents=True)
    header = "id,subject,type,unit,name_zh,name_en,public,changeable,period,meaning_zh,meaning_en,source,as_of,verified"
    (made / "attributes.csv").write_text(
        f"{header}\ncontract_amount,agreement,int,fen,合同额,Amount,{TAIL}\n", encoding="utf-8"
    )
    (made / "programmes" / "contract.yaml").write_text(PROGRAMME, encoding="utf-8")
    (made / "stacking.yaml").write_text(STACKING, encoding="utf-8")
    return made


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    path = tmp_path / "contracts.csv"
    path.write_text(
        "id,organisation,provider,contract_amount\n1,a,p,10\n2,a,q,10\n3,a,s,10\n4,a,a,10\n5,a,,10\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """x holds a and controls y, which holds q: related through two steps. s is held by a until the first of January."""
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "ties.csv").write_text(
        "holder,held,kind,share_bp,valid_from,valid_to\nx,a,share,3000,,\nx,y,control,,,\ny,q,share,2500,,\n"
        "a,s,share,9000,,2026-01-01\na,p,share,2499,,\n",
        encoding="utf-8",
    )
    return folder


def test_ties_decide_who_is_related(pack: Path, contracts: Path, rows: Path, tmp_path: Path) -> None:
    target = tmp_path / "awards.csv"
    arguments = ("--pack", pack, "--in", contracts, "--applies-to", "claim", "--rows", rows, "--out", target)
    expected = {"1": "eligible", "2": "not_eligible", "3": "eligible", "4": "not_eligible", "5": "cannot_tell"}
    assert run("decide", *arguments, "--as-of", "2026-06-01") == 0
    assert dict(pl.read_csv(target, infer_schema=False).select("id", "verdict").rows()) == expected
    assert run("decide", *arguments, "--as-of", "2025-12-31") == 0
    earlier = dict(pl.read_csv(target, infer_schema=False).select("id", "verdict").rows())
    assert earlier == {**expected, "3": "not_eligible"}
    assert run("combine", *arguments, "--as-of", "2026-06-01", "--drafts-in-force") == 0
    kept = pl.read_csv(target, infer_schema=False)
    assert sorted(kept.filter(pl.col("kept_fen") == "5")["id"]) == ["1", "3"]


def test_the_path_is_shown(pack: Path, contracts: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("contract", "--pack", pack, "--in", contracts, "--rows", rows, "--as-of", "2026-06-01")
    assert run("explain", *arguments, "--id", "2", "--json") == 0
    related = json.loads(capsys.readouterr().out)["related"]
    assert [(tie["holder"], tie["held"], tie["share_bp"]) for tie in related["ties"]] == [
        ("y", "q", 2500), ("x", "y", None), ("x", "a", 3000),
    ]  # fmt: skip
    assert related["sentence"] == {
        "zh": "供给方 q 是 a 的关联方：y 持有 q 25%；x 控制 y；x 持有 a 30%。",
        "en": "The provider q is a related party of a: y holds 25% of q; x controls y; x holds 30% of a.",
    }
    assert run("explain", *arguments, "--id", "2") == 0
    assert "x controls y" in capsys.readouterr().out
    assert run("explain", *arguments, "--id", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["related"] is None


def test_what_cannot_be_told_is_refused(
    pack: Path, contracts: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--pack", pack, "--in", contracts, "--applies-to", "claim", "--out", tmp_path / "awards.csv")
    assert run("decide", *arguments) == 3
    assert "no column 'is_related'" in capsys.readouterr().err
    (rows / "ties.csv").unlink()
    assert run("decide", *arguments, "--rows", rows) == 3
    assert "or give `ties`" in capsys.readouterr().err
    (rows / "ties.csv").write_text("holder,held,kind,share_bp\n", encoding="utf-8")
    contracts.write_text("id,organisation,contract_amount\n1,a,10\n", encoding="utf-8")
    assert run("decide", *arguments, "--rows", rows) == 3
    assert "no column 'provider'" in capsys.readouterr().err
    contracts.write_text("id,is_related,contract_amount\n1,false,10\n", encoding="utf-8")
    assert run("decide", *arguments, "--rows", rows) == 0


def test_versions_are_compared_by_the_same_ties(
    pack: Path, contracts: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack / "programmes" / "contract@2.yaml").write_text(
        PROGRAMME.replace('"1"', '"2"').replace('"!is_related"', "contract_amount > 0"), encoding="utf-8"
    )
    arguments = ("--pack", pack, "--in", contracts, "--rows", rows, "--as-of", "2026-06-01", "--json")
    assert run("diff", "contract@1", "contract@2", *arguments) == 0
    (found,) = json.loads(capsys.readouterr().out)["programmes"]
    assert (found["gains"], found["loses"], found["undecided"]) == (2, 0, 1)


def test_cases_may_give_ties(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pack / "programmes" / "contract.cases.yaml").write_text(CASES, encoding="utf-8")
    assert run("test", "--pack", pack, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["programmes"]
    assert [case["ok"] for case in found["cases"]] == [True, True]
