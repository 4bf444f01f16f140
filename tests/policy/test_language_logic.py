"""The whole table of three-valued logic, and the traps of the language one by one."""

from datetime import date
from itertools import product

import polars as pl
import pytest

from siwei.policy.language.check import Checker
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.functions import rounded_quotient
from siwei.policy.language.types import BOOL, INT, STRING, CelType

from .interpreter import AS_OF, Answer, compute

STATES = ("true", "false", "unknown", "error")
EXPRESSIONS = {"true": "true", "false": "false", "unknown": "u", "error": "1 / zero > 0"}
# left → right → what `&&` gives; an unknown wins over an error.
AND = {
    "true": {"true": "true", "false": "false", "unknown": "unknown", "error": "error"},
    "false": {"true": "false", "false": "false", "unknown": "false", "error": "false"},
    "unknown": {"true": "unknown", "false": "false", "unknown": "unknown", "error": "unknown"},
    "error": {"true": "error", "false": "false", "unknown": "unknown", "error": "error"},
}
NOT = {"true": "false", "false": "true", "unknown": "unknown", "error": "error"}
ATTRIBUTES: dict[str, CelType] = {"u": BOOL, "zero": INT, "s": STRING, "n": INT}
CHECKER = Checker(ATTRIBUTES)


def state(text: str, **facts: object) -> str:
    row: dict[str, object] = {"u": None, "zero": 0, "s": None, "n": None, **facts}
    (answer,) = compute(CHECKER, text, [row], ATTRIBUTES)
    return (answer.value or "").lower() if answer.status == "ok" else answer.status


@pytest.mark.parametrize(("left", "right"), list(product(STATES, STATES)))
def test_and_or(left: str, right: str) -> None:
    pair = f"({EXPRESSIONS[left]}) {{}} ({EXPRESSIONS[right]})"
    assert state(pair.format("&&")) == AND[left][right]
    # By De Morgan, which CEL keeps for unknowns and errors too.
    assert state(pair.format("||")) == NOT[AND[NOT[left]][NOT[right]]]


@pytest.mark.parametrize("operand", STATES)
def test_not(operand: str) -> None:
    assert state(f"!({EXPRESSIONS[operand]})") == NOT[operand]


@pytest.mark.parametrize(("test", "then", "otherwise"), list(product(STATES, STATES, STATES)))
def test_conditional_counts_only_the_branch_taken(test: str, then: str, otherwise: str) -> None:
    expected = {"true": then, "false": otherwise, "unknown": "unknown", "error": "error"}[test]
    assert state(f"({EXPRESSIONS[test]}) ? ({EXPRESSIONS[then]}) : ({EXPRESSIONS[otherwise]})") == expected


