"""Attributes, and the canonical text of their values."""

import re
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.attributes import INT64, Attribute, canonical_text, load_attributes, parse_value, typed_expression
from siwei.city.home import PACKS
from siwei.errors import InputError, PackError

TINY = Path(__file__).parent.parent / "fixtures" / "packs" / "tiny"
ATTRIBUTES = load_attributes(TINY, today=date(2026, 11, 23))
DAYS = st.dates(min_value=date(1000, 1, 1))
INTEGERS = st.integers(min_value=-INT64, max_value=INT64 - 1)


def test_dtypes() -> None:
    assert {name: attribute.dtype for name, attribute in ATTRIBUTES.items()} == {
        "employees": pl.Int64(),
        "founded_on": pl.Date(),
        "listed": pl.Boolean(),
        "website": pl.String(),
    }


def test_units_and_periods_of_the_shipped_pack() -> None:
    attributes = load_attributes(PACKS / "shenzhen", today=date(2026, 11, 23))
    assert attributes["revenue"].unit == "fen"
    assert attributes["revenue"].period == "year"
    assert attributes["scope"].unit is None
    assert attributes["scope"].public is True
    assert attributes["revenue"].public is False


def test_a_wrong_file_is_refused_with_every_problem(tmp_path: Path) -> None:
    shutil.copy(TINY / "attributes.csv", tmp_path)
    path = tmp_path / "attributes.csv"
    path.write_text(path.read_text().replace(",date,", ",day,").replace("\nlisted,", "\nListed,"))
    with pytest.raises(PackError) as caught:
        load_attributes(tmp_path, today=date(2026, 11, 23))
    assert [(each.line, each.field) for each in caught.value.problems] == [(3, "type"), (4, "id")]


def test_an_attribute_stands_once(tmp_path: Path) -> None:
    text = (TINY / "attributes.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    (tmp_path / "attributes.csv").write_text("\n".join([*lines, lines[1].replace("int", "date")]), encoding="utf-8")
    with pytest.raises(PackError) as refused:
        load_attributes(tmp_path, today=date(2026, 11, 23))
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (len(lines) + 1, "id")
    assert problem.message == f"id {lines[1].split(',')[0]} is already on line 2"


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("employees", ""), ("employees", "1.0"), ("employees", "+1"), ("employees", "01"), ("employees", "-0"),
        ("employees", "１"), ("employees", "1e3"), ("employees", str(INT64)), ("employees", " 1"),
        ("founded_on", "2026-02-30"), ("founded_on", "20260101"), ("founded_on", "2026-1-1"),
        ("listed", "True"), ("listed", "1"), ("listed", ""),
    ],
)  # fmt: skip
def test_text_that_is_not_canonical_is_refused(attribute: str, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"[{attribute}]")):
        parse_value(ATTRIBUTES[attribute], text)


@given(
    st.one_of(
        st.tuples(st.just(ATTRIBUTES["employees"]), INTEGERS),
        st.tuples(st.just(ATTRIBUTES["founded_on"]), DAYS),
        st.tuples(st.just(ATTRIBUTES["listed"]), st.booleans()),
        st.tuples(st.just(ATTRIBUTES["website"]), st.text()),
    )
)
def test_text_of_a_value_reads_back_as_that_value(case: tuple[Attribute, int | date | bool | str]) -> None:
    attribute, value = case
    text = canonical_text(value)
    assert parse_value(attribute, text) == value
    column = pl.DataFrame({"text": [text]}).select(typed_expression(attribute, pl.col("text")))
    assert column.item() == value
    assert column.schema == {"text": attribute.dtype} or column.dtypes == [attribute.dtype]
