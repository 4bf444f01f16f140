"""An explanation says what the decision says, and why."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.errors import InputError
from siwei.policy import (
    FactStatus,
    FactValue,
    Programme,
    Text,
    attribute_dtypes,
    decide,
    explain,
    load_programme,
)
from siwei.policy.explaining.explain import failures
from siwei.policy.explanation import yuan

from .shenzhen import ATTRIBUTES, PROGRAMMES

DAY = date(2026, 3, 1)
Make = Callable[..., Programme]


def declared(value: int | str | bool | date | None) -> FactValue:
    return FactValue(value, FactStatus.DECLARED, "the firm", "form 7", date(2026, 1, 1))


def test_an_eligible_programme_is_explained_step_by_step(
    make_programme: Make, attributes: dict[str, Attribute]
) -> None:
    programme = make_programme(award="'spent > 1000 ? basis_points(spent, p.rate) : 7'", cap="'600'")
    result = explain(programme, {"spent": declared(2001)}, DAY, attributes)
    assert result.sentence == Text("符合试验，测算金额 6 元。", "Eligible for Trial: 6 CNY by the rules.")
    award = result.award
    assert [(step.expression, step.value, step.status) for step in award.steps] == [
        ("spent > 1000", True, "ok"),
        ("p.rate", 5000, "ok"),
        ("basis_points(spent, p.rate)", 1000, "ok"),
    ]
    assert (award.computed_fen, award.cap_fen, award.bound_by, award.award_fen) == (1000, 600, "cap", 600)
    (clause,) = result.clauses
    assert (clause.verdict, clause.expression, clause.missing) == ("yes", "spent > 0", ())
    assert [(seen.attribute, seen.name, seen.unit, seen.fact) for seen in clause.saw] == [
        ("spent", Text("spent名", "Spent"), "fen", declared(2001))
    ]


def test_what_is_missing_and_what_needs_proof(make_programme: Make, attributes: dict[str, Attribute]) -> None:
    programme = make_programme(clause="spent > 0 && staff > 0", requires="verified")
    result = explain(programme, {"spent": declared(5), "staff": declared(None)}, DAY, attributes)
    (clause,) = result.clauses
    assert [(missing.attribute, missing.reason) for missing in clause.missing] == [
        ("spent", "needs_proof"),
        ("staff", "not_given"),
    ]
    assert result.verdict == "cannot_tell"
    assert result.sentence == Text(
        "尚不能判定是否符合试验，需提供或证明：spent名、staff名。",
        "Cannot tell yet whether Trial applies; to be given or proven: Spent, Staff.",
    )
    assert (result.award.award_fen, result.award.computed_fen) == (None, 2)


@pytest.mark.parametrize(
    ("change", "facts", "day", "zh"),
    [
        ({"clause": "spent > 9"}, {"spent": 9}, DAY, "不符合试验：未满足“条件一”。"),
        ({}, {"spent": 9}, date(2025, 1, 1), "试验在判定日不在有效期内。"),
        ({"award": "share(spent, 1, staff)"}, {"spent": 9}, DAY, "符合试验，但金额尚不能算出，需提供或证明：staff名。"),
        ({"clause": "1 / (spent - 9) > 0"}, {"spent": 9}, DAY, "尚不能判定是否符合试验（条款计算出错：first）。"),
        ({"award": "spent", "cap": "'9000000000'"}, {"spent": 123456789}, DAY, "符合试验，测算金额 1,234,567.89 元。"),
    ],
)
def test_sentences(
    make_programme: Make,
    attributes: dict[str, Attribute],
    change: dict[str, str],
    facts: dict[str, int],
    day: date,
    zh: str,
) -> None:
    row = {name: declared(value) for name, value in facts.items()}
    assert explain(make_programme(**change), row, day, attributes).sentence.zh == zh


@pytest.mark.parametrize(
    ("change", "spent", "of", "zh", "en"),
    [
        ({"clause": "1 / (spent - 9) > 0"}, 9, "first", "条件一（1 / (spent - 9)：除以零）",
         "First (1 / (spent - 9): division by zero)"),
        ({"award": "share(spent, 1, spent - 9)"}, 9, "award",
         "金额（share(spent, 1, spent - 9)：share 的分母须大于零）",
         "Amount (share(spent, 1, spent - 9): share needs a denominator above zero)"),
        ({"award": "spent + spent"}, 2**62, "award", "金额（spent + spent：整数超出 64 位）",
         "Amount (spent + spent: integer overflow)"),
        ({"award": "spent - 10"}, 9, "award", "金额（金额为负）", "Amount (the amount is negative)"),
        ({"award": "spent", "cap": "share(spent, 2, spent - 9)"}, 9, "award",
         "金额（share(spent, 2, spent - 9)：share 的分母须大于零）",
         "Amount (share(spent, 2, spent - 9): share needs a denominator above zero)"),
        ({"award": "'spent > 9 ? share(spent, 1, 0) : share(spent, 2, 9 - spent)'"}, 9, "award",
         "金额（share(spent, 2, 9 - spent)：share 的分母须大于零）",
         "Amount (share(spent, 2, 9 - spent): share needs a denominator above zero)"),
    ],
)  # fmt: skip
def test_what_fails_of_what_is_in_error(
    make_programme: Make, change: dict[str, str], spent: int, of: str, zh: str, en: str
) -> None:
    programme, row = make_programme(**change), {"spent": declared(spent)}
    (found,) = failures(programme, row, explain(programme, row, DAY))
    assert (found.of, found.sentence) == (of, Text(f"计算出错：{zh}。", f"In error: {en}."))


def test_of_a_sound_decision_nothing_fails(make_programme: Make) -> None:
    for spent in (5, None):
        programme, row = make_programme(award="share(spent, 1, 2)"), {"spent": declared(spent)}
        assert failures(programme, row, explain(programme, row, DAY)) == ()


def test_as_json_it_holds_plain_values(make_programme: Make) -> None:
    plain = explain(make_programme(), {"spent": declared(5)}, DAY).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["verdict"] == "eligible"
    assert plain["clauses"][0]["saw"] == [  # type: ignore[index]
        {
            "attribute": "spent",
            "name": {"zh": "spent", "en": "spent"},
            "unit": None,
            "fact": {
                "value": 5,
                "status": "declared",
                "source": "the firm",
                "source_ref": "form 7",
                "valid_from": "2026-01-01",
            },
        }
    ]


@pytest.mark.parametrize("value", ["5", 5.0, True, 2**63, date(2026, 1, 1)])
def test_a_value_of_another_type_is_refused(make_programme: Make, value: object) -> None:
    with pytest.raises(InputError, match=r"is not Int64 \[spent\]"):
        explain(make_programme(), {"spent": FactValue(value)}, DAY)  # type: ignore[arg-type]


def test_a_draft_says_so() -> None:
    programme = next(each for each in PROGRAMMES if each.is_draft)
    result = explain(programme, {}, DAY, ATTRIBUTES)
    assert (result.is_draft, result.unsourced) == (True, programme.unsourced)
    assert result.sentence.zh.endswith("（草案：有条款未注明出处，不发放资金）")


amounts = st.none() | st.integers(0, 10) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([50_000_000, 10**9])
values = {
    "Int64": amounts,
    "Boolean": st.none() | st.booleans(),
    "String": st.none() | st.sampled_from(["firm", "university", "longhua", "x"]),
    "Date": st.none() | st.dates(date(2020, 1, 1), DAY),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_explanation_agrees_with_the_decision(data: st.DataObject) -> None:
    programme = data.draw(st.sampled_from(PROGRAMMES))
    dtypes = attribute_dtypes([programme])
    row = {name: data.draw(values[str(dtype)], label=name) for name, dtype in dtypes.items()}
    table = pl.DataFrame({"id": ["a"], **{name: pl.Series([row[name]], dtype=dtypes[name]) for name in dtypes}})
    decided = decide((programme,), table, DAY)
    explained = explain(programme, {name: declared(value) for name, value in row.items()}, DAY)
    assert decided.awards.rows() == [("a", programme.id, explained.verdict, explained.award.award_fen)]
    assert decided.clauses.rows() == [
        ("a", programme.id, clause.id, clause.verdict, [missing.attribute for missing in clause.missing])
        for clause in explained.clauses
    ]
    # Of each error is said what fails; of anything else nothing.
    found = failures(programme, {name: declared(value) for name, value in row.items()}, explained)
    failing = [clause.id for clause in explained.clauses if clause.verdict == "error"]
    is_unknown = explained.verdict == "eligible" and explained.award.award_fen is None
    failing += ["award"] if is_unknown and not explained.award.missing else []
    assert [each.of for each in found] == failing


def test_yuan() -> None:
    assert [yuan(each) for each in (0, 5, 100, 123456, -150)] == ["0", "0.05", "1", "1,234.56", "-1.50"]


def test_a_clause_that_favours_local_suppliers_is_flagged(
    write_programme: Callable[..., Path], attributes: dict[str, Attribute]
) -> None:
    path = write_programme()
    text = path.read_text(encoding="utf-8")
    flagged = "    requires: declared\n    favours_local: true\n    review: Trial review 1\n"
    path.write_text(text.replace("    requires: declared\n", flagged), encoding="utf-8")
    programme = load_programme(path, attributes)
    (clause,) = explain(programme, {}, date(2026, 6, 30)).clauses
    assert (clause.favours_local, clause.review) == (True, "Trial review 1")
