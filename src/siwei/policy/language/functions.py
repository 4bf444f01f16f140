"""Our functions as CEL's checker and interpreter see them: what they mean, in plain Python, and their declarations.

The Python meaning is the definition; the compiled one is compared with it row by row in the tests.
"""

import calendar
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from cel_expr_python import cel

from siwei.policy.language.overloads import MOST_EXTREMES
from siwei.policy.language.size_classes import MEASURES, SizeClasses

ROUNDING_FUNCTIONS: Mapping[str, str] = {
    "round_down": "down", "round_up": "up", "round_half_up": "half_up", "round_half_even": "half_even",
}  # fmt: skip


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


def share(mode: str, amount: int, numerator: int, denominator: int) -> int:
    """`amount` times `numerator` / `denominator`: the product exact, the quotient rounded once."""
    if denominator <= 0:
        raise ValueError("share needs a denominator above zero")
    return rounded_quotient(amount * numerator, denominator, mode)


def basis_points(mode: str, amount: int, rate: int) -> int:
    return share(mode, amount, rate, 10_000)


def rounded(mode: str, amount: int, multiple: int) -> int:
    """`amount` to a multiple of `multiple`."""
    if multiple <= 0:
        raise ValueError("what is rounded to must be above zero")
    return rounded_quotient(amount, multiple, mode) * multiple


def reaches(part: int, whole: int, rate: int) -> bool:
    """Whether `part` is at least `rate` basis points of `whole`, exactly. Of nothing there is no share."""
    if whole <= 0:
        raise ValueError("a share of nothing")
    return part * 10_000 >= whole * rate


def clamp(value: int, least: int, most: int) -> int:
    if least > most:
        raise ValueError("the least is above the most")
    return max(least, min(value, most))


def years_between(start: datetime, end: datetime) -> int:
    """Whole years; 29 February counts as reached on 28 February of a common year."""
    leap = end.year % 4 == 0 and (end.year % 100 != 0 or end.year % 400 == 0)
    end_day = 29 if (end.month, end.day) == (2, 28) and not leap else end.day
    return end.year - start.year - ((end.month, end_day) < (start.month, start.day))


def months_between(start: datetime, end: datetime) -> int:
    """Whole months; a day that the month lacks counts as reached on its last day."""
    last = calendar.monthrange(end.year, end.month)[1]
    reached = end.day >= start.day or end.day == last
    return (end.year - start.year) * 12 + end.month - start.month - (not reached)


def days_between(start: datetime, end: datetime) -> int:
    return end.toordinal() - start.toordinal()


def band(subject: int, limits: list[int], results: list[int]) -> int:
    """The result beside the first limit that is not below `subject`; past them all, the last result."""
    if len(results) != len(limits) + 1:
        raise ValueError("band needs one more result than limits")
    return next((result for limit, result in zip(limits, results, strict=False) if subject <= limit), results[-1])


def definitions(rounding: str) -> dict[str, Callable[..., int | bool]]:
    """The functions by name, for a programme whose divisions round by `rounding`."""
    return {
        "share": partial(share, rounding),
        "basis_points": partial(basis_points, rounding),
        **{name: partial(rounded, mode) for name, mode in ROUNDING_FUNCTIONS.items()},
        "reaches": reaches,
        "clamp": clamp,
        "min": min,
        "max": max,
        "years_between": years_between,
        "months_between": months_between,
        "days_between": days_between,
        "band": band,
    }


def declarations(rounding: str, size_classes: SizeClasses | None = None) -> list[cel.FunctionDecl]:
    """The functions of a programme whose divisions round by `rounding`; `band` by a table is for the check alone."""
    integer, integers = cel.Type.INT, cel.Type.List(cel.Type.INT)
    moment = cel.Type.TIMESTAMP
    extremes = [[integer] * count for count in range(2, MOST_EXTREMES + 1)]
    parameters: dict[str, list[list[cel.Type]]] = {
        "share": [[integer] * 3],
        "basis_points": [[integer] * 2],
        **{name: [[integer] * 2] for name in ROUNDING_FUNCTIONS},
        "reaches": [[integer] * 3],
        "clamp": [[integer] * 3],
        "min": extremes,
        "max": extremes,
        **{name: [[moment] * 2] for name in ("years_between", "months_between", "days_between")},
        "band": [[integer, integers, integers], [integer, integers]],
    }
    declared = [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(
                    f"{name}_{len(kinds)}", cel.Type.BOOL if name == "reaches" else integer, kinds, False, meaning
                )
                for kinds in parameters[name]
            ],
        )
        for name, meaning in definitions(rounding).items()
    ]
    counts = range(2, len(MEASURES) + 1)
    meaning = None if size_classes is None else size_classes.find_class
    sizes = [
        cel.Overload(f"size_class_{count}", cel.Type.STRING, [cel.Type.STRING, *[integer] * count], False, meaning)
        for count in counts
    ]
    return [*declared, cel.FunctionDecl("size_class", sizes)]
