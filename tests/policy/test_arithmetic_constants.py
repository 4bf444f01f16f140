"""Arithmetic beside a constant takes a shorter way in 64 bits: at every edge it must say what whole numbers say."""

import operator
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siwei.policy.language import arithmetic
from siwei.policy.language.compiled import Compiled, Context
from siwei.policy.language.functions import rounded_quotient

DAY = date(2026, 3, 1)
SMALLEST, LARGEST = -(2**63), 2**63 - 1
OPERATIONS: dict[str, Callable[[int, int], int]] = {"_+_": operator.add, "_-_": operator.sub, "_*_": operator.mul}
edges = st.sampled_from([SMALLEST, SMALLEST + 1, -(2**62), -10_000, -1, 0, 1, 3, 10_000, 2**62, LARGEST - 1, LARGEST])
integers = st.integers(SMALLEST, LARGEST) | edges
constants = integers | st.integers(-20_000, 20_000)


def literal(value: int) -> Compiled:
    return Compiled(pl.lit(value, dtype=pl.Int64), constant=value)


def answers(result: Compiled, values: list[int | None]) -> list[int | str | None]:
    """The value, `error` or None for unknown, row by row."""
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Int64)})
    error = pl.lit(False) if result.error is None else result.error
    rows = frame.select(value=result.value, error=error).rows()
    return ["error" if failed else value for value, failed in rows]


def column() -> Compiled:
    return Compiled(pl.col("x"), unknown={"x": pl.col("x").is_null()})


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("constant_is_left", [False, True])
@given(constant=constants, values=st.lists(integers | st.none(), min_size=1, max_size=8))
@example(constant=-1, values=[SMALLEST, SMALLEST + 1, LARGEST])
@example(constant=SMALLEST, values=[SMALLEST, -1, 0, 1, LARGEST])
def test_operations(name: str, constant_is_left: bool, constant: int, values: list[int | None]) -> None:
    pair = (literal(constant), column()) if constant_is_left else (column(), literal(constant))
    expected: list[int | str | None] = []
    for value in values:
        if value is None:
            expected.append(None)
            continue
        left, right = (constant, value) if constant_is_left else (value, constant)
        exact = OPERATIONS[name](left, right)
        expected.append(exact if SMALLEST <= exact <= LARGEST else "error")
    assert (
        answers(arithmetic.integer_operation(arithmetic.INTEGER_OPERATIONS[name])(pair, Context(DAY)), values)
        == expected
    )


@given(divisor=st.integers(1, LARGEST) | st.integers(1, 20_000), values=st.lists(integers | st.none(), min_size=1))
@example(divisor=10, values=[SMALLEST, SMALLEST + 1, -11, -10, -9, 9, 10, LARGEST])
@example(divisor=LARGEST, values=[SMALLEST, -LARGEST, LARGEST])
def test_division(divisor: int, values: list[int | None]) -> None:
    expected = [None if value is None else rounded_quotient(value, divisor, "down") for value in values]
    found = arithmetic.integer_division((column(), literal(divisor)), Context(DAY))
    assert answers(found, values) == expected


@pytest.mark.parametrize("mode", ["down", "up", "half_up", "half_even"])
@settings(deadline=None)
@given(
    numerator=st.integers(0, 20_000) | integers,
    denominator=st.integers(1, 20_000) | st.integers(1, LARGEST),
    values=st.lists(integers | st.none(), min_size=1, max_size=8),
)
@example(numerator=10_000, denominator=10_000, values=[SMALLEST, -1, 0, LARGEST])
@example(numerator=9_999, denominator=10_000, values=[SMALLEST, SMALLEST + 1, -10_001, -1, 1, LARGEST])
@example(numerator=0, denominator=1, values=[SMALLEST, LARGEST, None])
def test_shares(mode: str, numerator: int, denominator: int, values: list[int | None]) -> None:
    expected: list[int | str | None] = []
    for value in values:
        exact = None if value is None else rounded_quotient(value * numerator, denominator, mode)
        expected.append("error" if exact is not None and not SMALLEST <= exact <= LARGEST else exact)
    found = arithmetic.share(
        (column(), literal(numerator), literal(denominator)), Context(DAY, rounding=mode)
    )  # fmt: skip
    assert answers(found, values) == expected
    known = [value for value in values if value is not None]
    if known:
        bounded = replace(column(), bounds=(min(known), max(known)))
        shares = arithmetic.share((bounded, literal(numerator), literal(denominator)), Context(DAY, rounding=mode))
        assert answers(shares, values) == expected
        assert shares.bounds is None or all(
            shares.bounds[0] <= each <= shares.bounds[1] for each in expected if isinstance(each, int)
        )
        # The numerator as a column of which only the bounds are known.
        spread = replace(literal(numerator), constant=None, bounds=(min(numerator, 0), max(numerator, 0)))
        assert (
            answers(arithmetic.share((bounded, spread, literal(denominator)), Context(DAY, rounding=mode)), values)
            == expected
        )
