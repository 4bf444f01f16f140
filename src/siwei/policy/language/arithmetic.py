"""Exact arithmetic. Polars wraps 64-bit integers silently and floors its division; CEL fails on overflow and
truncates.

Integers are widened to 128 bits, where no operation below can overflow, and narrowed again with a check: out of range
becomes null, which `strict(can_fail=True)` reads as an error. Where the bounds of the operands prove that nothing can
leave 64 bits, neither is needed.
"""

import operator
from collections.abc import Callable

import polars as pl

from siwei.policy.language.compiled import Bounds, Builder, Compiled, Context, bounds_of, hull, strict
from siwei.policy.language.types import INT64_MAX, INT64_MIN, UINT64_MAX

Operation = Callable[[pl.Expr, pl.Expr], pl.Expr]
INTEGER_OPERATIONS: dict[str, Operation] = {"_+_": operator.add, "_-_": operator.sub, "_*_": operator.mul}
DOUBLE_OPERATIONS: dict[str, Operation] = {**INTEGER_OPERATIONS, "_/_": operator.truediv}


def wide(expression: pl.Expr) -> pl.Expr:
    return expression.cast(pl.Int128)


def narrow(expression: pl.Expr, dtype: type[pl.Int64] | type[pl.UInt64] = pl.Int64) -> pl.Expr:
    """Null where the value does not fit."""
    return expression.cast(dtype, strict=False)


WHOLE_RANGE = (INT64_MIN, INT64_MAX)
HALF_RANGE = (-(2**62), 2**62)
"""Dividing within it, no step on the way leaves 64 bits."""


def _bounds_after(operation: Operation, left: Compiled, right: Compiled) -> Bounds:
    """Of the exact result, which may lie beyond 64 bits."""
    ends = [bounds_of(side) or WHOLE_RANGE for side in (left, right)]
    results = [operation(one, other) for one in ends[0] for other in ends[1]]  # type: ignore[arg-type]
    return min(results), max(results)  # type: ignore[return-value]


def _within(bounds: Bounds, outer: Bounds) -> bool:
    return outer[0] <= bounds[0] and bounds[1] <= outer[1]


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
        reach = _bounds_after(operation, *arguments)
        if _within(reach, WHOLE_RANGE):
            return strict(arguments, operation(arguments[0].value, arguments[1].value), bounds=reach)
        reach = max(reach[0], INT64_MIN), min(reach[1], INT64_MAX)
        constants = [argument.constant for argument in arguments]
        if (constants[0] is None) != (constants[1] is None):
            # Beside a constant the range is known beforehand, and 64 bits do: a third of the time of 128.
            constant, operand = (constants[1], 0) if constants[0] is None else (constants[0], 1)
            assert isinstance(constant, int)
            lowest, highest = _range_that_fits(operation, constant, constant_is_left=operand == 1)
            fits = arguments[operand].value.is_between(lowest, highest)
            exact = operation(arguments[0].value, arguments[1].value)
            return strict(arguments, pl.when(fits).then(exact), can_fail=True, bounds=reach)
        left, right = (wide(argument.value) for argument in arguments)
        return strict(arguments, narrow(operation(left, right)), can_fail=True, bounds=reach)

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


def _quotient_by(dividend: pl.Expr, divisor: int, reach: Bounds) -> pl.Expr:
    """Toward zero, by a constant above zero, within 64 bits."""
    floored = dividend // divisor
    if reach[0] >= 0:
        return floored
    # The product may wrap below the smallest integer; it then differs from the dividend too.
    return pl.when((dividend < 0) & (floored * divisor != dividend)).then(floored + 1).otherwise(floored)


