"""Which rows are one organisation; the answer depends on the rows, not on their order."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.firms.merging import KNOWN, ROWS, Assignment, assign_rows
from siwei.city.firms.names import name_key, separate_key

CODES, NAMES = ("A", "B", "C"), ("甲", "乙", "丙")
ROW = st.tuples(st.one_of(st.none(), st.sampled_from(CODES)), st.sampled_from(NAMES))


def assign(rows: list[tuple[str | None, str]], known: list[tuple[str, str | None, str]] | None = None) -> Assignment:
    frame = pl.DataFrame(
        [(0, number, code, name, 0, "sha") for number, (code, name) in enumerate(rows, start=2)],
        schema=ROWS,
        orient="row",
    )
    return assign_rows(frame, pl.DataFrame(known or [], schema=KNOWN, orient="row"))


def keys_and_reasons(assignment: Assignment) -> list[tuple[str, str | None]]:
    return list(assignment.rows.select("key", "reason").iter_rows())


def test_same_code_is_one_organisation() -> None:
    assignment = assign([("A", "甲"), ("A", "甲")])
    assert keys_and_reasons(assignment) == [("A", None), ("A", "code")]


def test_same_code_under_another_name_merges_and_says_so() -> None:
    assignment = assign([("A", "甲"), ("A", "乙")])
    assert keys_and_reasons(assignment) == [("A", None), ("A", "code")]
    assert assignment.rows["note"].to_list() == [None, "same code as '甲', another name: merged by code"]


def test_a_row_without_code_joins_the_one_code_of_its_name() -> None:
    assert keys_and_reasons(assign([(None, "甲"), ("A", "甲")])) == [("A", "name"), ("A", None)]


def test_two_codes_are_never_one_organisation() -> None:
    assignment = assign([("A", "甲"), ("B", "甲"), (None, "甲")])
    assert keys_and_reasons(assignment) == [("A", None), ("B", None), (name_key("甲"), None)]
    assert assignment.rows["note"][2] == "the name fits 2 codes: kept apart, without a code"


def test_rows_without_code_meet_by_name() -> None:
    assert keys_and_reasons(assign([(None, "甲"), (None, "甲")])) == [(name_key("甲"), None), (name_key("甲"), "name")]


def test_an_organisation_known_by_name_learns_its_code() -> None:
    assignment = assign([("A", "甲")], [(name_key("甲"), None, "甲")])
    assert keys_and_reasons(assignment) == [("A", "name")]
    assert assignment.adoptions.rows() == [(name_key("甲"), "A", "A")]


def test_what_was_taken_apart_is_not_merged_back() -> None:
    apart = separate_key("甲", "file row 2")
    assignment = assign([("A", "甲")], [(apart, None, "甲")])
    assert keys_and_reasons(assignment) == [("A", None)]
    assert assignment.adoptions.is_empty()


def test_known_organisations_are_merged_into() -> None:
    assert keys_and_reasons(assign([("A", "乙"), (None, "甲")], [("A", "A", "甲")])) == [("A", "code"), ("A", "name")]


@given(st.lists(ROW, max_size=12), st.randoms(use_true_random=False))
def test_order_does_not_change_the_organisations(rows: list[tuple[str | None, str]], shuffle: object) -> None:
    keyed = sorted(zip(rows, [key for key, _ in keys_and_reasons(assign(rows))], strict=True), key=str)
    mixed = list(rows)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    again = sorted(zip(mixed, [key for key, _ in keys_and_reasons(assign(mixed))], strict=True), key=str)
    assert keyed == again


@given(st.lists(ROW, max_size=12))
def test_one_row_creates_each_organisation_and_codes_stay_apart(rows: list[tuple[str | None, str]]) -> None:
    frame = assign(rows).rows
    assert frame.filter(pl.col("reason").is_null())["key"].sort().to_list() == frame["key"].unique().sort().to_list()
    coded = frame.drop_nulls("code")
    assert coded["code"].to_list() == coded["key"].to_list()


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
def test_two_imports_one_after_the_other_end_where_one_does(
    first: list[tuple[str | None, str]], second: list[tuple[str | None, str]]
) -> None:
    """Where no name is shared by two codes: there a row without a code may have joined the first before the second."""
    both = first + second
    for name in NAMES:
        if len({code for code, other in both if other == name and code}) > 1:
            return
    before = assign(first).rows.select("key", "code", "name_normalised").unique()
    # Nor where a name stood alone and a code that was there under another name claims it now: two organisations exist
    # by then, and an import does not join what exists (docs/design/import.md).
    alone = {name for name, key in before.select("name_normalised", "key").iter_rows() if key not in CODES}
    if any(name in alone and code in set(before["key"]) for code, name in second):
        return
    # A row without a code joined the organisation that has one.
    coded = pl.when(pl.col("key").is_in(CODES)).then("key").alias("code")
    known = before.select("key", coded, "name_normalised").unique()
    after = assign(second, list(known.iter_rows()))
    adopted = dict(after.adoptions.select("old_key", "key").iter_rows())
    stepwise = {adopted.get(key, key) for key in before["key"]} | set(after.rows["key"])
    assert stepwise == set(assign(both).rows["key"])
