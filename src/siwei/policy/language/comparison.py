"""Equality and order, within a type and across the numeric ones."""

import operator
from collections.abc import Callable

import polars as pl

from siwei.policy.language.compiled import Builder, Compiled, Context, strict
from siwei.policy.language.types import NUMERIC, CelType

Comparison = Callable[[pl.Expr, pl.Expr], pl.Expr]
COMPARISONS: dict[str, Comparison] = {
    "_==_": operator.eq, "_!=_": operator.ne, "_<_": operator.lt,
    "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip
MIRRORED = {"_==_": "_==_", "_!=_": "_!=_", "_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}
FEW_LITERALS = 8
ORDERED = ("bool", "int", "uint", "double", "string", "date", "timestamp", "duration")


def comparison(function: str, left: CelType, right: CelType) -> Builder | None:
    """The builder for a pair of types, or None where CEL has no such overload."""
    pair = {left.kind, right.kind}
    equality = function in ("_==_", "_!=_")
    if pair <= set(NUMERIC) or pair <= {"date", "timestamp"}:
        return _compare(function, left, right)
    if left.kind == right.kind and left.kind in ORDERED:
        return _compare(function, left, right)
    if not equality or "list" in pair:
        return None
    # Values of different types are not equal, and null equals only null: known without looking, once both are known.
    same = left.kind == right.kind
    return _constant_where_known(same if function == "_==_" else not same)


def _constant_where_known(answer: bool) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        all_known = pl.all_horizontal([argument.value.is_not_null() for argument in arguments])
        return strict(arguments, pl.when(all_known).then(pl.lit(answer)))

    return build


def _compare(function: str, left_type: CelType, right_type: CelType) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        left, right = align(arguments[0].value, left_type, arguments[1].value, right_type)
        if arguments[0].constant is None:
            value = COMPARISONS[function](left, right)
        else:
            # A literal on the left and a `when` that no row meets on the right: Polars' in-memory engine gives one row.
            value = COMPARISONS[MIRRORED[function]](right, left)
        sides = ((left, left_type, arguments[0]), (right, right_type, arguments[1]))
        is_nan = [
            side.is_nan() for side, kind, part in sides if kind.kind == "double" and not _is_ordinary(part.constant)
        ]
        if is_nan:
            # Polars calls NaN equal to itself and above everything; in CEL it is unequal to, and unordered with, all.
            answer = pl.lit(function == "_!=_")
            value = pl.when(value.is_null()).then(None).when(pl.any_horizontal(is_nan)).then(answer).otherwise(value)
        return strict(arguments, value)

    return build


def _is_ordinary(constant: object) -> bool:
    return isinstance(constant, float) and constant == constant


def align(left: pl.Expr, left_type: CelType, right: pl.Expr, right_type: CelType) -> tuple[pl.Expr, pl.Expr]:
    """Bring two comparable types to one: integers of either sign in 128 bits, any with a double as doubles, days as
    instants."""
    pair = {left_type.kind, right_type.kind}
    if len(pair) == 1:
        return left, right
    if "double" in pair:
        return left.cast(pl.Float64), right.cast(pl.Float64)
    if pair == {"int", "uint"}:
        return left.cast(pl.Int128), right.cast(pl.Int128)
    return instant(left, left_type), instant(right, right_type)


def instant(value: pl.Expr, value_type: CelType) -> pl.Expr:
    """A day as the midnight UTC it begins with."""
    return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") if value_type.kind == "date" else value


def membership(element: CelType, items: tuple[CelType, ...]) -> Builder:
    """`x in [a, b]`: strict in every item, as the list itself is; true where any item equals `x`."""

    def build(arguments: tuple[Compiled, ...], context: Context) -> Compiled:
        subject, candidates = arguments[0], arguments[1:]
        value: pl.Expr = pl.when(subject.value.is_not_null()).then(pl.lit(False))
        for item, candidate in zip(items, candidates, strict=True):
            equal = comparison("_==_", element, item)
            assert equal is not None
            value = value | equal((subject, candidate), context).value
        all_known = pl.all_horizontal([argument.value.is_not_null() for argument in arguments])
        return strict(arguments, pl.when(all_known).then(value))

    return build


def literal_membership(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """The common case, literals of the subject's own type. A few are compared one by one, in less than half the time
    that Polars takes to look them up; null stays null either way."""
    subject, candidates = arguments[0], arguments[1:]
    if 0 < len(candidates) <= FEW_LITERALS:
        return strict(arguments, pl.any_horizontal([subject.value == candidate.value for candidate in candidates]))
    return strict(arguments, subject.value.is_in([candidate.constant for candidate in candidates]))
