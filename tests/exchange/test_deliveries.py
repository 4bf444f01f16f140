"""Deliveries against acceptance: milestones that pay in part, events confirmed by the other side, nothing by itself."""

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from exchange_cast import make_person

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Account, Agreement, Delivery, Event, Hold, Settlement, Transfer
from siwei.exchange.trading import agreements, deliveries, jobs, settlement
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
from siwei.exchange.trading.delivery_plans import DeliveryTerms

LINE = LineTerms("n-firm", "n-centre", "试点", 1, "project", 100_000)
STAGES = [DeliveryTerms("方案", 1, 30_001, date(2026, 12, 1)), DeliveryTerms("验收", 1, 69_999)]


class Scenario:
    """The centre opens a scenario, the firm answers with two milestones."""

    def __init__(self, cast: Any, now: Any) -> None:
        self.cast, self.now = cast, now

    def propose(self, kind: str = "scenario", terms: Any = STAGES, line: LineTerms | None = LINE) -> Agreement:
        return agreements.propose_agreement(
            kind,
            [PartyTerms("owner", "n-centre"), PartyTerms("supplier", "n-firm")],
            lines=[line] if line else [],
            deliveries=terms,
            ends_at=self.now + timedelta(days=90),
            actor=self.cast.alice,
            now=self.now,
            idempotency_key="s",
        )

    def signed(self, **given: Any) -> Agreement:
        self.propose(**given)
        agreements.declare_budget("n-centre", 200_000, actor=self.cast.bob, now=self.now, idempotency_key="b")
        for actor in (self.cast.alice, self.cast.bob):
            agreement = agreements.sign_agreement("s", actor=actor, now=self.now)
        return agreement

    def submit(self, number: int, actor: Actor | None = None, key: str = "", **given: Any) -> Delivery:
        return deliveries.submit_delivery(
            "s", number, evidence="报告一份", actor=actor or self.cast.alice, now=self.now,
            idempotency_key=key or f"d{number}", **given,
        )  # fmt: skip

    def accept(self, number: int, actor: Actor | None = None) -> Delivery:
        return deliveries.accept_delivery("s", number, actor=actor or self.cast.bob, now=self.now)

    def reject(self, number: int, actor: Actor | None = None) -> Delivery:
        return deliveries.reject_delivery(
            "s", number, because="缺测试记录", actor=actor or self.cast.bob, now=self.now, idempotency_key="r"
        )


@pytest.fixture
def scenario(cast: Any, now: Any) -> Scenario:
    return Scenario(cast, now)


def receivable() -> int:
    return Account.objects.get(code="CNY:receivable:n-firm").balance


def test_each_accepted_milestone_pays_its_part(scenario: Scenario) -> None:
    assert scenario.signed().state == "signed"
    assert scenario.submit(1).state == "submitted"
    assert Agreement.objects.get().state == "delivering"
    assert receivable() == 0
    assert scenario.accept(1).state == "accepted"
    assert (receivable(), Hold.objects.get().remaining) == (30_001, 69_999)
    scenario.submit(2)
    scenario.accept(2)
    assert (receivable(), Agreement.objects.get().state) == (100_000, "completed")
    final = settlement.settle_agreement("s", actor=scenario.cast.bob, now=scenario.now)
    assert (final.gross_fen, final.released_fen) == (0, 0)
    assert list(Settlement.objects.values_list("period", "gross_fen")) == [
        ("delivery:1", 30_001), ("delivery:2", 69_999), ("final", 0),
    ]  # fmt: skip


def test_every_step_again_changes_nothing(scenario: Scenario) -> None:
    scenario.signed()
    scenario.submit(1)
    scenario.accept(1)
    before = (receivable(), Event.objects.count(), Transfer.objects.count())
    scenario.submit(1)
    scenario.accept(1)
    assert (receivable(), Event.objects.count(), Transfer.objects.count()) == before


