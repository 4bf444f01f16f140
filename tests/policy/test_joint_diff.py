"""Two texts compared over organisations with their contracts and projects, under joint limits: to the fen as every
choice tried by hand on each side, and each reason found by deciding."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.cli.policy import policy_app
from siwei.cli.policy_diff import diff as registered
from siwei.errors import InputError
from siwei.policy.combinations.joint_choices import Holdings
from siwei.policy.diffs.diff import Side
from siwei.policy.diffs.diff_joint import diff_jointly

from .test_joint import AWARDS, DAY, HEAD, JOINT, SCHEMAS, TWO, by_trial, contract, firm, project, rules
from .test_joint import pack as pack
from .test_joint_commands import folder as folder

assert registered
OTHER = JOINT.format(id="firm", programmes="[district, own, city]", limit="revenue / 2 + 3", more="") + JOINT.format(
    id="research", programmes="[topic, more]", limit="rd_expensed", more=""
)
"""Half of the revenue, served by id; and of the other limit the project is cut first."""


def tables(rows: dict[str, list[dict[str, Any]]]) -> dict[str, pl.DataFrame]:
    return {kind: pl.DataFrame(rows[kind], schema=schema) for kind, schema in SCHEMAS.items()}


def total(stacking: Any, rows: dict[str, list[dict[str, Any]]], organisation: str) -> int | None:
    """What every choice tried gives an organisation in all; None where some of it cannot be told."""
    told = [fen for kept in by_trial(stacking, rows, organisation).values() for fen in kept.values()]
    known = [fen for fen in told if fen is not None]
    return None if len(known) < len(told) else sum(known)


@settings(deadline=None, max_examples=60)
@given(firms=st.tuples(firm, firm), contracts=st.lists(contract, max_size=3), projects=st.lists(project, max_size=2))
def test_costs_gainers_and_losers_are_those_of_every_choice_tried(
    pack: Any, firms: Any, contracts: Any, projects: Any
) -> None:
    made, programmes, before = pack
    after = rules(made, HEAD + OTHER, programmes)
    rules(made, HEAD + TWO, programmes)
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": id, **each} for id, each in zip("ab", firms, strict=True)],
        "claim": [{"id": f"c{n}", **each} for n, each in enumerate(contracts)],
        "project": [{"id": f"p{n}", **each} for n, each in enumerate(projects)],
    }
    found = diff_jointly(Side(programmes, before), Side(programmes, after), tables(rows), DAY)
    (kept,) = found.kept
    # By trial a limit reads the revenue; half of it and 3 more is the later text's.
    halved = {**rows, "organisation": [
        {**each, "revenue": None if each["revenue"] is None else int(each["revenue"] / 2) + 3}
        for each in rows["organisation"]
    ]}  # fmt: skip
    sums = {id: (total(before, rows, id), total(after, halved, id)) for id in "ab"}
    known = [pair for pair in sums.values() if None not in pair]
    assert kept.counts["gains"] == sum(one < other for one, other in known)  # type: ignore[operator]
    assert kept.counts["loses"] == sum(one > other for one, other in known)  # type: ignore[operator]
    assert kept.kept_before_fen == sum(one or 0 for one, _ in sums.values())
    assert kept.kept_after_fen == sum(other or 0 for _, other in sums.values())
    moved = kept.counts["gains"] + kept.counts["loses"] + kept.counts["undecided"]
    assert sum(kept.reasons["gains"]) + sum(kept.reasons["loses"]) + sum(kept.reasons["undecided"]) == moved
    assert set(kept.reasons["reason"]) <= {
        "joint limit firm", "joint limit research", "joint limit firm or joint limit research",
        "joint limit firm with joint limit research",
    }  # fmt: skip


ROWS: dict[str, list[dict[str, Any]]] = {
    "organisation": [
        {"id": "a", "compute_other_support": 500, "compute_rental": 400, "revenue": 10_000, "rd_expensed": 700},
        {"id": "b", "compute_other_support": 0, "compute_rental": 0, "revenue": 10_000, "rd_expensed": 0},
    ],
    "claim": [
        {"id": id, "organisation": organisation, "contract_amount": amount, "contract_paid": 0, "contract_own_paid": 0,
         "contract_signed_on": DAY}
        for id, organisation, amount in (("c1", "a", 6_000), ("c2", "a", 5_000), ("c3", "b", 4_000), ("c4", "z", 9))
    ],
    "project": [{"id": "p1", "organisation": "a", "project_budget": 900}],
}  # fmt: skip


def test_the_limit_that_did_it_is_named_and_what_it_cuts(pack: Any) -> None:
    """Under 10,000 firm a keeps 10,000 of 11,500 and 700 of 1,300; under 5,003 its limit takes the rest."""
    made, programmes, before = pack
    after = rules(made, HEAD + OTHER, programmes)
    rules(made, HEAD + TWO, programmes)
    found = diff_jointly(Side(programmes, before), Side(programmes, after), tables(ROWS), DAY)
    (kept,) = found.kept
    assert (kept.kept_before_fen, kept.kept_after_fen) == (10_000 + 700 + 4_000, 5_003 + 700 + 4_000)
    assert (kept.counts["loses"], kept.counts["same"]) == (1, 1)
    assert kept.reasons["reason"].to_list() == ["joint limit firm"]
    assert [each.name for each in found.changes] == ["joint limit firm", "joint limit research"]
    assert found.left_out == {"claim": 1, "project": 0}
    before_, after_ = found.limits["firm"]
    assert before_ is not None
    assert after_ is not None
    assert (before_.cut, before_.cut_fen, after_.cut, after_.cut_fen) == (1, 1_500, 1, 6_497)


def test_what_is_held_is_kept_under_both_limits(pack: Any) -> None:
    """a holds 6,500 of c1's 6,000, and of a contract that is no more 300; of 5,003 nothing is left for the others."""
    made, programmes, before = pack
    after = rules(made, HEAD + OTHER, programmes)
    rules(made, HEAD + TWO, programmes)
    held = Holdings(
        {("claim", "c1"): {"city": 6_500}, ("claim", "gone"): {"city": 300}, ("claim", "nobodys"): {"city": 9},
         ("project", "p1"): {"topic": 50}},
        organisations={("claim", "gone"): "a", ("claim", "c1"): "b"},
    )  # fmt: skip
    sides = Side(programmes, before), Side(programmes, after)
    found = diff_jointly(*sides, tables(ROWS), DAY, held)
    (kept,) = found.kept
    # Of 10,000: 6,500 and 300 are held, 3,200 are left; of 5,003 nothing is. Held beside is in no sum.
    assert (kept.kept_before_fen, kept.kept_after_fen) == (9_700 + 700 + 4_000, 6_500 + 700 + 4_000)
    assert (kept.held_fen, kept.counts["loses"]) == (6_550, 1)
    assert (found.held_without_row, found.held_said_otherwise) == (("nobodys",), ("c1",))
    gone = Side(
        tuple(each for each in programmes if each.applies_to != "project"), replace(before, joint=before.joint[:1])
    )
    (kept,) = diff_jointly(sides[0], gone, tables(ROWS), DAY, held).kept
    # No limit is on what the firm has of “more”, and what is held of the topic that is gone stays.
    assert kept.kept_after_fen == 9_700 + 400 + 50 + 4_000


