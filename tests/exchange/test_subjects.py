"""Facts as of a day, best fact first, as typed columns."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from siwei.city.attributes import Attribute
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import Fact, Organisation

DAY = date(2026, 11, 23)


def attribute(name: str, type_: str) -> Attribute:
    return Attribute(name, "organisation", type_, None, name, name, True, True, "", name, name, None, None, True)


TYPES = {"employees": "int", "founded_on": "date", "listed": "bool", "scope": "string"}
ATTRIBUTES = {name: attribute(name, type_) for name, type_ in TYPES.items()}


def fact(organisation: Organisation, attribute_: str, value: str, status: int = 0, **given: Any) -> None:
    given.setdefault("known_at", datetime(2026, 1, 1, tzinfo=UTC))
    Fact.objects.create(
        organisation=organisation,
        attribute=attribute_,
        value=value,
        status=status,
        source="test",
        source_ref=str(Fact.objects.count()),
        **given,
    )


def row(**given: Any) -> dict[str, Any]:
    (only,) = subjects(DAY, attributes=ATTRIBUTES, **given).filter(pl.col("key") == "n-firm").to_dicts()
    return only


def test_the_wide_table(cast: Any) -> None:
    fact(cast.firm, "employees", "12", 1)
    fact(cast.firm, "founded_on", "2020-02-29", 2)
    fact(cast.firm, "listed", "false")
    frame = subjects(DAY, attributes=ATTRIBUTES)
    assert frame.schema == {
        "key": pl.String, "name": pl.String, "employees": pl.Int64, "employees__status": pl.UInt8,
        "founded_on": pl.Date,
        "founded_on__status": pl.UInt8, "listed": pl.Boolean, "listed__status": pl.UInt8, "scope": pl.String,
        "scope__status": pl.UInt8,
    }  # fmt: skip
    assert frame["key"].to_list() == ["n-centre", "n-firm", "n-outsider"]
    assert row() == {
        "key": "n-firm", "name": "甲公司", "employees": 12, "employees__status": 1, "founded_on": date(2020, 2, 29),
        "founded_on__status": 2, "listed": False, "listed__status": 0, "scope": None, "scope__status": None,
    }  # fmt: skip


def test_an_empty_city_has_the_same_columns(db: None) -> None:
    frame = subjects(DAY, attributes=ATTRIBUTES)
    assert (frame.height, frame.width) == (0, 10)


def test_better_proof_wins_then_later_validity_then_later_knowledge(cast: Any) -> None:
    later = datetime(2026, 6, 1, tzinfo=UTC)
    fact(cast.firm, "employees", "1", 0, valid_from=date(2026, 1, 1), known_at=later)
    fact(cast.firm, "employees", "2", 1)
    assert row()["employees"] == 2
    fact(cast.firm, "employees", "3", 1, valid_from=date(2025, 1, 1))
    assert row()["employees"] == 3
    fact(cast.firm, "employees", "4", 1, valid_from=date(2025, 1, 1), known_at=later)
    assert row()["employees"] == 4
    fact(cast.firm, "employees", "5", 1, valid_from=date(2025, 1, 1), known_at=later)
    assert row()["employees"] == 5


def test_as_of_a_day_and_as_known_by_a_moment(cast: Any) -> None:
    fact(cast.firm, "employees", "1", valid_to=DAY)
    fact(cast.firm, "employees", "2", valid_from=date(2026, 11, 24))
    assert row()["employees"] is None
    fact(cast.firm, "employees", "3", valid_from=DAY, known_at=datetime(2026, 11, 25, tzinfo=UTC))
    assert row()["employees"] == 3
    assert row(known_by=datetime(2026, 11, 24, tzinfo=UTC))["employees"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("employees", "1.0"), ("employees", "9223372036854775808"), ("founded_on", "2020/1/1"), ("listed", "yes")],
)
def test_what_is_not_of_its_type_is_null_with_its_status(cast: Any, name: str, value: str) -> None:
    fact(cast.firm, name, value, 2)
    assert (row()[name], row()[f"{name}__status"]) == (None, None)


def test_hostile_values_stay_values(cast: Any) -> None:
    nasty = "a\x1f\x1e\"'\n%s; DROP TABLE exchange_fact; --\u202e𠮷"
    fact(cast.firm, "scope", nasty)
    assert row()["scope"] == nasty


def test_chosen_organisations_and_none_that_was_merged(cast: Any) -> None:
    fact(cast.firm, "employees", "1")
    chosen = subjects(DAY, attributes=ATTRIBUTES, organisation_ids=[cast.centre.pk])
    assert chosen["key"].to_list() == ["n-centre"]
    Organisation.objects.filter(pk=cast.firm.pk).update(merged_into=cast.centre)
    assert subjects(DAY, attributes=ATTRIBUTES)["key"].to_list() == ["n-centre", "n-outsider"]
