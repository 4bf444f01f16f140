"""Money and verdicts as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.policy import ClauseVerdict, Verdict
from siwei.portal.figures import VERDICTS, exact_yuan, money, verdict_of


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
