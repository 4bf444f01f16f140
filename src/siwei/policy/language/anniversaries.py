"""`years_between(day, as_of) >= n` as one comparison of days: what a person would write, and thirty times as fast."""

from datetime import date

from siwei.policy.language.tree import AsOf, Call, Literal
from siwei.policy.language.types import BOOL, DATE

LATEST = {"_>=_": 0, "_>_": 1, "_<_": 0, "_<=_": 1}
"""Which anniversary decides: `> n` is `>= n + 1`, and `<`, `<=` are their opposites."""


def as_comparison(node: Call, as_of: date) -> Call | None:
    """The same condition without `years_between`, or None where it is not of that shape. A day that is not known
    stays not known: both forms read the same one day."""
    match node:
        case Call(function=function, arguments=(Call(function="years_between") as years, Literal(value=count))):
            start, end = years.arguments
        case _:
            return None
    if function not in LATEST or not isinstance(count, int) or not isinstance(end, AsOf) or start.type != DATE:
        return None
    day = latest_start(as_of, count + LATEST[function])
    if day is None:
        return None
    reached = "_<=_" if function in ("_>=_", "_>_") else "_>_"
    return Call(reached, (start, Literal(day, DATE, node.offset)), BOOL, node.offset)


def latest_start(end: date, years: int) -> date | None:
    """The last day from which at least so many whole years have passed; None outside the years 1 to 9999.

    On 28 February of a common year, 29 February counts as reached (as in `years_between`).
    """
    year = end.year - years
    if not 1 <= year <= 9999:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    end_leap = end.year % 4 == 0 and (end.year % 100 != 0 or end.year % 400 == 0)
    if end.month == 2 and end.day >= 28 and (end.day == 29 or not end_leap):
        return date(year, 2, 29 if leap else 28)
    return end.replace(year=year)
