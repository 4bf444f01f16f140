"""What differs between two texts of one programme, part by part, and a text with one part exchanged."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from siwei.policy.language.tree import Expression, render
from siwei.policy.programmes import Clause, Parameter, Programme


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is parameter, clause, award, cap, rounding or period; `before` and `after` are None where absent."""

    kind: str
    id: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.id}" if self.id else self.kind

    def as_dict(self) -> dict[str, object]:
        return {"kind": self.kind, "id": self.id, "before": self.before, "after": self.after}


def changes_between(before: Programme | None, after: Programme | None, day: date) -> tuple[Change, ...]:
    """The parts that may change an outcome on `day`; words and sources do not. Empty where a side is absent."""
    if before is None or after is None:
        return ()
    return tuple(change for change in _parts(before, after, day) if change.before != change.after)


def _parts(before: Programme, after: Programme, day: date) -> Iterator[Change]:
    old, new = ({parameter.id: parameter.value_on(day) for parameter in side.parameters} for side in (before, after))
    for name in dict.fromkeys([*old, *new]):
        # A parameter that only one side has changes nothing by itself: what reads it does.
        if name in old and name in new:
            yield Change("parameter", name, str(old[name]), str(new[name]))
    old_clauses, new_clauses = ({clause.id: clause for clause in side.clauses} for side in (before, after))
    for name in dict.fromkeys([*old_clauses, *new_clauses]):
        yield Change("clause", name, _clause(old_clauses.get(name)), _clause(new_clauses.get(name)))
    sides = (before, after)
    yield Change("award", "", *(f"{render(each.award.expression.tree)} ({each.award.requires.name})" for each in sides))
    yield Change("cap", "", *(_expression(each.award.cap) for each in sides))
    yield Change("rounding", "", *(f"{each.rounding.mode} to {each.rounding.multiple_fen} fen" for each in sides))
    yield Change("period", "", *("in force" if each.period.contains(day) else "not in force" for each in sides))


def _clause(clause: Clause | None) -> str | None:
    if clause is None:
        return None
    return f"{render(clause.expression.tree)} ({clause.requires.name.lower()})"


def _expression(expression: Expression | None) -> str | None:
    return None if expression is None else render(expression.tree)


def with_change(base: Programme, other: Programme, change: Change) -> Programme:
    """`base` with one part as `other` has it. What that part reads and `base` lacks comes along."""
    parameters = _parameters(base, other, change.id if change.kind == "parameter" else None)
    mixed = replace(base, parameters=parameters)
    match change.kind:
        case "clause":
            return replace(mixed, clauses=_clauses(base, other, change.id))
        case "award":
            award = replace(base.award, expression=other.award.expression, requires=other.award.requires)
            return replace(mixed, award=award)
        case "cap":
            return replace(mixed, award=replace(base.award, cap=other.award.cap))
        case "rounding":
            return replace(mixed, rounding=other.rounding)
        case "period":
            return replace(mixed, period=other.period)
        case _:
            return mixed


def _parameters(base: Programme, other: Programme, exchanged: str | None) -> tuple[Parameter, ...]:
    theirs = {parameter.id: parameter for parameter in other.parameters}
    mine = {parameter.id: parameter for parameter in base.parameters}
    if exchanged is not None:
        mine[exchanged] = theirs[exchanged]
    return tuple({**theirs, **mine}.values())


def _clauses(base: Programme, other: Programme, name: str) -> tuple[Clause, ...]:
    theirs = {clause.id: clause for clause in other.clauses}
    kept = [theirs.get(name) if clause.id == name else clause for clause in base.clauses]
    if name in theirs and all(clause.id != name for clause in base.clauses):
        kept.append(theirs[name])
    # Where the only clause goes, those that take its place come at once: a programme has at least one.
    return tuple(clause for clause in kept if clause is not None) or other.clauses
