"""Differences of limits, aggregates, pots and rules of stacking, each named, and decided with."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.errors import InputError
from siwei.policy import Programme, load_programme
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.combinations.held_combining import combine_beside
from siwei.policy.diffs.diff import Side, Subjects, diff
from siwei.policy.diffs.diff_stacking import diff_stacking
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.stacking import Stacking

from .conftest import attribute

DAY = date(2026, 3, 1)
WORDS = "words: {zh: 数, en: Figure}"
LIMIT = f"""\
limits:
  - id: by-district
    per: [district]
    at_most: "%s"
    order: [staff]
    {WORDS}
"""
AGGREGATE = f"""\
aggregates:
  granted: {{of: awards, sum: award_fen, where: "%s", {WORDS}}}
"""
Edit = Callable[..., Programme]


@pytest.fixture
def attributes(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {**attributes, "rent": attribute("rent", "int", "fen")}


@pytest.fixture
def edited(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Edit:
    def edit(more: str = "", **changes: str) -> Programme:
        path = write_programme(**changes)
        path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
        return load_programme(path, attributes)

    return edit


def firms(*rows: tuple[Any, ...]) -> pl.DataFrame:
    schema = {"id": pl.String, "district": pl.String, "spent": pl.Int64, "staff": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(rent="staff")


def test_a_limit_over_several_rows_cuts_on_both_sides(edited: Edit) -> None:
    """Of 500 fen for a district, then 400: the first served keeps its own."""
    before, after = (edited(LIMIT % most, award="spent") for most in (500, 400))
    rows = firms(("a", "x", 300, 1), ("b", "x", 300, 2), ("c", "y", 450, 3), ("d", "z", 100, 4))
    (found,) = diff((before,), (after,), rows, DAY)
    assert [(each.name, each.before, each.after) for each in found.changes] == [
        ("limit by-district", "at most 500 per district, served by staff",
         "at most 400 per district, served by staff"),
    ]  # fmt: skip
    assert (found.cost_before_fen, found.cost_after_fen) == (300 + 200 + 450 + 100, 300 + 100 + 400 + 100)
    assert found.counts == {"gains": 0, "loses": 2, "same": 2, "undecided": 0}
    assert found.reasons.rows() == [("limit by-district", 0, 2, 0, -150)]


def test_a_limit_that_comes_is_a_reason_beside_others(edited: Edit) -> None:
    before, after = edited(award="spent"), edited(LIMIT % "400", award="spent - 50")
    rows = firms(("a", "x", 300, 1), ("b", "x", 300, 2), ("c", "y", 900, 3))
    (found,) = diff((before,), (after,), rows, DAY)
    # a loses 50 by the award; b is left 400 - 250; c is cut to 400, which the limit alone does.
    assert sorted(found.examples.select("id", "award_after_fen", "reason").rows()) == [
        ("a", 250, "award"), ("b", 150, "award with limit by-district"), ("c", 400, "limit by-district"),
    ]  # fmt: skip


def test_an_aggregate_is_added_up_for_each_text(edited: Edit) -> None:
    clause = {"clause": "granted == 0", "award": "spent"}
    before = edited(AGGREGATE % "true", **clause)
    after = edited(AGGREGATE % "awarded_on.getFullYear() == 2026", **clause)
    awards = pl.DataFrame(
        {"organisation": ["a", "b"], "programme": ["trial", "trial"], "award_fen": [5, 5], "paid_fen": [5, 5],
         "awarded_on": [date(2025, 1, 1), date(2026, 2, 1)]}
    )  # fmt: skip
    rows, table = Rows(awards=awards), firms(("a", "x", 300, 1), ("b", "x", 300, 2), ("c", "x", 1, 2))
    (found,) = diff(Side((before,), rows=rows), Side((after,), rows=rows), table, DAY)
    assert [change.kind for change in found.changes] == ["aggregate"]
    assert found.examples.select("id", "outcome", "reason").rows() == [("a", "gains", "aggregate granted")]
    with pytest.raises(InputError, match="no column 'granted'"):
        diff((before,), (after,), table, DAY)


def test_a_pot_s_terms_are_named_and_change_no_decision(edited: Edit) -> None:
    pot = f"pot: {{budget_fen: '%s', sharing: %s, {WORDS}}}\n"
    before, after = edited(pot % (500, "pro_rata")), edited(pot % (400, "merit"))
    (found,) = diff((before,), (after,), firms(("a", "x", 300, 1)), DAY)
    assert [(each.name, each.before, each.after) for each in found.changes] == [
        ("pot budget", "500 fen (year)", "400 fen (year)"), ("pot sharing", "pro_rata", "merit"),
    ]  # fmt: skip
    assert (found.counts["same"], found.reasons.height) == (1, 0)
    assert found.as_dict()["after"] == {
        "version": "1",
        "sha256": after.sha256,
        "is_draft": False,
        "draft_because": None,
        "budget_fen": 400,
    }


STACKING = f"""\
groups:
  - id: together
    programmes: [one, two]
    limit: "%s"
    applies_from: 2
    reduce: [one, two]
    {WORDS}
