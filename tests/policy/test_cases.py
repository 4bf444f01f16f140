"""Cases beside the rules: what they find, what they refuse, and what they say was never shown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import PolicyError
from siwei.policy.checks.case_results import CaseRun, Difference, run_cases, run_pack_cases
from siwei.policy.checks.coverage import BranchCoverage, ClauseCoverage
from siwei.policy.documents.cases import read_cases
from siwei.policy.documents.loading import load_programme
from siwei.policy.programmes import Text
from siwei.policy.stacking import RelatedRule

Write = Callable[..., Path]
CASES = """\
programme: trial
as_of: 2026-03-01
proof: documented
facts: {spent: 1000, listed: true}
cases:
  - id: half
    expect: {verdict: eligible, award_fen: 500, clauses: {first: yes}}
  - id: later-rate
    as_of: 2026-07-01
    expect: {verdict: eligible, award_fen: 600}
  - id: nothing
    facts: {spent: 0}
    expect: {verdict: not_eligible, award_fen: 0, clauses: {first: no}}
  - id: not-given
    absent: [spent]
    expect: {verdict: cannot_tell, award_fen: not_known, clauses: {first: unknown}}
  - id: not-proven
    proof: declared
    expect: {verdict: cannot_tell, clauses: {first: unknown}}
"""
AWARD = '"listed ? basis_points(spent, p.rate) : 0"'


@pytest.fixture
def run(write_programme: Write, attributes: dict[str, Attribute]) -> Callable[[str], CaseRun]:
    def run_text(cases: str) -> CaseRun:
        path = write_programme(requires="documented", award=AWARD, clause="spent > 0")
        programme = load_programme(path, attributes)
        beside = path.with_name("trial.cases.yaml")
        beside.write_text(cases, encoding="utf-8")
        return run_cases(programme, read_cases(beside, programme, attributes))

    return run_text


def test_cases_that_come_out_as_written(run: Callable[[str], CaseRun]) -> None:
    done = run(CASES)
    assert [result.case.id for result in done.results] == ["half", "later-rate", "nothing", "not-given", "not-proven"]
    assert done.failed == ()


def test_a_case_that_does_not_says_what_came_out(run: Callable[[str], CaseRun]) -> None:
    wrong = CASES.replace("award_fen: 500, clauses: {first: yes}", "award_fen: not_known, clauses: {first: error}")
    (failed,) = run(wrong).failed
    assert failed.differences == (
        Difference("award_fen", "not_known", "500"), Difference("first", "error", "yes"),
    )  # fmt: skip
    assert failed.case.line == 6
    (failed,) = run(CASES.replace("verdict: cannot_tell, clauses: {first: unknown}", "verdict: eligible")).failed
    assert failed.differences == (Difference("verdict", "eligible", "cannot_tell"), Difference("first", "", "unknown"))


def test_coverage_counts_what_decided_and_which_branch_was_taken(run: Callable[[str], CaseRun]) -> None:
    coverage = run(CASES).coverage
    assert coverage.clauses == (ClauseCoverage("first", yes=2, no=1, unknown=2, error=0, alone_no=1),)
    # The cap of a million is never reached, and nobody is unlisted; the award itself asks for no proof.
    assert coverage.branches == (
        BranchCoverage("award", "listed is yes", 5),
        BranchCoverage("award", "listed is no", 0),
        BranchCoverage("cap", "above the cap", 0),
        BranchCoverage("cap", "at most the cap", 4),
    )
    assert coverage.gaps == ("award: never listed is no", "cap: never above the cap")
    fewer = run(
        CASES.replace("facts: {spent: 0}", "facts: {spent: 5}").replace(
            "not_eligible, award_fen: 0, clauses: {first: no}", "eligible"
        )
    )
    assert fewer.coverage.gaps[0] == "first is never no"


def test_a_clause_that_never_decides_alone(write_programme: Write, attributes: dict[str, Attribute]) -> None:
    path = write_programme(clause="spent > 0")
    text = path.read_text(encoding="utf-8")
    second = "  - id: second\n    expr: staff > 0\n    words: {zh: 二, en: Second}\n"
    path.write_text(text.replace("award:\n", f"{second}award:\n", 1), encoding="utf-8")
    programme = load_programme(path, attributes)
    beside = path.with_name("trial.cases.yaml")
    beside.write_text(
        "programme: trial\nas_of: 2026-03-01\ncases:\n"
        "  - {id: both, facts: {spent: 0, staff: 0}, expect: {verdict: not_eligible}}\n"
        "  - {id: one, facts: {spent: 0, staff: 1}, expect: {verdict: not_eligible}}\n",
        encoding="utf-8",
    )
    coverage = run_cases(programme, read_cases(beside, programme, attributes)).coverage
    assert [(each.no, each.alone_no) for each in coverage.clauses] == [(2, 1), (1, 0)]
    assert "second is never the only no" in coverage.gaps


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("spent: 1000", "spend: 1000", "trial reads no fact 'spend'"),
        ("spent: 1000", "spent: many", "'many' is not a whole number within 64 bits"),
        ("spent: 1000", "spent: 9223372036854775808", "is not a whole number within 64 bits"),
        ("absent: [spent]", "absent: [staff]", "no fact of the file 'staff'"),
        ("{first: no}", "{frist: no}", "no clause 'frist'"),
        ("id: nothing", "id: half", "ids of cases must differ: half"),
        ("verdict: not_eligible", "verdict: perhaps", "Input should be 'eligible'"),
        ("award_fen: 600", "award_fen: six", "Input should be"),
        ("absent:", "missing:", "no such field"),
        ("as_of: 2026-07-01", "as_of: July", "Input should be a valid date"),
    ],
)
def test_wrong_files_are_refused_with_their_place(
    run: Callable[[str], CaseRun], old: str, new: str, message: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        run(CASES.replace(old, new, 1))
    problems = refused.value.problems
    assert message in problems[0].message
    changed = CASES.replace(old, new, 1).split("\n")
    assert problems[0].line is not None
    assert 1 <= problems[0].line <= len(changed)


def test_every_wrong_fact_is_told_at_once(run: Callable[[str], CaseRun]) -> None:
    with pytest.raises(PolicyError) as refused:
        run(CASES.replace("spent: 1000", "spend: 1").replace("{first: no}", "{frist: no}"))
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["facts.spend", "cases.2.expect.clauses", "cases.3.absent"]


def test_the_cases_of_shenzhen_hold_and_show_everything() -> None:
    pack = PACKS / "shenzhen"
    runs, _ = run_pack_cases(pack, load_attributes(pack))
    assert {run.programme.id: [result.case.id for result in run.failed] for run in runs if run.failed} == {}
    assert {"xunli", "yuliao", "moxing", "longhua-compute", "high-tech-enterprise"} <= {
        run.programme.id for run in runs
    }
    gaps = {run.programme.id: run.coverage.gaps for run in runs}
    assert {name: gaps[name] for name in ("xunli", "yuliao", "moxing", "longhua-compute", "high-tech-enterprise")} == {
        "xunli": (), "yuliao": (), "moxing": (), "longhua-compute": (), "high-tech-enterprise": (),
    }  # fmt: skip


ADDED = """\
aggregates:
  granted: {of: awards, sum: award_fen, words: {zh: 已获, en: Granted}}
  group_staff: {of: related, sum: staff, unit: people, words: {zh: 人数, en: Staff}}
