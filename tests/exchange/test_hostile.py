"""What people may send: refused in words by every action, alike on both databases, and nothing of it stays."""

from datetime import timedelta
from typing import Any

import pytest

from siwei.compute import JobSpec
from siwei.errors import InputError, SiweiError
from siwei.exchange.canonical import canonical_json, check_storable
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import Agreement, Event, Job, Listing
from siwei.exchange.trading import agreements, jobs, listings
from siwei.exchange.trading.agreements import LineTerms, PartyTerms

NASTY = ["\0", "a\0b", "\ud800", "x" * 5_000]
DEEP: Any = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize("text", NASTY)
def test_titles_bodies_and_keys(deal: Any, text: str) -> None:
    given: dict[str, Any] = {"organisation": "n-centre", "actor": deal.cast.bob, "now": deal.now}
    from exchange_deal import OFFER

    for changes in ({"title_zh": text}, {"body": OFFER | {"title": text}}, {"idempotency_key": text}):
        values = {"title_zh": "池", "title_en": "Pool", "body": OFFER, "idempotency_key": "k"} | changes
        with pytest.raises(InputError):
            listings.publish_listing("compute", "offer", **values, **given)
    assert not Listing.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize("terms", [{"a": float("nan")}, {"a": float("inf")}, {"a": "\0"}, {"a": DEEP}, {"a": object()}])
def test_terms(deal: Any, terms: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        agreements.propose_agreement(
            "research", [PartyTerms("lead", "n-firm"), PartyTerms("member", "n-centre")], terms=terms,
            ends_at=deal.now + timedelta(days=1), actor=deal.cast.alice, now=deal.now, idempotency_key="k",
        )  # fmt: skip
    assert not Agreement.objects.exists()


@pytest.mark.parametrize(
    "parties",
    [
        [],
        [PartyTerms("lead")],
        [PartyTerms("lead", "n-firm", 1)],
        [PartyTerms("lead", "n-firm"), PartyTerms("member", "nobody")],
        [PartyTerms("lead", "n-firm"), PartyTerms("lead", "n-firm"), PartyTerms("member", "n-centre")],
        [PartyTerms("", "n-firm"), PartyTerms("x" * 41, "n-centre")],
        [PartyTerms("lead", "n-firm"), PartyTerms("member", person_id=10**9)],
    ],
)
def test_parties(deal: Any, parties: list[PartyTerms]) -> None:
    with pytest.raises(SiweiError) as caught:
        agreements.propose_agreement(
            "research",
            parties,
            ends_at=deal.now + timedelta(days=1),
            actor=deal.cast.alice,
            now=deal.now,
            idempotency_key="k",
        )
    assert "another writer" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        LineTerms("n-centre", "n-firm", "x", 10**16, "piece", 10**16),
        LineTerms("n-centre", "n-firm", "x", 1, "piece", 1, 0),
        LineTerms("n-centre", "n-firm", "x" * 201, 1, "piece", 1),
        LineTerms("n-centre", "n-firm", "x", 1, "", 1),
        LineTerms("n-centre", "n-outsider", "x", 1, "piece", 1),
        LineTerms("n-firm", "n-firm", "x", 1, "piece", 1),
        LineTerms("n-centre", "n-firm", "x", 1.5, "piece", 1),  # type: ignore[arg-type]
        LineTerms("n-centre", "n-firm", "x", True, "piece", 1),
    ],
)
def test_lines(deal: Any, line: LineTerms) -> None:
    with pytest.raises(InputError, match=r"lines\[1\]"):
        agreements.propose_agreement(
            "research", [PartyTerms("lead", "n-firm"), PartyTerms("member", "n-centre")], lines=[line],
            ends_at=deal.now + timedelta(days=1), actor=deal.cast.alice, now=deal.now, idempotency_key="k",
        )  # fmt: skip


def test_an_end_beyond_reason(deal: Any) -> None:
    with pytest.raises(InputError, match="within ten years"):
        agreements.propose_agreement(
            "research", [PartyTerms("lead", "n-firm"), PartyTerms("member", "n-centre")],
            ends_at=deal.now.replace(year=9999), actor=deal.cast.alice, now=deal.now, idempotency_key="k",
        )  # fmt: skip


@pytest.mark.parametrize("memo", ["\0", "\ud800", "x" * 201])
def test_memos(deal: Any, memo: str) -> None:
    ledger.open_account("a", unit="CNY", purpose="test", floor=-10)
    ledger.open_account("b", unit="CNY", purpose="test")
    with pytest.raises(InputError):
        ledger.post_transfer("a", "b", 1, memo=memo, actor=deal.cast.olive, now=deal.now, idempotency_key="k")


def test_engine_names_and_readings(deal: Any) -> None:
    deal.signed()
    given: dict[str, Any] = {"engine": deal.engine, "actor": deal.cast.alice, "now": deal.now, "idempotency_key": "k"}
    with pytest.raises(InputError, match="engine's name"):
        jobs.submit_job("deal", 1, JobSpec(command=("x",), wall_limit_s=60), engine_name="e" * 41, **given)
    assert not Job.objects.exists()
    for quantity, reading in ((-1, "r"), (1.0, "r"), (1, "r" * 161), (1, "")):
        with pytest.raises(InputError):
            jobs.record_usage(
                "deal", 1, reading=reading, quantity=quantity, measured={}, actor=deal.cast.bob, now=deal.now  # type: ignore[arg-type]
            )  # fmt: skip


def test_what_is_storable() -> None:
    value = {"文": ["𠮷", None, True, -(2**70), 1.5, {"a": ()}]}
    check_storable(value)
    assert canonical_json(value) == '{"文":["𠮷",null,true,-1180591620717411303424,1.5,{"a":[]}]}'
