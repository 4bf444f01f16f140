"""Who is related on a day, by the recorded ties: direct, through others, under one controller; and the path."""

from datetime import date, datetime
from typing import Any

import pytest

from siwei.exchange.models import Organisation, Relation
from siwei.exchange.relations import related_around, related_pairs

DAY = date(2026, 11, 23)


@pytest.fixture
def named(db: None) -> dict[str, Organisation]:
    names = ("group", "a", "b", "c", "joint", "x", "y")
    return {
        name: Organisation.objects.create(key=name, name=name, name_normalised=name, origin="generated")
        for name in names
    }


def tie(
    named: dict[str, Organisation], now: datetime, holder: str, held: str, share_bp: int | None, **given: Any
) -> None:
    Relation.objects.create(
        organisation=named[holder], other=named[held], basis="shareholding", share_bp=share_bp, source="register",
        known_at=now, **given,
    )  # fmt: skip


def pairs(*keys: str) -> set[tuple[str, ...]]:
    return {tuple(sorted(pair)) for pair in related_pairs(DAY, frozenset(keys))}


def test_through_any_depth_and_under_common_control(named: dict[str, Organisation], now: datetime) -> None:
    for holder, held, share in (("group", "a", 6000), ("a", "b", 2500), ("group", "c", 2500), ("group", "x", 2499)):
        tie(named, now, holder, held, share)
    assert pairs("b") == {("a", "b"), ("b", "group"), ("b", "c")}
    assert pairs("x") == set()
    path = related_around(DAY, frozenset({"b"})).path("b", "c")
    assert [(step.holder, step.held, step.share_bp) for step in path] == [
        ("a", "b", 2500), ("group", "a", 6000), ("group", "c", 2500),
    ]  # fmt: skip


def test_owners_of_one_firm_are_not_related_unless_nobody_knows_who_holds_whom(
    named: dict[str, Organisation], now: datetime
) -> None:
    tie(named, now, "x", "joint", 5000)
    tie(named, now, "y", "joint", 5000)
    assert pairs("x") == {("joint", "x")}
    Relation.objects.update(share_bp=None)
    assert pairs("x") == {("joint", "x"), ("x", "y")}


def test_only_ties_of_the_day(named: dict[str, Organisation], now: datetime) -> None:
    tie(named, now, "a", "b", None, valid_to=DAY)
    tie(named, now, "a", "c", None, valid_from=date(2026, 11, 24))
    tie(named, now, "a", "x", None, valid_from=DAY, valid_to=date(2026, 11, 24))
    assert pairs("a") == {("a", "x")}
