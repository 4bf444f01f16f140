"""The other kinds live the same life: a scenario answered, a consortium signed, a position applied for."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.models import Agreement, AgreementParty, Listing, Match, Transfer
from siwei.exchange.trading import agreements, listings, settlement
from siwei.exchange.trading.agreements import LineTerms, PartyTerms

DAY = date(2026, 11, 23)
SCENARIO_NEED = {"title": "门诊分诊", "sector": "health", "capabilities": ["分诊", "语音"], "weeks": 12}
SCENARIO_OFFER = {"title": "分诊助手", "sectors": ["health"], "capabilities": ["分诊"], "weeks": 8}
POSITION_NEED = {"title": "算法工程师", "skills": ["pytorch"], "experience_months": 12}
POSITION_OFFER = {"title": "求职", "skills": ["pytorch", "cuda"], "experience_months": 30}


class Market:
    def __init__(self, cast: Any, now: datetime) -> None:
        self.cast, self.now = cast, now

    def publish(self, kind: str, side: str, body: dict[str, Any], actor: Any, organisation: str | None) -> Listing:
        return listings.publish_listing(
            kind, side, title_zh=body["title"], title_en=kind, body=body, organisation=organisation, actor=actor,
            now=self.now, idempotency_key=f"{kind}-{side}",
        )  # fmt: skip

    def match(self, kind: str, actor: Any, **given: Any) -> list[Match]:
        return listings.match_need(f"{kind}-need", as_of=DAY, actor=actor, now=self.now, **given)

    def introduce(self, kind: str, actor: Any) -> Match:
        return listings.introduce_match(f"{kind}-need", f"{kind}-offer", actor=actor, now=self.now)

    def propose(self, kind: str, parties: list[PartyTerms], actor: Any, **given: Any) -> Agreement:
        return agreements.propose_agreement(
            kind,
            parties,
            ends_at=self.now + timedelta(days=90),
            actor=actor,
            now=self.now,
            idempotency_key=kind,
            **given,
        )

    def sign(self, kind: str, actor: Any) -> Agreement:
        return agreements.sign_agreement(kind, actor=actor, now=self.now)


@pytest.fixture
def market(cast: Any, now: datetime) -> Market:
    return Market(cast, now)


def test_a_scenario_call_is_answered_and_agreed(market: Market) -> None:
    cast = market.cast
    market.publish("scenario", "need", SCENARIO_NEED, cast.bob, "n-centre")
    market.publish("scenario", "offer", SCENARIO_OFFER, cast.alice, "n-firm")
    (match,) = market.match("scenario", cast.bob)
    assert (match.rank, match.offer.key) == (1, "scenario-offer")
    assert match.reason_zh != match.reason_en != ""
    assert round(sum(part["points"] for part in match.parts), 3) == round(match.score, 3)
    market.introduce("scenario", cast.alice)
    parties = [PartyTerms("owner", "n-centre"), PartyTerms("supplier", "n-firm")]
    line = LineTerms("n-firm", "n-centre", "试点一期", 1, "milestone", 5_000_000)
    agreements.declare_budget("n-centre", 5_000_000, actor=cast.bob, now=market.now, idempotency_key="b")
    market.propose("scenario", parties, cast.alice, match=match, lines=[line])
    market.sign("scenario", cast.alice)
    assert market.sign("scenario", cast.bob).state == "signed"
    assert Transfer.objects.get(kind="hold").amount == 5_000_000


def test_a_consortium_of_three_signs_without_money(market: Market) -> None:
    cast = market.cast
    parties = [
        PartyTerms("lead", "n-firm"), PartyTerms("laboratory", "n-centre"), PartyTerms("user", "n-outsider"),
    ]  # fmt: skip
    market.propose("research", parties, cast.alice, terms={"topic": "国产芯片上的训练"})
    for actor, state in ((cast.alice, "proposed"), (cast.bob, "proposed"), (cast.charlie, "signed")):
        assert market.sign("research", actor).state == state
    assert set(AgreementParty.objects.values_list("role", "signed_by__username")) == {
        ("lead", "alice"), ("laboratory", "bob"), ("user", "charlie"),
    }  # fmt: skip
    result = settlement.settle_agreement("research", actor=cast.bob, now=market.now)
    assert (result.gross_fen, Transfer.objects.count()) == (0, 0)


def test_a_person_applies_for_a_position(market: Market) -> None:
    cast = market.cast
    market.publish("position", "need", POSITION_NEED, cast.alice, "n-firm")
    market.publish("position", "offer", POSITION_OFFER, cast.charlie, None)
    person = cast.charlie.person_id
    # What a person offers is nobody's business until that person applies.
    for actor in (cast.alice, cast.bob):
        assert not Listing.objects.visible_to(actor).filter(key="position-offer").exists()
    assert market.match("position", cast.alice) == []
    (match,) = Match.objects.visible_to(cast.charlie)
    parties = [PartyTerms("employer", "n-firm"), PartyTerms("candidate", person_id=person)]
    with pytest.raises(Conflict, match="not introduced"):
        market.propose("position", parties, cast.alice, match=match)
    match = market.introduce("position", cast.charlie)
    assert [each.pk for each in market.match("position", cast.alice)] == [match.pk]
    assert Listing.objects.visible_to(cast.alice).filter(key="position-offer").exists()
    assert not Listing.objects.visible_to(cast.bob).filter(key="position-offer").exists()
    market.propose("position", parties, cast.alice, match=match)
    assert [a.key for a in Agreement.objects.visible_to(cast.charlie)] == ["position"]
    with pytest.raises(NotFound):
        market.sign("position", cast.bob)
    market.sign("position", cast.alice)
    assert market.sign("position", cast.charlie).state == "signed"


@pytest.mark.parametrize("who", ["alice", "olive"])
def test_nobody_introduces_a_person_unasked(market: Market, who: str) -> None:
    cast = market.cast
    market.publish("position", "need", POSITION_NEED, cast.alice, "n-firm")
    market.publish("position", "offer", POSITION_OFFER, cast.charlie, None)
    market.match("position", cast.alice)
    # Who needs somebody does not learn who was matched unseen.
    with pytest.raises(NotFound if who == "alice" else NotAllowed):
        market.introduce("position", getattr(cast, who))


def test_a_person_trades_nothing_else_in_their_own_name(market: Market) -> None:
    with pytest.raises(NotAllowed):
        market.publish("scenario", "offer", SCENARIO_OFFER, market.cast.charlie, None)


def test_declining_says_why_and_lasts(market: Market) -> None:
    cast = market.cast
    market.publish("scenario", "need", SCENARIO_NEED, cast.bob, "n-centre")
    market.publish("scenario", "offer", SCENARIO_OFFER, cast.alice, "n-firm")
    market.match("scenario", cast.bob)
    given: dict[str, Any] = {"actor": cast.bob, "now": market.now}
    with pytest.raises(InputError, match="a reason is wanted"):
        listings.decline_match("scenario-need", "scenario-offer", because=" ", **given)
    listings.decline_match("scenario-need", "scenario-offer", because="已有供应商", **given)
    market.match("scenario", cast.bob)
    assert Match.objects.get().state == "declined"
    with pytest.raises(Conflict, match="already declined"):
        market.introduce("scenario", cast.bob)


def test_matching_again_follows_the_market(market: Market) -> None:
    cast = market.cast
    market.publish("scenario", "need", SCENARIO_NEED, cast.bob, "n-centre")
    market.publish("scenario", "offer", SCENARIO_OFFER, cast.alice, "n-firm")
    assert len(market.match("scenario", cast.bob)) == 1
    listings.withdraw_listing("scenario-offer", actor=cast.alice, now=market.now)
    assert market.match("scenario", cast.bob) == []
    listings.withdraw_listing("scenario-need", actor=cast.bob, now=market.now)
    with pytest.raises(Conflict, match="not an open need"):
        market.match("scenario", cast.bob)


@pytest.mark.parametrize(("kind", "side"), [("magic", "offer"), ("scenario", "middle")])
def test_what_is_not_there(market: Market, kind: str, side: str) -> None:
    with pytest.raises((InputError, NotAllowed)):
        market.publish(kind, side, SCENARIO_OFFER, market.cast.alice, "n-firm")
