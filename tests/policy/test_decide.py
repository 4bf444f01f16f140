"""Deciding over tables: shapes, order, what is refused, and the frames others read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.policy import FactStatus, Programme, decide, load_programme
from siwei.policy.decide import _planned
from siwei.policy.deciding.clause_rows import award_rows, clause_rows
from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.subjects import widened

from .conftest import PROGRAMME, attribute

DAY = date(2026, 3, 1)
Make = Callable[..., Programme]


def awards(programme: Programme, day: date = DAY, **columns: object) -> list[tuple[object, ...]]:
    frame = pl.DataFrame(columns)
    frame = frame.with_columns(id=pl.Series([str(row) for row in range(frame.height)]))
    return decide((programme,), frame, day).awards.select("verdict", "award_fen").rows()


def test_the_frames_have_the_declared_columns(make_programme: Make) -> None:
    programme = make_programme(clause="spent > 0 && staff > 1")
    table = pl.DataFrame(
        {"id": ["b", "a"], "spent": [100, None], "staff": [None, None]}, schema_overrides={"staff": pl.Int64}
    )
    decisions = decide((programme,), table, DAY)
    assert decisions.awards.columns == ["id", "programme", "verdict", "award_fen"]
    assert decisions.awards.rows() == [("b", "trial", "cannot_tell", None), ("a", "trial", "cannot_tell", None)]
    assert decisions.clauses.schema["missing"] == pl.List(pl.String)
    assert decisions.clauses.rows() == [
        ("b", "trial", "first", "unknown", ["staff"]),
        ("a", "trial", "first", "unknown", ["spent", "staff"]),
    ]


def test_no_programmes_and_no_rows(make_programme: Make) -> None:
    table = pl.DataFrame({"id": ["a"], "spent": [1]})
    assert decide((), table, DAY).awards.rows() == decide((), table, DAY).clauses.rows() == []
    empty = decide((make_programme(),), table.clear(), DAY)
    assert (empty.awards.height, empty.clauses.height) == (0, 0)


def test_the_order_of_a_large_table_is_kept(make_programme: Make) -> None:
    rows = 300_000
    table = pl.DataFrame({"id": pl.Series(range(rows)).cast(pl.String), "spent": range(rows)})
    decided = decide((make_programme(cap="'100000000000'"),), table.lazy(), DAY).awards
    assert decided["id"].equals(table["id"])
    expected = (pl.Series(range(rows)) * 5000 // 10000).alias("award_fen")
    assert decided["award_fen"].equals(expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [("eligible", 50)]),
        ({"cap": "'49'"}, [("eligible", 49)]),
        ({"to": "yuan"}, [("eligible", 0)]),
        ({"to": "yuan", "mode": "half_up"}, [("eligible", 100)]),
        ({"to": "yuan", "mode": "up"}, [("eligible", 100)]),
        ({"award": "spent - 102"}, [("eligible", None)]),
        ({"award": "spent * 9223372036854775807"}, [("eligible", None)]),
        ({"award": "share(spent, 1, staff - 1)"}, [("eligible", None)]),
        ({"cap": "spent / 0"}, [("eligible", None)]),
        ({"clause": "listed || spent > 0"}, [("eligible", 50)]),
        ({"clause": "staff / 0 > 1"}, [("cannot_tell", None)]),
        ({"clause": "founded_on <= as_of"}, [("eligible", 50)]),
        ({"clause": "district in ['longhua', '龙华']"}, [("eligible", 50)]),
    ],
)
def test_caps_rounding_and_errors(make_programme: Make, change: dict[str, str], expected: list[object]) -> None:
    columns = {
        "spent": [101],
        "staff": [1],
        "listed": pl.Series([None], dtype=pl.Boolean),
        "founded_on": [DAY],
        "district": pl.Series(["龙华"], dtype=pl.Categorical),
    }
    assert awards(make_programme(**change), **columns) == expected


def test_parameters_follow_the_day(make_programme: Make) -> None:
    programme = make_programme()
    days = [date(2025, 12, 31), date(2026, 6, 30), date(2026, 7, 1), date(2027, 1, 1)]
    assert [awards(programme, day, spent=[100]) for day in days] == [
        [("not_eligible", 0)],
        [("eligible", 50)],
        [("eligible", 60)],
        [("not_eligible", 0)],
    ]


def test_proof_is_asked_only_where_a_clause_requires_it(make_programme: Make) -> None:
    statuses = {"spent": [100] * 4, "spent__status": [0, 1, 2, None]}
    asked = make_programme(requires="documented")
    assert awards(asked, **statuses) == [
        ("cannot_tell", None),
        ("eligible", 50),
        ("eligible", 50),
        ("cannot_tell", None),
    ]
    assert awards(make_programme(), **statuses) == [("eligible", 50)] * 4
    assert awards(asked, spent=[100]) == [("cannot_tell", None)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"spnt": [1]}, "no column 'spent'.*rename column 'spnt'"),
        ({"spent": ["1"]}, "column spent is String, not Int64"),
        ({"spent": [1.0]}, "column spent is Float64, not Int64"),
        ({"spent": pl.Series([2**63], dtype=pl.UInt64)}, "column spent is UInt64, not Int64"),
        ({"spent": [1], "spent__status": ["verified"]}, "column spent__status is String"),
    ],
)
def test_a_table_of_another_shape_is_refused(
    make_programme: Make, columns: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        decide((make_programme(),), pl.DataFrame({"id": ["a"], **columns}), DAY)


def test_a_table_without_ids_is_refused(make_programme: Make) -> None:
    with pytest.raises(InputError, match=r"no column 'id' .*a name for each row, no two alike"):
        decide((make_programme(),), pl.DataFrame({"spent": [1]}), DAY)


def test_programmes_decided_together_are_decided_as_alone(make_programme: Make) -> None:
    first = make_programme(id="one", mode="up")
    second = make_programme(id="two", clause="spent > 100 && staff > 0", mode="down", requires="verified")
    table = pl.DataFrame(
        {"id": list("abcd"), "spent": [101, 100, None, 333], "spent__status": [2, 2, 0, 1], "staff": [1, None, 0, 2]}
    ).with_columns(staff__status=pl.lit(2))
    together = decide((first, second), table, DAY)
    alone = [decide((each,), table, DAY) for each in (first, second)]
    for frame in ("awards", "clauses"):
        parts = [getattr(each, frame) for each in alone]
        assert getattr(together, frame).rows() == [row for part in parts for row in part.rows()]


@given(st.tuples(st.integers(INT64_MIN, INT64_MAX), st.integers(INT64_MIN, INT64_MAX)).map(sorted))
def test_what_a_table_holds_lies_within_what_its_plan_is_made_for(ends: list[int]) -> None:
    least, most = widened(*ends)
    assert INT64_MIN <= least <= ends[0] <= ends[1] <= most <= INT64_MAX


def test_parts_of_one_table_are_decided_by_one_plan(make_programme: Make) -> None:
    """Though the greatest amount of each is another."""
    programme = make_programme(clause="spent > 5000")
    before = _planned.cache_info().misses
    for most in (2**33 + 1, 2**37, 2**40 - 1):
        decide((programme,), pl.DataFrame({"id": [str(row) for row in range(2_000)], "spent": [most] * 2_000}), DAY)
    assert _planned.cache_info().misses == before + 1


def test_a_plan_that_was_kept_is_of_the_same_programme_day_and_table(make_programme: Make) -> None:
    """Rows enough to be looked at: the second table's products do not fit where the first one's do."""
    programme = make_programme(clause="spent * spent >= spent * spent", cap="'1000'")
    rows = 2_000
    small = pl.DataFrame({"id": [str(row) for row in range(rows)], "spent": [20] * rows})
    large = small.with_columns(spent=pl.lit(2**40, dtype=pl.Int64))
    proven = small.with_columns(spent__status=pl.lit(0, dtype=pl.UInt8))
    later = date(2026, 7, 1)
    stricter = replace(programme, clauses=(replace(programme.clauses[0], requires=FactStatus.DOCUMENTED),))

    def first(table: pl.DataFrame, day: date, made: Programme = programme) -> tuple[object, ...]:
        found = decide((made,), table, day)
        return found.clauses["verdict"][0], found.awards["award_fen"][0]

    for _ in range(2):
        assert first(small, DAY) == ("yes", 10)
        assert first(small, later) == ("yes", 12)
        assert first(large, DAY) == ("error", None)
        assert first(small, DAY, stricter)[0] == "unknown"
        assert first(proven, DAY) == ("yes", 10)


def test_a_clause_may_wait_for_more_attributes_than_a_number_has_bits(tmp_path: Path) -> None:
    names = [f"part{place:02d}" for place in range(70)]
    attributes = {name: attribute(name, "int") for name in names}
    text = PROGRAMME.format(
        id="trial", clause=" && ".join(f"{name} > 0" for name in names),
        requires="declared", award="'1'", cap="'1'", mode="down", to="fen",
    )  # fmt: skip
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    programme = load_programme(path, attributes)
    table = pl.DataFrame(
        {"id": ["a", "b", "c"], **{name: [1, 1, 1] for name in names}}
        | {"part00": [None, 1, None], "part69": [1, 1, None]},
        schema_overrides={"part00": pl.Int64, "part69": pl.Int64},
    )
    decisions = decide((programme,), table, DAY)
    waits = [["part00"], [], ["part00", "part69"]]
    assert decisions.clauses["missing"].to_list() == waits
    assert pl.concat(clause_rows(decisions))["missing"].to_list() == waits


def test_awards_row_by_row_are_the_awards(make_programme: Make) -> None:
    """To the fen where a double could not tell them, and beside amounts that are not known."""
    first = make_programme(clause="spent > 0", award="spent", cap=f"'{2**62 + 2}'")
    second = replace(first, id="second", clauses=(replace(first.clauses[0], requires=FactStatus.DOCUMENTED),))
    spent = [2**53 + 1, None, 0, 2**62 + 1]
    decisions = decide((first, second), pl.DataFrame({"id": ["d", "a", "c", "b"], "spent": spent}), DAY)
    rows, long = award_rows(decisions), decisions.awards
    assert rows.schema == long.schema
    assert rows["id"].to_list() == ["d", "d", "a", "a", "c", "c", "b", "b"]
    assert rows["award_fen"].to_list()[::2] == [2**53 + 1, None, 0, 2**62 + 1]
    assert rows.sort("id", "programme").equals(long.sort("id", "programme"))
    nothing = decide((), pl.DataFrame({"id": ["a"]}), DAY)
    assert award_rows(nothing).equals(nothing.awards)
