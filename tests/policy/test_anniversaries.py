"""An age compared with a number, as one comparison of days: the same answer for every pair of days."""

from datetime import date

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from siwei.policy.language import compile as compiling
from siwei.policy.language.anniversaries import as_comparison, latest_start
from siwei.policy.language.compiled import Context
from siwei.policy.language.functions import years_between
from siwei.policy.language.tree import AsOf, Attribute, Call, Literal
from siwei.policy.language.types import BOOL, DATE, INT

days = st.dates(date(1900, 1, 1), date(2100, 12, 31)) | st.sampled_from(
    [date(year, 2, day) for year in (1999, 2000, 2024, 2026) for day in (27, 28)]
    + [date(2000, 2, 29), date(2024, 2, 29)]
)
MEANING = {"_>=_": int.__ge__, "_>_": int.__gt__, "_<_": int.__lt__, "_<=_": int.__le__}


def condition(function: str, count: int) -> Call:
    years = Call("years_between", (Attribute("born", DATE, 0), AsOf(DATE, 0)), INT, 0)
    return Call(function, (years, Literal(count, INT, 0)), BOOL, 0)


@pytest.mark.parametrize("function", MEANING)
@given(as_of=days, born=st.lists(days | st.none(), min_size=1, max_size=10), count=st.integers(-5, 150))
@example(as_of=date(2025, 2, 28), born=[date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)], count=1)
@example(as_of=date(2024, 2, 29), born=[date(2023, 2, 28), date(2023, 3, 1)], count=1)
@example(as_of=date(2024, 2, 28), born=[date(2020, 2, 28), date(2020, 2, 29)], count=4)
def test_the_same_answers(function: str, as_of: date, born: list[date | None], count: int) -> None:
    node = condition(function, count)
    simpler = as_comparison(node, as_of)
    assert simpler is not None
    assert simpler.function in ("_<=_", "_>_")
    plan = compiling.Plan()
    value = plan.add(node, Context(as_of)).value
    found = plan.apply(pl.LazyFrame({"born": pl.Series(born, dtype=pl.Date)}), [value.alias("found")]).collect()
    expected = [None if day is None else MEANING[function](years_between(day, as_of), count) for day in born]
    assert found["found"].to_list() == expected


def test_what_is_not_of_the_shape_is_left_alone() -> None:
    years = Call("years_between", (Attribute("born", DATE, 0), AsOf(DATE, 0)), INT, 0)
    other = Call("years_between", (Attribute("born", DATE, 0), Attribute("left", DATE, 0)), INT, 0)
    day = date(2026, 11, 23)
    assert as_comparison(condition("_==_", 5), day) is None
    assert as_comparison(Call("_>=_", (other, Literal(5, INT, 0)), BOOL, 0), day) is None
    assert as_comparison(Call("_>=_", (years, years), BOOL, 0), day) is None
    assert latest_start(day, 3000) is None
    assert as_comparison(condition("_>=_", 3000), day) is None