@pytest.mark.parametrize(("left", "right"), list(product(STATES, STATES)))
def test_equality_is_strict_and_an_unknown_wins(left: str, right: str) -> None:
    known = {"true", "false"}
    if {left, right} <= known:
        expected = str(left == right).lower()
    else:
        expected = "unknown" if "unknown" in (left, right) else "error"
    assert state(f"({EXPRESSIONS[left]}) == ({EXPRESSIONS[right]})") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null == null", "true"),
        ("dyn(zero) == null", "false"),
        ("dyn(n) == null", "unknown"),
        ("-7 / 2 == -3", "true"),
        ("-7 % 2 == -1", "true"),
        ("7 % -2 == 1", "true"),
        ("9223372036854775807 + 1 > 0", "error"),
        ("-9223372036854775808 / -1 > 0", "error"),
        ("-9223372036854775808 % -1 == 0", "error"),
        ("5 / zero > 0", "error"),
        ("dyn(1) == 1.0", "true"),
        ("dyn(1) == 1u", "true"),
        ("dyn(-1) < 18446744073709551615u", "true"),
        ("18446744073709551615u + 1u > 0u", "error"),
        ("4294967296u * 4294967296u > 0u", "error"),
        ("3u - 4u > 0u", "error"),
        ("0.0 / 0.0 == 0.0 / 0.0", "false"),
        ("0.0 / 0.0 != 0.0 / 0.0", "true"),
        ("1.0 / 0.0 > 1.0", "true"),
        ("size('深圳😀') == 3", "true"),
        ("'a' in ['b', 'a']", "true"),
        ("1 in []", "false"),
        ("1 in [1, 1 / zero]", "error"),
        ("'深圳市南山区'.contains('南山')", "true"),
        ("'abc'.matches('^a.c$')", "true"),
        ("timestamp('2026-11-23T00:00:00Z') == as_of", "true"),
        ("as_of - duration('24h') < as_of", "true"),
        ("timestamp('9999-12-31T00:00:00Z') + duration('48h') > as_of", "error"),
        ("int('1' == '1' ? 2.9 : 0.0) == 2", "true"),
        ("int(9.3e18) > 0", "error"),
        ("share(1, 1, zero) == 0", "error"),
        ("share(9223372036854775807, 9223372036854775807, 9223372036854775807) == 9223372036854775807", "true"),
        ("share(9223372036854775807, 2, 1) > 0", "error"),
        (
            "band(5, [5, 7], [1, 2, 3]) == 1 && band(6, [5, 7], [1, 2, 3]) == 2 && band(8, [5, 7], [1, 2, 3]) == 3",
            "true",
        ),
        ("max(n, 1) > 0", "unknown"),
    ],
)
def test_traps(text: str, expected: str) -> None:
    assert state(text) == expected


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("n > 0 && s == 'a'", ("n", "s")),
        ("u || true", ()),
        ("(u || true) && n > 0", ("n",)),
        ("u ? n > 0 : s == 'a'", ("n", "s", "u")),
        ("true ? n > 0 : s == 'a'", ("n",)),
        ("n / zero > 0", ("n",)),
    ],
)
def test_what_an_unknown_waits_for(text: str, missing: tuple[str, ...]) -> None:
    row: dict[str, object] = {"u": None, "zero": 0, "s": None, "n": None}
    (answer,) = compute(CHECKER, text, [row], ATTRIBUTES)
    assert answer == (Answer("unknown", None, missing) if missing else Answer("ok", "True"))


@pytest.mark.parametrize(("status", "requires", "known"), list(product((None, 0, 1, 2), (0, 1, 2), (True, False))))
def test_a_fact_less_proven_than_required_is_unknown(status: int | None, requires: int, known: bool) -> None:
    table = pl.DataFrame(
        {"n": [1 if known else None], "n__status": [status]}, schema={"n": pl.Int64, "n__status": pl.UInt8}
    )
    plan = Plan()
    context = Context(AS_OF, requires=requires, columns=frozenset(table.columns))
    result = plan.add(CHECKER.check("n > 0").tree, context)
    value = plan.apply(table.lazy(), [result.value.alias("value")]).collect()["value"].item()
    proven = requires == 0 or (status is not None and status >= requires)
    assert value is (True if known and proven else None)


def test_without_a_status_column_every_fact_is_only_declared() -> None:
    plan = Plan()
    result = plan.add(CHECKER.check("n > 0").tree, Context(AS_OF, requires=1, columns=frozenset({"n"})))
    frame = plan.apply(pl.LazyFrame({"n": [1]}), [result.value.alias("value"), result.unknown["n"].alias("waits")])
    assert frame.collect().to_dicts() == [{"value": None, "waits": True}]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("down", [-2, -2, -1, 1, 2, 2]),
        ("up", [-3, -3, -2, 2, 3, 3]),
        ("half_up", [-3, -3, -2, 2, 3, 3]),
        ("half_even", [-3, -2, -2, 2, 2, 3]),
    ],
)
def test_rounding_modes(mode: str, expected: list[int]) -> None:
    """-2.75, -2.5, -1.5, 1.5, 2.5, 2.75."""
    dividends = [-11, -10, -6, 6, 10, 11]
    assert [rounded_quotient(dividend, 4, mode) for dividend in dividends] == expected
    rows: list[dict[str, object]] = [{"u": None, "zero": 0, "s": None, "n": each} for each in dividends]
    answers = compute(Checker(ATTRIBUTES, rounding=mode), "share(n, 1, 4)", rows, ATTRIBUTES, mode)
    assert [answer.value for answer in answers] == [str(each) for each in expected]


def test_a_parameter_without_a_value_on_the_day_is_an_error() -> None:
    plan = Plan()
    checker = Checker(ATTRIBUTES, parameters=("rate",))
    result = plan.add(checker.check("p.rate > 0").tree, Context(date(2020, 1, 1), {"rate": None}))
    assert result.error is not None
    frame = plan.apply(pl.LazyFrame({"n": [1]}), [result.value.alias("value"), result.error.alias("error")])
    assert frame.collect().to_dicts() == [{"value": None, "error": True}]
