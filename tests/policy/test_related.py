"""Related parties, against the definition tried on every possible controller."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import InputError, NotFound
from siwei.policy.related import TIES_SCHEMA, Tie, related

DAY = date(2026, 6, 30)
PARTIES = [f"p{place}" for place in range(8)]
Edge = tuple[str, str, str, int | None]
party = st.sampled_from(PARTIES)
edges = st.lists(
    st.tuples(party, party, st.sampled_from(["share", "control"]), st.integers(0, 10_000))
    .filter(lambda edge: edge[0] != edge[1])
    .map(lambda edge: edge if edge[2] == "share" else (*edge[:3], None)),
    max_size=12,
)  # fmt: skip


def ties(*made: Edge, **changes: object) -> pl.DataFrame:
    rows = [
        {"holder": holder, "held": held, "kind": kind, "share_bp": share, "source": "register", "valid_from": None,
         "valid_to": None, **changes}
        for holder, held, kind, share in made
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TIES_SCHEMA)


def controllers(party: str, counting: list[Edge]) -> set[str]:
    found = {party}
    while True:
        more = {holder for holder, held, _, _ in counting if held in found} - found
        if not more:
            return found
        found |= more


@settings(deadline=None)
@given(made=edges, least=st.sampled_from([1, 2500, 10_000]))
def test_related_is_a_common_controller(made: list[Edge], least: int) -> None:
    graph = related(ties(*made), DAY, least)
    counting = [edge for edge in made if edge[2] == "control" or (edge[3] or 0) >= least]
    for one in PARTIES:
        for other in PARTIES:
            expected = bool(controllers(one, counting) & controllers(other, counting))
            assert graph.is_related(one, other) == expected
            if not expected:
                with pytest.raises(NotFound):
                    graph.path(one, other)
                continue
            path = graph.path(one, other)
            assert path == () if one == other else len(path) > 0
            assert {(tie.holder, tie.held, tie.kind, tie.share_bp) for tie in path} <= set(counting)
            assert walk(path, one) == other


def walk(path: tuple[Tie, ...], start: str) -> str:
    """Where a path leads, each tie followed from the party one stands on to the other; first up, then only down."""
    here, going_down = start, False
    for tie in path:
        if here == tie.held and not going_down:
            here = tie.holder
        else:
            assert here == tie.holder
            here, going_down = tie.held, True
    return here


def test_chains_common_control_circles_and_joint_owners() -> None:
    graph = related(
        ties(
            ("group", "a", "share", 2500), ("a", "b", "share", 5100), ("group", "c", "control", None),
            ("group", "d", "share", 2499), ("x", "joint", "share", 5000), ("y", "joint", "share", 5000),
            ("m", "n", "share", 3000), ("n", "m", "share", 3000),
        ), DAY, 2500,
    )  # fmt: skip
    pairs = [
        ("b", "c"),
        ("b", "group"),
        ("a", "d"),
        ("x", "y"),
        ("x", "joint"),
        ("m", "n"),
        ("b", "stranger"),
        (None, "a"),
    ]
    ones, others = pl.Series([one for one, _ in pairs]), pl.Series([other for _, other in pairs])
    assert graph.pairs(ones, others).to_list() == [True, True, False, False, True, True, False, None]
    assert [(tie.holder, tie.held, tie.share_bp) for tie in graph.path("b", "c")] == [
        ("a", "b", 5100), ("group", "a", 2500), ("group", "c", None),
    ]  # fmt: skip


def test_only_ties_of_the_day_count() -> None:
    past = ties(("a", "b", "control", None), valid_to=date(2026, 6, 29))
    future = ties(("a", "b", "control", None), valid_from=date(2026, 7, 1))
    present = ties(("a", "b", "control", None), valid_from=DAY, valid_to=DAY)
    assert [related(each, DAY, 2500).is_related("a", "b") for each in (past, future, present)] == [False, False, True]


def test_a_chain_of_any_depth_is_followed() -> None:
    deep = 20_000
    chain = pl.DataFrame(
        {"holder": [f"n{place}" for place in range(deep)], "held": [f"n{place + 1}" for place in range(deep)]}
    ).with_columns(
        kind=pl.lit("share"), share_bp=pl.lit(5000, dtype=pl.Int64), valid_from=pl.lit(None, dtype=pl.Date),
        valid_to=pl.lit(None, dtype=pl.Date), source=pl.lit(""),
    )  # fmt: skip
    graph = related(chain, DAY, 2500)
    assert graph.is_related("n0", f"n{deep}")
    assert len(graph.path("n0", "n300")) == 300


@pytest.mark.parametrize(
    ("frame", "least", "message"),
    [
        (ties(("a", "a", "control", None)), 2500, "a party that holds itself"),
        (ties(("a", "b", "share", 10_001)), 2500, "not 0 to 10,000"),
        (ties(("a", "b", "share", None)), 2500, "a share that is not given"),
        (ties(("a", "b", "friend", None)), 2500, "neither share nor control"),
        (ties(("a", "b", "control", None), valid_from=DAY, valid_to=date(2026, 1, 1)), 2500, "ends before it begins"),
        (ties(("a", "b", "control", None)), 0, "a share of 0 basis points"),
        (ties(("a", "b", "control", None)).drop("kind"), 2500, "no column 'kind'"),
    ],
)
def test_wrong_ties_are_refused(frame: pl.DataFrame, least: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        related(frame, DAY, least)


def test_a_firm_of_too_many_controllers_is_refused() -> None:
    crowd = ties(*[(f"h{place:04}", "firm", "share", 1) for place in range(1001)], ("h0000", "other", "share", 1))
    with pytest.raises(InputError, match="firm has 1001 ultimate controllers"):
        related(crowd, DAY, 1).is_related("firm", "other")
