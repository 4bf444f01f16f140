"""Names: two spellings of one name are one; different names stay different."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.firms.names import clean_names, name_key, normalise_names, separate_key
from siwei.city.firms.spreadsheets import neutralise_formulas


def normalise(text: str | None) -> str:
    return normalise_names(pl.Series([text], dtype=pl.String))[0]


@pytest.mark.parametrize(
    "spelling",
    [
        "深圳市示例甲(集团)有限公司",
        "深圳市示例甲（集团）有限公司",
        " 深圳市示例甲 （集团）有限公司。",
        "深圳市示例甲【集团】有限公司",
        "深圳市\u200b示例甲(集团)有限公司`",
    ],
)
def test_spellings_of_one_name(spelling: str) -> None:
    assert normalise(spelling) == "深圳市示例甲(集团)有限公司"


def test_the_citys_prefix_is_kept() -> None:
    assert normalise("深圳市示例甲有限公司") != normalise("示例甲有限公司")


def test_latin_letters_fold() -> None:
    assert normalise("示例Ｔｅｃｈ Ltd.") == normalise("示例TECH LTD")


@given(st.text(max_size=40))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_shown_names_keep_their_form() -> None:
    assert clean_names(pl.Series(["  示例 \t甲（集团）\u200b "])).to_list() == ["示例 甲（集团）"]


def test_keys() -> None:
    assert name_key("示例甲") == "n-5d8a949ce85a4555"
    assert separate_key("示例甲", "a row 1") != separate_key("示例甲", "a row 2") != name_key("示例甲")


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "＝1+1"])
def test_formulas_are_neutralised(cell: str) -> None:
    assert neutralise_formulas(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "甲", "-5", "+3.5", "a=b", "深圳市-甲"])
def test_plain_cells_stay(cell: str) -> None:
    assert neutralise_formulas(cell) == cell
