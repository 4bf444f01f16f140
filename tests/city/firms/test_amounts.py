"""Money in its dirty forms to minor units and currency, exactly."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.firms.amounts import AMOUNTS, CURRENCY_WORDS, MINOR_DIGITS, parse_amounts


def parse_one(text: str | None, *, unit_required: bool = True) -> tuple[int | None, str | None, str | None]:
    frame = parse_amounts(pl.Series([text], dtype=pl.String), unit_required=unit_required)
    assert frame.schema == pl.Schema(AMOUNTS)
    return frame.row(0)


@pytest.mark.parametrize(
    ("text", "minor", "currency"),
    [
        ("39,076.8700(万元人民币)", 39_076_870_000, "CNY"),
        ("600（万元）", 600_000_000, "CNY"),
        ("3.24（万元）", 3_240_000, "CNY"),
        ("100万港币", 100_000_000, "HKD"),
        ("100万港元", 100_000_000, "HKD"),
        ("5,000(万香港元)", 5_000_000_000, "HKD"),
        ("1(万人民币元)", 1_000_000, "CNY"),
        ("222.2222万元人民币", 222_222_200, "CNY"),
        ("1,234,567.89(万元人民币)", 1_234_567_890_000, "CNY"),
        ("200万美元", 200_000_000, "USD"),
        ("1.5亿日元", 150_000_000, "JPY"),
        ("人民币100万元", 100_000_000, "CNY"),
        ("USD 100万", 100_000_000, "USD"),
        ("１００万元", 100_000_000, "CNY"),
        ("500元", 50_000, "CNY"),
        ("0（万元）", 0, "CNY"),
    ],
)
def test_forms(text: str, minor: int, currency: str) -> None:
    assert parse_one(text) == (minor, currency, None)


@pytest.mark.parametrize("text", [None, "", "-", "无", "未公开", "N/A"])
def test_nothing_stated(text: str | None) -> None:
    assert parse_one(text) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ROY", "amount 'ROY' cannot be read"),
        ("-5万元", "amount '-5万元' cannot be read"),
        ("1,5万元", "amount '1,5万元' cannot be read"),
        ("600", "amount '600' has no unit (元, 万元, 万美元 …)"),
        ("100万贝壳", "amount '100万贝壳' has an unknown unit or currency '贝壳'"),
        ("USD100万元人民币", "amount 'USD100万元人民币' has an unknown unit or currency '元人民币'"),
        ("0.0000001万元", "amount '0.0000001万元' is finer than the currency's smallest unit"),
        ("99999999999999999万元", "amount '99999999999999999万元' is too large"),
    ],
)
def test_refusals(text: str, problem: str) -> None:
    assert parse_one(text) == (None, None, problem)


def test_a_bare_number_is_minor_units_where_we_wrote_it() -> None:
    assert parse_one("60000", unit_required=False) == (60_000, "CNY", None)
    assert parse_one("6.5", unit_required=False)[2] == "amount '6.5' is finer than the currency's smallest unit"


@given(st.decimals(min_value=0, max_value=10**9, places=6), st.sampled_from(["元", "港元", "美元", "欧元"]))
def test_exact_against_decimal(amount: Decimal, word: str) -> None:
    currency = CURRENCY_WORDS[word]
    minor = amount * 10_000 * 10 ** MINOR_DIGITS[currency]
    assert parse_one(f"{amount:f}万{word}") == (int(minor), currency, None)


@given(st.integers(0, 10**9), st.booleans())
def test_separators_of_thousands_change_nothing(whole: int, brackets: bool) -> None:
    grouped, plain = f"{whole:,}", str(whole)
    unit = "(万元人民币)" if brackets else "万元人民币"
    assert parse_one(grouped + unit) == parse_one(plain + unit)


@given(
    st.lists(st.one_of(st.none(), st.text(alphabet="0123456789.,()（）万亿千元港币美RMB -", max_size=20)), max_size=20)
)
def test_whatever_is_written_is_an_amount_or_a_problem_or_nothing(texts: list[str | None]) -> None:
    for minor, currency, problem in parse_amounts(pl.Series(texts, dtype=pl.String)).iter_rows():
        assert (minor is None) == (currency is None)
        assert minor is None or problem is None
        assert minor is None or 0 <= minor < 10**18
