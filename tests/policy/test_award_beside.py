"""What the rules on stacking leave of one more award beside what is held already, against the rules said plainly."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.policy import Text, load_programmes
from siwei.policy.combinations.beside import award_beside
from siwei.policy.combinations.combination import explain_combination
from siwei.policy.decide import decide
from siwei.policy.documents.loading_stacking import load_stacking
from siwei.policy.language.check import Checker
from siwei.policy.language.types import INT
from siwei.policy.stacking import EitherOr, Stacking, StackingGroup, linked

DAY = date(2026, 6, 30)
WORDS = Text("试验", "Trial")
NAMES = ("a", "b", "c", "d")
LIMITS = ("first", "second")
CHECKER = Checker(dict.fromkeys(LIMITS, INT))


def group(place: int, programmes: list[str], applies_from: int) -> StackingGroup:
    name = LIMITS[place]
    return StackingGroup(
        name, tuple(sorted(programmes)), CHECKER.check(name), applies_from, tuple(programmes), WORDS, None
    )


def row(**facts: int | None) -> pl.DataFrame:
    return pl.DataFrame({"id": ["x"], **{name: pl.Series([value], dtype=pl.Int64) for name, value in facts.items()}})


some_names = st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True)
groups = st.lists(st.tuples(some_names, st.integers(1, 3)), max_size=2).map(
    lambda made: tuple(group(place, names, least) for place, (names, least) in enumerate(made))
)
exclusions = st.lists(st.tuples(some_names, st.integers(1, 2)), max_size=2).map(
    lambda made: tuple(
        EitherOr(f"or{place}", tuple(names), most, WORDS, None) for place, (names, most) in enumerate(made)
    )
)


@settings(deadline=None)
@given(
    made=st.builds(Stacking, groups, exclusions),
    held=st.dictionaries(st.sampled_from(NAMES[1:]), st.integers(1, 50)),
    asked=st.integers(1, 60),
    limits=st.fixed_dictionaries(dict.fromkeys(LIMITS, st.one_of(st.none(), st.integers(0, 120)))),
)
def test_as_much_as_every_rule_leaves_and_no_more(
    made: Stacking, held: dict[str, int], asked: int, limits: dict[str, int | None]
) -> None:
    found = award_beside(made, held, "a", asked, row(**limits), DAY)
    taken = {"a", *held}
    excluded = [
        rule for rule in made.either_or if "a" in rule.programmes and len(taken & {*rule.programmes}) > rule.most
    ]
    binding = [
        each for each in made.groups if "a" in each.programmes and len(taken & {*each.programmes}) >= each.applies_from
    ]
    if excluded:
        assert (found.kept_fen, found.rule and found.rule.id) == (0, excluded[0].id)
        return
    if any(limits[each.id] is None for each in binding):
        assert found.kept_fen is None
        assert found.rule is not None
        return
    room = [
        max(0, (limits[each.id] or 0) - sum(amount for name, amount in held.items() if name in each.programmes))
        for each in binding
    ]
    assert found.kept_fen == min([asked, *room])
    assert (found.rule is None) == (found.kept_fen == asked)
    linked_with = {name for part in linked(made) if "a" in part.programmes for name in part.programmes}
    assert found.held_fen == {name: amount for name, amount in held.items() if name in linked_with}


def test_nothing_is_cut_where_no_rule_speaks() -> None:
    assert award_beside(Stacking(), {"b": 5}, "a", 7, row(), DAY).kept_fen == 7


@pytest.mark.parametrize(("held", "kept", "rule"), [({}, 30, None), ({"longhua-compute": 90}, 10, "compute-contract")])
def test_the_shenzhen_rule_is_the_one_of_the_best_combination(
    held: dict[str, int], kept: int, rule: str | None
) -> None:
    """100 of a contract of 200 may be supported: an award asked for beside 90 gets 10."""
    pack = Path(PACKS / "shenzhen")
    attributes = load_attributes(pack)
    programmes = tuple(
        each for each in load_programmes(pack / "programmes", attributes) if each.applies_to == "organisation"
    )
    stacking = load_stacking(pack, attributes, programmes)
    table = row(compute_rental_from_listed=200, compute_other_support=0)
    found = award_beside(stacking, held, "xunli", 30, table, DAY)
    assert (found.kept_fen, found.rule and found.rule.id) == (kept, rule)


def test_what_is_held_and_what_is_left_beside_it_come_to_the_best_combination() -> None:
    pack = Path(PACKS / "shenzhen")
    attributes = load_attributes(pack)
    known = tuple(
        each
        for each in load_programmes(pack / "programmes", attributes, DAY)
        if each.id in ("xunli", "longhua-compute")
    )
    stacking = load_stacking(pack, attributes, load_programmes(pack / "programmes", attributes, DAY))
    values: dict[str, object] = {
        "legal_form": "firm", "district": "longhua", "founded_on": date(2019, 1, 1), "listed_provider": False,
        "compute_rental": 100_000_000, "compute_rental_from_listed": 100_000_000, "compute_other_support": 0,
        "longhua_compute_paid": 100_000_000, "start_up": False,
    }  # fmt: skip
    columns: dict[str, pl.Series] = {"id": pl.Series(["x"])}
    for name in sorted({name for each in known for name in each.attributes} | set(values)):
        if name in attributes:
            columns[name] = pl.Series([values.get(name)], dtype=attributes[name].dtype)
            columns[f"{name}__status"] = pl.Series([2], dtype=pl.UInt8)
    table = pl.DataFrame(columns)
    decisions = decide(known, table, DAY)
    (part,) = explain_combination(stacking, decisions, table, "x").parts
    assert part.best is not None
    held = part.entitled_fen["longhua-compute"]
    asked = part.entitled_fen["xunli"]
    assert held and asked
    beside = award_beside(stacking, {"longhua-compute": held}, "xunli", asked, table, DAY)
    # The voucher alone comes to as much; beside the district's award it is cut to the rest.
    assert held + (beside.kept_fen or 0) == part.best.total_fen == asked
