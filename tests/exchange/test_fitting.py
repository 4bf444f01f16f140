"""Which needs fit an offer, asked by its owner; and approaching one of them."""

from datetime import date, datetime
from typing import Any

import pytest
from exchange_cast import make_person

from siwei.errors import Conflict, NotAllowed, NotFound
from siwei.exchange.actors import VISITOR
from siwei.exchange.models import Event, Listing, Match, MatchState
from siwei.exchange.trading import listings
from siwei.exchange.trading.fitting import FittingNeeds, approach_need, fitting_needs

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = date(2026, 11, 23)
WANTED = {"title": "算法工程师", "skills": ["pytorch"], "experience_months": 12}
CAN = {"title": "求职", "skills": ["pytorch", "cuda"], "experience_months": 30}


class Asking:
    def __init__(self, cast: Any, now: datetime) -> None:
        self.cast, self.now = cast, now
        self.seeker = make_person("seeker").as_actor()
        self.publish("need", "vacancy", WANTED, cast.alice, "n-firm")
        self.publish("need", "doctor", {**WANTED, "degree": "doctor"}, cast.bob, "n-centre")
        self.publish("offer", "mine", CAN, self.seeker, None)

    def publish(
        self, side: str, key: str, body: dict[str, Any], actor: Any, owner: str | None, kind: str = "position"
    ) -> Listing:
        return listings.publish_listing(
            kind, side, title_zh=body["title"], title_en=key, body=body, organisation=owner, actor=actor, now=self.now,
            idempotency_key=key,
        )  # fmt: skip

    def ask(self, actor: Any = None, offer: str = "mine") -> FittingNeeds:
        return fitting_needs(offer, as_of=DAY, actor=actor or self.seeker)

    def approach(self, need: str = "vacancy", actor: Any = None, offer: str = "mine") -> Match:
        return approach_need(need, offer, as_of=DAY, actor=actor or self.seeker, now=self.now)


@pytest.fixture
def asking(cast: Any, now: datetime) -> Asking:
    return Asking(cast, now)


def test_a_job_seeker_sees_what_fits_and_why_not_the_rest(asking: Asking) -> None:
    found = asking.ask()
    assert [(each.listing.key, each.ranked.rank, each.match) for each in found.fitting] == [("vacancy", 1, None)]
    assert {part.id: part.score for part in found.fitting[0].ranked.parts}["skills"] == 1.0
    assert [(need.key, words.en) for need, words in found.rejected] == [("doctor", "below the degree required")]
    assert (Match.objects.count(), Event.objects.filter(subject__startswith="match:").count()) == (0, 0)


def test_to_apply_introduces_with_the_rank_among_all(asking: Asking) -> None:
    cast = asking.cast
    rival = make_person("rival").as_actor()
    asking.publish("offer", "better", {**CAN, "title": "算法工程师"}, rival, None)
    assert not Listing.objects.visible_to(cast.alice).filter(key="mine").exists()
    match = asking.approach()
    assert (match.state, match.rank) == (MatchState.INTRODUCED, 2)
    assert Listing.objects.visible_to(cast.alice).filter(key="mine").exists()
    assert not Listing.objects.visible_to(cast.alice).filter(key="better").exists()
    assert [each.pk for each in Match.objects.visible_to(cast.alice)] == [match.pk]
    assert not Match.objects.visible_to(rival).exists()
    event = Event.objects.get(subject__startswith="match:")
    assert (event.action, [each.key for each in event.organisations.all()]) == ("introduce_match", ["n-firm"])
    assert asking.approach().pk == match.pk  # again: the same
    assert Event.objects.filter(subject__startswith="match:").count() == 1
    assert asking.ask().fitting[0].match == match
    ranked = listings.match_need("vacancy", as_of=DAY, actor=cast.alice, now=asking.now)
    kept = next(each for each in ranked if each.pk == match.pk)
    assert (kept.state, kept.rank, kept.score) == (MatchState.INTRODUCED, match.rank, match.score)


def test_what_does_not_fit_is_not_approached_and_what_was_declined_stays_so(asking: Asking) -> None:
    with pytest.raises(Conflict, match="below the degree required"):
        asking.approach("doctor")
    assert not Match.objects.exists()
    listings.match_need("vacancy", as_of=DAY, actor=asking.cast.alice, now=asking.now)
    with pytest.raises(NotFound, match="was not matched"):  # matched unseen: the employer does not learn of it
        listings.decline_match("vacancy", "mine", because="no", actor=asking.cast.alice, now=asking.now)
    listings.decline_match("vacancy", "mine", because="no", actor=asking.seeker, now=asking.now)
    with pytest.raises(Conflict, match="already declined"):
        asking.approach()


def test_a_persons_need_and_a_withdrawn_one_are_not_there(asking: Asking) -> None:
    cast = asking.cast
    learner = make_person("learner").as_actor()
    body = {"title": "cann", "skills": ["cann"], "level": "entry"}
    costs = {"hours": 20, "seats": 9, "price_fen_per_seat": 0}
    asking.publish("need", "private", body, learner, None, kind="course")
    asking.publish("offer", "course", body | costs, cast.bob, "n-centre", kind="course")
    listings.withdraw_listing("vacancy", actor=cast.alice, now=asking.now)
    for key, offer, actor in (
        ("private", "course", cast.bob),
        ("vacancy", "mine", asking.seeker),
        ("course", "mine", asking.seeker),
    ):
        found = asking.ask(actor, offer)
        assert key not in [each.listing.key for each in found.fitting] + [need.key for need, _ in found.rejected]
        with pytest.raises(NotFound, match="no open need"):
            asking.approach(key, actor, offer)


def test_only_the_offers_owner_asks_and_applies(asking: Asking) -> None:
    cast = asking.cast
    for actor in (cast.alice, cast.charlie, VISITOR):
        for act in (asking.ask, lambda who: asking.approach(actor=who)):
            with pytest.raises(NotFound, match="no listing"):
                act(actor)
    with pytest.raises(NotAllowed):  # nobody applies for another, the operator neither
        asking.approach(actor=cast.olive)
    asking.publish("offer", "team", CAN, cast.bob, "n-centre")
    with pytest.raises(NotAllowed):
        asking.ask(cast.charlie, "team")
    with pytest.raises(Conflict, match="not an open offer"):
        asking.ask(cast.alice, "vacancy")
    assert not Match.objects.exists()
    assert asking.approach(actor=cast.bob, offer="team").state == MatchState.INTRODUCED
