"""Days in several forms; the impossible and the future are problems."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.firms.dates import EPOCH, parse_days

TODAY = date(2026, 11, 23)
FORMS = (
    "{0:%Y-%m-%d}",
    "{0:%Y/%m/%d}",
    "{0.year}/{0.month}/{0.day}",
    "{0.year}.{0.month}.{0.day}",
    "{0.year}年{0.month}月{0.day}日",
    "{0:%Y%m%d}",
    "{0:%Y-%m-%d} 00:00:00",
    "{0:%Y-%m-%d}T08:00:00Z",
    " {0:%Y-%m-%d} ",
)


def parse_one(text: str | None, today: date | None = TODAY) -> tuple[date | None, str | None]:
    return parse_days(pl.Series([text], dtype=pl.String), today=today).row(0)


@given(st.dates(date(1800, 1, 1), TODAY).filter(lambda day: day != EPOCH), st.sampled_from(FORMS))
def test_every_form_of_every_day(day: date, form: str) -> None:
    assert parse_one(form.format(day)) == (day, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2012-02-30", "date '2012-02-30' does not exist in the calendar"),
        ("2026-11-24", "date '2026-11-24' is in the future"),
        ("1970-01-01", "date '1970-01-01' is what a database writes for an empty clock"),
        ("1799-12-31", "date '1799-12-31' is before 1800"),
        ("x", "date 'x' cannot be read; write YYYY-MM-DD"),
        ("2012", "date '2012' cannot be read; write YYYY-MM-DD"),
        ("13/12/2012", "date '13/12/2012' cannot be read; write YYYY-MM-DD"),
    ],
)
def test_problems(text: str, problem: str) -> None:
    assert parse_one(text) == (None, problem)


@pytest.mark.parametrize("text", [None, "", "未知", "-"])
def test_nothing_stated(text: str | None) -> None:
    assert parse_one(text) == (None, None)


def test_a_spreadsheets_day_number() -> None:
    assert parse_one("43586") == (date(2019, 5, 1), None)
    assert parse_one("43586.0") == (date(2019, 5, 1), None)


def test_the_future_is_let_through_where_it_is_meant() -> None:
    assert parse_one("2027-01-01", today=None) == (date(2027, 1, 1), None)
