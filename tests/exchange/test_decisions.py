"""A recorded decision: what it saw, and that it replays; with the city pack's own programmes."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import resolve_pack
from siwei.errors import Conflict, NotAllowed
from siwei.exchange.awards import vouchers
from siwei.exchange.facts.decisions import facts_of, record_decision, replay_decision
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import Decision, Fact
from siwei.policy import Programme, decide, load_programmes

DAY = date(2026, 11, 23)
FACTS = {
    "legal_form": ("firm", 2),
    "compute_rental": ("200000000", 1),
    "compute_rental_from_listed": ("200000000", 1),
    "compute_other_support": ("0", 0),
    "listed_provider": ("false", 2),
    "founded_on": ("2020-01-02", 2),
}


@pytest.fixture(scope="module")
def pack() -> Path:
    return resolve_pack("shenzhen")


@pytest.fixture(scope="module")
def attributes(pack: Path) -> dict[str, Attribute]:
    return load_attributes(pack)


@pytest.fixture(scope="module")
def programmes(pack: Path, attributes: dict[str, Attribute]) -> dict[str, Programme]:
    return {programme.id: programme for programme in load_programmes(pack / "programmes", attributes)}


@pytest.fixture
def known(cast: Any, now: datetime) -> None:
    for attribute, (value, status) in FACTS.items():
        Fact.objects.create(
            organisation=cast.firm, attribute=attribute, value=value, status=status, source="test", known_at=now
        )


@pytest.fixture
def decision(cast: Any, now: datetime, known: None, programmes: Any, attributes: Any) -> Decision:
    return record_decision(
        programmes["xunli"], cast.firm, as_of=DAY, attributes=attributes, actor=cast.alice, now=now, idempotency_key="d"
    )


def test_the_recorded_decision_is_the_one_of_the_bulk_run(
    cast: Any, decision: Decision, programmes: Any, attributes: Any
) -> None:
    table = subjects(DAY, attributes=attributes, organisation_ids=[cast.firm.pk]).rename({"key": "id"})
    (row,) = decide((programmes["xunli"],), table, DAY).awards.to_dicts()
    assert (str(row["verdict"]), row["award_fen"]) == (decision.verdict, decision.award_fen)
    # Half of 2 million yuan.
    assert (decision.verdict, decision.award_fen) == ("eligible", 100_000_000)


def test_it_replays_whatever_is_known_since(
    cast: Any, now: datetime, decision: Decision, programmes: Any, attributes: Any
) -> None:
    Fact.objects.create(
        organisation=cast.firm, attribute="compute_rental", value="1", status=2, source="later", known_at=now
    )
    again = replay_decision(Decision.objects.get(), programmes["xunli"], attributes)
    assert again.award.award_fen == 100_000_000
    same = record_decision(
        programmes["xunli"], cast.firm, as_of=DAY, attributes=attributes, actor=cast.alice, now=now, idempotency_key="d"
    )
    assert same == decision


def test_a_changed_input_or_result_does_not_replay(decision: Decision, programmes: Any, attributes: Any) -> None:
    decision.refresh_from_db()
    decision.inputs["compute_rental"]["value"] = "100000000"
    with pytest.raises(Conflict, match="does not replay"):
        replay_decision(decision, programmes["xunli"], attributes)


def test_another_version_is_refused(decision: Decision, programmes: Any, attributes: Any) -> None:
    with pytest.raises(Conflict, match="was made by version"):
        replay_decision(decision, programmes["moxing"], attributes)


def test_only_for_its_own_people_and_the_operator(cast: Any, now: datetime, programmes: Any, attributes: Any) -> None:
    given: dict[str, Any] = {"as_of": DAY, "attributes": attributes, "now": now}
    for actor in (cast.bob, cast.charlie, cast.ann):
        with pytest.raises(NotAllowed):
            record_decision(programmes["xunli"], cast.firm, actor=actor, idempotency_key="x", **given)
    unknown = record_decision(programmes["xunli"], cast.firm, actor=cast.olive, idempotency_key="y", **given)
    assert (unknown.verdict, unknown.award_fen) == ("cannot_tell", None)


def test_facts_of_one_are_those_of_the_wide_table(cast: Any, now: datetime, known: None, attributes: Any) -> None:
    Fact.objects.create(organisation=cast.firm, attribute="employees", value="many", status=2, source="t", known_at=now)
    Fact.objects.create(organisation=cast.firm, attribute="employees", value="7", status=0, source="t2", known_at=now)
    facts = facts_of(cast.firm, DAY, attributes)
    (row,) = subjects(DAY, attributes=attributes, organisation_ids=[cast.firm.pk]).to_dicts()
    wide = {name: (row[name], row[f"{name}__status"]) for name in attributes if row.get(name) is not None}
    assert {name: (fact.value, int(fact.status)) for name, fact in facts.items()} == wide
    assert "employees" not in wide


def test_from_decision_to_voucher(cast: Any, now: datetime, decision: Decision, programmes: Any) -> None:
    given: dict[str, Any] = {"actor": cast.olive, "now": now}
    pot = vouchers.open_pot(programmes["xunli"], "2026", 500_000_000, idempotency_key="pot", **given)
    voucher = vouchers.grant_voucher(
        decision,
        pot,
        amount_fen=100_000_000,
        rate_bp=5_000,
        kinds=["compute"],
        listed_providers_only=True,
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        idempotency_key="v",
        **given,
    )
    voucher.account.refresh_from_db()
    assert (voucher.account.available, voucher.decision.key) == (100_000_000, "d")
