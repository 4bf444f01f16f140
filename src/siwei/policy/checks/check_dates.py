"""Parameters by date, and sources: what is missing on a day of the period, never read, expired or of the future."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from siwei.policy.constants import constant_of
from siwei.policy.documents.findings import MOST_STRETCHES, Finding, Severity, Subject, is_whole, settings_of, stretch
from siwei.policy.language.tree import Call, Expression, ListLiteral, Parameter, walk
from siwei.policy.programmes import Programme, State

OLD = timedelta(days=730)
"""After so long what is known of a source should be looked at again."""


def expressions_of(subject: Subject) -> Iterator[tuple[tuple[str | int, ...], Expression]]:
    """Every expression of the programme with its place in the file."""
    programme = subject.programme
    for index, clause in enumerate(programme.clauses):
        yield subject.clause_path(index), clause.expression
    yield ("award", "expr"), programme.award.expression
    if programme.award.cap is not None:
        yield ("award", "cap"), programme.award.cap


def _every_expression(programme: Programme) -> Iterator[Expression]:
    """Those over the subject's own row, and those over other rows and claims on the pot."""
    yield from programme.expressions
    for aggregate in programme.aggregates:
        yield from filter(None, (aggregate.value, aggregate.where))
    for reserve in programme.pot.reserves if programme.pot else ():
        yield reserve.where


def check_parameters(subject: Subject) -> Iterator[Finding]:
    """Before its first value a parameter is an error wherever it is read; `load_programme` refuses that where the
    period has a first day, so what is left is a period that is open."""
    if not is_whole(subject.programme):
        yield subject.at(Severity.WARNING, "many_stretches", ("parameters",), most=MOST_STRETCHES)
    period = subject.programme.period
    read = {name for expression in _every_expression(subject.programme) for name in expression.parameters}
    for parameter in subject.programme.parameters:
        path = ("parameters", parameter.id)
        first = parameter.values[0][0]
        if parameter.id not in read:
            yield subject.at(Severity.WARNING, "unused_parameter", path, parameter=parameter.id)
        if period.start is None and first > date.min:
            at = (*path, "values")
            yield subject.at(Severity.WARNING, "parameter_missing", at, parameter=parameter.id, first=first)
        yield from _values_outside(subject, "parameters", parameter.id, [start for start, _ in parameter.values])


def _values_outside(subject: Subject, section: str, name: str, starts: list[date]) -> Iterator[Finding]:
    period = subject.programme.period
    for index, start in enumerate(starts):
        after = period.end is not None and start > period.end
        replaced = index + 1 < len(starts) and period.start is not None and starts[index + 1] <= period.start
        if after or replaced:
            yield subject.at(Severity.WARNING, "value_never_used", (section, name, "values", index), name=name)


def check_tables(subject: Subject) -> Iterator[Finding]:
    """Gaps and overlaps of a table are refused when the file is read; what is left is a table that nobody reads, and
    days on which one that changes has no bands."""
    texts = [expression.text for expression in _every_expression(subject.programme)]
    for table in subject.programme.tables:
        # In the tree a table has become its limits and results: only the text still names it.
        if not any(re.search(rf"\bt\.{table.id}\b", text) for text in texts):
            yield subject.at(Severity.WARNING, "unused_table", ("tables", table.id), table=table.id)
        starts = [version[0] for version in table.bands.later]
        if starts and subject.programme.period.start is None and starts[0] > date.min:
            at = ("tables", table.id, "values")
            yield subject.at(Severity.WARNING, "table_missing", at, table=table.id, first=starts[0])
        yield from _values_outside(subject, "tables", table.id, starts)


def check_bands(subject: Subject) -> Iterator[Finding]:
    """Limits of a band that parameters make: each stretch of days must have them ascending, or bands overlap."""
    for path, expression in expressions_of(subject):
        for node in walk(expression.tree):
            if not (isinstance(node, Call) and node.function == "band" and len(node.arguments) == 3):
                continue
            limits = node.arguments[1]
            assert isinstance(limits, ListLiteral)
            for setting in settings_of(subject.programme):
                values = [constant_of(item, setting) for item in limits.items]
                for earlier, later, item in zip(values, values[1:], limits.items[1:], strict=False):
                    if isinstance(item, Parameter) and item.name.startswith("t."):
                        continue  # of a table: found in order when it was read
                    if isinstance(earlier, int) and isinstance(later, int) and later <= earlier:
                        yield subject.at_node(
                            Severity.ERROR, "band_overlap", path, expression.text, item,
                            when=stretch(setting), earlier=earlier, later=later,
                        )  # fmt: skip


def check_source(subject: Subject) -> Iterator[Finding]:
    programme, today = subject.programme, subject.today
    source = programme.source
    if source.as_of > today:
        at = ("source", "as_of")
        yield subject.at(Severity.WARNING, "source_in_the_future", at, day=source.as_of, today=today)
    elif today - source.as_of > OLD:
        yield subject.at(Severity.WARNING, "source_old", ("source", "as_of"), day=source.as_of)
    until = subject.documents_until.get(source.document)
    if until is not None and until < today:
        at = ("source", "document")
        yield subject.at(Severity.WARNING, "source_expired", at, document=source.document, day=until)
    period = programme.period
    if period.end is not None and period.end < today and programme.state is not State.ENDED:
        yield subject.at(Severity.WARNING, "period_over", ("period", "end"), day=period.end)


def check_state(subject: Subject) -> Iterator[Finding]:
    """A clause that cites nothing keeps a programme a draft, whatever its file says."""
    programme = subject.programme
    if not programme.unsourced or programme.state in (State.DRAFT, State.REHEARSED):
        return
    names = ", ".join(programme.unsourced)
    yield subject.at(Severity.WARNING, "draft", ("state",), programme=programme.id, parts=names)
