"""Awards that can never be paid, that always reach past their cap, or of which a case is found that cannot be paid."""

import random
from collections.abc import Iterator
from datetime import date
from itertools import islice

import polars as pl

from siwei.policy.checks.satisfiability import Case, TooManyCases, possible_cases
from siwei.policy.checks.thresholds import OTHER, thresholds
from siwei.policy.constants import Interval, Setting, bounds_of
from siwei.policy.decide import award_column, decide, verdict_column
from siwei.policy.documents.findings import Finding, Severity, Subject, is_whole, settings_of, stretch
from siwei.policy.language.tree import Expression
from siwei.policy.language.types import INT64_MAX
from siwei.policy.programmes import Programme
from siwei.policy.subjects import ID, attribute_dtypes

MOST_CASES = 200
TRIALS_PER_CASE = 40
LARGEST = 10**10
"""The largest amount tried of itself: a product of two such and a rate is not yet beyond 64 bits, which is an error
that no sensible subject meets."""
BESIDE = {
    pl.Int64(): (0, 1, -1_000_000, 1_000_000, LARGEST),
    pl.Boolean(): (True, False),
    pl.Date(): (date(2000, 2, 29), date(2020, 1, 1)),
    pl.String(): (OTHER,),
    pl.Float64(): (0.0, 1.0),
}
"""Values tried for an attribute besides the programme's own thresholds."""


def check_award(subject: Subject) -> Iterator[Finding]:
    for setting in settings_of(subject.programme):
        # A parameter without a value is a finding of its own.
        missing = None in setting.parameters.values()
        cases = [] if missing else _eligible_cases(subject.programme, setting)
        if not cases:
            continue
        found = [*_certain(subject, setting, cases)] or [*_witness(subject, setting, cases)]
        if found:
            yield from found
            return


def largest_award(programme: Programme) -> int | None:
    """No award on any day of the period is above this, in fen; None where nothing is certain below 64 bits."""
    most = 0
    if not is_whole(programme):
        return None
    for setting in settings_of(programme):
        if None in setting.parameters.values():
            return None
        cases = _eligible_cases(programme, setting) or [Case()]
        highs = [_range(programme.award.expression, setting, cases)[1]]
        highs += [_range(programme.award.cap, setting, cases)[1]] if programme.award.cap else []
        most = max(most, min(highs))
    return None if most >= INT64_MAX else most


def _eligible_cases(programme: Programme, setting: Setting) -> list[Case]:
    """Empty where nobody can be eligible, and where there are too many cases to look at all of them."""
    goals = [(clause.expression.tree, True) for clause in programme.clauses]
    try:
        cases = [*islice(possible_cases(goals, setting), MOST_CASES + 1)]
    except TooManyCases:
        return []
    return cases if len(cases) <= MOST_CASES else []


def _certain(subject: Subject, setting: Setting, cases: list[Case]) -> Iterator[Finding]:
    award = subject.programme.award
    low, high = _range(award.expression, setting, cases)
    when = stretch(setting)
    if high < 0:
        yield _at(subject, Severity.ERROR, "award_negative", "expr", award.expression, when=when)
    if award.cap is None or high < 0:
        return
    least_cap, most_cap = _range(award.cap, setting, cases)
    if most_cap < 0:
        yield _at(subject, Severity.ERROR, "cap_negative", "cap", award.cap, when=when)
    elif low > most_cap:
        yield _at(subject, Severity.WARNING, "cap_always_binds", "cap", award.cap, low=low, cap=most_cap, when=when)
    elif high <= least_cap:
        yield _at(subject, Severity.WARNING, "cap_never_binds", "cap", award.cap, high=high, cap=least_cap, when=when)


def _range(expression: Expression, setting: Setting, cases: list[Case]) -> Interval:
    ranges = [bounds_of(expression.tree, setting, case.ranges) for case in cases]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _witness(subject: Subject, setting: Setting, cases: list[Case]) -> Iterator[Finding]:
    """A subject that is eligible and whose award cannot be paid, decided by the rules themselves."""
    programme = subject.programme
    day = setting.first or setting.last or subject.today
    table = _trials(programme, day, cases)
    wide = decide((programme,), table, day).wide
    wrong = table.filter((wide[verdict_column(programme.id)] == 1) & wide[award_column(programme.id)].is_null())
    if wrong.is_empty():
        return
    row = wrong.row(0, named=True)
    facts = ", ".join(f"{name} = {row[name]}" for name in programme.attributes)
    yield _at(
        subject, Severity.WARNING, "award_cannot_be_paid", "expr", programme.award.expression, day=day, facts=facts
    )


def _trials(programme: Programme, day: date, cases: list[Case]) -> pl.DataFrame:
    """Rows within the cases: ends of ranges, thresholds, and a few values besides; the same rows every time."""
    chance = random.Random(0)  # noqa: S311  (trials, and the same ones every time)
    tried = thresholds(programme, day)
    columns: dict[str, list[object]] = {}
    rows = len(cases) * TRIALS_PER_CASE
    dtypes = attribute_dtypes([programme])
    for name, dtype in dtypes.items():
        column: list[object] = []
        for case in cases:
            values = _values_within(case, name, dtype, [*tried.get(name, ()), *BESIDE[dtype]])
            column += chance.choices(values, k=TRIALS_PER_CASE)
        columns[name] = column
    ids = pl.Series(ID, [str(row) for row in range(rows)])
    # Proof is not what is tried here: every fact counts as verified.
    proofs = {f"{name}__status": pl.Series([2] * rows, dtype=pl.UInt8) for name in dtypes}
    typed = {name: pl.Series(columns[name], dtype=dtype) for name, dtype in dtypes.items()}
    return pl.DataFrame({ID: ids, **typed, **proofs})


def _values_within(case: Case, name: str, dtype: pl.DataType, values: list[object]) -> list[object]:
    if name in case.truths:
        return [case.truths[name]]
    if name in case.values:
        return sorted(case.values[name], key=str)
    if name in case.ranges and dtype in (pl.Int64(), pl.Date()):
        low, high = case.ranges[name]
        ends: list[object] = [end for end in (low, high) if dtype == pl.Int64() and abs(end) <= LARGEST]
        within = [value for value in values if low <= _place(value) <= high]
        return within + ends or values
    return values


def _place(value: object) -> int:
    if isinstance(value, date):
        return value.toordinal()
    assert isinstance(value, int)
    return value


def _at(
    subject: Subject, severity: Severity, key: str, field: str, expression: Expression, **values: object
) -> Finding:
    return subject.at_node(severity, key, ("award", field), expression.text, expression.tree, **values)
