"""Money and verdicts as people read them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.policy import ClauseVerdict, Verdict
from siwei.portal.figures import VERDICTS, exact_yuan, is_exact, money, verdict_of


@pytest.mark.parametrize(
    ("fen", "chinese", "english", "exact"),
    [
        (0, "0 元", "¥0.00", "¥0.00"),
        (1, "¥0.01", "¥0.01", "¥0.01"),
        (100, "1 元", "¥1.00", "¥1.00"),
        (999_999, "¥9,999.99", "¥9,999.99", "¥9,999.99"),
        (1_000_000, "1.00 万元", "¥10,000", "¥10,000.00"),
        (128_000_000, "128.00 万元", "¥1.28 m", "¥1,280,000.00"),
        (1_000_000_000_000, "100.00 亿元", "¥10,000.00 m", "¥10,000,000,000.00"),
        (-128_000_000, "-128.00 万元", "¥-1.28 m", "−¥1,280,000.00"),
    ],
)
def test_money(fen: int, chinese: str, english: str, exact: str) -> None:
    assert (money(fen, chinese=True), money(fen, chinese=False), exact_yuan(fen)) == (chinese, english, exact)


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


@pytest.mark.parametrize(
    ("fen", "chinese", "expected"),
    [(123_456, True, True), (128_000_000, True, True), (128_000_001, True, False), (1_234_567_890, True, False),
     (10_000_000_000, True, True), (10_000_010_000, True, False), (128_000_000, False, True),
     (128_010_000, False, False),      (200_000_000, False, True), (1_000_100, False, True), (1_000_101, False, False)],
)  # fmt: skip
def test_a_figure_knows_whether_it_leaves_something_out(fen: int, chinese: bool, expected: bool) -> None:
    assert is_exact(fen, chinese) is expected
    shown = money(fen, chinese)
    digits = Decimal(re.sub(r"[^\d.]", "", shown))
    scale = 10_000_000_000 if "亿" in shown else 1_000_000 if "万" in shown else 100_000_000 if " m" in shown else 100
    assert (digits * scale == fen) is expected
