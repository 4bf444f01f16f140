"""The values at which a programme's conditions turn: what to try when looking for a boundary.

Comparisons of an attribute with a constant or parameter give the constant and its two neighbours; memberships and
equalities of text give the texts and `OTHER`; ages in years, months or days give the day on which they are reached.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date

from siwei.policy.constants import ORDERED, Setting, constant_of
from siwei.policy.documents.findings import setting_on
from siwei.policy.language.tree import AsOf, Attribute, Call, ListLiteral, Node, walk
from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.programmes import Programme

Candidate = bool | int | str | date
OTHER = "other:"
"""Stands for any text that no condition names."""
COMPARISONS = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")


def thresholds(programme: Programme, day: date) -> dict[str, tuple[Candidate, ...]]:
    """By attribute, in the order in which they are found."""
    setting = setting_on(programme, day)
    found: dict[str, dict[Candidate, None]] = {}
    for expression in programme.expressions:
        for node in walk(expression.tree):
            for name, value in _of_node(node, setting, day):
                found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _of_node(node: Node, setting: Setting, day: date) -> Iterator[tuple[str, Candidate]]:
    match node:
        case Attribute(name=name, type=kind) if kind.kind == "bool":
            yield name, True
            yield name, False
        case Call(function=function, arguments=(left, right)) if function in COMPARISONS:
            yield from _compared(left, right, setting, day)
            yield from _compared(right, left, setting, day)
        case Call(function="@in", arguments=(element, ListLiteral(items=items))):
            for item in items:
                yield from _compared(element, item, setting, day)
        case Call(function="band", arguments=(element, ListLiteral(items=items), _)):
            for item in items:
                yield from _compared(element, item, setting, day)
        case _:
            return


def _compared(term: Node, limit: Node, setting: Setting, day: date) -> Iterator[tuple[str, Candidate]]:
    value = constant_of(limit, setting)
    if value is None:
        return
    match term:
        case Attribute(name=name, type=kind) if kind.kind == "string" and isinstance(value, str):
            yield name, value
            yield name, OTHER
        case Attribute(name=name, type=kind) if kind.kind in ORDERED and isinstance(value, int):
            for near in (value - 1, value, value + 1):
                candidate = _of_kind(near, kind.kind)
                if candidate is not None:
                    yield name, candidate
        case Call(function=function, arguments=(Attribute(name=name), AsOf())) if isinstance(value, int):
            for candidate in _days_aged(function, value, day):
                yield name, candidate
        case _:
            return


def _of_kind(value: int, kind: str) -> int | date | None:
    if kind == "int":
        return value if INT64_MIN <= value <= INT64_MAX else None
    return date.fromordinal(value) if date.min.toordinal() <= value <= date.max.toordinal() else None


def _days_aged(function: str, age: int, day: date) -> Iterator[date]:
    """The last day on which something of that age began, and its neighbours; of one older or younger too."""
    for each in (age - 1, age, age + 1):
        began = _began(function, each, day)
        near = () if began is None else (began.toordinal() - 1, began.toordinal(), began.toordinal() + 1)
        yield from (date.fromordinal(place) for place in near if 1 <= place <= date.max.toordinal())


def _began(function: str, age: int, day: date) -> date | None:
    """None outside the calendar, and where the function counts no age."""
    if function == "days_between":
        place = day.toordinal() - age
        return date.fromordinal(place) if 1 <= place <= date.max.toordinal() else None
    months = {"years_between": 12, "months_between": 1}.get(function)
    if months is None:
        return None
    year, month = divmod(day.year * 12 + day.month - 1 - age * months, 12)
    if not date.min.year < year < date.max.year:
        return None
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