"""
ROWS = """\
programme: trial
as_of: 2026-03-01
proof: documented
facts: {spent: 1000, staff: 3}
rows:
  awards: [{award_fen: 5}, {award_fen: 6, organisation: somebody-else}]
cases:
  - id: shared
    facts: {group_staff: 3}
    expect: {verdict: eligible, clauses: {first: yes}}
  - id: own
    rows: {awards: [], ties: [{holder: own, held: b, kind: control}], organisations: [{id: b, staff: 8}]}
    expect: {verdict: not_eligible, clauses: {first: no}}
  - id: not-known
    rows: {awards: [{award_fen: 5}], ties: [{holder: not-known, held: b, kind: control}], organisations: [{id: b}]}
    expect: {verdict: cannot_tell, clauses: {first: unknown}}
"""


@pytest.fixture
def run_rows(write_programme: Write, attributes: dict[str, Attribute]) -> Callable[[str], CaseRun]:
    def run_text(cases: str, with_rule: bool = True) -> CaseRun:
        clause = "granted > 0 && group_staff <= 10 && staff > 0"
        path = write_programme(requires="documented", clause=clause)
        path.write_text(path.read_text(encoding="utf-8") + ADDED, encoding="utf-8")
        programme = load_programme(path, attributes)
        beside = path.with_name("trial.cases.yaml")
        beside.write_text(cases, encoding="utf-8")
        rule = RelatedRule(2500, Text("", ""), None) if with_rule else None
        return run_cases(programme, read_cases(beside, programme, attributes, rule))

    return run_text


def test_what_is_added_up_may_be_given_as_rows(run_rows: Callable[[str], CaseRun]) -> None:
    done = run_rows(ROWS)
    assert done.failed == ()
    added = {result.case.id: {name: value for name, (value, _) in result.case.added.items()} for result in done.results}
    assert added == {
        "shared": {"granted": 5}, "own": {"granted": 0, "group_staff": 11},
        "not-known": {"granted": 5, "group_staff": None},
    }  # fmt: skip
    declared = ROWS.replace("documented", "declared").replace("not_eligible, clauses: {first: no}", "cannot_tell")
    (failed,) = run_rows(declared).failed
    assert (failed.case.id, failed.differences[0].got) == ("shared", "cannot_tell")


@pytest.mark.parametrize(
    ("old", "new", "message", "field"),
    [
        ("[{award_fen: 5}, {", "[{award: 5}, {", "no column 'award' of awards", "rows.awards.0.award"),
        ("[{award_fen: 5}, {", "[{award_fen: five}, {", "'five' is not a whole number", "rows.awards.0.award_fen"),
        ("{id: b, staff: 8}", "{id: b, staf: 8}", "no column 'staf' of org", "cases.1.rows.organisations.0.staf"),
        ("held: b, kind: control}], organisations: [{id: b, s", "held: b, kind: love}], organisations: [{id: b, s",
         "a kind that is neither share nor control", "cases.1.rows.ties"),
    ],
)  # fmt: skip
def test_wrong_rows_are_told_once_with_their_place(
    run_rows: Callable[[str], CaseRun], old: str, new: str, message: str, field: str
) -> None:
    assert old in ROWS
    with pytest.raises(PolicyError) as refused:
        run_rows(ROWS.replace(old, new))
    (problem,) = refused.value.problems
    assert (problem.field, problem.line is not None) == (field, True)
    assert message in problem.message


def test_ties_need_the_pack_s_rule(run_rows: Callable[..., CaseRun]) -> None:
    with pytest.raises(PolicyError, match="does not say which make parties related"):
        run_rows(ROWS, with_rule=False)


LIMIT = "limits:\n  - {id: all, per: [listed], at_most: '700', order: [spent], words: {zh: 合计, en: Together}}\n"
LIMITED = """\
programme: trial
as_of: 2026-03-01
facts: {spent: 1000, listed: true}
cases:
  - id: alone
    expect: {verdict: eligible, award_fen: 500, limited_fen: 500}
  - id: after
    beside: [before, other]
    expect: {verdict: eligible, award_fen: 500, limited_fen: 300}
  - id: before
    facts: {spent: 800}
    beside: [after]
    expect: {verdict: eligible, award_fen: 400, limited_fen: 400}
  - id: other
    facts: {listed: false}
    expect: {verdict: eligible, award_fen: 0, limited_fen: 0}
  - id: no-group
    absent: [listed]
    expect: {verdict: eligible, award_fen: not_known, limited_fen: not_known}
"""


def test_a_case_may_say_what_limits_leave_beside_others(
    write_programme: Write, attributes: dict[str, Attribute]
) -> None:
    def run_limited(cases: str, limit: str = LIMIT) -> CaseRun:
        path = write_programme(award=AWARD, clause="spent > 0")
        path.write_text(path.read_text(encoding="utf-8") + limit, encoding="utf-8")
        programme = load_programme(path, attributes)
        beside = path.with_name("trial.cases.yaml")
        beside.write_text(cases, encoding="utf-8")
        return run_cases(programme, read_cases(beside, programme, attributes))

    assert run_limited(LIMITED).failed == ()
    (failed,) = run_limited(LIMITED.replace("limited_fen: 300", "limited_fen: 301")).failed
    assert failed.differences == (Difference("limited_fen", "301", "300"),)
    with pytest.raises(PolicyError, match=r"(?s)no case 'none'"):
        run_limited(LIMITED.replace("beside: [after]", "beside: [none]"))
    with pytest.raises(PolicyError, match="trial has no limits"):
        run_limited(LIMITED, "")
