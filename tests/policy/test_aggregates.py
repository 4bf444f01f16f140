"""Aggregates and limits as a programme declares them, against plain Python over the same rows."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute
from siwei.errors import InputError, PolicyError
from siwei.policy import Programme, decide, load_programme
from siwei.policy.aggregating.aggregates import Rows, add_aggregates
from siwei.policy.aggregating.limits import apply_limits, limited_column
from siwei.policy.decide import award_column
from siwei.policy.related import TIES_SCHEMA, Related, related

DAY = date(2026, 6, 30)
WORDS = "words: {zh: 数, en: Sum}"
AGGREGATES = f"""\
aggregates:
  paid_this_year:
    of: claims
    sum: paid
    where: paid_year == as_of.getFullYear() && !is_related
    {WORDS}
  claims_made: {{of: claims, count: true, {WORDS}}}
  group_staff: {{of: related, sum: staff, unit: people, {WORDS}}}
  members_staff: {{of: members, sum: staff, where: "district == 'x'", unit: people, {WORDS}}}
  past_awards: {{of: awards, sum: award_fen, where: "programme == 'trial' && awarded_on < as_of", {WORDS}}}
  largest: {{of: claims, greatest: paid, {WORDS}}}
"""


def of_claim(name: str, kind: str, unit: str | None = None) -> Attribute:
    return Attribute(name, "agreement", kind, unit, name, name, False, True, "", name, name, None, None, False)


@pytest.fixture
def attributes(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    made = (of_claim("paid", "int", "fen"), of_claim("paid_year", "int", "year"), of_claim("kind", "string"))
    return {**attributes, **{each.id: each for each in made}}


@pytest.fixture
def declared(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Programme:
    return load_with(write_programme(clause="paid_this_year > 0", award="paid_this_year"), attributes, AGGREGATES)


def load_with(path: Path, attributes: dict[str, Attribute], more: str, applies_to: str = "organisation") -> Programme:
    text = path.read_text(encoding="utf-8").replace("applies_to: organisation", f"applies_to: {applies_to}")
    path.write_text(text + more, encoding="utf-8")
    return load_programme(path, attributes)


def claims(*rows: tuple[Any, ...]) -> pl.DataFrame:
    schema = {
        "id": pl.String,
        "organisation": pl.String,
        "provider": pl.String,
        "paid": pl.Int64,
        "paid_year": pl.Int64,
    }
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def ties(*pairs: tuple[str, str]) -> Related:
    rows = [{"holder": one, "held": other, "kind": "control"} for one, other in pairs]
    frame = pl.DataFrame(rows, schema=TIES_SCHEMA)
    return related(frame, DAY, 2500)


FIRMS = pl.DataFrame({"id": ["a", "b", "c"], "staff": [10, 20, None], "district": ["x", "y", "x"]})
AWARDS = pl.DataFrame(
    {"organisation": ["a", "a", "a"], "programme": ["trial", "trial", "other"],
     "awarded_on": [date(2025, 1, 1), DAY, date(2025, 1, 1)], "award_fen": [5, 7, 9], "paid_fen": [5, 7, 9]}
)  # fmt: skip
MEMBERS = pl.DataFrame({"organisation": ["a", "a", "b"], "member": ["a", "b", "c"]})
CLAIMS = claims(
    ("1", "a", "p", 100, 2026), ("2", "a", "q", 1000, 2026), ("3", "a", "p", 7, 2025), ("4", "b", "p", None, 2025),
    ("5", "b", "p", 30, 2026), ("6", "c", "p", None, 2026), (None, None, "p", 1, 2026),
)  # fmt: skip


def everything(programme: Programme, **changes: Any) -> pl.DataFrame:
    rows = {
        "claims": CLAIMS,
        "awards": AWARDS,
        "organisations": FIRMS,
        "members": MEMBERS,
        "related": ties(("a", "q"), ("a", "b")),
    }
    return add_aggregates([programme], FIRMS.select("id"), Rows(**{**rows, **changes}), DAY).table


def test_every_kind_is_worked_out(declared: Programme) -> None:
    """Claim 2 is paid to a related party; claim 4 is unpaid but of another year; claim 6's amount is not known."""
    found = everything(declared).sort("id")
    assert found["paid_this_year"].to_list() == [100, 30, None]
    assert found["claims_made"].to_list() == [3, 2, 1]
    assert found["group_staff"].to_list() == [30, 30, None]
    assert found["members_staff"].to_list() == [10, None, 0]
    assert found["past_awards"].to_list() == [5, 0, 0]
    assert found["largest"].to_list() == [1000, None, None]


def test_what_was_made_is_decided_with(declared: Programme) -> None:
    found = everything(declared)
    awards = decide((declared,), found, DAY).awards.sort("id")
    assert awards.select("verdict", "award_fen").rows() == [("eligible", 100), ("eligible", 30), ("cannot_tell", None)]


