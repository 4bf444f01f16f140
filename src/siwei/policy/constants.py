"""Working out in plain whole numbers what of an expression does not depend on the subject, and how the rest may range.

Sound and not complete: what is not understood is None, or ranges over all of 64 bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from siwei.policy.language.functions import rounded_quotient
from siwei.policy.language.tree import AsOf, Call, ListLiteral, Literal, Node, Parameter, render
from siwei.policy.language.types import INT64_MAX, INT64_MIN

Constant = bool | int | str
Interval = tuple[int, int]
"""Both ends included. A day is its proleptic ordinal."""
WIDEST: Interval = (INT64_MIN, INT64_MAX)
ORDERED = ("int", "date")


@dataclass(frozen=True, slots=True)
class Setting:
    """The days that are looked at, on which no parameter changes: both included, None where open."""

    first: date | None
    last: date | None
    parameters: Mapping[str, int | None] = field(default_factory=dict)
    rounding: str = "down"

    @property
    def days(self) -> Interval:
        return (self.first or date.min).toordinal(), (self.last or date.max).toordinal()


def constant_of(node: Node, setting: Setting) -> Constant | None:
    """The value of a node that reads no fact; None where it reads one, fails, or is not understood."""
    match node:
        case Literal(value=value):
            return _literal(value)
        case Parameter(name=name):
            return setting.parameters.get(name)
        case AsOf():
            first, last = setting.days
            return first if first == last else None
        case Call(type=kind) if kind.kind == "int":
            low, high = bounds_of(node, setting, {})
            return low if low == high and _is_constant(node, setting) else None
        case _:
            return None


def _literal(value: object) -> Constant | None:
    match value:
        case bool() | str():
            return value
        case int():
            return value if INT64_MIN <= value <= INT64_MAX else None
        case datetime():
            instant = value.astimezone(UTC)
            # Only a midnight is a day; any other instant lies between two of them.
            return instant.toordinal() if instant.time() == datetime.min.time() else None
        case date():
            return value.toordinal()
        case _:
            return None


def _is_constant(node: Node, setting: Setting) -> bool:
    """Whether every operation of a whole-number node is one that cannot fail and is worked out exactly here."""
    if not isinstance(node, Call):
        return constant_of(node, setting) is not None
    if node.function not in ("_+_", "_-_", "_*_", "-_", "min", "max", "share", "basis_points"):
        return False
    if node.function == "share" and not _is_positive(node.arguments[2], setting):
        return False
    exact = _call(node, setting, {}, clip=False)
    return INT64_MIN <= exact[0] <= exact[1] <= INT64_MAX and all(
        _is_constant(argument, setting) for argument in node.arguments
    )


def _is_positive(node: Node, setting: Setting) -> bool:
    return bounds_of(node, setting, {})[0] > 0


def bounds_of(node: Node, setting: Setting, known: Mapping[str, Interval]) -> Interval:
    """Between what a whole number or a day lies wherever it has a value. `known` narrows nodes by their text."""
    low, high = _bounds(node, setting, known)
    if isinstance(node, Call) or node.type.kind in ORDERED:
        at_least, at_most = known.get(render(node), WIDEST)
        return max(low, at_least), min(high, at_most)
    return low, high


def _bounds(node: Node, setting: Setting, known: Mapping[str, Interval]) -> Interval:
    match node:
        case Literal() | Parameter():
            value = constant_of(node, setting)
            return (value, value) if isinstance(value, int) and not isinstance(value, bool) else WIDEST
        case AsOf():
            return setting.days
        case Call(type=kind) if kind.kind == "int":
            return _call(node, setting, known)
        case _:
            return WIDEST


def _call(node: Call, setting: Setting, known: Mapping[str, Interval], clip: bool = True) -> Interval:
    parts = [
        bounds_of(argument, setting, known)
        for argument in node.arguments
        if not isinstance(argument, ListLiteral) and argument.type.kind == "int"
    ]
    found = _band(node, setting, known) if node.function == "band" else _interval(node.function, parts, setting)
    if not clip:
        return found
    # A result beyond 64 bits is an error, so the values there are lie within.
    return max(found[0], INT64_MIN), min(found[1], INT64_MAX)


def _interval(function: str, parts: list[Interval], setting: Setting) -> Interval:
    build = _BUILDERS.get(function)
    if build is not None and parts:
        return build(parts)
    match function, parts:
        case "_?_:_", [then, otherwise]:
            return min(then[0], otherwise[0]), max(then[1], otherwise[1])
        case "share", [amount, numerator, (low, high)] if low == high > 0:
            return _quotient(_product([amount, numerator]), low, setting.rounding)
        case "basis_points", [amount, rate]:
            return _quotient(_product([amount, rate]), 10_000, setting.rounding)
        case "_/_", [amount, (low, high)] if low == high > 0:
            return _quotient(amount, low, "down")
        case "_%_", [_, (low, high)] if low == high != 0:
            return 1 - abs(low), abs(low) - 1
        case "size", _:
            return 0, INT64_MAX
        case _:
            return WIDEST


def _band(node: Call, setting: Setting, known: Mapping[str, Interval]) -> Interval:
    results = node.arguments[-1]
    if not isinstance(results, ListLiteral):
        return WIDEST
    parts = [bounds_of(item, setting, known) for item in results.items]
    return min(low for low, _ in parts), max(high for _, high in parts)


def _product(parts: list[Interval]) -> Interval:
    corners = [left * right for left in parts[0] for right in parts[1]]
    return min(corners), max(corners)


def _quotient(interval: Interval, divisor: int, rounding: str) -> Interval:
    return rounded_quotient(interval[0], divisor, rounding), rounded_quotient(interval[1], divisor, rounding)


_BUILDERS: Mapping[str, Callable[[list[Interval]], Interval]] = {
    "_+_": lambda parts: (sum(low for low, _ in parts), sum(high for _, high in parts)),
    "_-_": lambda parts: (parts[0][0] - parts[1][1], parts[0][1] - parts[1][0]),
    "_*_": _product,
    "-_": lambda parts: (-parts[0][1], -parts[0][0]),
    "min": lambda parts: (min(low for low, _ in parts), min(high for _, high in parts)),
    "max": lambda parts: (max(low for low, _ in parts), max(high for _, high in parts)),
}
