"""Explain one programme for one subject: every clause with what it saw, and the award step by step.

The verdicts come from the very plan that decides a million subjects, run over one row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import InputError, Problem
from siwei.policy.decide import (
    CLAUSE_VERDICTS,
    VERDICTS,
    award_attributes,
    clause_column,
    compile_award,
    compile_clause,
    decide,
    programme_context,
    verdict_column,
)
from siwei.policy.explaining.failures import AWARD, NEGATIVE, Failure, failure, why_failed
from siwei.policy.explaining.nearest import nearest_change
from siwei.policy.explaining.sentences import write_sentence
from siwei.policy.explanation import (
    AwardExplanation,
    ClauseExplanation,
    Explanation,
    FactValue,
    Missing,
    SeenValue,
    Step,
    Value,
)
from siwei.policy.language.compile import STATUS_SUFFIX, Plan
from siwei.policy.language.compiled import Compiled
from siwei.policy.language.tree import Call, Expression, ListLiteral, Node, Parameter, children, render, walk
from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.programmes import Clause, ClauseVerdict, FactStatus, Programme, Text, Verdict
from siwei.policy.row_words import of_rows
from siwei.policy.subjects import ID, attribute_dtypes
from siwei.policy.vouchers import voucher_terms

_PYTHON_TYPES: dict[pl.DataType, type] = {
    pl.Boolean(): bool,
    pl.Int64(): int,
    pl.String(): str,
    pl.Date(): date,
    pl.Float64(): float,
}


def explain(
    programme: Programme,
    row: Mapping[str, FactValue],
    as_of: date,
    attributes: Mapping[str, Attribute] | None = None,
    with_nearest: bool = False,
) -> Explanation:
    """Explain `programme` for the subject with the facts `row` (by attribute; absent = not known) on the day `as_of`.

    `attributes` gives facts their names and units; without it a fact is called by its id. `with_nearest` looks besides
    for the nearest change that would make the subject eligible (tens of milliseconds; `attributes` says what it can
    change). Raises InputError where a value is not of its attribute's type.
    """
    explanation = _Explainer(programme, row, as_of, attributes or {}).explain()
    if not with_nearest or explanation.verdict is Verdict.ELIGIBLE:
        return explanation
    return replace(explanation, nearest=nearest_change(programme, row, as_of, attributes or {}))


def failures(programme: Programme, row: Mapping[str, FactValue], explanation: Explanation) -> tuple[Failure, ...]:
    """What fails where the explanation of that row tells an error, as far as it can be said: of clauses, and of the
    award. Beside the explanation and not in it, which a decision keeps and is replayed to."""
    return tuple(_Explainer(programme, row, explanation.as_of, {}).failures(explanation))


def one_row(programme: Programme, row: Mapping[str, FactValue]) -> pl.DataFrame:
    """The facts as the one-row table `decide` takes. Raises InputError for a value of the wrong type."""
    columns: dict[str, pl.Series] = {ID: pl.Series([""])}
    problems = []
    for name, dtype in attribute_dtypes([programme]).items():
        fact = row.get(name)
        value = None if fact is None else fact.value
        if value is not None and not _is_of(value, dtype):
            problems.append(Problem(*of_rows("fact_type", value=value, type=dtype), field=name))
            continue
        columns[name] = pl.Series([value], dtype=dtype)
        status = None if fact is None or value is None else int(fact.status)
        columns[name + STATUS_SUFFIX] = pl.Series([status], dtype=pl.UInt8)
    if problems:
        raise InputError(problems)
    return pl.DataFrame(columns)


def _is_of(value: object, dtype: pl.DataType) -> bool:
    if isinstance(value, bool | datetime):
        return dtype == pl.Boolean() and isinstance(value, bool)
    if dtype == pl.Int64() and isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    return isinstance(value, _PYTHON_TYPES[dtype])


class _Explainer:
    def __init__(
        self, programme: Programme, row: Mapping[str, FactValue], as_of: date, attributes: Mapping[str, Attribute]
    ) -> None:
        self.programme, self.row, self.as_of, self.attributes = programme, row, as_of, attributes
        self.table = one_row(programme, row)
        self.columns = frozenset(self.table.columns)

    def explain(self) -> Explanation:
        programme = self.programme
        wide = decide((programme,), self.table, self.as_of).wide.row(0, named=True)
        clauses = tuple(
            self._clause(clause, CLAUSE_VERDICTS[wide[clause_column(programme.id, clause.id)]])
            for clause in programme.clauses
        )
        verdict = VERDICTS[wide[verdict_column(programme.id)]]
        award = self._award(verdict)
        in_force = programme.period.contains(self.as_of)
        return Explanation(
            programme=programme.id,
            version=programme.version,
            sha256=programme.sha256,
            title=programme.title,
            kind=programme.kind,
            source=programme.source,
            as_of=self.as_of,
            in_force=in_force,
            verdict=verdict,
            sentence=write_sentence(programme, verdict, clauses, award, in_force),
            clauses=clauses,
            award=award,
            pot=programme.pot,
            is_draft=programme.is_draft,
            unsourced=programme.unsourced,
            notes=programme.notes,
            voucher=voucher_terms(programme, self.table, self.as_of),
        )

    def _clause(self, clause: Clause, verdict: ClauseVerdict) -> ClauseExplanation:
        plan = Plan()
        result = compile_clause(plan, self.programme, clause, self.as_of, self.columns)
        waits = self._waits(plan, result) if verdict is ClauseVerdict.UNKNOWN else ()
        return ClauseExplanation(
            clause.id,
            verdict,
            clause.words,
            clause.citation,
            clause.expression.text.strip(),
            clause.requires,
            self._seen(clause.expression.attributes),
            self._missing(waits, clause.requires),
            clause.favours_local,
            clause.review,
        )

    def _award(self, verdict: Verdict) -> AwardExplanation:
        award = self.programme.award
        plan = Plan()
        context = programme_context(self.programme, self.as_of, award.requires, self.columns)
        result = compile_award(plan, self.programme, self.as_of, self.columns)
        parts = {"award": result, "computed": plan.add(award.expression.tree, context)}
        if award.cap is not None:
            parts["cap"] = plan.add(award.cap.tree, context)
        values = self._evaluate(plan, parts)
        computed, cap = values["computed"][0], values.get("cap", (None, ""))[0]
        final, status = values["award"]
        waits = self._waits(plan, result) if status == "unknown" else ()
        return AwardExplanation(
            award.words,
            award.citation,
            award.expression.text.strip(),
            tuple(self._steps(award.expression)),
            self._seen(award_attributes(self.programme)),
            self._missing(waits, award.requires),
            computed,
            cap,
            "cap" if computed is not None and cap is not None and computed > cap else None,
            0 if verdict is Verdict.NOT_ELIGIBLE else final if verdict is Verdict.ELIGIBLE else None,
        )

    def _steps(self, expression: Expression) -> Iterator[Step]:
        values = self._worked_out(expression, self.programme.award.requires)
        shown: set[str] = set()
        for node in _as_worked_out(expression.tree, values):
            text = render(node)
            # What a table's limits are on the day is seen in the band itself.
            is_figure = isinstance(node, Parameter) and not node.name.startswith("t.")
            if (isinstance(node, Call) or is_figure or node is expression.tree) and text not in shown:
                shown.add(text)
                yield Step(text, *values[text])

    def failures(self, explanation: Explanation) -> Iterator[Failure]:
        rules, award = self.programme.award, explanation.award
        for clause, told in zip(self.programme.clauses, explanation.clauses, strict=True):
            if told.verdict is ClauseVerdict.ERROR and (why := self._why(clause.expression, clause.requires)):
                yield failure(clause.id, clause.words, why)
        if explanation.verdict is Verdict.ELIGIBLE and award.award_fen is None and not award.missing:
            parts = [rules.expression, *([] if rules.cap is None else [rules.cap])]
            is_known = award.computed_fen is not None and (rules.cap is None or award.cap_fen is not None)
            whys = [NEGATIVE] if is_known else [self._why(each, rules.requires) for each in parts]
            yield from (failure(AWARD, rules.words, why) for why in whys if why is not None)

    def _why(self, expression: Expression, requires: FactStatus) -> Text | None:
        values = self._worked_out(expression, requires)
        nodes = _as_worked_out(expression.tree, values)
        return why_failed(nodes, lambda node: values[render(node)], self.programme.rounding.mode)

    def _worked_out(self, expression: Expression, requires: FactStatus) -> dict[str, tuple[Any, str]]:
        """Every part of it but lists, as written: its value (None unless ok) and status."""
        plan = Plan()
        context = programme_context(self.programme, self.as_of, requires, self.columns)
        parts: dict[str, Compiled] = {}
        for node in walk(expression.tree):
            if not isinstance(node, ListLiteral):
                parts[render(node)] = plan.add(node, context)
        return self._evaluate(plan, parts)

    def _evaluate(self, plan: Plan, parts: Mapping[str, Compiled]) -> dict[str, tuple[Any, str]]:
        """Each part's value (None unless ok) and status."""
        keep = []
        for index, part in enumerate(parts.values()):
            error = pl.lit(False) if part.error is None else part.error
            keep += [part.value.alias(f"{index}"), error.alias(f"{index}:error")]
        row = plan.apply(self.table.lazy(), [pl.col(ID), *keep]).collect().row(0, named=True)
        statuses = {}
        for index, text in enumerate(parts):
            value, failed = row[f"{index}"], row[f"{index}:error"]
            statuses[text] = (value, "ok" if value is not None else "error" if failed else "unknown")
        return statuses

    def _waits(self, plan: Plan, result: Compiled) -> tuple[str, ...]:
        keep = [mask.alias(name) for name, mask in result.unknown.items()]
        row = plan.apply(self.table.lazy(), [pl.col(ID), *keep]).collect().row(0, named=True)
        return tuple(sorted(name for name in result.unknown if row[name]))

    def _seen(self, names: tuple[str, ...]) -> tuple[SeenValue, ...]:
        return tuple(SeenValue(name, self._name(name), self._unit(name), self._fact(name)) for name in names)

    def _missing(self, names: tuple[str, ...], required: FactStatus) -> tuple[Missing, ...]:
        return tuple(
            Missing(name, self._name(name), "not_given" if self._fact(name) is None else "needs_proof", required)
            for name in names
        )

    def _fact(self, name: str) -> FactValue | None:
        fact = self.row.get(name)
        return None if fact is None or fact.value is None else fact

    def _name(self, name: str) -> Text:
        attribute = self.attributes.get(name)
        return Text(name, name) if attribute is None else Text(attribute.name_zh, attribute.name_en)

    def _unit(self, name: str) -> str | None:
        attribute = self.attributes.get(name)
        return None if attribute is None else attribute.unit


def _as_worked_out(node: Node, values: Mapping[str, tuple[Value | None, str]]) -> Iterator[Node]:
    """Children before their parent; of a conditional only the branch that was taken, whose value is its own."""
    if isinstance(node, Call) and node.function == "_?_:_":
        test, then, otherwise = node.arguments
        yield from _as_worked_out(test, values)
        outcome = values.get(render(test), (None, ""))[0]
        branches = {True: (then,), False: (otherwise,)}.get(outcome, (then, otherwise))  # type: ignore[call-overload]
        for branch in branches:
            yield from _as_worked_out(branch, values)
        return
    for child in children(node):
        yield from _as_worked_out(child, values)
    yield node