def test_without_ties_nobody_can_tell_who_is_related(declared: Programme) -> None:
    rows = Rows(claims=CLAIMS, awards=AWARDS, organisations=FIRMS, members=MEMBERS)
    given = FIRMS.select("id").with_columns(group_staff=pl.lit(1))
    found = add_aggregates([declared], given, rows, DAY).table
    assert found["paid_this_year"].to_list() == [None, None, None]


def test_the_least_proof_of_what_was_added_is_the_sum_s(declared: Programme) -> None:
    proven = CLAIMS.with_columns(
        paid__status=pl.Series([2, 2, 0, None, 1, None, 2], dtype=pl.UInt8),
        paid_year__status=pl.lit(2, dtype=pl.UInt8),
        is_related=pl.lit(False), is_related__status=pl.lit(2, dtype=pl.UInt8),
    )  # fmt: skip
    found = everything(declared, claims=proven).sort("id")
    assert found.select("paid_this_year", "paid_this_year__status").rows() == [(1100, 2), (30, 1), (None, None)]


def test_overflow_is_unknown_and_told(declared: Programme) -> None:
    huge = claims(("1", "a", "p", 2**62, 2026), ("2", "a", "p", 2**62, 2026), ("3", "b", "p", -(2**63), 2026))
    rows = Rows(huge, AWARDS, FIRMS, MEMBERS, ties(("a", "b")))
    made = add_aggregates([declared], FIRMS.select("id"), rows, DAY)
    assert made.table.sort("id")["paid_this_year"].to_list() == [None, -(2**63), 0]
    assert made.faults.rows() == [("trial", "paid_this_year", "a", "beyond 64 bits")]


@pytest.mark.parametrize("missing", ["claims", "awards", "members", "related", "organisations"])
def test_rows_that_are_not_given_are_asked_for(declared: Programme, missing: str) -> None:
    with pytest.raises(InputError, match="give the"):
        everything(declared, **{missing: None})


@pytest.mark.parametrize(
    ("aggregates", "message"),
    [
        ("total: {of: claims, sum: pay, %s}", "undeclared reference to 'pay'"),
        ("total: {of: claims, sum: kind, %s}", "this is string, int is needed"),
        ("total: {of: claims, sum: paid, where: paid, %s}", "this is int, bool is needed"),
        ("total: {of: claims, sum: paid, count: true, %s}", "give one of sum, count and greatest"),
        ("total: {of: claims, sum: paid, per: [paid_year], %s}", "per must name organisation"),
        ("total: {of: claims, sum: paid, per: [organisation, month], %s}", "'month' is not a column of claims"),
        ("total: {of: claims, count: true, per: [organisation, paid_year], %s}", "'paid_year' is not known of the org"),
        ("staff: {of: claims, sum: paid, %s}", "'staff' is already an attribute"),
        ("total: {of: invoices, sum: paid, %s}", "Input should be 'claims', 'awards', 'members' or 'related'"),
    ],
)  # fmt: skip
def test_a_wrong_aggregate_is_refused_where_it_is_written(
    write_programme: Callable[..., Path], attributes: dict[str, Attribute], aggregates: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        load_with(write_programme(), attributes, "aggregates:\n  " + aggregates % WORDS + "\n")


def test_one_name_with_two_meanings_is_refused(
    write_programme: Callable[..., Path], attributes: dict[str, Attribute]
) -> None:
    made = [
        load_with(write_programme(id=name), attributes, f"aggregates:\n  total: {{of: claims, sum: {text}, {WORDS}}}\n")
        for name, text in (("one", "paid"), ("two", "paid + 1"), ("three", "paid"))
    ]
    rows = Rows(claims=CLAIMS)
    assert "total" in add_aggregates([made[0], made[2]], FIRMS.select("id"), rows, DAY).table.columns
    with pytest.raises(InputError, match="one and two mean different things by the aggregate 'total'"):
        add_aggregates(made[:2], FIRMS.select("id"), rows, DAY)


LIMITS = f"""\
limits:
  - id: yearly
    per: [organisation, paid_year]
    at_most: p.rate - before
    order: [paid_year]
    {WORDS}
aggregates:
  before: {{of: awards, sum: award_fen, {WORDS}}}
"""


@pytest.fixture
def limited(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Programme:
    path = write_programme(clause="paid > 0", award="paid", cap="'9000000'")
    path.write_text(path.read_text("utf-8").replace("unit: basis_point", "unit: fen"), "utf-8")
    return load_with(path, attributes, LIMITS, "claim")


def served(limited: Programme, frame: pl.DataFrame, awards: pl.DataFrame = AWARDS.clear()) -> list[tuple[Any, ...]]:
    table = add_aggregates([limited], frame, Rows(claims=frame, awards=awards), DAY).table
    wide = apply_limits(decide((limited,), table, DAY), table).wide
    return wide.select("id", award_column("trial"), limited_column("trial")).rows()


def test_a_firm_s_claims_of_a_year_come_to_the_limit(limited: Programme) -> None:
    """The parameter is 5000 fen on that day; 21 of them were awarded to firm a before."""
    frame = claims(
        ("1", "a", "p", 4000, 2026), ("2", "a", "p", 4000, 2026), ("3", "a", "p", 4000, 2025),
        ("4", "b", "p", None, 2026),
        ("5", "b", "p", 10, 2026), ("0", "b", "p", 10, 2026), ("6", "b", "p", 0, 2026), ("7", None, "p", 5, 2026),
    )  # fmt: skip
    assert served(limited, frame, AWARDS) == [
        ("1", 4000, None), ("2", 979, "yearly"), ("3", 4000, None), ("4", None, None), ("5", None, None),
        ("0", 10, None), ("6", 0, None), ("7", None, None),
    ]  # fmt: skip


rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(-5, 6000)), st.integers(2025, 2026)), max_size=12
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=rows)
def test_limits_against_serving_one_by_one(limited: Programme, made: list[tuple[str, int | None, int]]) -> None:
    frame = claims(*((f"{place:02}", firm, "p", paid, year) for place, (firm, paid, year) in enumerate(made)))
    left: dict[tuple[str, int], int | None] = {}
    expected = {}
    for place, (firm, paid, year) in sorted(enumerate(made), key=lambda each: (each[1][2], each[0])):
        rest = left.setdefault((firm, year), 5000)
        if paid is None:
            left[firm, year], got = None, None
        elif paid <= 0:
            got = 0
        else:
            got = None if rest is None else min(paid, rest)
            left[firm, year] = None if rest is None else rest - (got or 0)
        expected[f"{place:02}"] = got
    assert {id: paid for id, paid, _ in served(limited, frame)} == expected


