"""Unified social credit codes: GB 32100-2015, and the organisation code inside by GB 11714."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.firms.codes import CODE_ALPHABET, check_characters, check_codes, with_check_characters, with_inner_check

# Codes of Tencent, BYD and CIMC, as public registers show them.
REAL = ("9144030071526726XG", "91440300192317458F", "91440300618869509J")
BODIES = st.text(alphabet=CODE_ALPHABET, min_size=17, max_size=17)


def check_one(text: str | None) -> tuple[str | None, str | None, str | None]:
    return check_codes(pl.Series([text], dtype=pl.String)).row(0)


def slow_check_character(body: str) -> str:
    """The standard's own words, one character at a time."""
    total = sum(CODE_ALPHABET.index(character) * 3**place for place, character in enumerate(body))
    return CODE_ALPHABET[(31 - total % 31) % 31]


@pytest.mark.parametrize("code", REAL)
def test_real_codes_pass(code: str) -> None:
    assert check_one(code) == (code, None, None)


@given(BODIES)
def test_check_character_is_the_standards(body: str) -> None:
    assert check_characters(pl.Series([body]))[0] == slow_check_character(body)


@given(BODIES, st.integers(0, 17), st.sampled_from(CODE_ALPHABET))
def test_any_one_wrong_character_is_caught(body: str, place: int, other: str) -> None:
    code = with_check_characters(pl.Series([body]))[0]
    mutated = code[:place] + other + code[place + 1 :]
    found, problem, _ = check_one(mutated)
    # Written so, a code that lost its digits in a spreadsheet or a registration number would be another matter.
    if mutated == code:
        assert (found, problem) == (code, None)
    else:
        assert found is None
        assert problem is not None


@given(
    BODIES,
    st.sampled_from(
        [
            str.lower,
            lambda c: f"\u3000{c} ",
            lambda c: "-".join([c[:8], c[8:]]),
            lambda c: c.translate({i: i + 0xFEE0 for i in range(0x21, 0x7F)}),
        ]
    ),
)
def test_width_case_and_blanks_do_not_matter(body: str, write: object) -> None:
    code = with_check_characters(pl.Series([body]))[0]
    assert check_one(write(code))[0] == code  # type: ignore[operator]


def test_a_wrong_check_character_names_the_right_one() -> None:
    assert check_one("91440300192317458A") == (
        None,
        "code 91440300192317458A fails its check: character 18 is A, expected F",
        None,
    )


def test_a_nineteenth_character_is_dropped_and_said() -> None:
    code, problem, warning = check_one("91440300192317458F3")
    assert (code, problem) == ("91440300192317458F", None)
    assert warning == "code 91440300192317458F3 has a 19th character; the first 18 pass their check and were kept"


def test_nineteen_characters_with_a_wrong_check_are_rejected() -> None:
    assert check_one("91440300192317458A3")[:2] == (
        None, "code 91440300192317458A3 fails its check: character 18 is A, expected F",
    )  # fmt: skip


@pytest.mark.parametrize("text", [None, "", " ", "-", "无", "暂无", "未公开", "NULL", "0"])
def test_no_code_is_no_problem(text: str | None) -> None:
    assert check_one(text) == (None, None, None)


@pytest.mark.parametrize("text", ["440301103504817", "440301103504817.0", "4403011035048"])
def test_registration_numbers_are_not_codes(text: str) -> None:
    code, problem, warning = check_one(text)
    assert (code, problem) == (None, None)
    assert warning == f"{text} is a registration number, not a code: the firm is kept without a code"


def test_letters_outside_the_alphabet_are_named() -> None:
    assert check_one("9144030019231745IF")[1] == "code 9144030019231745IF holds 'I', which GB 32100 does not use"


def test_length_is_named() -> None:
    assert check_one("9144030019")[1] == "code 9144030019 has 10 characters, a code has 18"


@pytest.mark.parametrize("text", ["914403003196285000", "9.14403003196285E+17"])
def test_spreadsheet_rounding_is_recognised(text: str) -> None:
    assert check_one(text)[1] == (
        f"code {text} looks rounded by a spreadsheet (digits after the 15th lost): correct it from the licence"
    )


def test_a_broken_inner_code_is_only_a_warning() -> None:
    body = "91440300" + "192317459"  # the inner check for 19231745 is 8
    code = with_check_characters(pl.Series([body]))[0]
    assert check_one(code) == (code, None, f"code {code} is valid, but the organisation code inside it fails GB 11714")


@given(st.integers(0, 10**8 - 1))
def test_made_inner_codes_hold(number: int) -> None:
    code = with_check_characters(pl.Series(["Y1440300"]) + with_inner_check(pl.Series([f"{number:08d}"])))[0]
    assert check_one(code) == (code, None, None)


@given(st.lists(st.one_of(st.none(), st.text(max_size=25)), max_size=20))
def test_whatever_is_written_gets_one_verdict(texts: list[str | None]) -> None:
    checked = check_codes(pl.Series(texts, dtype=pl.String))
    assert checked.height == len(texts)
    assert checked.filter(pl.col("code").is_not_null() & pl.col("problem").is_not_null()).height == 0