def test_a_programme_that_changes_is_a_reason_beside_limits(pack: Any) -> None:
    _, programmes, stacking = pack
    fewer = tuple(each for each in programmes if each.id != "topic")
    found = diff_jointly(Side(programmes, stacking), Side(fewer, stacking), tables(ROWS), DAY)
    (kept,) = found.kept
    assert (kept.counts["loses"], kept.reasons["reason"].to_list()) == (1, ["programmes"])
    assert kept.kept_before_fen - kept.kept_after_fen == 300


def test_without_limits_everything_is_kept(pack: Any) -> None:
    _, programmes, stacking = pack
    free = replace(stacking, joint=())
    found = diff_jointly(Side(programmes, stacking), Side(programmes, free), tables(ROWS), DAY)
    (kept,) = found.kept
    everything = sum(row.get(award) or 0 for kind, mine in ROWS.items() for row in mine
                     for of, award in AWARDS.values() if of == kind and row["id"] != "c4")  # fmt: skip
    assert (kept.kept_after_fen, found.limits["firm"][1]) == (everything, None)


GROUP = """\
groups:
  - {id: local, programmes: [city, district], limit: 20 * 1, applies_from: 2, reduce: [city, district],
     words: {zh: 本地, en: Local}, citation: {document: Trial rules}}
joint:
"""
RIVALS = """\
either_or:
  - {id: one-of-two, programmes: [district, park], words: {zh: 择一, en: One}, citation: {document: Trial rules}}
joint:
"""


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_rival_that_only_the_other_text_knows_is_weighed_with_what_this_one_brings_in(
    pack: Any, is_turned: bool
) -> None:
    """The group brings the district's award in beside the city's; under the exclusion the park's then takes its
    place."""
    made, programmes, _ = pack
    limit = JOINT.format(id="firm", programmes="[city, own]", limit="revenue", more="")
    texts = (RIVALS, GROUP) if is_turned else (GROUP, RIVALS)
    before, after = (Side(programmes, rules(made, text + limit, programmes)) for text in texts)
    rules(made, HEAD + TWO, programmes)
    rows: dict[str, list[dict[str, Any]]] = {
        "organisation": [{"id": "a", "compute_other_support": 0, "compute_rental": 0, "revenue": 100,
                          "rd_expensed": 0}],
        "claim": [{"id": "c", "organisation": "a", "contract_amount": 3, "contract_paid": 5, "contract_own_paid": 8,
                   "contract_signed_on": DAY}],
        "project": [],
    }  # fmt: skip
    (kept,) = diff_jointly(before, after, tables(rows), DAY).kept
    assert kept.programmes == ("city", "district", "own", "park")
    sums = (kept.kept_before_fen, kept.kept_after_fen)
    assert (sums, kept.counts["gains"], kept.counts["loses"], kept.counts["same"]) == (
        ((11, 16), 1, 0, 0) if is_turned else ((16, 11), 0, 1, 0)
    )


