"""Who is related on a day, by the recorded ties: direct, through others, under one controller; and the path."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from siwei.exchange.actors import VISITOR, Actor, Role
from siwei.exchange.models import Organisation, Relation
from siwei.exchange.relations import path_words, related_around, related_pairs, relation_path, relation_paths

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


def test_the_citys_pack_says_from_which_share_a_tie_counts(
    named: dict[str, Organisation], now: datetime, tmp_path: Path, settings: Any
) -> None:
    tie(named, now, "group", "a", 3000)
    settings.CITY_PACK = tmp_path
    assert pairs("a") == {("a", "group")}
    written = "related_parties: {share_from_bp: %d, words: {zh: 关联方, en: Related parties}}\n"
    rule = tmp_path / "stacking.yaml"
    rule.write_text(written % 3001, encoding="utf-8")
    assert pairs("a") == set()
    # The file may change while the process runs.
    rule.write_text(written % 3000, encoding="utf-8")
    os.utime(rule, ns=(1, 1))
    assert pairs("a") == {("a", "group")}


def test_the_path_is_told_and_what_is_not_published_is_not(named: dict[str, Organisation], now: datetime) -> None:
    tie(named, now, "group", "a", 6000, is_public=True)
    tie(named, now, "group", "b", None)
    office, inside = Actor(name="office", is_auditor=True), Actor(1, "b's", {named["b"].pk: Role.MEMBER})
    told = [path_words(relation_path(DAY, "a", "b", actor)) for actor in (office, inside, VISITOR)]
    assert told[0] == told[1]
    assert told[0].en == "group holds 60% of a; b and group are tied (which way is not known)"
    assert told[2].en == "group holds 60% of a; a tie that is not published"
    assert told[2].zh == "group 持有 a 60%；一项未公开的关联"
    assert relation_path(DAY, "a", "c", office) == ()
    assert set(relation_paths(DAY, [("a", "b"), ("a", "x"), ("b", "b")], office)) == {("a", "b")}