def _divided(bounds: Bounds, divisor: int) -> Bounds:
    least, most = (abs(end) // divisor * (1 if end >= 0 else -1) for end in bounds)
    return least, most


def integer_division(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    divisor = arguments[1].constant
    if isinstance(divisor, int) and divisor > 0 and arguments[0].constant is None:
        reach = bounds_of(arguments[0]) or WHOLE_RANGE
        quotient = _quotient_by(arguments[0].value, divisor, reach)
        return strict(arguments, quotient, bounds=_divided(reach, divisor))
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
    by = arguments[2].constant
    if isinstance(by, int) and by > 0:
        within = _share_within(arguments, by, context.rounding)
        if within is not None:
            return within
    amount, numerator, denominator = (wide(argument.value) for argument in arguments)
    quotient = rounded_quotient_of(amount * numerator, denominator, context.rounding)
    if isinstance(by, int) and by > 0:
        return strict(arguments, narrow(quotient), can_fail=True)
    return strict(arguments, narrow(pl.when(denominator > 0).then(quotient)), can_fail=True)


def _share_within(arguments: tuple[Compiled, ...], denominator: int, rounding: str) -> Compiled | None:
    """The same in 64 bits, where that is proven to be enough; it then cannot fail."""
    amount, numerator = arguments[0].value, arguments[1].value
    product = _bounds_after(operator.mul, arguments[0], arguments[1])
    if _within(product, HALF_RANGE) and denominator <= HALF_RANGE[1]:
        if rounding == "down":
            quotient, reach = _quotient_by(amount * numerator, denominator, product), _divided(product, denominator)
            return strict(arguments, quotient, bounds=reach)
        divisor = pl.lit(denominator, dtype=pl.Int64)
        return strict(arguments, rounded_quotient_of(amount * numerator, divisor, rounding))
    least, most = bounds_of(arguments[1]) or WHOLE_RANGE
    if rounding == "down" and least >= 0 and most <= denominator and most * denominator <= INT64_MAX:
        reach = bounds_of(arguments[0]) or WHOLE_RANGE
        reach = min(reach[0], 0), max(reach[1], 0)
        return strict(arguments, _share_by_parts(amount, numerator, denominator, reach), bounds=reach)
    return None


def _share_by_parts(amount: pl.Expr, numerator: pl.Expr, denominator: int, reach: Bounds) -> pl.Expr:
    """amount × numerator ÷ denominator toward zero, for 0 ≤ numerator ≤ denominator whose product is within 64 bits:
    the amount is cut into whole denominators and a rest, so that no step leaves 64 bits."""
    whole = amount // denominator
    rest = (amount - whole * denominator) * numerator
    of_rest = rest // denominator
    floored = whole * numerator + of_rest
    if reach[0] >= 0:
        return floored
    return pl.when((amount < 0) & (of_rest * denominator != rest)).then(floored + 1).otherwise(floored)


def basis_points(arguments: tuple[Compiled, ...], context: Context) -> Compiled:
    """`basis_points(amount, rate)` is `share(amount, rate, 10000)`."""
    ten_thousand = Compiled(pl.lit(10_000, dtype=pl.Int64), constant=10_000)
    return share((*arguments, ten_thousand), context)


def extreme(largest: bool) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        values = [argument.value for argument in arguments]
        if len(values) == 2:
            # A third of the time of what follows.
            one, other = values if arguments[0].constant is None else reversed(values)
            first = one >= other if largest else one <= other
            lesser_or_greater = pl.when(first).then(one).when(~first).then(other)
            return strict(arguments, lesser_or_greater, bounds=_extreme_bounds(arguments, largest))
        # The horizontal functions skip nulls; here one that is not known leaves the answer not known.
        all_known = pl.all_horizontal([value.is_not_null() for value in values])
        chosen = pl.max_horizontal(values) if largest else pl.min_horizontal(values)
        return strict(arguments, pl.when(all_known).then(chosen), bounds=_extreme_bounds(arguments, largest))

    return build


def _extreme_bounds(arguments: tuple[Compiled, ...], largest: bool) -> Bounds:
    pick = max if largest else min
    ends = [bounds_of(argument) or WHOLE_RANGE for argument in arguments]
    return pick(least for least, _ in ends), pick(most for _, most in ends)


def band(limit_count: int) -> Builder:
    """`band(value, limits, results)`: the result of the first limit that `value` does not pass, else the last one."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        subject, limits, results = arguments[0], arguments[1 : 1 + limit_count], arguments[1 + limit_count :]
        chosen = results[-1].value
        passed = {
            limit.constant: place for place, limit in reversed([*enumerate(limits)]) if limit.constant is not None
        }
        for place, (limit, result) in reversed([*enumerate(zip(limits, results[:-1], strict=True))]):
            if limit.constant is not None and passed[limit.constant] != place:
                continue  # a limit that stands before already: nothing is left for it
            chosen = pl.when(subject.value <= limit.value).then(result.value).otherwise(chosen)
        unsure = [argument.value.is_not_null() for argument in arguments if argument.constant is None]
        if unsure:
            chosen = pl.when(pl.all_horizontal(unsure)).then(chosen)
        return strict(arguments, chosen, bounds=hull(*results))

    return build
