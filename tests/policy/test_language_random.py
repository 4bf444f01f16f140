"""Random expressions over random rows: the compiled columns against cel-cpp's interpreter, row by row."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.policy.language.check import Checker

from .expressions import ATTRIBUTES, VALUES, expression, rows
from .interpreter import Answer, compute, interpret

CHECKERS = {mode: Checker(ATTRIBUTES, rounding=mode) for mode in ("down", "up", "half_up", "half_even")}
kinds = st.sampled_from(["int", "double", "string", "bool", "bool"])
any_expression = kinds.flatmap(lambda kind: expression(kind, 3))


@settings(max_examples=250, deadline=None)
@given(any_expression, st.lists(rows(may_miss=False), min_size=1, max_size=5), st.sampled_from(sorted(CHECKERS)))
def test_known_rows_give_the_interpreters_value_or_error(text: str, table: list[dict[str, object]], mode: str) -> None:
    checker = CHECKERS[mode]
    expected = [interpret(checker, text, row) for row in table]
    assert compute(checker, text, table, ATTRIBUTES, mode) == expected


@settings(max_examples=250, deadline=None)
@given(any_expression, st.lists(rows(), min_size=1, max_size=5))
def test_missing_facts_are_absorbed_where_the_interpreter_absorbs_them(
    text: str, table: list[dict[str, object]]
) -> None:
    checker = CHECKERS["down"]
    for answer, row in zip(compute(checker, text, table, ATTRIBUTES), table, strict=True):
        oracle = interpret(checker, text, row)
        assert (answer == oracle) if oracle.status == "ok" else answer.status in ("unknown", "error")


@settings(max_examples=250, deadline=None)
@given(any_expression, rows(), st.data())
def test_what_is_missing_decides_and_what_is_not_missing_does_not_matter(
    text: str, row: dict[str, object], data: st.DataObject
) -> None:
    checker = CHECKERS["down"]
    (answer,) = compute(checker, text, [row], ATTRIBUTES)
    absent = [name for name, value in row.items() if value is None]
    assert set(answer.missing) <= set(absent)
    filled = {name: data.draw(VALUES[ATTRIBUTES[name].kind]) for name in absent}
    if answer.status == "unknown":
        supplied = {**row, **{name: filled[name] for name in answer.missing}}
        assert compute(checker, text, [supplied], ATTRIBUTES)[0].status != "unknown"
    else:
        assert compute(checker, text, [{**row, **filled}], ATTRIBUTES) == [answer]


@pytest.mark.parametrize("text", ["9223372036854775807 + a", "a * b", "-a", "a - b", "a / b", "a % b"])
def test_overflow_and_division_by_zero_are_errors(text: str) -> None:
    table: list[dict[str, object]] = [
        dict.fromkeys(ATTRIBUTES) | {"a": a, "b": b}
        for a in (-(2**63), -1, 0, 1, 2**63 - 1)
        for b in (-(2**63), -1, 0, 1, 2, 2**63 - 1)
    ]
    expected = [interpret(CHECKERS["down"], text, row) for row in table]
    assert compute(CHECKERS["down"], text, table, ATTRIBUTES) == expected
    assert Answer("error") in expected


@pytest.mark.parametrize("text", ["x / 3.0", "x + 0.0", "x / 2.225073858507203e-309", "0.0 - x", "x * 0.0", "1.0 / x"])
def test_doubles_are_ieee_to_the_last_bit(text: str) -> None:
    """Beside a scalar Polars multiplies by the inverse and drops a zero."""
    numbers = [0.0, -0.0, 1.0, 5.0, 0.1, -7.3, 1e308, 5e-324, float("inf"), float("nan")]
    table: list[dict[str, object]] = [dict.fromkeys(ATTRIBUTES) | {"x": number} for number in numbers]
    expected = [interpret(CHECKERS["down"], text, row) for row in table]
    assert compute(CHECKERS["down"], text, table, ATTRIBUTES) == expected
