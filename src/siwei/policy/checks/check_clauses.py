"""Clauses that contradict each other, that can never be yes or never be no, or that say what others say."""

from collections.abc import Iterator
from itertools import combinations

from siwei.errors import Said
from siwei.policy.checks.satisfiability import Goal, is_possible
from siwei.policy.constants import Setting
from siwei.policy.documents.findings import ALWAYS, Finding, Severity, Subject, is_whole, settings_of, stretch
from siwei.policy.programmes import Clause


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
            yield _at(subject, Severity.WARNING, "never_false", index, clause=clause.id)
    for setting in settings:
        found = tuple(_contradictions(subject, setting, bad, everywhere))
        if found:
            yield from found
            return
    if is_whole(subject.programme):
        yield from _implied(subject, settings, bad)


def _never_yes(subject: Subject, index: int, settings: list[Setting], always: bool) -> Finding:
    clause = subject.programme.clauses[index]
    when = ALWAYS if always else stretch(settings[0])
    severity = Severity.ERROR if always else Severity.WARNING
    return _at(subject, severity, "never_true", index, clause=clause.id, when=when)


def _contradictions(subject: Subject, setting: Setting, bad: set[int], everywhere: int) -> Iterator[Finding]:
    """Pairs that exclude each other; where there are none, the smallest set found that does."""
    clauses = [(index, clause) for index, clause in enumerate(subject.programme.clauses) if index not in bad]
    if is_possible(_all_yes([clause for _, clause in clauses]), setting):
        return
    pairs = [
        pair for pair in combinations(clauses, 2) if not is_possible(_all_yes([each for _, each in pair]), setting)
    ]
    for (_, first), (index, second) in pairs:
        when = _when(subject, setting, [first, second], everywhere)
        yield _at(
            subject, Severity.ERROR, "contradiction:two", index, first=first.id, second=second.id, when=when
        )  # fmt: skip
    if not pairs:
        core = list(clauses)
        for each in clauses:
            fewer = [other for other in core if other is not each]
            if not is_possible(_all_yes([clause for _, clause in fewer]), setting):
                core = fewer
        names = ", ".join(repr(clause.id) for _, clause in core)
        when = _when(subject, setting, [clause for _, clause in core], everywhere)
        yield _at(subject, Severity.ERROR, "contradiction:all", core[-1][0], clauses=names, when=when)


def _when(subject: Subject, first: Setting, clauses: list[Clause], everywhere: int) -> Said:
    """On which days: the first stretch of them, where the clauses do not contradict each other on all."""
    goals = _all_yes(clauses)
    never = [each for each in settings_of(subject.programme) if not is_possible(goals, each)]
    return ALWAYS if len(never) == everywhere else stretch(first)


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
            yield _at(subject, Severity.WARNING, "implied:clause", index, clause=clause.id)


def _all_yes(clauses: list[Clause]) -> list[Goal]:
    return [(clause.expression.tree, True) for clause in clauses]


def _at(subject: Subject, severity: Severity, key: str, index: int, **values: object) -> Finding:
    expression = subject.programme.clauses[index].expression
    return subject.at_node(severity, key, subject.clause_path(index), expression.text, expression.tree, **values)
