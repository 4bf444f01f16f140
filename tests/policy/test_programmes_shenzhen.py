"""The first five programmes of Shenzhen: verdicts and awards at their boundaries, amounts in fen."""

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
import pytest

from siwei.policy import Kind, Programme, attribute_dtypes, decide

from .shenzhen import PROGRAMMES as ALL

AS_OF = date(2026, 11, 23)
YUAN = 100
FIVE = ("high-tech-enterprise", "longhua-compute", "moxing", "xunli", "yuliao")
PROGRAMMES = {each.id: each for each in ALL if each.id in FIVE}


def outcome(programme: str, facts: Mapping[str, object], as_of: date = AS_OF) -> tuple[str, int | None]:
    chosen = PROGRAMMES[programme]
    columns = {name: pl.Series([facts.get(name)], dtype=dtype) for name, dtype in attribute_dtypes([chosen]).items()}
    awards = decide((chosen,), pl.DataFrame({"id": ["a"], **columns}), as_of).awards
    return awards["verdict"].item(), awards["award_fen"].item()


RENTER = {
    "legal_form": "firm",
    "compute_rental": 1_000_000 * YUAN,
    "compute_rental_from_listed": 1_000_000 * YUAN,
    "listed_provider": False,
    "compute_other_support": 0,
    "founded_on": date(2020, 1, 1),
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("eligible", 500_000 * YUAN)),
        ({"legal_form": "university"}, ("eligible", 500_000 * YUAN)),
        ({"legal_form": "branch"}, ("not_eligible", 0)),
        ({"compute_rental": 500_000 * YUAN - 1}, ("not_eligible", 0)),
        ({"compute_rental": 500_000 * YUAN}, ("eligible", 500_000 * YUAN)),
        ({"compute_rental_from_listed": 0}, ("not_eligible", 0)),
        ({"compute_rental_from_listed": 1}, ("eligible", 0)),
        ({"compute_rental_from_listed": 20_000_000 * YUAN}, ("eligible", 10_000_000 * YUAN)),
        ({"compute_rental_from_listed": 20_000_000 * YUAN - 2}, ("eligible", 10_000_000 * YUAN - 1)),
        ({"compute_rental_from_listed": 20_000_000 * YUAN + 2}, ("eligible", 10_000_000 * YUAN)),
        ({"listed_provider": True}, ("not_eligible", 0)),
        ({"founded_on": date(2025, 11, 23)}, ("eligible", 500_000 * YUAN)),
        ({"founded_on": date(2025, 11, 24)}, ("eligible", 600_000 * YUAN)),
        ({"founded_on": date(2025, 11, 24), "legal_form": "institute"}, ("eligible", 500_000 * YUAN)),
        ({"compute_other_support": 1}, ("eligible", 500_000 * YUAN - 1)),
        ({"compute_other_support": 500_000 * YUAN}, ("eligible", 0)),
        ({"compute_other_support": 700_000 * YUAN}, ("eligible", 0)),
        ({"compute_rental": None}, ("cannot_tell", None)),
        ({"compute_rental": None, "listed_provider": True}, ("not_eligible", 0)),
        ({"compute_other_support": None}, ("eligible", None)),
        ({"compute_rental_from_listed": 2**63 - 1}, ("eligible", 10_000_000 * YUAN)),
    ],
)
def test_training_voucher(change: dict[str, object], expected: tuple[str, int | None]) -> None:
    assert outcome("xunli", {**RENTER, **change}) == expected


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [
        # Before the guide of 2026 the measures of 2024 hold, as a version of their own.
        (date(2026, 5, 5), "not_eligible"),
        (date(2026, 5, 6), "eligible"),
        (date(2026, 12, 17), "eligible"),
        (date(2026, 12, 18), "not_eligible"),
    ],
)
def test_outside_its_period_a_programme_grants_nothing(as_of: date, verdict: str) -> None:
    assert outcome("xunli", RENTER, as_of)[0] == verdict


@pytest.mark.parametrize(("programme", "attribute"), [("yuliao", "corpus_purchase"), ("moxing", "model_purchase")])
@pytest.mark.parametrize(
    ("form", "amount", "expected"),
    [
        ("firm", 1, ("eligible", 0)),
        ("firm", 1_000_003, ("eligible", 300_000)),
        ("firm", 666_666_666, ("eligible", 199_999_999)),
        ("firm", 666_666_667, ("eligible", 200_000_000)),
        ("firm", 10**15, ("eligible", 200_000_000)),
        ("firm", 0, ("not_eligible", 0)),
        ("university", 10**9, ("not_eligible", 0)),
        (None, 10**9, ("cannot_tell", None)),
        ("firm", None, ("cannot_tell", None)),
        ("university", None, ("not_eligible", 0)),
    ],
)
def test_corpus_and_model_vouchers(
    programme: str, attribute: str, form: str | None, amount: int | None, expected: tuple[str, int | None]
) -> None:
    assert outcome(programme, {"legal_form": form, attribute: amount}) == expected


