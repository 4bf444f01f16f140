from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.indicators.inequality import gini, herfindahl

AMOUNTS = st.lists(st.integers(0, 10**15), min_size=2, max_size=40).filter(sum)


@pytest.mark.parametrize(
    ("amounts", "index", "concentration"),
    [
        ([5, 5, 5, 5], Fraction(0), Fraction(1, 4)),
        ([0, 0, 0, 7], Fraction(3, 4), Fraction(1)),
        ([1, 3], Fraction(1, 4), Fraction(10, 16)),
        ([7], None, Fraction(1)),
        ([0, 0], None, None),
        ([], None, None),
    ],
)
def test_by_hand(amounts: list[int], index: Fraction | None, concentration: Fraction | None) -> None:
    assert (gini(amounts), herfindahl(amounts)) == (index, concentration)


@given(AMOUNTS)
def test_gini_is_half_the_relative_mean_difference(amounts: list[int]) -> None:
    count = len(amounts)
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    assert gini(amounts) == Fraction(differences, 2 * count * sum(amounts))


@given(AMOUNTS)
def test_bounds(amounts: list[int]) -> None:
    count = len(amounts)
    index, concentration = gini(amounts), herfindahl(amounts)
    assert index is not None and 0 <= index <= Fraction(count - 1, count)
    assert concentration is not None and Fraction(1, count) <= concentration <= 1


@given(AMOUNTS, st.integers(2, 9))
def test_scale_does_not_matter(amounts: list[int], factor: int) -> None:
    larger = [factor * amount for amount in amounts]
    assert (gini(larger), herfindahl(larger)) == (gini(amounts), herfindahl(amounts))


def test_negative_amounts_are_refused() -> None:
    for index in (gini, herfindahl):
        with pytest.raises(ValueError, match="negative"):
            index([3, -1])
