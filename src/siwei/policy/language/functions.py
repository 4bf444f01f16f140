"""Our functions as CEL's checker and interpreter see them: their declarations, and what they mean, in plain Python.

The Python meaning is the definition; the compiled one is compared with it row by row in the tests.
"""

from datetime import datetime

from cel_expr_python import cel

from siwei.policy.language.overloads import MOST_EXTREMES


def rounded_quotient(dividend: int, divisor: int, mode: str) -> int:
    """`divisor` > 0. `down` toward zero, `up` away from zero, `half_up` halves away from zero, `half_even`
    banker's."""
    quotient, rest = divmod(abs(dividend), divisor)
    moves = {
        "down": False,
        "up": rest > 0,
        "half_up": rest * 2 >= divisor,
        "half_even": rest * 2 > divisor or (rest * 2 == divisor and quotient % 2 == 1),
    }[mode]
    return (quotient + moves) * (-1 if dividend < 0 else 1)


def years_between(start: datetime, end: datetime) -> int:
    """Whole years; 29 February counts as reached on 28 February of a common year."""
    leap = end.year % 4 == 0 and (end.year % 100 != 0 or end.year % 400 == 0)
    end_day = 29 if (end.month, end.day) == (2, 28) and not leap else end.day
    return end.year - start.year - ((end.month, end_day) < (start.month, start.day))


def band(subject: int, limits: list[int], results: list[int]) -> int:
    """The result beside the first limit that is not below `subject`; past them all, the last result."""
    if len(results) != len(limits) + 1:
        raise ValueError("band needs one more result than limits")
    return next((result for limit, result in zip(limits, results, strict=False) if subject <= limit), results[-1])


def declarations(rounding: str) -> list[cel.FunctionDecl]:
    """The functions of a programme whose divisions round by `rounding`."""
    integer, integers = cel.Type.INT, cel.Type.List(cel.Type.INT)

    def share(amount: int, numerator: int, denominator: int) -> int:
        if denominator <= 0:
            raise ValueError("share needs a denominator above zero")
        return rounded_quotient(amount * numerator, denominator, rounding)

    def basis_points(amount: int, rate: int) -> int:
        return share(amount, rate, 10_000)

    def declare(name: str, *overloads: cel.Overload) -> cel.FunctionDecl:
        return cel.FunctionDecl(name, list(overloads))

    counts = range(2, MOST_EXTREMES + 1)
    moment = cel.Type.TIMESTAMP
    return [
        declare("share", cel.Overload("share_int_int_int", integer, [integer] * 3, False, share)),
        declare("basis_points", cel.Overload("basis_points_int_int", integer, [integer] * 2, False, basis_points)),
        declare("min", *(cel.Overload(f"min_int_{n}", integer, [integer] * n, False, min) for n in counts)),
        declare("max", *(cel.Overload(f"max_int_{n}", integer, [integer] * n, False, max) for n in counts)),
        declare("years_between", cel.Overload("years_between", integer, [moment, moment], False, years_between)),
        declare("band", cel.Overload("band_int_list_list", integer, [integer, integers, integers], False, band)),
    ]
