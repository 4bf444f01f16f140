"""The days a pot's period spans, as its name declares them, and which pots are weighed with one another.

2026                the calendar year
2026-H1, 2026-Q3    half a year, a quarter
2026-11             a month
2026-07..2027-06     from the first day of the first to the last day of the second; either may be any of the above
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from siwei.errors import InputError, Problem, Said

PART = re.compile(
    r"(?P<year>(?:19|2[0-9])[0-9]{2})(?:-(?:(?P<month>0[1-9]|1[0-2])|H(?P<half>[12])|Q(?P<quarter>[1-4])))?"
)
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Span:
    """Both days belong to it."""

    first: date
    last: date

    @property
    def year(self) -> "Span":
        """What an award of the span counts in: the span itself from a year on, a shorter one with its calendar year
        (two where it lies in two)."""
        if self.last >= _after(self.first, MONTHS) - timedelta(days=1):
            return self
        return Span(date(self.first.year, 1, 1), date(self.last.year, 12, 31))

    def overlaps(self, other: "Span") -> bool:
        return self.first <= other.last and other.first <= self.last

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


def span_of(period: str) -> Span:
    """Raises InputError for a name that declares no span."""
    first, separator, second = period.partition("..")
    parts = [PART.fullmatch(each) for each in ((first, second) if separator else (first,))]
    if any(part is None for part in parts):
        fix = Said(
            "a year, half, quarter or month, or two of them: 2026, 2026-H1, 2026-Q3, 2026-11, 2026-07..2027-06",
            "年、半年、季度或月，或其中两个：2026、2026-H1、2026-Q3、2026-11、2026-07..2027-06",
        )
        raise InputError(
            [Problem(Said(f"{period!r:.40} declares no days", f"{period!r:.40} 没有写明日期"), fix, field="period")]
        )
    spans = [_of_part(part) for part in parts if part is not None]
    span = Span(spans[0].first, spans[-1].last)
    if span.first > span.last:
        problem = Problem(
            Said(f"{period!r} ends before it begins", f"{period!r} 结束早于开始"),
            Said("the earlier first", "较早的写在前面"),
            field="period",
        )
        raise InputError([problem])
    return span


def are_weighed(one: str, other: str, /) -> bool:
    """Whether awards from pots of the two periods stand beside one another: where the years they count in meet. A name
    from before spans were declared is weighed with all: too careful rather than too generous."""
    try:
        return span_of(one).year.overlaps(span_of(other).year)
    except InputError:
        return True


def is_weighed_on(period: str, day: date) -> bool:
    """The same of a day in place of a period."""
    try:
        return span_of(period).year.holds(day)
    except InputError:
        return True


def _of_part(part: re.Match[str]) -> Span:
    year, months = int(part["year"]), 12
    begins = 1
    if part["month"]:
        begins, months = int(part["month"]), 1
    elif part["half"]:
        begins, months = 6 * int(part["half"]) - 5, 6
    elif part["quarter"]:
        begins, months = 3 * int(part["quarter"]) - 2, 3
    first = date(year, begins, 1)
    return Span(first, _after(first, months) - timedelta(days=1))


def _after(day: date, months: int) -> date:
    """The same day so many months later, of a day that every month has: the first."""
    count = day.year * MONTHS + day.month - 1 + months
    year, month = divmod(count, MONTHS)
    return date(year, month + 1, day.day)
