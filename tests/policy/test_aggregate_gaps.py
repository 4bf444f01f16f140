"""What a sum waits for: exactly the facts of other rows without which it is not known."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.policy import Programme, load_programme
from siwei.policy.aggregating.aggregate_gaps import MOST_GAPS, Gap, aggregate_gaps
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.related import TIES_SCHEMA, related

DAY = date(2026, 6, 30)
WORDS = "words: {zh: 合计, en: Sum}"
MORE = f"""\
aggregates:
  paid_here: {{of: claims, sum: paid, where: "kind == 'x' && paid > 0", {WORDS}}}
  group_staff: {{of: related, sum: staff, unit: people, {WORDS}}}
  before: {{of: awards, sum: paid_fen, where: "award_fen > 0", {WORDS}}}
"""
SUBJECT = pl.DataFrame({"id": ["a"]})
TIES = pl.DataFrame([{"holder": "a", "held": "b", "kind": "control"}], schema=TIES_SCHEMA)
ORGANISATIONS = pl.DataFrame(
    {"id": ["a", "b", "c"], "staff": [1, None, None]}, schema={"id": pl.String, "staff": pl.Int64}
)
AWARDS = {"organisation": pl.String, "programme": pl.String, "awarded_on": pl.Date, "award_fen": pl.Int64,
          "paid_fen": pl.Int64}  # fmt: skip
NO_AWARDS = pl.DataFrame(schema=AWARDS)


@pytest.fixture
def attributes(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    def of_claim(name: str, kind: str, unit: str | None) -> Attribute:
        return Attribute(
            name, "agreement", kind, unit, f"{name}名", name, False, True, "", name, name, None, None, False
        )

    return {**attributes, "paid": of_claim("paid", "int", "fen"), "kind": of_claim("kind", "string", None)}


@pytest.fixture
def programme(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Programme:
    path = write_programme(clause="paid_here + before > 0 && group_staff > 0", award="paid_here")
    path.write_text(path.read_text(encoding="utf-8") + MORE, encoding="utf-8")
    return load_programme(path, attributes)


def claims(*rows: tuple[str, str, int | None, str | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "organisation": pl.String, "paid": pl.Int64, "kind": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def gaps(programme: Programme, attributes: dict[str, Attribute], rows: Rows) -> tuple[Gap, ...]:
    table = add_aggregates([programme], SUBJECT, rows, DAY).table
    return aggregate_gaps(programme, table, rows, DAY, attributes)


def test_every_kind_of_row_says_what_it_lacks(programme: Programme, attributes: dict[str, Attribute]) -> None:
    made = claims(
        ("1", "a", 5, "x"), ("2", "a", None, "x"), ("3", "a", 5, None), ("4", "a", None, "y"), ("5", "a", None, None),
        ("6", "b", None, None), ("7", "a", 0, None),
    )  # fmt: skip
    awards = pl.DataFrame([("a", "trial", DAY, 5, None), ("a", "old", DAY, 0, None)], schema=AWARDS, orient="row")
    rows = Rows(claims=made, organisations=ORGANISATIONS, related=related(TIES, DAY, 2500), awards=awards)
    found = gaps(programme, attributes, rows)
    assert [(gap.aggregate, gap.of, gap.row, gap.attributes) for gap in found] == [
        ("paid_here", "claims", "2", ("paid",)), ("paid_here", "claims", "3", ("kind",)),
        ("paid_here", "claims", "5", ("kind", "paid")), ("group_staff", "related", "b", ("staff",)),
        ("before", "awards", "trial", ("paid_fen",)),
    ]  # fmt: skip
    assert found[3].sentence.zh == "“合计”尚不能合计：需提供 b 的staff名。"
    assert found[3].sentence.en == "“Sum” cannot be added up yet; to be given: Staff of b."


def test_many_rows_are_counted(programme: Programme, attributes: dict[str, Attribute]) -> None:
    made = claims(*((f"{place:03}", "a", None, "x") for place in range(MOST_GAPS + 3)))
    rows = Rows(claims=made, organisations=ORGANISATIONS, related=related(TIES.clear(), DAY, 2500), awards=NO_AWARDS)
    found = gaps(programme, attributes, rows)
    assert ([gap.more for gap in found], found[-1].sentence.en.endswith("of 019, and 3 rows more.")) == (
        [0] * (MOST_GAPS - 1) + [3], True,
    )  # fmt: skip


facts = st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(-1, 9)), st.sampled_from([None, "x", "y"]))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(facts, max_size=6))
def test_with_what_is_named_supplied_the_sum_is_known(
    programme: Programme, attributes: dict[str, Attribute], made: list[tuple[str, int | None, str | None]]
) -> None:
    def rows_of(each: list[dict[str, Any]]) -> Rows:
        table = claims(*((row["id"], row["organisation"], row["paid"], row["kind"]) for row in each))
        return Rows(
            claims=table, organisations=ORGANISATIONS, related=related(TIES.clear(), DAY, 2500), awards=NO_AWARDS
        )

    each = [{"id": str(place), "organisation": firm, "paid": paid, "kind": kind} for place, (firm, paid, kind) in
            enumerate(made)]  # fmt: skip
    found = gaps(programme, attributes, rows_of(each))
    known = add_aggregates([programme], SUBJECT, rows_of(each), DAY).table["paid_here"][0]
    assert (known is None) == bool(found)
    for gap in found:
        row = next(row for row in each if row["id"] == gap.row)
        assert all(row[name] is None for name in gap.attributes)
        row |= {name: {"paid": 3, "kind": "x"}[name] for name in gap.attributes}
    assert add_aggregates([programme], SUBJECT, rows_of(each), DAY).table["paid_here"][0] is not None


def test_the_answer_is_json(programme: Programme, attributes: dict[str, Attribute]) -> None:
    from siwei.policy.explanation import plain

    rows = Rows(claims=claims(("1", "a", None, "x")), organisations=ORGANISATIONS, awards=NO_AWARDS,
                related=related(TIES.clear(), DAY, 2500))  # fmt: skip
    (told,) = json.loads(json.dumps(plain(gaps(programme, attributes, rows))))
    assert (told["row"], told["attributes"], set(told["sentence"])) == ("1", ["paid"], {"zh", "en"})
    assert aggregate_gaps(programme, SUBJECT, None, DAY, attributes) == ()
