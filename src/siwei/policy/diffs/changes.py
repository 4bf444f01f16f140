"""What differs between two texts of one programme, part by part, and a text with one part exchanged."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, TypeVar

from siwei.policy.language.tree import Expression, render
from siwei.policy.programmes import Aggregate, Clause, Limit, Parameter, Pot, Programme, Table, Voucher

OF_MONEY = ("pot", "voucher", "window")
"""Kinds of changes that change no decision: what comes after it, and when one may apply."""


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is parameter, table, aggregate, clause, award, cap, rounding, limit, period or one of OF_MONEY; of a
    pack's stacking.yaml parameter, group, exclusion, joint limit or related parties. `before` and `after` are None
    where absent."""

    kind: str
    id: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.id}" if self.id else self.kind

    @property
    def decides(self) -> bool:
        return self.kind not in OF_MONEY

    def as_dict(self) -> dict[str, object]:
        return {"kind": self.kind, "id": self.id, "before": self.before, "after": self.after}


class _Named(Protocol):
    @property
    def id(self) -> str: ...


Part = TypeVar("Part", bound=_Named)


def changes_between(before: Programme | None, after: Programme | None, day: date) -> tuple[Change, ...]:
    """The parts that may change an outcome on `day`, or what is paid of it; words and sources do not. Empty where a
    side is absent."""
    if before is None or after is None:
        return ()
    return tuple(change for change in _parts(before, after, day) if change.before != change.after)


def _parts(before: Programme, after: Programme, day: date) -> Iterator[Change]:
    sides = (before, after)
    yield from parameter_changes(before.parameters, after.parameters, day)
    yield from named_changes("table", *({each.id: _table(each, day) for each in side.tables if each.bands.later}
                                        for side in sides))  # fmt: skip
    yield from named_changes("aggregate", *({each.id: _aggregate(each) for each in side.aggregates} for side in sides))
    yield from named_changes("clause", *({each.id: _clause(each) for each in side.clauses} for side in sides))
    yield Change("award", "", *(f"{render(each.award.expression.tree)} ({each.award.requires.name})" for each in sides))
    yield Change("cap", "", *(_expression(each.award.cap) for each in sides))
    yield Change("rounding", "", *(f"{each.rounding.mode} to {each.rounding.multiple_fen} fen" for each in sides))
    yield from named_changes("limit", *({each.id: _limit(each) for each in side.limits} for side in sides))
    yield Change("period", "", *("in force" if each.period.contains(day) else "not in force" for each in sides))
    yield Change("window", "", *(None if each.window is None else _days(each) for each in sides))
    yield from named_changes("voucher", *(_voucher(each.voucher) for each in sides))
    yield from named_changes("pot", *(_pot(each.pot) for each in sides))


def parameter_changes(before: Iterable[Parameter], after: Iterable[Parameter], day: date) -> Iterator[Change]:
    old, new = ({parameter.id: parameter.value_on(day) for parameter in side} for side in (before, after))
    for name in old:
        # A parameter that only one side has changes nothing by itself: what reads it does.
        if name in new:
            yield Change("parameter", name, str(old[name]), str(new[name]))


def named_changes(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        yield Change(kind, name, old.get(name), new.get(name))


def _clause(clause: Clause) -> str:
    return f"{render(clause.expression.tree)} ({clause.requires.name.lower()})"


def _expression(expression: Expression | None) -> str | None:
    return None if expression is None else render(expression.tree)


def _aggregate(aggregate: Aggregate) -> str:
    value = f" of {_expression(aggregate.value)}" if aggregate.value is not None else ""
    where = f" where {_expression(aggregate.where)}" if aggregate.where is not None else ""
    return f"{aggregate.kind}{value} over {aggregate.of}{where} per {', '.join(aggregate.per)}"


def _table(table: Table, day: date) -> str:
    """What holds on the day, of a table that changes; one that does not is written out where it is read."""
    version = table.bands.version_on(day)
    return "none" if version is None else f"up to {[*version[0]]}: {[*version[1]]}"


def _limit(limit: Limit) -> str:
    order = f", served by {', '.join(limit.order)}" if limit.order else ""
    return f"at most {_expression(limit.at_most)} per {', '.join(limit.per)}{order}"


def _days(programme: Programme) -> str:
    assert programme.window is not None
    return f"{programme.window.start or 'open'} to {programme.window.end or 'open'}"


def _voucher(voucher: Voucher | None) -> dict[str, str]:
    if voucher is None:
        return {}
    valid = voucher.valid_until if voucher.valid_days is None else f"{voucher.valid_days} days"
    listed = {"providers": "listed only"} if voucher.listed_providers_only else {}
    kinds = ", ".join(voucher.kinds)
    return {"kinds": kinds, "rate": render(voucher.rate.tree), "valid": valid or "not known", **listed}


def _pot(pot: Pot | None) -> dict[str, str]:
    """By what is declared of it."""
    if pot is None:
        return {}
    budget = "not in the text" if pot.budget_fen is None else f"{pot.budget_fen} fen"
    reserves = {f"reserve {each.id}": f"{each.share_bp} bp where {render(each.where.tree)}" for each in pot.reserves}
    quotas = {f"quota by {each.by}": f"{each.most_bp} bp" for each in pot.quotas}
    told = {"sharing": str(pot.sharing), "payment": str(pot.payment), "returns": str(pot.returns)}
    again = {"choice": "again, where the pot gives less"} if pot.choose_again else {}
    return {"budget": f"{budget} ({pot.per})", **told, **again, **reserves, **quotas}


def with_change(base: Programme, other: Programme, change: Change) -> Programme:
    """`base` with one part as `other` has it. What that part reads and `base` lacks comes along."""
    mixed = replace(
        base,
        parameters=_with(base.parameters, other.parameters, change.id if change.kind == "parameter" else None),
        tables=_with(base.tables, other.tables, change.id if change.kind == "table" else None),
        aggregates=_with(base.aggregates, other.aggregates, change.id if change.kind == "aggregate" else None),
    )
    match change.kind:
        case "clause":
            # Where the only clause goes, those that take its place come at once: a programme has at least one.
            return replace(mixed, clauses=exchange(base.clauses, other.clauses, change.id) or other.clauses)
        case "award":
            award = replace(base.award, expression=other.award.expression, requires=other.award.requires)
            return replace(mixed, award=award)
        case "cap":
            return replace(mixed, award=replace(base.award, cap=other.award.cap))
        case "rounding":
            return replace(mixed, rounding=other.rounding)
        case "limit":
            return replace(mixed, limits=exchange(base.limits, other.limits, change.id))
        case "period":
            return replace(mixed, period=other.period)
        case _:
            return mixed


def _with(base: tuple[Part, ...], other: tuple[Part, ...], exchanged: str | None) -> tuple[Part, ...]:
    """Those of both sides, `base`'s own first; the exchanged one as `other` has it, where it has it."""
    theirs, mine = ({each.id: each for each in side} for side in (other, base))
    if exchanged is not None and exchanged in theirs:
        mine[exchanged] = theirs[exchanged]
    return tuple({**theirs, **mine}.values())


def exchange(base: tuple[Part, ...], other: tuple[Part, ...], name: str) -> tuple[Part, ...]:
    """`base` with the part of that name as `other` has it, which may be none."""
    theirs = {each.id: each for each in other}
    kept = [theirs.get(name) if each.id == name else each for each in base]
    if name in theirs and all(each.id != name for each in base):
        kept.append(theirs[name])
    return tuple(each for each in kept if each is not None)