def test_what_is_sent_back_may_be_submitted_again(scenario: Scenario) -> None:
    scenario.signed()
    scenario.submit(1)
    sent = scenario.reject(1)
    assert (sent.state, sent.reason, receivable()) == ("rejected", "缺测试记录", 0)
    with pytest.raises(Conflict, match="nothing to decide on"):
        scenario.accept(1)
    assert scenario.submit(1, key="again").state == "submitted"
    scenario.accept(1)
    assert receivable() == 30_001


def test_nothing_happens_by_itself_and_nothing_is_settled_over_a_waiting_word(scenario: Scenario) -> None:
    scenario.signed()
    scenario.submit(1)
    late = scenario.now + timedelta(days=100)
    with pytest.raises(Conflict, match="wait for a word"):
        settlement.settle_agreement("s", actor=scenario.cast.alice, now=late)
    run = settlement.settle_day(as_of=late.date(), actor=scenario.cast.olive, now=late)
    assert (run.closed, run.charged, run.faults, receivable()) == (0, 0, (), 0)


def test_who_may_say_what(scenario: Scenario) -> None:
    cast = scenario.cast
    scenario.signed()
    for actor in (cast.bob, cast.olive):
        with pytest.raises(NotAllowed):
            scenario.submit(1, actor)
    scenario.submit(1)
    for actor in (cast.alice, cast.olive):
        with pytest.raises(NotAllowed):
            scenario.accept(1, actor)
        with pytest.raises(NotAllowed):
            scenario.reject(1, actor)
    acts: list[Callable[..., Delivery]] = [scenario.submit, scenario.accept, scenario.reject]
    for act in acts:
        with pytest.raises(NotFound, match="no agreement 's'"):
            act(1, cast.charlie)


def test_nobody_accepts_what_they_reported(scenario: Scenario) -> None:
    cast = scenario.cast
    scenario.signed()
    both = dataclasses.replace(cast.alice, roles={**cast.alice.roles, **cast.bob.roles})
    scenario.submit(1, both)
    with pytest.raises(NotAllowed, match="reported themselves"):
        scenario.accept(1, both)


def test_milestones_sum_to_their_line(scenario: Scenario) -> None:
    with pytest.raises(InputError, match=r"sum to ¥300\.01"):
        scenario.propose(terms=STAGES[:1])
    for wrong in (
        DeliveryTerms("", 1, 100_000),
        DeliveryTerms("x", 2, 100_000),
        DeliveryTerms("x", None, 5),
        DeliveryTerms("x", None, 0, None, 1, 1),
        DeliveryTerms("x", 1, -1),
    ):
        with pytest.raises(InputError):
            scenario.propose(terms=[wrong])
    assert not Agreement.objects.exists()


def test_a_line_without_milestones_is_paid_by_one(scenario: Scenario) -> None:
    scenario.propose(terms=())
    planned = Delivery.objects.get()
    assert (planned.title, planned.amount_fen, planned.form) == ("试点", 100_000, "milestone")


def test_what_is_accepted_is_not_metered_too(scenario: Scenario) -> None:
    scenario.signed()
    with pytest.raises(Conflict, match="paid by what is accepted"):
        jobs.record_usage("s", 1, reading="r", quantity=1, measured={}, actor=scenario.cast.alice, now=scenario.now)


def test_expert_work_beside_a_metered_kind_goes_by_milestone(scenario: Scenario) -> None:
    scenario.propose(kind="service", terms=STAGES)
    assert list(Delivery.objects.order_by("number").values_list("form", flat=True)) == ["milestone", "milestone"]


