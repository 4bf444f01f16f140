"""One compiled node: a value that is null wherever it is not known to be right, and why it is not.

The status of CEL (ok, unknown, error) is kept in two bitmaps instead of a third column: `value` is null where the
status is not ok, and `error` tells the errors among those nulls. Polars propagates nulls through arithmetic and its
`&` and `|` are Kleene's, which is exactly how CEL absorbs unknowns and errors; so a clause that cannot fail costs
what plain Polars costs. CEL's own null is a value (type `null`), never a Polars null. An unknown wins over an error,
as in cel-cpp.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_

import polars as pl

NEVER: Mapping[str, pl.Expr] = {}
Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Compiled:
    """`error` is Boolean and never null; None where the node cannot fail. `unknown` says, by attribute, in which
    rows that attribute is what the result waits for (Boolean, never null); empty where the node is always known.
    `constant` is the Python value of what is the same in every row, and `fails` says that every row is in error.
    `bounds` are the least and the greatest that a whole number can be in any row, where that is proven: what is done
    within 64 bits then needs no check. Without any of `needs` the result is never known; what it waits for of those is
    then simply where they are not known, however deep they stand."""

    value: pl.Expr
    error: pl.Expr | None = None
    unknown: Mapping[str, pl.Expr] = field(default_factory=dict)
    constant: object = None
    fails: bool = False
    bounds: Bounds | None = None
    needs: frozenset[str] = frozenset()

    @property
    def is_settled(self) -> bool:
        """Whether no row can change it."""
        return self.fails or self.constant is not None

    @property
    def is_unknown(self) -> pl.Expr:
        return self.value.is_null() if self.error is None else self.value.is_null() & ~self.error


@dataclass(frozen=True, slots=True)
class Context:
    """What a compilation is for: the day, the parameters' values on it, how divisions round, the proof asked of each
    fact (0 declared, 1 documented, 2 verified), the columns the table has, and the least and greatest of its whole
    numbers where they were looked at. Contexts of one plan are of one table."""

    as_of: date
    parameters: Mapping[str, int | None] = field(default_factory=dict)
    rounding: str = "down"
    requires: int = 0
    columns: frozenset[str] = frozenset()
    ranges: Mapping[str, Bounds] = field(default_factory=dict)


Builder = Callable[[tuple[Compiled, ...], Context], Compiled]


def any_of(masks: Iterable[pl.Expr]) -> pl.Expr | None:
    found = list(masks)
    return reduce(or_, found) if found else None


def merge_unknown(*parts: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    merged: dict[str, pl.Expr] = {}
    for part in parts:
        for name, mask in part.items():
            merged[name] = merged[name] | mask if name in merged and merged[name] is not mask else mask
    return merged


def _needed(arguments: Iterable[Compiled], needs: frozenset[str]) -> dict[str, pl.Expr]:
    """What is waited for of `needs`, each of which one of the arguments needs."""
    return {name: part.unknown[name] for part in arguments for name in sorted(part.needs & needs)}


def strict(
    arguments: tuple[Compiled, ...], value: pl.Expr, can_fail: bool = False, bounds: Bounds | None = None
) -> Compiled:
    """A function of values: unknown where any argument is unknown, else in error where any is in error or it fails
    itself.

    `value` must be null wherever an argument is, and, with `can_fail`, wherever the function has no answer.
    """
    needs = frozenset().union(*(argument.needs for argument in arguments))
    unknown = merge_unknown(*(argument.unknown for argument in arguments)) | _needed(arguments, needs)
    inherited = any_of(argument.error for argument in arguments if argument.error is not None)
    may_wait = any_of(argument.is_unknown for argument in arguments if argument.unknown)
    if inherited is not None and may_wait is not None:
        inherited = inherited & ~may_wait
    if not can_fail:
        return Compiled(value, inherited, unknown, bounds=bounds, needs=needs)
    # With every argument ok, a null can only be the function's own failure; unknown or in error, it is inherited.
    failed = value.is_null() if may_wait is None else value.is_null() & ~may_wait
    return Compiled(value, failed, unknown, bounds=bounds, needs=needs)


def _connective(arguments: tuple[Compiled, ...], value: pl.Expr) -> Compiled:
    inherited = any_of(argument.error for argument in arguments if argument.error is not None)
    may_wait = any_of(argument.is_unknown for argument in arguments if argument.unknown)
    open_ = value.is_null()
    error = None
    if inherited is not None:
        error = open_ & inherited if may_wait is None else open_ & inherited & ~may_wait
    merged = merge_unknown(*(argument.unknown for argument in arguments))
    needs = arguments[0].needs.intersection(*(argument.needs for argument in arguments))
    waiting = {name: mask & open_ for name, mask in merged.items()} | _needed(arguments, needs)
    return Compiled(value, error, waiting, needs=needs)


def both(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """`&&`: false absorbs an unknown and an error, on either side."""
    left, right = arguments
    return _connective(arguments, left.value & right.value)


def either(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """`||`: true absorbs an unknown and an error, on either side."""
    left, right = arguments
    return _connective(arguments, left.value | right.value)


def bounds_of(part: Compiled) -> Bounds | None:
    constant = part.constant
    return (constant, constant) if type(constant) is int else part.bounds


def hull(*parts: Compiled) -> Bounds | None:
    """The bounds of a value that is one of them."""
    found = [bounds for part in parts if (bounds := bounds_of(part)) is not None]
    if len(found) < len(parts):
        return None
    return min(least for least, _ in found), max(most for _, most in found)


def conditional(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """`test ? then : otherwise`: only the branch taken counts. `when(null)` would take the else branch, hence two
    tests."""
    test, then, otherwise = arguments
    value = pl.when(test.value).then(then.value).when(~test.value).then(otherwise.value)
    no = pl.lit(False)
    error = None
    if any(argument.error is not None for argument in arguments):
        of_test, of_then, of_otherwise = (no if part.error is None else part.error for part in arguments)
        error = pl.when(test.value).then(of_then).when(~test.value).then(of_otherwise).otherwise(of_test)
    # Where the test itself is unknown both branches may be needed: with all that is named here, the answer is known.
    unknown = merge_unknown(
        test.unknown,
        {name: mask & test.value.fill_null(True) for name, mask in then.unknown.items()},
        {name: mask & ~test.value.fill_null(False) for name, mask in otherwise.unknown.items()},
    )
    is_unknown = Compiled(value, error).is_unknown
    # A test in error makes an error of it, whatever is missing in its branches.
    needs = test.needs | (then.needs & otherwise.needs if test.error is None else frozenset())
    waiting = {name: mask & is_unknown for name, mask in unknown.items()} | _needed(arguments, needs)
    return Compiled(value, error, waiting, bounds=hull(then, otherwise), needs=needs)
