"""Exact arithmetic. Polars wraps 64-bit integers silently and floors its division; CEL fails on overflow and
truncates.

Integers are widened to 128 bits, where no operation below can overflow, and narrowed again with a check: out of range
becomes null, which `strict(can_fail=True)` reads as an error.
"""

import operator
from collections.abc import Callable

import polars as pl

from siwei.policy.language.compiled import Builder, Compiled, Context, strict
from siwei.policy.language.types import INT64_MAX, INT64_MIN, UINT64_MAX

Operation = Callable[[pl.Expr, pl.Expr], pl.Expr]
INTEGER_OPERATIONS: dict[str, Operation] = {"_+_": operator.add, "_-_": operator.sub, "_*_": operator.mul}
DOUBLE_OPERATIONS: dict[str, Operation] = {**INTEGER_OPERATIONS, "_/_": operator.truediv}


def wide(expression: pl.Expr) -> pl.Expr:
    return expression.cast(pl.Int128)


def narrow(expression: pl.Expr, dtype: type[pl.Int64] | type[pl.UInt64] = pl.Int64) -> pl.Expr:
    """Null where the value does not fit."""
    return expression.cast(dtype, strict=False)


def _range_that_fits(operation: Operation, constant: int, constant_is_left: bool) -> tuple[int, int]:
    """The least and the largest operand whose result beside a constant is within 64 bits."""
    if operation is operator.add:
        ends = INT64_MIN - constant, INT64_MAX - constant
    elif operation is operator.sub and constant_is_left:
        ends = constant - INT64_MAX, constant - INT64_MIN
    elif operation is operator.sub:
        ends = INT64_MIN + constant, INT64_MAX + constant
    elif constant == 0:
        ends = INT64_MIN, INT64_MAX
    elif constant > 0:
        ends = -(-INT64_MIN // constant), INT64_MAX // constant
    else:
        ends = -(INT64_MAX // -constant), -INT64_MIN // -constant
    return max(ends[0], INT64_MIN), min(ends[1], INT64_MAX)


def integer_operation(operation: Operation) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        constants = [argument.constant for argument in arguments]
        if (constants[0] is None) != (constants[1] is None):
            # Beside a constant the range is known beforehand, and 64 bits do: a third of the time of 128.
            constant, operand = (constants[1], 0) if constants[0] is None else (constants[0], 1)
            assert isinstance(constant, int)
            lowest, highest = _range_that_fits(operation, constant, constant_is_left=operand == 1)
            fits = arguments[operand].value.is_between(lowest, highest)
            exact = operation(arguments[0].value, arguments[1].value)
            return strict(arguments, pl.when(fits).then(exact), can_fail=True)
        left, right = (wide(argument.value) for argument in arguments)
        return strict(arguments, narrow(operation(left, right)), can_fail=True)

    return build


def unsigned_operation(name: str) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        left, right = (wide(argument.value) for argument in arguments)
        value = narrow(INTEGER_OPERATIONS[name](left, right), pl.UInt64)
        if name == "_*_":
            # The one product that 128 signed bits cannot hold: two unsigned of 64 bits.
            fits = (left == 0) | (right <= pl.lit(UINT64_MAX, dtype=pl.Int128) // left)
            value = pl.when(fits).then(value)
        return strict(arguments, value, can_fail=True)

    return build


def double_operation(operation: Operation) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        left, right = arguments
        return strict(arguments, operation(_spread(left, right), _spread(right, left)))

    return build


def _spread(side: Compiled, other: Compiled) -> pl.Expr:
    """A constant as a column, because beside a scalar Polars takes short cuts that are not IEEE arithmetic: it divides
    by multiplying with the inverse, and gives back `x + 0.0` as `x`, so that -0.0 would keep its sign."""
    if side.constant is None or other.constant is not None:
        return side.value
    # Not `when … then`: where its condition is true throughout, that is a scalar again.
    return other.value.is_not_null().cast(pl.Float64) * side.value


def truncated_quotient(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Toward zero, null where `right` is zero; both of 128 bits."""
    floored = left // right
    remainder = left - floored * right
    return pl.when((remainder != 0) & ((left < 0) != (right < 0))).then(floored + 1).otherwise(floored)


def integer_division(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    divisor = arguments[1].constant
    if isinstance(divisor, int) and divisor > 0 and arguments[0].constant is None:
        dividend = arguments[0].value
        floored = dividend // divisor
        # The product may wrap below the smallest integer; it then differs from the dividend too.
        quotient = pl.when((dividend < 0) & (floored * divisor != dividend)).then(floored + 1).otherwise(floored)
        return strict(arguments, quotient)
    left, right = (wide(argument.value) for argument in arguments)
    return strict(arguments, narrow(truncated_quotient(left, right)), can_fail=True)


def integer_modulus(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """The sign of the dividend; the smallest integer modulo -1 is an overflow, as in cel-cpp."""
    left, right = (wide(argument.value) for argument in arguments)
    remainder = left - truncated_quotient(left, right) * right
    overflows = (left == INT64_MIN) & (right == -1)
    return strict(arguments, narrow(pl.when(~overflows).then(remainder)), can_fail=True)


def unsigned_division(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    left, right = (wide(argument.value) for argument in arguments)
    return strict(arguments, narrow(left // right, pl.UInt64), can_fail=True)


def unsigned_modulus(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    left, right = (wide(argument.value) for argument in arguments)
    return strict(arguments, narrow(left - (left // right) * right, pl.UInt64), can_fail=True)


def integer_negation(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    return strict(arguments, narrow(pl.lit(0, dtype=pl.Int128) - wide(arguments[0].value)), can_fail=True)


def double_negation(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    return strict(arguments, -arguments[0].value)


def rounded_quotient_of(dividend: pl.Expr, divisor: pl.Expr, mode: str) -> pl.Expr:
    """`divisor` > 0. Modes: `down` toward zero, `up` away from zero, `half_up` halves away from zero, `half_even`."""
    quotient = truncated_quotient(dividend, divisor)
    rest = (dividend - quotient * divisor).abs()
    away = pl.when(dividend < 0).then(quotient - 1).otherwise(quotient + 1)
    match mode:
        case "up":
            moves = rest > 0
        case "half_up":
            moves = rest * 2 >= divisor
        case "half_even":
            moves = (rest * 2 > divisor) | ((rest * 2 == divisor) & (quotient % 2 != 0))
        case _:
            return quotient
    return pl.when(moves).then(away).otherwise(quotient)


def round_to_multiple(amount: pl.Expr, multiple: int, mode: str) -> pl.Expr:
    """An amount cut to a multiple by the declared mode; Int64, null where it does not fit."""
    if multiple == 1:
        return amount
    step = pl.lit(multiple, dtype=pl.Int128)
    return narrow(rounded_quotient_of(wide(amount), step, mode) * step)


def share(arguments: tuple[Compiled, ...], context: Context) -> Compiled:
    """`share(amount, numerator, denominator)`: the product is exact, the quotient rounded by the programme's mode."""
    part, top, bottom = (argument.constant for argument in arguments)
    if part is None and isinstance(top, int) and isinstance(bottom, int) and context.rounding == "down":
        within = 0 <= top <= bottom and bottom > 0 and top * bottom <= INT64_MAX
        if within:
            return strict(arguments, _share_within(arguments[0].value, top, bottom))
    amount, numerator, denominator = (wide(argument.value) for argument in arguments)
    quotient = rounded_quotient_of(amount * numerator, denominator, context.rounding)
    if isinstance(arguments[2].constant, int) and arguments[2].constant > 0:
        return strict(arguments, narrow(quotient), can_fail=True)
    return strict(arguments, narrow(pl.when(denominator > 0).then(quotient)), can_fail=True)


def _share_within(amount: pl.Expr, numerator: int, denominator: int) -> pl.Expr:
    """amount × numerator ÷ denominator toward zero, for 0 ≤ numerator ≤ denominator whose product is within 64 bits:
    the amount is cut into whole denominators and a rest, so that no step leaves 64 bits."""
    whole = amount // denominator
    rest = (amount - whole * denominator) * numerator
    of_rest = rest // denominator
    floored = whole * numerator + of_rest
    return pl.when((amount < 0) & (of_rest * denominator != rest)).then(floored + 1).otherwise(floored)


def basis_points(arguments: tuple[Compiled, ...], context: Context) -> Compiled:
    """`basis_points(amount, rate)` is `share(amount, rate, 10000)`."""
    ten_thousand = Compiled(pl.lit(10_000, dtype=pl.Int64), constant=10_000)
    return share((*arguments, ten_thousand), context)


def extreme(largest: bool) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        values = [argument.value for argument in arguments]
        # The horizontal functions skip nulls; here one that is not known leaves the answer not known.
        all_known = pl.all_horizontal([value.is_not_null() for value in values])
        chosen = pl.max_horizontal(values) if largest else pl.min_horizontal(values)
        return strict(arguments, pl.when(all_known).then(chosen))

    return build


def band(limit_count: int) -> Builder:
    """`band(value, limits, results)`: the result of the first limit that `value` does not pass, else the last one."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        subject, limits, results = arguments[0], arguments[1 : 1 + limit_count], arguments[1 + limit_count :]
        chosen = results[-1].value
        for limit, result in zip(reversed(limits), reversed(results[:-1]), strict=True):
            chosen = pl.when(subject.value <= limit.value).then(result.value).otherwise(chosen)
        all_known = pl.all_horizontal([argument.value.is_not_null() for argument in arguments])
        return strict(arguments, pl.when(all_known).then(chosen))

    return build
