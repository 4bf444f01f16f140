"""An expression as a straight line in one of its facts, the others fixed: to find where a comparison turns."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import floor

from siwei.policy.checks.thresholds import COMPARISONS
from siwei.policy.constants import Setting, constant_of
from siwei.policy.language.tree import AsOf, Attribute, Call, ListLiteral, Literal, Node, Parameter, walk
from siwei.policy.language.types import BOOL, INT

Line = tuple[Fraction, Fraction]
"""Slope and value at zero. Divisions are taken as exact, so a root is near the turning point and not always on it."""


def comparisons_of(tree: Node, name: str) -> list[Call]:
    """The comparisons in `tree` that read the fact `name`; `reaches` is one of products."""
    compared = (_compared(node) for node in walk(tree) if isinstance(node, Call))
    return [each for each in compared if each is not None and name in facts_of(each)]


def facts_of(comparison: Call) -> set[str]:
    return {node.name for node in walk(comparison) if isinstance(node, Attribute)}


def _compared(node: Call) -> Call | None:
    match node:
        case Call(function=function) if function in COMPARISONS:
            return node
        case Call(function="reaches", arguments=(part, whole, rate), offset=offset):
            left = Call("_*_", (part, Literal(10_000, INT, offset)), INT, offset)
            return Call("_>=_", (left, Call("_*_", (whole, rate), INT, offset)), BOOL, offset)
        case _:
            return None


def turning_points(comparison: Call, name: str, values: Mapping[str, object], setting: Setting) -> Iterator[int]:
    """Whole numbers around the place where a comparison turns as the fact `name` moves and the others stay."""
    left, right = (line_in(side, name, values, setting) for side in comparison.arguments)
    if left is None or right is None or left[0] == right[0]:
        return
    root = floor((right[1] - left[1]) / (left[0] - right[0]))
    yield from range(root - 1, root + 3)


def meeting_points(
    one: Call, other: Call, names: tuple[str, str], values: Mapping[str, object], setting: Setting
) -> Iterator[int]:
    """Whole numbers of the first fact around the places where two comparisons that both read the two facts `names` turn
    at once, all other facts fixed; none where one is no line in both, or they are parallel. A strict comparison of
    whole numbers is met one beyond its line, which moves the place by far where the lines are nearly parallel."""
    first, second = (_plane(each, names, values, setting) for each in (one, other))
    if first is None or second is None:
        return
    (a, b, c), (d, e, f) = first, second
    determinant = a * e - b * d
    if determinant == 0:
        return
    for beyond, beyond_other in product((0, 1, -1), repeat=2):
        root = floor((b * (f + beyond_other) - (c + beyond) * e) / determinant)
        yield from range(root - 1, root + 3)


def _plane(
    comparison: Call, names: tuple[str, str], values: Mapping[str, object], setting: Setting
) -> tuple[Fraction, Fraction, Fraction] | None:
    """`a, b, c` of a*x + b*y + c = 0, where the comparison turns."""
    found = []
    for beside in (0, 1):
        sides = [line_in(side, names[0], {**values, names[1]: beside}, setting) for side in comparison.arguments]
        left, right = sides
        if left is None or right is None:
            return None
        found.append((left[0] - right[0], left[1] - right[1]))
    (slope, value), (slope_beside, value_beside) = found
    # A product of both facts is no plane.
    return None if slope != slope_beside else (slope, value_beside - value, value)


def line_in(node: Node, name: str, values: Mapping[str, object], setting: Setting) -> Line | None:
    """None where the expression is no line, or reads another fact that has no whole number."""
    match node:
        case Literal() | Parameter() | AsOf():
            value = constant_of(node, setting)
        case Attribute(name=read):
            if read == name:
                return Fraction(1), Fraction(0)
            found = values.get(read)
            value = found if isinstance(found, int) else None
        case Call():
            return _call(node, name, values, setting)
        case _:
            return None
    return (Fraction(0), Fraction(value)) if isinstance(value, int) and not isinstance(value, bool) else None


def _call(node: Call, name: str, values: Mapping[str, object], setting: Setting) -> Line | None:
    if node.function == "band":
        return _band(node, name, values, setting)
    parts = [line_in(argument, name, values, setting) for argument in node.arguments]
    lines = [part for part in parts if part is not None]
    if not lines or len(lines) != len(parts):
        return None
    match node.function, lines:
        case "_+_", [left, right]:
            return left[0] + right[0], left[1] + right[1]
        case "_-_", [left, right]:
            return left[0] - right[0], left[1] - right[1]
        case "-_", [only]:
            return -only[0], -only[1]
        case "_*_", [left, right]:
            return _product(left, right)
        case "share", [amount, numerator, (slope, divisor)] if slope == 0 and divisor > 0:
            return _scaled(_product(amount, numerator), divisor)
        case "basis_points", [amount, rate]:
            return _scaled(_product(amount, rate), Fraction(10_000))
        case "_/_", [amount, (slope, divisor)] if slope == 0 and divisor != 0:
            return _scaled(amount, divisor)
        case "min" | "max", _ if all(slope == 0 for slope, _ in lines):
            chosen = min if node.function == "min" else max
            return Fraction(0), chosen(value for _, value in lines)
        case _:
            return None


def _product(left: Line, right: Line) -> Line | None:
    if left[0] != 0 and right[0] != 0:
        return None
    flat, sloped = (left, right) if left[0] == 0 else (right, left)
    return sloped[0] * flat[1], sloped[1] * flat[1]


def _scaled(line: Line | None, divisor: Fraction) -> Line | None:
    return None if line is None else (line[0] / divisor, line[1] / divisor)


def _band(node: Call, name: str, values: Mapping[str, object], setting: Setting) -> Line | None:
    """The result of the band the other facts fall in; where the fact itself chooses the band, no line."""
    match node.arguments:
        case (subject, ListLiteral(items=limits), ListLiteral(items=results)):
            line = line_in(subject, name, values, setting)
            bounds = [line_in(limit, name, values, setting) for limit in limits]
            flat = [bound for bound in bounds if bound is not None and bound[0] == 0]
            if line is None or line[0] != 0 or len(flat) != len(bounds):
                return None
            place = sum(1 for bound in flat if line[1] > bound[1])
            return line_in(results[place], name, values, setting)
        case _:
            return None
