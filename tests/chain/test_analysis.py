"""Coverage, concentration, gaps and fragmentation: exact small cases and invariants."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.chain.concentration import COVERAGE_SCHEMA, coverage, describe_coverage
from siwei.chain.fragmentation import Fragmentation, fragmentation
from siwei.chain.gaps import NEAREST_SCHEMA, gap_segments, nearest
from siwei.errors import InputError

near = pytest.approx


def placements(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    schema = {"id": pl.String, "segment": pl.String, "layer": pl.String, "confidence": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def organisations(**weights: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": list(weights), "weight": list(weights.values())}, schema={"id": pl.String, "weight": pl.Int64}
    )


def test_coverage_exactly(small_segments: pl.DataFrame) -> None:
    frame = coverage(
        placements(
            ("a", "chip", "base", 0.9),
            ("b", "chip", "base", 0.9),
            ("c", "chip", "base", 0.9),
            ("d", "chip", "base", 0.9),
            ("e", "chip", "base", 0.9),
            ("a", "vision", "technology", 0.6),
            ("e", "robot", "application", 0.6),
        ),
        organisations(a=400, b=300, c=200, d=100, e=None, outsider=5),
        small_segments,
        2000,
    )
    assert frame.schema == COVERAGE_SCHEMA
    assert frame.rows() == [
        (
            "chip",
            "base",
            "芯片",
            "Chips",
            5,
            4,
            pytest.approx(0.3),
            pytest.approx(0.9),
            False,
            False,
            ["a", "b", "c"],
            5,
            2000,
        ),
        ("vision", "technology", "视觉", "Vision", 1, 1, 1.0, 1.0, False, True, ["a"], 5, 2000),
        ("hospital", "application", "医院", "Hospitals", 0, 0, None, None, True, False, [], 5, 2000),
        ("robot", "application", "机器人", "Robots", 1, 0, None, None, False, True, ["e"], 5, 2000),
    ]


def test_a_gap_is_said_of_the_data() -> None:
    assert describe_coverage(650, 2000) == (
        "本数据（650 家，官方统计约 2,000 家）",
        "in this data (650 firms of about 2,000 in the official count)",
    )
    assert describe_coverage(650, None)[1] == "in this data (650 firms; no official count)"


def test_wrong_tables_are_refused_with_every_problem(small_segments: pl.DataFrame) -> None:
    with pytest.raises(InputError) as error:
        coverage(
            placements(("a", "chop", "base", 0.9), ("z", "chip", "base", 0.9)),
            pl.concat([organisations(a=-1), organisations(a=1)]),
            small_segments,
            None,
        )
    assert [problem.message for problem in error.value.problems] == [
        "placement on an unknown segment 'chop'",
        "placement of an unknown organisation 'z'",
        "organisation 'a' stands twice",
        "organisation 'a' has a negative weight",
    ]


@given(st.lists(st.none() | st.integers(0, 10**18), min_size=1, max_size=8))
def test_concentration_lies_between_equal_and_alone(small_segments: pl.DataFrame, weights: list[int | None]) -> None:
    names = {f"f{number}": weight for number, weight in enumerate(weights)}
    frame = coverage(
        placements(*((key, "chip", "base", 0.9) for key in names)), organisations(**names), small_segments, None
    )
    row = frame.row(0, named=True)
    known = [weight for weight in weights if weight]
    assert row["weighed_firms"] == len(known)
    if not known:
        assert (row["hhi"], row["top3_share"]) == (None, None)
    else:
        assert 1 / len(known) - 1e-9 <= row["hhi"] <= 1
        assert row["hhi"] <= row["top3_share"] + 1e-9 <= 1 + 1e-9


EDGES = pl.DataFrame(
    {
        "from": ["chip", "chip", "vision"],
        "to": ["vision", "robot", "hospital"],
        "type": ["supplies", "supplies", "substitutes"],
    }
)


def candidates(*rows: tuple[str, str, float, str]) -> pl.DataFrame:
    schema = {"id": pl.String, "segment": pl.String, "confidence": pl.Float64, "evidence": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_nearest_exactly(small_segments: pl.DataFrame) -> None:
    standing = placements(
        ("a", "vision", "technology", 0.8),
        ("b", "robot", "application", 0.5),
        ("c", "robot", "application", 0.9),
        ("d", "chip", "base", 0.7),
        ("e", "chip", "base", 0.6),
    )
    assert gap_segments(standing, small_segments).rows() == [
        ("vision", "technology", 1),
        ("hospital", "application", 0),
    ]
    found = nearest(
        standing,
        candidates(("b", "hospital", 0.4, "[b]"), ("b", "robot", 0.5, "[r]"), ("a", "vision", 0.8, "[v]")),
        small_segments,
        EDGES,
        limit=2,
    )
    assert found.schema == NEAREST_SCHEMA
    assert [tuple(round(cell, 6) if isinstance(cell, float) else cell for cell in row) for row in found.rows()] == [
        ("vision", 1, "d", 0.126, 0.0, 0.42, 0.0, "chip", "supplies", None),
        ("vision", 2, "e", 0.108, 0.0, 0.36, 0.0, "chip", "supplies", None),
        ("hospital", 1, "b", 0.29, 0.4, 0.0, 0.5, None, None, "[b]"),
        ("hospital", 2, "a", 0.24, 0.0, 0.8, 0.0, "vision", "substitutes", None),
    ]


def test_nobody_is_near_where_nobody_stands(small_segments: pl.DataFrame) -> None:
    assert nearest(placements(), candidates(), small_segments, EDGES).rows() == []


def test_fragmentation_exactly() -> None:
    standing = pl.DataFrame({"segment": ["chip", "robot", "hospital", "chip"]})
    loop = pl.DataFrame({"from": ["robot", "robot"], "to": ["chip", "robot"], "type": ["uses", "uses"]})
    found = fragmentation(standing, pl.concat([EDGES, loop]))
    assert found == Fragmentation((("chip", "robot"), ("hospital",)), links=3, linked=1)
    assert found.linked_share == pytest.approx(1 / 3)
    assert fragmentation(standing.clear(), EDGES.clear()) == Fragmentation((), 0, 0)


pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12)


@given(occupied=st.lists(st.sampled_from("abcdef")), links=pairs)
def test_parts_share_no_segment_and_miss_none(occupied: list[str], links: list[tuple[str, str]]) -> None:
    edges = pl.DataFrame(links, schema={"from": pl.String, "to": pl.String}, orient="row")
    found = fragmentation(pl.DataFrame({"segment": occupied}, schema={"segment": pl.String}), edges)
    assert sorted(segment for part in found.parts for segment in part) == sorted(set(occupied))
    home = {segment: part for part in found.parts for segment in part}
    assert all(home[one] == home[other] for one, other in links if one in home and other in home)
    assert found.linked <= found.links
