"""What differs between two texts of one programme, part by part, and a text with one part exchanged."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, TypeVar

from siwei.errors import Said, chinese_of
from siwei.policy.diffs.change_words import change_text, part_name, required, word
from siwei.policy.language.tree import Expression, render
from siwei.policy.programmes import Aggregate, Clause, Limit, Parameter, Pot, Programme, Rounding, Table, Voucher

OF_MONEY = ("pot", "voucher", "window")
"""Kinds of changes that change no decision: what comes after it, and when one may apply."""


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is parameter, table, aggregate, clause, award, cap, rounding, limit, period or one of OF_MONEY; of a
    pack's stacking.yaml parameter, group, exclusion, joint limit or related parties. `before` and `after` are None
    where absent, and said in both languages where they are more than code."""

    kind: str
    id: str
    before: str | None
    after: str | None

    @property
    def name(self) -> Said:
        return part_name(self.kind, self.id)

    @property
    def decides(self) -> bool:
        return self.kind not in OF_MONEY

    def as_dict(self) -> dict[str, object]:
        sides = {"before": self.before, "after": self.after}
        chinese = {f"{side}_zh": None if text is None else chinese_of(text) for side, text in sides.items()}
        return {"kind": self.kind, "id": self.id, **sides, **chinese}


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
    yield Change("award", "", *(required(render(each.award.expression.tree), each.award.requires) for each in sides))
    yield Change("cap", "", *(_expression(each.award.cap) for each in sides))
    yield Change("rounding", "", *(_rounding(each.rounding) for each in sides))
    yield from named_changes("limit", *({each.id: _limit(each) for each in side.limits} for side in sides))
    force = (change_text("in_force" if each.period.contains(day) else "not_in_force") for each in sides)
    yield Change("period", "", *force)
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
    return required(render(clause.expression.tree), clause.requires)


def _rounding(rounding: Rounding) -> str:
    return change_text("rounding", mode=word(rounding.mode), fen=rounding.multiple_fen)


def _expression(expression: Expression | None) -> str | None:
    return None if expression is None else render(expression.tree)


def _aggregate(aggregate: Aggregate) -> str:
    value = "" if aggregate.value is None else change_text("value", code=_expression(aggregate.value))
    where = "" if aggregate.where is None else change_text("where", code=_expression(aggregate.where))
    kind, per = word(aggregate.kind), ", ".join(aggregate.per)
    return change_text("aggregate", kind=kind, value=value, of=aggregate.of, where=where, per=per)


def _table(table: Table, day: date) -> str:
    """What holds on the day, of a table that changes; one that does not is written out where it is read."""
    version = table.bands.version_on(day)
    if version is None:
        return change_text("no_table")
    return change_text("table", limits=[*version[0]], results=[*version[1]])


def _limit(limit: Limit) -> str:
    order = change_text("served", order=", ".join(limit.order)) if limit.order else ""
    return change_text("limit", code=_expression(limit.at_most), per=", ".join(limit.per), order=order)


def _days(programme: Programme) -> str:
    assert programme.window is not None
    open_ = change_text("open")
    return change_text("days", start=programme.window.start or open_, end=programme.window.end or open_)


def _voucher(voucher: Voucher | None) -> dict[str, str]:
    if voucher is None:
        return {}
    until = None if voucher.valid_until is None else word(voucher.valid_until)
    valid = until if voucher.valid_days is None else change_text("valid_days", days=voucher.valid_days)
    listed = {"providers": change_text("listed_only")} if voucher.listed_providers_only else {}
    kinds = ", ".join(voucher.kinds)
    return {"kinds": kinds, "rate": render(voucher.rate.tree), "valid": valid or change_text("not_known"), **listed}


def _pot(pot: Pot | None) -> dict[str, str]:
    """By what is declared of it."""
    if pot is None:
        return {}
    budget = change_text("no_budget") if pot.budget_fen is None else change_text("budget_fen", fen=pot.budget_fen)
    reserves = {
        f"reserve {each.id}": change_text("reserve", share=each.share_bp, code=render(each.where.tree))
        for each in pot.reserves
    }
    quotas = {f"quota by {each.by}": change_text("quota", most=each.most_bp) for each in pot.quotas}
    told = {"sharing": word(pot.sharing), "payment": word(pot.payment), "returns": word(pot.returns)}
    again = {"choice": change_text("again")} if pot.choose_again else {}
    whole = change_text("budget", budget=budget, per=word(pot.per))
    return {"budget": whole, **told, **again, **reserves, **quotas}


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