either_or:
%s
"""
EXCLUSION = f"  - {{id: not-both, programmes: [one, two], {WORDS}}}\n"


@pytest.fixture
def two(edited: Edit) -> tuple[Programme, ...]:
    return edited(id="one", award="spent"), edited(id="two", award="rent", clause="rent > 0")


def rules(folder: Path, programmes: tuple[Programme, ...], attributes: dict[str, Attribute], text: str) -> Stacking:
    (folder / "stacking.yaml").write_text(text, encoding="utf-8")
    return load_stacking(folder, attributes, programmes)


def test_a_rule_of_stacking_is_the_reason(
    two: tuple[Programme, ...], attributes: dict[str, Attribute], tmp_path: Path
) -> None:
    before = rules(tmp_path, two, attributes, STACKING.replace("either_or:\n", "") % ("500", ""))
    after = rules(tmp_path, two, attributes, STACKING % ("450", EXCLUSION))
    table = firms(("a", "x", 300, 100), ("b", "x", 300, 300), ("c", "x", 300, 160), ("d", "x", 300, None))
    found = diff_stacking(Side(two, before), Side(two, after), table, DAY)
    assert [each.name for each in found.changes] == ["group together", "exclusion not-both"]
    (kept,) = found.kept
    assert (kept.kind, kept.programmes, kept.kept_before_fen, kept.kept_after_fen) == (
        "paid", ("one", "two"), 400 + 500 + 460, 300 + 300 + 300,
    )  # fmt: skip
    assert kept.counts == {"gains": 0, "loses": 3, "same": 1, "undecided": 0}
    assert kept.reasons.rows() == [("exclusion not-both", 0, 3, 0, -460)]


def test_programmes_are_a_reason_beside_rules(
    two: tuple[Programme, ...], edited: Edit, attributes: dict[str, Attribute], tmp_path: Path
) -> None:
    stacking = rules(tmp_path, two, attributes, STACKING.replace("either_or:\n", "") % ("500", ""))
    less = (edited(id="one", award="spent / 2"), two[1])
    found = diff_stacking(Side(two, stacking), Side(less, stacking), firms(("a", "x", 300, 100)), DAY)
    assert found.kept[0].reasons.rows() == [("programmes", 0, 1, 0, -150)]
    gone = diff_stacking(Side(two, stacking), Side((), Stacking()), firms(("a", "x", 300, 100), ("b", "x", 0, 0)), DAY)
    assert [(each.counts["loses"], each.counts["same"], each.kept_after_fen) for each in gone.kept] == [(1, 1, 0)]
    nothing = diff_stacking(Side(two, stacking), Side(two, stacking), firms(("a", "x", 300, 100)), DAY)
    assert (nothing.changes, nothing.kept[0].counts["same"]) == ((), 1)


def test_what_is_held_is_kept_on_both_sides_and_of_a_programme_that_is_gone(
    two: tuple[Programme, ...], edited: Edit, attributes: dict[str, Attribute], tmp_path: Path
) -> None:
    """Under 500 for both: a holds 250 of one's 300; b holds 90 of two, and is entitled to nothing of it."""
    stacking = rules(tmp_path, two, attributes, STACKING.replace("either_or:\n", "") % ("500", ""))
    less = (edited(id="one", award="spent / 3"), two[1])
    table, held = firms(("a", "x", 300, 300), ("b", "x", 300, 0)), {"a": {"one": 250}, "b": {"two": 90}}
    (kept,) = diff_stacking(Side(two, stacking), Side(less, stacking), table, DAY, held=held).kept
    assert (kept.kept_before_fen, kept.kept_after_fen, kept.held_fen) == (500 + 390, 500 + 190, 340)
    assert kept.counts == {"gains": 0, "loses": 1, "same": 1, "undecided": 0}
    (kept,) = diff_stacking(Side(two, stacking), Side((), Stacking()), table, DAY, held=held).kept
    assert (kept.kept_before_fen, kept.kept_after_fen) == (500 + 390, 250 + 90)
    (kept,) = diff_stacking(Side((), Stacking()), Side(two, stacking), table, DAY, held=held).kept
    assert (kept.kept_before_fen, kept.kept_after_fen) == (250 + 90, 500 + 390)
    # Without rules that which is held of a programme is compared all the same.
    (kept,) = diff_stacking(Side(two[:1]), Side(less[:1]), table, DAY, held={"a": {"one": 250}}).kept
    assert (kept.programmes, kept.kept_before_fen, kept.kept_after_fen) == (("one",), 600, 250 + 100)
    assert diff_stacking(Side(two[:1]), Side(less[:1]), table, DAY).kept == ()


amount = st.one_of(st.none(), st.integers(0, 600))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(amount, amount), max_size=12), st.sampled_from(["", EXCLUSION]), st.integers(0, 900),
    st.dictionaries(st.sampled_from("0123"), st.dictionaries(st.sampled_from(["one", "two"]), st.integers(0, 700))),
)  # fmt: skip
def test_what_is_kept_is_what_combine_says(
    two: tuple[Programme, ...], attributes: dict[str, Attribute], tmp_path: Path,
    made: list[tuple[int | None, int | None]], exclusion: str, limit: int, held: dict[str, dict[str, int]],
) -> None:  # fmt: skip
    before = rules(tmp_path, two, attributes, STACKING.replace("either_or:\n", "") % ("500", ""))
    text = STACKING if exclusion else STACKING.replace("either_or:\n", "")
    after = rules(tmp_path, two, attributes, text % (limit, exclusion))
    table = firms(*((str(place), "x", *pair) for place, pair in enumerate(made)))
    (kept,) = diff_stacking(Side(two, before), Side(two, after), table, DAY, held=held).kept
    totals = []
    for stacking in (before, after):
        decisions, decided = Subjects(table, DAY).decisions(two, None)
        wide = combine_beside(stacking, decisions, decided, held).wide
        totals.append([None if None in row else sum(row) for row in wide.select("one:kept_fen", "two:kept_fen").rows()])
    assert (kept.kept_before_fen, kept.kept_after_fen) == tuple(
        sum(each for each in side if each is not None) for side in totals
    )
    moved = sum(1 for one, other in zip(*totals, strict=True) if one != other)
    assert len(made) - kept.counts["same"] == moved
    assert int(kept.reasons.select(pl.sum_horizontal("gains", "loses", "undecided").sum()).item()) == moved
