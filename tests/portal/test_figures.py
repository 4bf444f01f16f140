"""Money and verdicts as people read them."""

import re
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.policy import ClauseVerdict, Verdict
from siwei.portal.figures import VERDICTS, about, exact_yuan, money, verdict_of
from siwei.portal.templatetags.figures import measured


@pytest.mark.parametrize(
    ("fen", "chinese", "english", "exact"),
    [
        (0, "0 元", "¥0.00", "¥0.00"),
        (1, "0.01 元", "¥0.01", "¥0.01"),
        (100, "1 元", "¥1.00", "¥1.00"),
        (999_999, "9,999.99 元", "¥9,999.99", "¥9,999.99"),
        (1_000_000, "1.00 万元", "¥10,000", "¥10,000.00"),
        (128_000_000, "128.00 万元", "¥1.28 m", "¥1,280,000.00"),
        (1_000_000_000_000, "100.00 亿元", "¥10,000.00 m", "¥10,000,000,000.00"),
        (-128_000_000, "−128.00 万元", "−¥1.28 m", "−¥1,280,000.00"),
        (-240, "−2.40 元", "−¥2.40", "−¥2.40"),
        (-2_720_016, "−27,200.16 元", "−¥27,200.16", "−¥27,200.16"),
    ],
)
def test_money(fen: int, chinese: str, english: str, exact: str) -> None:
    assert (money(fen, chinese=True), money(fen, chinese=False), exact_yuan(fen)) == (chinese, english, exact)


@pytest.mark.parametrize(
    ("statistic", "unit", "value", "shown"),
    [
        ("share", "organisation", 5 / 20_256, "0.025%"),
        ("share", "organisation", 0.0, "0.0%"),
        ("share", "organisation", 0.77551, "77.6%"),
        ("share", "organisation", 1.0, "100.0%"),
        ("ratio", "organisation", 1.07, "1.07 <small></small>"),
        ("ratio", "listing", 0.0, "0 <small></small>"),
        ("hhi", "index", 0.54, "0.54 <small></small>"),
    ],
)
def test_few_are_not_none_and_a_ratio_has_no_unit(statistic: str, unit: str, value: float, shown: str) -> None:
    indicator = SimpleNamespace(statistic=statistic, unit="" if unit == "index" else unit)
    told = measured(SimpleNamespace(value=value, indicator=indicator, numerator=None, denominator=None))
    assert shown in told


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_the_exact_figure_is_exact(fen: int) -> None:
    text = exact_yuan(fen)
    sign = -1 if text.startswith("−") else 1
    assert sign * int(text.removeprefix("−").removeprefix("¥").replace(",", "").replace(".", "")) == fen


def test_every_verdict_of_policy_has_shape_word_and_colour() -> None:
    names = [str(each) for each in (*Verdict, *ClauseVerdict)]
    assert sorted(VERDICTS) == sorted(names)
    assert [
        name for name in names if not all((verdict_of(name).mark, verdict_of(name).word_zh, verdict_of(name).tone))
    ] == []


def test_an_unknown_verdict_is_not_taken_for_one() -> None:
    assert verdict_of("perhaps").tone == "none"


def fen_shown(shown: str) -> Decimal:
    """What a reader takes a figure for, in fen."""
    scale = 10_000_000_000 if "亿" in shown else 1_000_000 if "万" in shown else 100_000_000 if " m" in shown else 100
    return Decimal(re.sub(r"[^\d.]", "", shown)) * scale * (-1 if shown.startswith("−") else 1)


@given(st.integers(min_value=-(10**18), max_value=10**18), st.booleans())
def test_a_sum_is_never_rounded(fen: int, chinese: bool) -> None:
    assert fen_shown(money(fen, chinese)) == fen


@given(st.lists(st.integers(min_value=0, max_value=10**15), min_size=1, max_size=8), st.booleans())
def test_what_stands_in_a_table_adds_up_to_its_total(parts: list[int], chinese: bool) -> None:
    assert sum(fen_shown(money(part, chinese)) for part in parts) == fen_shown(money(sum(parts), chinese))


@pytest.mark.parametrize(
    ("fen", "chinese", "expected"),
    [(128_000_001, True, "1,280,000.01 元"), (1_234_567_890, True, "12,345,678.90 元"),
     (10_000_000_000, True, "1.00 亿元"), (10_000_010_000, True, "10,000.01 万元"), (128_010_000, False, "¥1,280,100"),
     (128_010_001, False, "¥1,280,100.01"), (1_000_101, False, "¥10,001.01")],
)  # fmt: skip
def test_as_many_digits_as_there_are(fen: int, chinese: bool, expected: str) -> None:
    assert money(fen, chinese) == expected


@pytest.mark.parametrize(
    ("fen", "chinese", "english"),
    [(128_004_999, "128.00 万元", "¥1.28 m"), (10_004_999_999, "1.00 亿元", "¥100.05 m"),
     (1_000_149, "1.00 万元", "¥10,001"),
     (123, "1.23 元", "¥1.23"), (-128_004_999, "−128.00 万元", "−¥1.28 m")],
)  # fmt: skip
def test_a_mean_is_said_about(fen: int, chinese: str, english: str) -> None:
    assert (about(fen, True), about(fen, False)) == (chinese, english)