BY_YEAR = f"""\
limits:
  - {{id: yearly, per: [organisation, signed_on.year], at_most: mine / 2, order: [signed_on], {WORDS}}}
aggregates:
  mine: {{of: claims, sum: paid, per: [organisation, signed_on.year], {WORDS}}}
"""


@pytest.fixture
def by_year(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> Programme:
    """What may be awarded of a firm's claims is half of those it signed in the same calendar year."""
    known = {**attributes, "signed_on": of_claim("signed_on", "date")}
    return load_with(write_programme(clause="paid > 0", award="paid", cap="'9000000'"), known, BY_YEAR, "claim")


def signed(*rows: tuple[str, str | None, int, date | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "organisation": pl.String, "paid": pl.Int64, "signed_on": pl.Date}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def test_what_belongs_together_by_the_year_of_a_day(by_year: Programme) -> None:
    frame = signed(
        ("1", "a", 100, date(2026, 12, 31)), ("2", "a", 40, date(2026, 1, 1)), ("3", "a", 30, date(2025, 12, 31)),
        ("4", "b", 10, date(2026, 6, 1)), ("5", "a", 7, None),
    )  # fmt: skip
    table = add_aggregates([by_year], frame, Rows(claims=frame), DAY).table
    assert table.columns == [*frame.columns, "mine"]
    assert table["mine"].to_list() == [140, 140, 30, 10, None]
    assert served(by_year, frame) == [
        ("1", 30, "yearly"), ("2", 40, None), ("3", 15, "yearly"), ("4", 5, "yearly"), ("5", None, None),
    ]  # fmt: skip
    with pytest.raises(InputError, match="column signed_on is String, not Date"):
        apply_limits(decide((by_year,), table, DAY), table.with_columns(pl.col("signed_on").cast(pl.String)))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 99), st.integers(-400, 400)), max_size=10))
def test_years_against_serving_one_by_one(by_year: Programme, made: list[tuple[str, int, int]]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=shift) for _, _, shift in made]
    frame = signed(*((f"{n:02}", firm, paid, days[n]) for n, (firm, paid, _) in enumerate(made)))
    left: dict[tuple[str, int], int] = {}
    for (firm, paid, _), day in zip(made, days, strict=True):
        left[firm, day.year] = left.get((firm, day.year), 0) + paid
    left = {key: whole // 2 for key, whole in left.items()}
    expected = {}
    for n in sorted(range(len(made)), key=lambda n: (days[n], n)):
        key = made[n][0], days[n].year
        expected[f"{n:02}"] = min(made[n][1], left[key])
        left[key] -= expected[f"{n:02}"]
    assert {id: paid for id, paid, _ in served(by_year, frame)} == expected


def test_only_a_day_has_a_year(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> None:
    with pytest.raises(PolicyError, match="'paid_year' holds no days, so it has no year"):
        load_with(write_programme(), attributes, LIMITS.replace("paid_year]\n", "paid_year.year]\n", 1), "claim")


def test_a_limit_names_known_columns(write_programme: Callable[..., Path], attributes: dict[str, Attribute]) -> None:
    with pytest.raises(PolicyError, match="'paid_year' is not known of the organisation"):
        load_with(write_programme(), attributes, LIMITS)
