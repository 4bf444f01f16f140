"""The nearest change: against trying every change on small domains, and in words on the programmes of Shenzhen."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.policy import FactStatus, FactValue, Programme, decide, explain, load_programme, load_programmes
from siwei.policy.explaining.nearest import distance, nearest_change

DAY = date(2026, 3, 1)
WHOLE = range(-2, 13)
DOMAIN: Mapping[str, list[object]] = {
    "spent": [*WHOLE], "staff": [*WHOLE], "listed": [True, False], "district": ["a", "b", "c", "elsewhere"],
}  # fmt: skip
NUMBERS = st.integers(0, 10)
SIMPLE = st.one_of(
    st.builds("{} {} {}".format, st.sampled_from(["spent", "staff"]),
              st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS),
    st.builds("{} in [{}, {}]".format, st.sampled_from(["spent", "staff"]), NUMBERS, NUMBERS),
    st.sampled_from(["listed", "!listed", "district == 'a'", "district != 'b'", "district in ['b', 'c']",
                     "!(district in ['a', 'b', 'c'])"]),
)  # fmt: skip
CLAUSE = st.one_of(
    SIMPLE,
    st.builds("({} || {})".format, SIMPLE, SIMPLE),
    st.builds("({} && {})".format, SIMPLE, SIMPLE),
    st.builds("({} ? {} : {})".format, st.sampled_from(["listed", "district == 'a'"]), SIMPLE, SIMPLE),
)
TOGETHER = st.builds("spent * {} {} staff * {} + {}".format, st.integers(1, 3), st.sampled_from([">=", "<=", ">"]),
                     st.integers(1, 3), st.integers(-3, 3))  # fmt: skip
ROW = st.fixed_dictionaries(
    {"spent": st.integers(0, 10), "staff": st.integers(0, 10), "listed": st.booleans(),
     "district": st.sampled_from(["a", "b", "c"])}
)  # fmt: skip


@pytest.fixture
def attributes(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """With two facts in one unit, so that they can be compared."""
    return {**attributes, "staff": replace(attributes["staff"], unit="fen")}


@pytest.fixture
def make(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Callable[..., Programme]:
    def with_clauses(*clauses: str) -> Programme:
        path = write_programme(clause=f'"{clauses[0]}"', award='"max(0, spent)"')
        more = "".join(
            f'  - id: more-{place}\n    expr: "{clause}"\n    words: {{zh: 又, en: More}}\n'
            for place, clause in enumerate(clauses[1:])
        )
        path.write_text(path.read_text(encoding="utf-8").replace("award:\n", f"{more}award:\n", 1), encoding="utf-8")
        return load_programme(path, attributes)

    return with_clauses


def by_trying_everything(programme: Programme, row: Mapping[str, object]) -> tuple[int, Fraction] | None:
    """Fewest changes and smallest distance over the whole domain; None where nothing does."""
    names = [name for name in programme.attributes if name in DOMAIN]
    table = pl.DataFrame(
        [*itertools.product(*(DOMAIN[name] for name in names))], schema=names, orient="row"
    ).with_row_index("id").with_columns(pl.col("id").cast(pl.String))  # fmt: skip
    for name in programme.attributes:
        if name not in names:
            table = table.with_columns(pl.lit(row[name]).alias(name))
    eligible = table.filter(decide((programme,), table, DAY).wide[programme.id] == 1)
    found = [
        (
            sum(1 for name in names if each[name] != row[name]),
            sum((distance(row[name], each[name]) for name in names), Fraction(0)),  # type: ignore[arg-type]
        )
        for each in eligible.iter_rows(named=True)
    ]
    return min(found, default=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CLAUSE, min_size=1, max_size=3), st.one_of(st.just([]), st.builds(lambda one: [one], TOGETHER)), ROW)
def test_as_near_as_trying_everything(
    make: Callable[..., Programme], attributes: dict[str, Attribute], clauses: list[str], together: list[str],
    row: dict[str, object],
) -> None:  # fmt: skip
    programme = make(*clauses, *together)
    facts = {name: FactValue(row[name]) for name in programme.attributes if name in row}  # type: ignore[arg-type]
    found = nearest_change(programme, facts, DAY, attributes)
    expected = by_trying_everything(programme, row)
    if expected is None or expected[0] == 0:
        # Beyond the domain something may still do; what is shown then does.
        assert found is None or expected is None
        return
    assert found is not None
    got = (len(found.changes), sum((distance(each.before, _after(each)) for each in found.changes), Fraction(0)))
    assert got <= expected
    assert eligible_after(programme, row, found.changes)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOGETHER, TOGETHER, st.lists(CLAUSE, max_size=1), ROW)
@example(
    "spent * 1 > staff * 1 + -1", "spent * 3 <= staff * 2 + -2", [],
    {"spent": 0, "staff": 1, "listed": False, "district": "a"},
)  # fmt: skip
def test_two_conditions_on_the_same_two_facts(
    make: Callable[..., Programme], attributes: dict[str, Attribute], one: str, other: str, more: list[str],
    row: dict[str, object],
) -> None:  # fmt: skip
    programme = make(one, other, *more)
    facts = {name: FactValue(row[name]) for name in programme.attributes if name in row}  # type: ignore[arg-type]
    expected = by_trying_everything(programme, row)
    found = nearest_change(programme, facts, DAY, attributes)
    if expected is not None and expected[0]:
        assert found is not None
        assert len(found.changes) <= expected[0]
        assert eligible_after(programme, row, found.changes)  # type: ignore[arg-type]


def test_facts_that_are_tied_change_together(make: Callable[..., Programme], attributes: dict[str, Attribute]) -> None:
    """Spending and staff costs: at least a half, and together no more than 10; and equal ones that make up 10."""
    row = {"spent": FactValue(2), "staff": FactValue(16)}
    found = nearest_change(make("spent * 2 >= staff", "spent + staff >= 10", "staff != 4 && spent > 2 && staff < 9"),
                           row, DAY, attributes)  # fmt: skip
    assert found is not None
    assert {each.attribute: each.after for each in found.changes} == {"spent": 4, "staff": 8}
    found = nearest_change(make("spent == staff", "spent + staff == 10"), row, DAY, attributes)
    assert found is not None
    assert {each.attribute: each.after for each in found.changes} == {"spent": 5, "staff": 5}
    found = nearest_change(make("reaches(spent, staff, 2500)", "spent + staff >= 1000"), row, DAY, attributes)
    assert found is not None
    assert [(each.attribute, each.after) for each in found.changes] == [("spent", 984)]
    unknown = {"staff": FactValue(None), "spent": FactValue(None)}
    found = nearest_change(make("reaches(spent, staff, 2500)"), unknown, DAY, attributes)
    assert found is not None
    assert [(each.kind, each.attribute) for each in found.changes] == [("give", "spent"), ("give", "staff")]


def _after(change: object) -> object:
    return "elsewhere" if change.after is None else change.after  # type: ignore[attr-defined]


def eligible_after(programme: Programme, row: Mapping[str, object], changes: tuple[object, ...]) -> bool:
    changed = {**row, **{each.attribute: _after(each) for each in changes}}  # type: ignore[attr-defined]
    table = pl.DataFrame({"id": ["x"], **{name: [changed[name]] for name in programme.attributes}})
    return decide((programme,), table, DAY).wide[programme.id].item() == 1


@pytest.fixture(scope="module")
def shenzhen() -> tuple[dict[str, Attribute], dict[str, Programme]]:
    pack = PACKS / "shenzhen"
    attributes = load_attributes(pack)
    return attributes, {each.id: each for each in load_programmes(pack / "programmes", attributes)}


AS_OF = date(2026, 11, 23)
RENTER = {
    "legal_form": "firm", "compute_rental": 40_000_000, "compute_rental_from_listed": 40_000_000,
    "listed_provider": False, "compute_other_support": 0, "founded_on": date(2020, 1, 1),
}  # fmt: skip


def facts_of(row: Mapping[str, object], status: FactStatus = FactStatus.VERIFIED) -> dict[str, FactValue]:
    return {name: FactValue(value, status) for name, value in row.items()}  # type: ignore[arg-type]


def test_in_words(shenzhen: tuple[dict[str, Attribute], dict[str, Programme]]) -> None:
    attributes, programmes = shenzhen
    found = explain(programmes["xunli"], facts_of(RENTER), AS_OF, attributes, with_nearest=True).nearest
    assert found is not None
    assert [(each.attribute, each.kind, each.before, each.after) for each in found.changes] == [
        ("compute_rental", "change", 40_000_000, 50_000_000)
    ]
    assert (found.distance, found.award_fen) == (0.25, 20_000_000)
    assert (
        found.sentence.zh
        == "最少的改动：“算力租用合同额”由 400,000 元 变为 500,000 元，即符合训力券，测算金额 200,000 元。"
    )
    assert found.sentence.en == (
        "The least that would do: Compute rental contracts from 400,000 CNY to 500,000 CNY; "
        "then Training voucher (compute for model training) applies, for 200,000 CNY."
    )


def test_what_cannot_be_changed_is_never_touched(
    shenzhen: tuple[dict[str, Attribute], dict[str, Programme]],
) -> None:
    attributes, programmes = shenzhen
    assert nearest_change(programmes["xunli"], facts_of({**RENTER, "listed_provider": True}), AS_OF, attributes) is None
    assert nearest_change(programmes["xunli"], facts_of({**RENTER, "legal_form": "branch"}), AS_OF, attributes) is None
    changeable = {**attributes, "listed_provider": replace(attributes["listed_provider"], changeable=True)}
    found = nearest_change(programmes["xunli"], facts_of({**RENTER, "listed_provider": True}), AS_OF, changeable)
    assert found is not None
    assert [(each.attribute, each.after) for each in found.changes] == [
        ("compute_rental", 50_000_000), ("listed_provider", False),
    ]  # fmt: skip


def test_what_is_missing_may_be_given(shenzhen: tuple[dict[str, Attribute], dict[str, Programme]]) -> None:
    attributes, programmes = shenzhen
    row = {**RENTER, "compute_rental": 60_000_000}
    del row["legal_form"], row["listed_provider"]
    found = nearest_change(programmes["xunli"], facts_of(row), AS_OF, attributes)
    assert found is not None
    assert [(each.attribute, each.kind, each.after) for each in found.changes] == [
        ("legal_form", "give", "firm"), ("listed_provider", "give", False),
    ]  # fmt: skip
    assert found.sentence.zh.startswith("最少的改动：提供“法律地位”，例如 firm；提供“入库服务商”，例如 否")


def test_a_ratio_of_facts_turns_where_it_should(shenzhen: tuple[dict[str, Attribute], dict[str, Programme]]) -> None:
    attributes, programmes = shenzhen
    row = {
        "legal_form": "firm", "founded_on": date(2020, 1, 1), "core_ip": 1, "high_tech_field": True,
        "employees": 1003, "research_staff": 95, "revenue": 5_000_000_000, "revenue_3y": 12_000_000_000,
        "rd_expense_3y": 700_000_000, "rd_expense_3y_in_china": 700_000_000, "high_tech_revenue": 4_000_000_000,
        "serious_violation": False, "taxable_income": 100_000_000,
    }  # fmt: skip
    found = nearest_change(programmes["high-tech-enterprise"], facts_of(row), AS_OF, attributes)
    assert found is not None
    # Fewer employees (950) would be 53/1003; more researchers (101) are 6/95, which is further.
    assert [(each.attribute, each.after) for each in found.changes] == [("employees", 950)]
    spends_less = {**row, "employees": 950, "rd_expense_3y": 500_000_000, "rd_expense_3y_in_china": 500_000_000}
    found = nearest_change(programmes["high-tech-enterprise"], facts_of(spends_less), AS_OF, attributes)
    assert found is not None
    # One fen more revenue is the next band, which asks for 4 % and not 5 %.
    assert [(each.attribute, each.after) for each in found.changes] == [("revenue", 5_000_000_001)]
    found = nearest_change(
        programmes["high-tech-enterprise"],
        facts_of({**spends_less, "high_tech_revenue": 3_000_000_000}),
        AS_OF,
        attributes,
    )
    assert found is not None
    assert [(each.attribute, each.after) for each in found.changes] == [("revenue_3y", 10_000_000_000)]


def test_proof_is_asked_for_where_only_proof_is_missing(
    make_programme: Callable[..., Programme], attributes: dict[str, Attribute]
) -> None:
    programme = make_programme(requires="documented", clause="spent > 10")
    found = nearest_change(programme, {"spent": FactValue(50)}, DAY, attributes)
    assert found is not None
    assert [(each.kind, each.before, each.after, each.required) for each in found.changes] == [
        ("prove", 50, 50, FactStatus.DOCUMENTED)
    ]
    assert (
        found.sentence.en
        == "The least that would do: prove Spent: 0.50 CNY (with documents); then Trial applies, for 0.25 CNY."
    )
    few = nearest_change(programme, {"spent": FactValue(5)}, DAY, attributes)
    assert few is not None
    assert [(each.kind, each.after) for each in few.changes] == [("change", 11)]
    fixed = {**attributes, "spent": replace(attributes["spent"], changeable=False)}
    assert nearest_change(programme, {"spent": FactValue(5)}, DAY, fixed) is None


def test_nothing_to_say(make_programme: Callable[..., Programme], attributes: dict[str, Attribute]) -> None:
    programme = make_programme(clause="spent > 10")
    assert nearest_change(programme, {"spent": FactValue(50)}, DAY, attributes) is None
    assert nearest_change(programme, {"spent": FactValue(5)}, date(2030, 1, 1), attributes) is None
    assert nearest_change(make_programme(clause="spent > 10 && spent < 5"), {}, DAY, attributes) is None
    assert nearest_change(programme, {"spent": FactValue(5)}, DAY, {}) is None


def test_any_other_text(make_programme: Callable[..., Programme], attributes: dict[str, Attribute]) -> None:
    programme = make_programme(clause="\"!(district in ['a', 'b'])\"", award="spent")
    found = nearest_change(programme, {"district": FactValue("a"), "spent": FactValue(5)}, DAY, attributes)
    assert found is not None
    assert [(each.after, each.other_than) for each in found.changes] == [(None, ("a", "b"))]
    assert "district名”由 a 变为 a、b 以外的值" in found.sentence.zh
    starts = make_programme(clause="\"!district.startsWith('a')\"", award="spent")
    assert nearest_change(starts, {"district": FactValue("a")}, DAY, attributes) is None
