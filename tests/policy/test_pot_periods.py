"""The days a pot's period spans, and which periods are weighed with one another."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.policy.pot_periods import Span, are_weighed, is_weighed_on, span_of


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-H2", "2026-07-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-07..2027-06", "2026-07-01", "2027-06-30"),
        ("2026..2028", "2026-01-01", "2028-12-31"),
        ("2999", "2999-01-01", "2999-12-31"),
    ],
)
def test_a_period_says_its_days(period: str, first: str, last: str) -> None:
    assert span_of(period) == Span(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("period", ["", "26", "2026-13", "2026-Q5", "2026-H0", "2026-11-01", "2027..2026", "..",
                                    "x" * 400, "2026..", "２０２６", "0026", "9999", "2026\n"])  # fmt: skip
def test_what_says_no_days_is_refused(period: str) -> None:
    with pytest.raises(InputError):
        span_of(period)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2026", "2026", True),
        ("2026", "2027", False),
        ("2026-10", "2026-11", True),
        ("2026-Q4", "2027-01", False),
        ("2025-07..2026-06", "2026-07..2027-06", False),
        ("2025-07..2026-06", "2026-12", True),
        ("2026-07..2027-06", "2027-H2", True),
        ("2026-11..2027-02", "2027", True),
        ("special", "2026", True),
    ],
)
def test_awards_of_one_year_are_weighed(one: str, other: str, expected: bool) -> None:
    assert (are_weighed(one, other), are_weighed(other, one)) == (expected, expected)


def test_a_day_is_weighed_with_what_counts_in_its_year() -> None:
    day = date(2026, 11, 23)
    assert [is_weighed_on(each, day) for each in ("2026", "2026-01", "2025", "2026-07..2027-06", "odd")] == [
        True, True, False, True, True,
    ]  # fmt: skip


@given(year=st.integers(1900, 2990), month=st.integers(1, 12), months=st.integers(0, 40))
def test_the_year_a_span_counts_in_holds_it(year: int, month: int, months: int) -> None:
    end = year * 12 + month - 1 + months
    span = span_of(f"{year}-{month:02}..{end // 12}-{end % 12 + 1:02}")
    assert span.first <= span.last
    assert span.year.first <= span.first
    assert span.year.last >= span.last
    assert (span.last + timedelta(days=1)).day == 1
