"""Run the cases of a programme: what came out beside what was expected, and what the cases never reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.errors import PolicyError, Problem, chinese_of
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.checks.coverage import Coverage, measure_coverage
from siwei.policy.decide import CLAUSE_VERDICTS, VERDICTS, award_column, clause_column, decide, verdict_column
from siwei.policy.documents.cases import Case, case_files, case_table, limits_table, read_cases, read_cases_document
from siwei.policy.documents.loading import load_all_versions
from siwei.policy.documents.loading_stacking import load_related_rule
from siwei.policy.pack_words import nearest, refused
from siwei.policy.places import Places, with_line
from siwei.policy.programmes import Programme
from siwei.policy.versions import latest_versions


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is `verdict`, `award_fen`, `limited_fen` or a clause's id."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    case: Case
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class CaseRun:
    """All cases of one version of a programme."""

    programme: Programme
    results: tuple[CaseResult, ...]
    coverage: Coverage

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(result for result in self.results if result.differences)

    def as_dict(self) -> dict[str, object]:
        coverage = self.coverage
        return {
            "programme": self.programme.id,
            "version": self.programme.version,
            "sha256": self.programme.sha256,
            "cases": [
                {
                    "id": result.case.id,
                    "ok": not result.differences,
                    "line": result.case.line,
                    "differences": [
                        {"what": each.what, "expected": each.expected or None, "got": each.got}
                        for each in result.differences
                    ],
                }
                for result in self.results
            ],
            "coverage": {
                "share": round(coverage.share_covered, 4),
                "clauses": [
                    {"clause": each.clause, "yes": each.yes, "no": each.no, "unknown": each.unknown,
                     "error": each.error, "alone_no": each.alone_no}
                    for each in coverage.clauses
                ],
                "branches": [
                    {"where": each.where, "branch": each.branch, "branch_zh": chinese_of(each.branch),
                     "cases": each.cases}
                    for each in coverage.branches
                ],
                "gaps": coverage.gaps,
                "gaps_zh": [gap.zh for gap in coverage.gaps],
            },
        }  # fmt: skip


def run_pack_cases(pack: Path, attributes: Mapping[str, Attribute]) -> tuple[tuple[CaseRun, ...], tuple[str, ...]]:
    """Every `*.cases.yaml` of the pack's programmes, and the ids of programmes that have none.

    Raises PolicyError with what is wrong in any of the files, a programme or version that the pack does not have too.
    """
    directory = pack / "programmes"
    versions = load_all_versions(directory, attributes)
    latest = {programme.id: programme for programme in latest_versions(versions)}
    rule = load_related_rule(pack)
    runs: list[CaseRun] = []
    problems: list[Problem] = []
    for path in case_files(directory):
        try:
            programme = _tested(path, versions, latest)
            runs.append(run_cases(programme, read_cases(path, programme, attributes, rule)))
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(problems)
    tested = {run.programme.id for run in runs}
    return tuple(runs), tuple(name for name in latest if name not in tested)


def _tested(path: Path, versions: tuple[Programme, ...], latest: Mapping[str, Programme]) -> Programme:
    """The programme that a file of cases names. Raises PolicyError where there is none, with the nearest there is."""
    document, file = read_cases_document(path)
    mine = [each for each in versions if each.id == document.programme]
    found = latest.get(document.programme) if document.version is None else None
    for each in mine:
        if each.version == document.version:
            found = each
    if found is not None:
        return found
    there = [each.version for each in mine] or [*latest]
    named = document.version if mine and document.version else document.programme
    near = nearest(named, there, 0.5)
    key, values = ("no_version", {"programme": document.programme}) if mine else ("no_programme", {})
    words = refused(key, name=named, known=near, **values)
    problem = Places(file.text, file.yaml.places, str(path)).problem_at(("version" if mine else "programme",), *words)
    raise PolicyError([with_line(problem, file.text)])


def run_cases(programme: Programme, cases: tuple[Case, ...]) -> CaseRun:
    """Each case is decided for its own day, by the plan that decides a million subjects."""
    results: dict[str, CaseResult] = {}
    days = sorted({case.as_of for case in cases})
    for day in days:
        mine = tuple(case for case in cases if case.as_of == day)
        wide = decide((programme,), case_table(programme, mine), day).wide
        for case, row in zip(mine, wide.iter_rows(named=True), strict=True):
            results[case.id] = CaseResult(case, _differences(programme, case, row))
    by_id = {case.id: case for case in cases}
    for case in cases:
        if case.looks_at_limits and (found := _limited(programme, case, by_id)) != case.limited_fen:
            difference = Difference("limited_fen", _amount(case.limited_fen), _amount(found))
            results[case.id] = CaseResult(case, (difference, *results[case.id].differences))
    return CaseRun(programme, tuple(results[case.id] for case in cases), measure_coverage(programme, cases))


def _limited(programme: Programme, case: Case, by_id: Mapping[str, Case]) -> int | None:
    """What limits leave of its award among it and those beside it, all on its own day."""
    mine = tuple(by_id[id] for id in dict.fromkeys((case.id, *case.beside)))
    table = limits_table(programme, mine)
    found: int | None = (
        apply_limits(decide((programme,), table, case.as_of), table).wide[award_column(programme.id)].to_list()[0]
    )
    return found


def _differences(programme: Programme, case: Case, row: Mapping[str, int | None]) -> tuple[Difference, ...]:
    found = []
    verdict = VERDICTS[row[verdict_column(programme.id)] or 0]
    if verdict is not case.verdict:
        found.append(Difference("verdict", case.verdict, verdict))
    award = row[award_column(programme.id)]
    if case.looks_at_award and award != case.award_fen:
        found.append(Difference("award_fen", _amount(case.award_fen), _amount(award)))
    for clause, expected in case.clauses.items():
        got = CLAUSE_VERDICTS[row[clause_column(programme.id, clause)] or 0]
        if got is not expected:
            found.append(Difference(clause, expected, got))
    if found:
        # What the other clauses said is what a reader needs to see why.
        unlooked = [clause for clause in programme.clauses if clause.id not in case.clauses]
        verdicts = [(each.id, CLAUSE_VERDICTS[row[clause_column(programme.id, each.id)] or 0]) for each in unlooked]
        found += [Difference(name, "", got) for name, got in verdicts if got != "yes"]
    return tuple(found)


def _amount(award_fen: int | None) -> str:
    return "not_known" if award_fen is None else str(award_fen)