def test_pieces_are_confirmed_by_the_buyer_as_they_come(scenario: Scenario) -> None:
    line = LineTerms("n-firm", "n-centre", "模组", 3, "piece", 100)
    scenario.signed(kind="product", terms=(), line=line)
    assert scenario.submit(1, quantity=2).quantity == 2
    assert list(Delivery.objects.order_by("number").values_list("quantity", "amount_fen", "state")) == [
        (2, 200, "submitted"), (1, 100, "planned"),
    ]  # fmt: skip
    scenario.accept(1)
    assert (receivable(), Agreement.objects.get().state) == (200, "delivering")
    with pytest.raises(InputError, match="quantity of 2"):
        scenario.submit(2, quantity=2)
    scenario.submit(2)
    scenario.accept(2)
    assert (receivable(), Agreement.objects.get().state) == (300, "completed")


def test_a_post_taken_up_is_confirmed_by_the_other_side(scenario: Scenario, now: Any) -> None:
    cast = scenario.cast
    dora = make_person("dora").as_actor()
    agreements.propose_agreement(
        "position",
        [PartyTerms("employer", "n-firm"), PartyTerms("candidate", person_id=dora.person_id)],
        ends_at=now + timedelta(days=90), actor=cast.alice, now=now, idempotency_key="s",
    )  # fmt: skip
    agreements.sign_agreement("s", actor=cast.alice, now=now)
    agreements.sign_agreement("s", actor=dora, now=now)
    event = Delivery.objects.get()
    assert (event.form, event.giver.person_id, event.amount_fen) == ("event", dora.person_id, 0)
    scenario.submit(1, cast.alice)
    with pytest.raises(NotAllowed):
        scenario.accept(1, cast.alice)
    scenario.accept(1, dora)
    assert Agreement.objects.get().state == "completed"


def test_an_expired_hold_pays_no_milestone(scenario: Scenario) -> None:
    scenario.signed()
    scenario.submit(1)
    scenario.now += timedelta(days=121)
    with pytest.raises(Conflict, match="has expired"):
        scenario.accept(1)
    assert Delivery.objects.get(number=1).state == "submitted"


def test_completing_is_the_providers(scenario: Scenario, now: Any) -> None:
    scenario.signed()
    with pytest.raises(NotAllowed):
        deliveries.complete_agreement("s", actor=scenario.cast.bob, now=now)
    scenario.submit(1)
    with pytest.raises(Conflict, match="wait for a word"):
        deliveries.complete_agreement("s", actor=scenario.cast.alice, now=now)
    scenario.accept(1)
    for _ in range(2):
        assert deliveries.complete_agreement("s", actor=scenario.cast.alice, now=now).state == "completed"
    with pytest.raises(Conflict, match="it is completed: to deliver is not possible"):
        scenario.submit(2)
    run = settlement.settle_day(as_of=now.date(), actor=scenario.cast.olive, now=now)
    assert (run.closed, Agreement.objects.get().state, Hold.objects.get().remaining) == (1, "settled", 0)


class TestDay:
    def test_a_day_is_charged_once_and_the_agreement_goes_on(self, deal: Any) -> None:
        deal.signed()

        def run(day: int) -> Any:
            later = deal.now + timedelta(days=day)
            return settlement.settle_day(as_of=later.date(), actor=deal.cast.olive, now=later)

        def read(name: str, quantity: int) -> None:
            jobs.record_usage(
                "deal", 1, reading=name, quantity=quantity, measured={}, actor=deal.cast.bob, now=deal.now
            )

        assert run(0).charged == 0
        read("a", 100)
        assert (run(0).charged, run(0).charged) == (1, 0)
        read("b", 51)
        assert run(0).charged == 1, "what comes later on a settled day waits for the next"
        read("c", 7)
        assert (run(1).charged, run(2).charged) == (1, 0)
        total = deal.settle()
        # 158 s of 3,600 s at 36,001 fen are 1,580.04 → 1,580 fen, however it was cut.
        paid = Settlement.objects.values_list("gross_fen", "voucher_fen")
        assert (sum(each for each, _ in paid), sum(each for _, each in paid)) == (1_580, 947)
        assert total.period == "final"