@pytest.mark.parametrize(
    ("district", "paid", "expected"),
    [
        ("longhua", 100, ("eligible", 30)),
        ("longhua", 10**9, ("eligible", 300_000_000)),
        ("longhua", 10**9 + 1, ("eligible", 300_000_000)),
        ("longhua", 10**9 - 1, ("eligible", 299_999_999)),
        ("longhua", 0, ("not_eligible", 0)),
        ("nanshan", 10**9, ("not_eligible", 0)),
        (None, 10**9, ("cannot_tell", None)),
    ],
)
def test_longhua_compute(district: str | None, paid: int, expected: tuple[str, int | None]) -> None:
    assert outcome("longhua-compute", {"district": district, "longhua_compute_paid": paid}) == expected


INNOVATOR = {
    "legal_form": "firm",
    "founded_on": date(2020, 1, 1),
    "core_ip": 1,
    "high_tech_field": True,
    "employees": 100,
    "research_staff": 10,
    "revenue": 50_000_000 * YUAN,
    "revenue_3y": 120_000_000 * YUAN,
    "rd_expense_3y": 6_000_000 * YUAN,
    "rd_expense_3y_in_china": 3_600_000 * YUAN,
    "high_tech_revenue": 30_000_000 * YUAN,
    "serious_violation": False,
    "taxable_income": 1_000_000 * YUAN,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("eligible", 100_000 * YUAN)),
        ({"founded_on": AS_OF - timedelta(days=364)}, ("not_eligible", 0)),
        ({"founded_on": date(2025, 11, 23)}, ("eligible", 100_000 * YUAN)),
        ({"core_ip": 0}, ("not_eligible", 0)),
        ({"high_tech_field": False}, ("not_eligible", 0)),
        ({"research_staff": 9}, ("not_eligible", 0)),
        ({"employees": 0, "research_staff": 0}, ("not_eligible", 0)),
        ({"rd_expense_3y": 6_000_000 * YUAN - 1}, ("not_eligible", 0)),
        # One fen above 50 million the ratio asked falls from 5 % to 4 %.
        (
            {
                "revenue": 50_000_000 * YUAN + 1,
                "high_tech_revenue": 30_000_001 * YUAN,
                "rd_expense_3y": 4_800_000 * YUAN,
            },
            ("eligible", 100_000 * YUAN),
        ),
        (
            {
                "revenue": 200_000_000 * YUAN + 1,
                "high_tech_revenue": 120_000_001 * YUAN,
                "rd_expense_3y": 3_600_000 * YUAN,
            },
            ("eligible", 100_000 * YUAN),
        ),
        (
            {"revenue": 200_000_000 * YUAN, "high_tech_revenue": 120_000_000 * YUAN, "rd_expense_3y": 3_600_000 * YUAN},
            ("not_eligible", 0),
        ),
        ({"rd_expense_3y_in_china": 3_600_000 * YUAN - 1}, ("not_eligible", 0)),
        ({"high_tech_revenue": 30_000_000 * YUAN - 1}, ("not_eligible", 0)),
        ({"serious_violation": True}, ("not_eligible", 0)),
        ({"serious_violation": None}, ("cannot_tell", None)),
        ({"taxable_income": -500}, ("eligible", 0)),
        ({"taxable_income": None}, ("eligible", None)),
        ({"revenue_3y": 2**62}, ("cannot_tell", None)),
    ],
)
def test_high_tech_enterprise(change: dict[str, object], expected: tuple[str, int | None]) -> None:
    assert outcome("high-tech-enterprise", {**INNOVATOR, **change}) == expected


def test_an_overflow_is_an_error_of_the_clause_and_never_a_wrong_verdict() -> None:
    chosen = PROGRAMMES["high-tech-enterprise"]
    facts = {**INNOVATOR, "revenue_3y": 2**62}
    columns = {name: pl.Series([facts[name]], dtype=dtype) for name, dtype in attribute_dtypes([chosen]).items()}
    clauses = decide((chosen,), pl.DataFrame({"id": ["a"], **columns}), AS_OF).clauses
    assert clauses.filter(pl.col("verdict") == "error").select("clause", "missing").rows() == [
        ("research-spending", [])
    ]


def test_what_is_known_of_the_programmes_is_said() -> None:
    assert {each.id: each.kind for each in PROGRAMMES.values()} == {
        "high-tech-enterprise": Kind.TAX_SAVING,
        "longhua-compute": Kind.GRANT,
        "moxing": Kind.VOUCHER,
        "xunli": Kind.VOUCHER,
        "yuliao": Kind.VOUCHER,
    }
    assert {each.id for each in PROGRAMMES.values() if each.is_draft} == {"high-tech-enterprise"}
    assert not any(each.source.verified for each in PROGRAMMES.values())
    assert {clause.citation.locator for each in PROGRAMMES.values() for clause in each.clauses if clause.citation} == {
        "not known"
    }


def test_budgets() -> None:
    def budget(programme: Programme) -> int | None:
        return None if programme.pot is None else programme.pot.budget_fen

    assert {each.id: budget(each) for each in PROGRAMMES.values()} == {
        "high-tech-enterprise": None,
        "longhua-compute": None,
        "moxing": 100_000_000 * YUAN,
        "xunli": 500_000_000 * YUAN,
        "yuliao": 50_000_000 * YUAN,
    }
