"""Of which size class a firm is and why: as the definition says where all is known, and honest where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.home import PACKS
from siwei.policy.documents.loading_language import load_size_classes
from siwei.policy.explaining.size_explanation import explain_size, size_by_industry

CLASSES = load_size_classes(PACKS / "shenzhen" / "programmes")
assert CLASSES is not None
amount = st.one_of(st.integers(0, 2_000), st.integers(0, 10**12))
maybe = st.one_of(st.none(), amount)


@given(st.sampled_from(sorted(CLASSES.rows)), amount, amount, amount)
def test_where_all_is_known_it_is_the_definition(industry: str, employees: int, revenue: int, assets: int) -> None:
    measured = {"employees": employees, "revenue": revenue, "assets": assets}
    found = size_by_industry(CLASSES.rows[industry], measured)
    assert found.size == CLASSES.find_class(industry, employees, revenue, assets)
    assert found.missing == ()


@given(st.sampled_from(sorted(CLASSES.rows)), maybe, maybe, maybe, amount, amount, amount)
def test_what_is_told_holds_whatever_the_rest_is(
    industry: str, employees: int | None, revenue: int | None, assets: int | None, a: int, b: int, c: int
) -> None:
    found = size_by_industry(
        CLASSES.rows[industry], {"employees": employees, "revenue": revenue, "assets": assets}
    ).size
    filled = [one if one is not None else other for one, other in ((employees, a), (revenue, b), (assets, c))]
    assert found is None or found == CLASSES.find_class(industry, *filled)


@pytest.mark.parametrize(
    ("industry", "employees", "revenue", "size"),
    [
        ("software_it_services", 100, 1_000_000_000, "medium"),
        ("software_it_services", 99, 1_000_000_000, "small"),
        ("software_it_services", 5, None, "micro"),
        ("software_it_services", 50, None, None),
        ("accommodation_catering", 5, 100, "micro"),
        ("wholesale_retail", 100, 10_000_000_000, "medium"),
        ("other", 100, 10_000_000_000, None),
        (None, 100, 10_000_000_000, None),
    ],
)
def test_shenzhens_rows(industry: str | None, employees: int, revenue: int | None, size: str | None) -> None:
    assert explain_size(CLASSES, industry, {"employees": employees, "revenue": revenue}).size == size


def test_rows_that_differ_are_said_to() -> None:
    found = explain_size(CLASSES, "wholesale_retail", {"employees": 20, "revenue": 5_000_000_000})
    assert ({each.row.industry: each.size for each in found.industries}, found.differs) == (
        {"wholesale": "medium", "retail": "small"}, True,
    )  # fmt: skip
