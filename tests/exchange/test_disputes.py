"""Disputes: nothing is settled over them, nothing runs out under them, and they end with an amount and entries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from exchange_cast import make_person
from exchange_deal import Deal
from test_deliveries import Scenario

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Role
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    Delivery,
    Dispute,
    Event,
    Hold,
    Overpayment,
    Settlement,
    Usage,
)
from siwei.exchange.trading import deliveries, disputes, jobs, settlement


class Court:
    """A running deal of which one reading is there: as a rule of 3,600 accelerator-seconds (36,001 fen)."""

    def __init__(self, deal: Deal, quantity: int = 3_600) -> None:
        self.deal, self.now = deal, deal.now
        deal.signed()
        self.meter("r", quantity)

    def meter(self, reading: str, quantity: int) -> Usage:
        return jobs.record_usage(
            "deal", 1, reading=reading, quantity=quantity, measured={}, actor=self.deal.cast.bob, now=self.now
        )

    def open(self, actor: Any = None, reading: str | None = "r", **given: Any) -> Dispute:
        return disputes.open_dispute(
            "deal", reason="读数偏高", evidence="监控截图", reading=reading, actor=actor or self.deal.cast.alice,
            now=self.now, idempotency_key="x", **given,
        )  # fmt: skip

    def answer(self, actor: Any, proposed: int | None = None) -> Dispute:
        return disputes.answer_dispute(
            "x", answer="已复核", proposed=proposed, actor=actor, now=self.now, idempotency_key=f"a{proposed}"
        )

    def resolve(self, outcome: int | None, actor: Any = None) -> Dispute:
        return disputes.resolve_dispute(
            "x", outcome=outcome, because="按电表记录核定", actor=actor or self.deal.cast.olive, now=self.now
        )

    def agree(self, actor: Any) -> Dispute:
        return disputes.agree_on_dispute("x", actor=actor, now=self.now)

    def charge(self, days: int = 0) -> Any:
        later = self.now + timedelta(days=days)
        return settlement.settle_day(as_of=later.date(), actor=self.deal.cast.olive, now=later)


@pytest.fixture
def court(deal: Deal) -> Court:
    return Court(deal)


def balances() -> dict[str, int]:
    return {code.split(":")[1]: balance for code, balance in Account.objects.values_list("code", "balance")}


def state() -> tuple[str, str]:
    agreement = Agreement.objects.get()
    return agreement.state, agreement.disputed_from


def test_a_dispute_resolved_before_settling_is_billed_as_resolved(court: Court) -> None:
    court.open(claimed=1_000)
    assert state() == ("disputed", "delivering")
    assert court.charge().charged == 0
    court.resolve(1_800)
    assert state() == ("delivering", "")
    settled = court.deal.settle()
    # 1,800 s at 36,001 fen an hour are 18,000.5, half up.
    assert (settled.gross_fen, Usage.objects.get().quantity) == (18_001, 1_800)


def test_what_was_settled_already_comes_back_by_entries(court: Court) -> None:
    assert court.charge().gross_fen == 36_001
    before = balances()
    assert (before["receivable"], before["voucher"], before["own-share"]) == (36_001, 50_000 - 21_600, 0)
    court.open()
    resolved = court.resolve(1_800)
    assert (resolved.returned_metered_fen, resolved.returned_voucher_fen, resolved.returned_own_fen) == (
        18_000, 10_800, 7_200
    )  # fmt: skip
    after = balances()
    assert (after["receivable"], after["voucher"], after["own-share"]) == (18_001, 50_000 - 10_800, 7_200)
    # Nothing more is due, and the end takes nothing twice.
    final = court.deal.settle()
    assert (final.gross_fen, final.metered_fen, balances()["receivable"]) == (0, 0, 18_001)
    # Every fen paid is one that came back or stayed.
    assert sum(each.voucher_fen for each in Settlement.objects.all()) == 21_600


def test_what_was_taken_back_is_not_held_any_more(court: Court) -> None:
    """The hold was spent on it; what is metered afterwards has nothing to be paid from, and is shown as such."""
    court.charge()
    court.open()
    court.resolve(1_800)
    court.meter("later", 60)
    court.charge(1)
    assert Settlement.objects.order_by("-pk")[0].detail[0]["uncollected_fen"] == 600


def test_what_left_the_receivable_is_owed(court: Court) -> None:
    court.charge()
    court.open()
    ledger.open_account("CNY:paid", unit="CNY", purpose="test")
    ledger.post_transfer(
        "CNY:receivable:n-centre", "CNY:paid", 30_000, actor=court.deal.cast.olive, now=court.now, idempotency_key="p"
    )
    assert not court.resolve(1_800).is_open
    after = balances()
    assert (after["receivable"], after["overpaid"], after["voucher"], after["own-share"]) == (
        0, 6_001 - 18_000, 50_000 - 10_800, 7_200
    )  # fmt: skip
    owed = Overpayment.objects.order_by("pk").values_list("part", "payer", "amount_fen")
    # The voucher's part first: of 10,800 the receivable had 6,001.
    assert list(owed) == [("voucher", None, 4_799), ("own", court.deal.cast.firm.pk, 7_200)]


def test_both_agree_on_an_amount(court: Court) -> None:
    cast = court.deal.cast
    court.open()
    with pytest.raises(Conflict, match="nobody has proposed"):
        court.agree(cast.bob)
    court.answer(cast.bob, 3_000)
    with pytest.raises(NotAllowed):
        court.agree(cast.bob)
    for _ in range(2):
        resolved = court.agree(cast.alice)
    assert (resolved.state, resolved.outcome, Usage.objects.get().quantity) == ("resolved", 3_000, 3_000)
    assert state() == ("delivering", "")


def test_a_withdrawn_dispute_leaves_all_as_it_was(court: Court) -> None:
    court.open()
    with pytest.raises(NotAllowed):
        disputes.withdraw_dispute("x", because="x", actor=court.deal.cast.bob, now=court.now)
    for _ in range(2):
        disputes.withdraw_dispute("x", because="核对无误", actor=court.deal.cast.alice, now=court.now)
    assert (state(), Usage.objects.get().quantity) == (("delivering", ""), 3_600)
    assert court.deal.settle().gross_fen == 36_001


def test_holds_do_not_run_out_under_a_dispute(court: Court) -> None:
    held = sum(hold.remaining for hold in Hold.objects.all())
    court.open()
    line = AgreementLine.objects.get()
    assert len(line.earlier_holds) == 2
    late = court.now + timedelta(days=100)
    ledger.expire_holds(actor=court.deal.cast.olive, now=late)
    assert sum(hold.remaining for hold in Hold.objects.all()) == held
    # The day's run puts them off again before they would.
    later = court.now + timedelta(days=170)
    for _ in range(2):
        settlement.settle_day(as_of=later.date(), actor=court.deal.cast.olive, now=later)
    assert Hold.objects.count() == 6
    for actor in (court.deal.cast.alice, court.deal.cast.bob):
        assert Event.objects.visible_to(actor).filter(action="put_off", subject="agreement:deal").count() == 1
    ledger.expire_holds(actor=court.deal.cast.olive, now=court.now + timedelta(days=300))
    assert sum(hold.remaining for hold in Hold.objects.all()) == held
    court.now = later
    court.resolve(3_600)
    assert settlement.settle_agreement("deal", actor=court.deal.cast.bob, now=later).gross_fen == 36_001
    assert sum(hold.remaining for hold in Hold.objects.all()) == 0


def test_a_disputed_milestone_is_decided_by_the_operator(cast: Any, now: Any) -> None:
    scenario = Scenario(cast, now)
    scenario.signed()
    scenario.submit(1)
    disputes.open_dispute(
        "s",
        reason="长期不验收",
        evidence="",
        delivery=1,
        claimed=30_001,
        actor=cast.alice,
        now=now,
        idempotency_key="x",
    )
    with pytest.raises(Conflict, match="it is disputed"):
        scenario.accept(1)
    for wrong in (30_002, None):
        with pytest.raises(InputError):
            disputes.resolve_dispute("x", outcome=wrong, because="核定", actor=cast.olive, now=now)
    disputes.resolve_dispute("x", outcome=20_000, because="核定", actor=cast.olive, now=now)
    assert Account.objects.get(code="CNY:receivable:n-firm").balance == 20_000
    assert Delivery.objects.get(number=1).state == "accepted"
    # An accepted one may be disputed too; what is taken back comes back.
    disputes.open_dispute("s", reason="有缺陷", evidence="", delivery=1, actor=cast.bob, now=now, idempotency_key="y")
    disputes.resolve_dispute("y", outcome=5_000, because="核定", actor=cast.olive, now=now)
    assert Account.objects.get(code="CNY:receivable:n-firm").balance == 5_000
    assert Account.objects.get(code="CNY:own-share:n-centre").balance - 15_000 == 100_000 - 20_000
    deliveries.complete_agreement("s", actor=cast.alice, now=now)
    settlement.settle_agreement("s", actor=cast.bob, now=now)
    assert sum(hold.remaining for hold in Hold.objects.all()) == 0


@pytest.mark.parametrize("side", ["firm", "centre"])
def test_an_operator_who_acts_for_a_party_does_not_resolve_its_dispute(court: Court, side: str) -> None:
    judge = make_person("jo", getattr(court.deal.cast, side), Role.MEMBER, is_operator=True).as_actor()
    court.open()
    with pytest.raises(NotAllowed, match="their own matter → another"):
        court.resolve(0, judge)
    assert court.resolve(1_800).outcome == 1_800


def test_a_dispute_about_no_amount(court: Court) -> None:
    court.open(reading=None)
    assert not Usage.objects.get().is_held
    with pytest.raises(InputError, match="does not fit"):
        court.resolve(1)
    court.resolve(None)
    assert state() == ("delivering", "")


def test_who_may_and_what_again_changes_nothing(court: Court) -> None:
    cast = court.deal.cast
    with pytest.raises(NotAllowed):
        court.open(cast.olive)
    with pytest.raises(NotFound, match="no agreement 'deal'"):
        court.open(cast.charlie)
    assert court.open() == court.open()
    with pytest.raises(Conflict, match="disputed already"):
        disputes.open_dispute(
            "deal", reason="x", evidence="", reading="r", actor=cast.bob, now=court.now, idempotency_key="other"
        )
    for actor in (cast.alice, cast.bob, cast.charlie):
        with pytest.raises(NotAllowed):
            court.resolve(1, actor)
    acts: list[Callable[[Any], Dispute]] = [
        court.answer,
        court.agree,
        lambda actor: disputes.withdraw_dispute("x", because="x", actor=actor, now=court.now),
    ]
    for act in acts:
        with pytest.raises(NotFound, match="no dispute 'x'"):
            act(cast.charlie)
        with pytest.raises(NotAllowed):
            act(cast.olive)
    court.answer(cast.bob)
    court.resolve(1)
    assert court.resolve(1).outcome == 1
    with pytest.raises(Conflict, match="nothing more is said"):
        court.answer(cast.bob, 5)
    assert [Dispute.objects.visible_to(actor).count() for actor in (cast.bob, cast.ann, cast.charlie)] == [1, 1, 0]


def test_a_settled_agreement_is_not_disputed_any_more(court: Court) -> None:
    court.deal.settle()
    with pytest.raises(Conflict, match="to dispute is not possible, and nothing more is"):
        court.open()
