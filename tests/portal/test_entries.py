"""What people type becomes canonical text exactly, or is refused in words."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, parse_value
from siwei.errors import InputError
from siwei.portal.city_pack import attributes, districts, pack
from siwei.portal.entries import canonical_entry, choices_of, microfen_entry


def attribute(type_: str, unit: str | None = None, id_: str = "x", meaning: str = "") -> Attribute:
    return Attribute(
        id_, "organisation", type_, unit, "甲", "A", False, True, "", meaning, meaning, None, date(2026, 11, 23), False
    )


MONEY = attribute("int", "fen")
PEOPLE = attribute("int", "people")
RATE = attribute("int", "basis_point")


@pytest.mark.parametrize(
    ("kind", "text", "unit", "expected"),
    [
        (MONEY, "1280.5", "wan", "1280500000"),
        (MONEY, "1,280.50", "yuan", "128050"),
        (MONEY, "１，２８０．５", "wan", "1280500000"),
        (MONEY, "0.000001", "wan", "1"),
        (MONEY, "-3", "yuan", "-300"),
        (MONEY, "0", "wan", "0"),
        (MONEY, "92233720368547758.07", "yuan", str(2**63 - 1)),
        (PEOPLE, "1,024", "", "1024"),
        (PEOPLE, " 007 ", "", "7"),
        (RATE, "15", "", "1500"),
        (RATE, "12.5", "", "1250"),
        (attribute("date"), "2026-11-23", "", "2026-11-23"),
        (attribute("bool"), "true", "", "true"),
        (attribute("string"), " 甲 & <b> ", "", "甲 & <b>"),
    ],
)
def test_what_is_typed_is_kept_exactly(kind: Attribute, text: str, unit: str, expected: str) -> None:
    assert canonical_entry(kind, text, unit) == expected


@pytest.mark.parametrize(
    ("kind", "text", "unit"),
    [
        (MONEY, "0.001", "yuan"),
        (MONEY, "0.0000001", "wan"),
        (MONEY, "12", ""),
        (MONEY, "12", "fen"),
        (MONEY, "12万", "yuan"),
        (MONEY, "1,28", "yuan"),
        (MONEY, "1e5", "yuan"),
        (MONEY, "NaN", "yuan"),
        (MONEY, "Infinity", "wan"),
        (MONEY, "９" * 31, "yuan"),
        (MONEY, "92233720368547758.08", "yuan"),
        (PEOPLE, "1.5", ""),
        (PEOPLE, "--1", ""),
        (RATE, "12.345", ""),
        (attribute("date"), "23.11.2026", ""),
        (attribute("bool"), "yes", ""),
        (attribute("string", meaning="firm / university"), "kiosk", ""),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(kind: Attribute, text: str, unit: str) -> None:
    with pytest.raises(InputError):
        canonical_entry(kind, text, unit)


@given(fen=st.integers(-(10**15), 10**15), unit=st.sampled_from(["yuan", "wan"]))
def test_every_amount_of_whole_fen_comes_back(fen: int, unit: str) -> None:
    written = f"{Decimal(fen).scaleb(-2 if unit == 'yuan' else -6):,f}"
    assert canonical_entry(MONEY, written, unit) == str(fen)


@given(st.text(max_size=40), st.sampled_from([MONEY, PEOPLE, RATE, attribute("date"), attribute("bool")]))
def test_any_text_is_canonical_or_refused(text: str, kind: Attribute) -> None:
    try:
        entered = canonical_entry(kind, text, "wan")
    except InputError:
        return
    assert parse_value(kind, entered) is not None


@pytest.mark.parametrize(
    ("text", "unit", "microfen"),
    [
        ("0.0504", "yuan", 5_040_000),
        ("¥0.00000001", "yuan", 1),
        ("１", "wan", 1_000_000_000_000),
        ("3", "", 300_000_000),
    ],
)
def test_what_calls_cost_is_typed_in_yuan(text: str, unit: str, microfen: int) -> None:
    assert microfen_entry(text, unit, "amount") == microfen


@pytest.mark.parametrize("text", ["0.000000001", "x", "1e3", "9" * 20])
def test_finer_than_calls_are_charged_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        microfen_entry(text, "yuan", "amount")


def test_choices_follow_the_pack() -> None:
    found = {name: choices_of(each, districts()) for name, each in pack().attributes.items()}
    assert found["legal_form"] == ("firm", "university", "institute", "branch", "individual")
    assert set(found["district"]) == set(districts())
    assert {name for name, choices in found.items() if choices and attributes()[name]["subject"] == "organisation"} == {
        "legal_form", "district", "main_industry",
    }  # fmt: skip
