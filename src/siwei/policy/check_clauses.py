"""Clauses that contradict each other, that can never be yes or never be no, or that say what others say."""

from collections.abc import Iterator
from itertools import combinations

from siwei.policy.constants import Setting
from siwei.policy.findings import Finding, Severity, Subject, is_whole, settings_of, stretch
from siwei.policy.programmes import Clause
from siwei.policy.satisfiability import Goal, is_possible


def check_clauses(subject: Subject) -> Iterator[Finding]:
    settings = settings_of(subject.programme)
    # Of days that are not looked at nothing is said.
    everywhere = len(settings) if is_whole(subject.programme) else len(settings) + 1
    bad: set[int] = set()
    for index, clause in enumerate(subject.programme.clauses):
        never_yes = [each for each in settings if not is_possible([(clause.expression.tree, True)], each)]
        never_no = [each for each in settings if not is_possible([(clause.expression.tree, False)], each)]
        if never_yes:
            bad.add(index)
            yield _never_yes(subject, index, never_yes, len(never_yes) == everywhere)
        if len(never_no) == everywhere:
            bad.add(index)
            yield _at(
                subject, Severity.WARNING, "never_false", index,
                f"clause {clause.id!r} can never be no", "remove it, or mend the comparison",
            )  # fmt: skip
    for setting in settings:
        found = tuple(_contradictions(subject, setting, bad))
        if found:
            yield from found
            return
    if is_whole(subject.programme):
        yield from _implied(subject, settings, bad)


def _never_yes(subject: Subject, index: int, settings: list[Setting], always: bool) -> Finding:
    clause = subject.programme.clauses[index]
    when = "" if always else stretch(settings[0])
    severity = Severity.ERROR if always else Severity.WARNING
    message = f"clause {clause.id!r} can never be yes{when}, so nobody can be eligible"
    return _at(subject, severity, "never_true", index, message, "mend the comparison or the parameter")


def _contradictions(subject: Subject, setting: Setting, bad: set[int]) -> Iterator[Finding]:
    """Pairs that exclude each other; where there are none, the smallest set found that does."""
    clauses = [(index, clause) for index, clause in enumerate(subject.programme.clauses) if index not in bad]
    if is_possible(_all_yes([clause for _, clause in clauses]), setting):
        return
    pairs = [
        pair for pair in combinations(clauses, 2) if not is_possible(_all_yes([each for _, each in pair]), setting)
    ]
    for (_, first), (index, second) in pairs:
        message = f"clauses {first.id!r} and {second.id!r} can never both be yes{_when(subject, setting)}"
        yield _at(subject, Severity.ERROR, "contradiction", index, message, "mend one of them: nobody can be eligible")
    if not pairs:
        core = list(clauses)
        for each in clauses:
            fewer = [other for other in core if other is not each]
            if not is_possible(_all_yes([clause for _, clause in fewer]), setting):
                core = fewer
        names = ", ".join(repr(clause.id) for _, clause in core)
        message = f"clauses {names} can never all be yes{_when(subject, setting)}"
        yield _at(
            subject, Severity.ERROR, "contradiction", core[-1][0], message, "mend one of them: nobody can be eligible"
        )


def _when(subject: Subject, setting: Setting) -> str:
    return stretch(setting) if len(settings_of(subject.programme)) > 1 else ""


def _implied(subject: Subject, settings: tuple[Setting, ...], bad: set[int]) -> Iterator[Finding]:
    """A clause that is yes whenever the others are can never decide anything. Where two say the same, the later is
    named."""
    kept = [index for index in range(len(subject.programme.clauses)) if index not in bad]
    for index in reversed(kept[:]):
        clause = subject.programme.clauses[index]
        others = [subject.programme.clauses[other] for other in kept if other != index]
        goals: list[Goal] = [*_all_yes(others), (clause.expression.tree, False)]
        if others and not any(is_possible(goals, setting) for setting in settings):
            kept.remove(index)
            message = f"clause {clause.id!r} is never no where the others are yes: it decides nothing"
            yield _at(subject, Severity.WARNING, "implied", index, message, "remove it, or keep it for its words only")


def _all_yes(clauses: list[Clause]) -> list[Goal]:
    return [(clause.expression.tree, True) for clause in clauses]


def _at(subject: Subject, severity: Severity, kind: str, index: int, message: str, fix: str) -> Finding:
    expression = subject.programme.clauses[index].expression
    return subject.at_node(severity, kind, subject.clause_path(index), expression.text, expression.tree, message, fix)