def test_the_command_weighs_them_or_says_plainly_that_it_did_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = folder / "other"
    shutil.copytree(folder / "pack", other)
    (other / "stacking.yaml").write_text(
        (other / "stacking.yaml").read_text("utf-8").replace("limit: revenue", "limit: revenue / 2"), "utf-8"
    )

    def run(options: str) -> str:
        command = f"diff {folder}/pack {other} --in {folder}/firms.csv --as-of 2026-06-30 {options}"
        policy_app(shlex.split(command), result_action="return_value")
        return capsys.readouterr().out

    told = json.loads(run("--json"))
    assert (told["joint"], told["joint_limits_not_weighed"]) == (None, ["firm", "research"])
    assert "not weighed here: the joint limits firm, research → give --claims and --projects" in run("")
    both = f"--claims {folder}/contracts.csv --projects {folder}/projects.csv"
    told = json.loads(run(f"{both} --json"))
    (kept,) = told["joint"]["kept"]
    # a: 10,000 to 5,000 of its contracts; b: 6,000 to 5,000; d's limit is not known on either side.
    assert (kept["kept_before_fen"], kept["kept_after_fen"], kept["loses"], kept["same"]) == (16_700, 10_700, 2, 1)
    assert (told["joint_limits_not_weighed"], told["joint_kinds_not_given"]) == ([], [])
    assert told["joint"]["limits"][0] == {
        "id": "firm", "before": {"organisations": 3, "cut": 1, "cut_fen": 1_500, "cannot_tell": 1},
        "after": {"organisations": 3, "cut": 2, "cut_fen": 7_500, "cannot_tell": 1},
    }  # fmt: skip
    words = " ".join(run(f"--claims {folder}/contracts.csv").split())
    assert "joint limit firm" in words
    assert "weighed without awards of projects: no file of them was given (--projects)" in words
    assert "164 → 104 CNY; 0 gains, 2 loses, 1 same, 0 undecided" in words
    with pytest.raises(InputError, match="--claims weighs joint limits over organisations"):
        run(f"--applies-to project --claims {folder}/contracts.csv")
    with pytest.raises(InputError, match="gives rows for a claim a second time"):
        run(f"--applies-to claim --claims {folder}/contracts.csv")
