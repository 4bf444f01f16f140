"""Which missing facts would decide the most."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.policy import UNLOCK_SCHEMA, Programme, attribute_dtypes, decide, unlock
from siwei.policy.programmes import Citation

from .shenzhen import PROGRAMMES as ALL

DAY = date(2026, 3, 1)
FIVE = ("high-tech-enterprise", "longhua-compute", "moxing", "xunli", "yuliao")
CITED = Citation("Trial rules", "1")


def cited(programme: Programme) -> Programme:
    """With a source everywhere, so that it is no draft."""
    clauses = tuple(replace(each, citation=each.citation or CITED) for each in programme.clauses)
    parameters = tuple(replace(each, citation=each.citation or CITED) for each in programme.parameters)
    return replace(programme, clauses=clauses, parameters=parameters)


WRITTEN = tuple(each for each in ALL if each.id in FIVE)
PROGRAMMES = tuple(cited(each) for each in WRITTEN)
DTYPES = attribute_dtypes(PROGRAMMES)
Make = Callable[..., Programme]


def subjects(**facts: list[object]) -> pl.DataFrame:
    rows = len(next(iter(facts.values())))
    columns = {name: pl.Series(facts.get(name, [None] * rows), dtype=dtype) for name, dtype in DTYPES.items()}
    return pl.DataFrame({"id": [str(row) for row in range(rows)], **columns})


def test_sets_are_ranked_by_money_and_named_with_their_programmes() -> None:
    table = subjects(legal_form=["firm"], district=["nanshan"], listed_provider=[True], founded_on=[date(2026, 1, 1)])
    assert unlock(PROGRAMMES, table, DAY).rows() == [
        ("0", 1, ["corpus_purchase", "model_purchase"], ["moxing", "yuliao"], 400_000_000, 0),
        ("0", 2, ["corpus_purchase"], ["yuliao"], 200_000_000, 0),
        ("0", 3, ["model_purchase"], ["moxing"], 200_000_000, 0),
    ]


def test_what_cannot_be_opened_is_not_offered(make_programme: Make) -> None:
    programme = make_programme(clause="spent > 0 && staff > 0")
    table = pl.DataFrame(
        {"id": list("abcd"), "spent": [0, 5, None, 9], "staff": [None, 4, None, None]},
        schema_overrides={"staff": pl.Int64},
    )
    assert unlock((programme,), table, DAY).rows() == [
        ("c", 1, ["spent", "staff"], ["trial"], 1_000_000, 0),
        # The amount can be worked out already, so it is the bound, and not the cap.
        ("d", 1, ["staff"], ["trial"], 4, 0),
    ]
    assert unlock((programme,), table, date(2027, 1, 1)).rows() == []
    assert unlock((programme,), table.clear(), DAY).schema == pl.Schema(UNLOCK_SCHEMA)


def test_an_amount_that_waits_for_a_fact_is_offered_too(make_programme: Make) -> None:
    programme = make_programme(award="share(spent, staff, 1)", cap="share(spent, staff, 2)")
    table = pl.DataFrame({"id": ["a"], "spent": [1], "staff": pl.Series([None], dtype=pl.Int64)})
    assert unlock((programme,), table, DAY).rows() == [("a", 1, ["staff"], ["trial"], None, 0)]


VALUES = {
    "Int64": st.integers(0, 10**10),
    "Boolean": st.booleans(),
    "String": st.sampled_from(["firm", "university", "longhua"]),
    "Date": st.dates(date(2020, 1, 1), DAY),
}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_facts_of_a_set_decide_its_programmes_within_the_bound(data: st.DataObject) -> None:
    full = {name: data.draw(VALUES[str(dtype)], label=name) for name, dtype in DTYPES.items()}
    absent = data.draw(st.sets(st.sampled_from(sorted(DTYPES))))
    table = subjects(**{name: [None if name in absent else value] for name, value in full.items()})
    for _, _, facts, programmes, paid_at_most, tax_at_most in unlock(PROGRAMMES, table, DAY).rows():
        assert set(facts) <= absent
        supplied = table.with_columns(pl.Series(name, [full[name]], dtype=DTYPES[name]) for name in facts)
        awards = decide(PROGRAMMES, supplied, DAY).awards.filter(pl.col("programme").cast(str).is_in(programmes))
        assert awards.select(pl.col("verdict") == "cannot_tell").to_series().any() is False
        assert awards["award_fen"].null_count() == 0
        tax = awards.filter(programme="high-tech-enterprise")["award_fen"].sum()
        assert paid_at_most is None or awards["award_fen"].sum() - tax <= paid_at_most
        assert tax_at_most is None or tax <= tax_at_most


def test_a_draft_is_told_and_adds_nothing_to_a_bound() -> None:
    draft = next(each for each in WRITTEN if each.is_draft)
    table = pl.DataFrame({"id": ["a"], **{name: pl.Series([None], dtype=DTYPES[name]) for name in draft.attributes}})
    (row,) = unlock((draft,), table, DAY, most_sets=1).to_dicts()
    assert (row["programmes"], row["paid_at_most_fen"], row["tax_saving_at_most_fen"]) == ([draft.id], 0, 0)
