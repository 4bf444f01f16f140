"""A voucher-paid compute deal from listing to settlement, and what may go wrong on the way."""

from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from exchange_cast import make_person
from exchange_deal import DAY, OFFER, SPEC, Deal

from siwei.compute import JobPhase, JobSpec
from siwei.errors import Conflict, InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.actors import Role
from siwei.exchange.awards import vouchers
from siwei.exchange.ledger import actions as ledger
from siwei.exchange.models import (
    Account,
    Agreement,
    Decision,
    Event,
    Hold,
    Match,
    Pot,
    Relation,
    Settlement,
    Usage,
    Voucher,
)
from siwei.exchange.trading import agreements, jobs, listings, settlement
from siwei.exchange.trading.agreements import LineTerms, PartyTerms


def balances() -> dict[str, tuple[int, int]]:
    return {account.code: (account.balance, account.held) for account in Account.objects.order_by("code")}


def test_the_whole_life_of_a_deal(deal: Deal) -> None:
    agreement = deal.signed()
    line = agreement.lines.get()
    # 3,600 s at 360.01 yuan an hour: 36,001 fen; the voucher pays 60 % rounded down.
    assert (line.gross_fen, line.voucher_fen, line.own_fen) == (36_001, 21_600, 14_401)
    assert balances() == {
        "CNY:budget:xunli:2026": (-1_000_000, 0),
        "CNY:pot:xunli:2026": (950_000, 0),
        "CNY:voucher:voucher": (50_000, 21_600),
        "CNY:commitment:n-firm": (-14_401, 0),
        "CNY:own-share:n-firm": (14_401, 14_401),
        "CNY:receivable:n-centre": (0, 0),
    }
    assert deal.submit().state == "queued"
    job = deal.finish()
    assert (job.state, job.exit_code) == ("succeeded", 0)
    # 61 s measured are two started minutes.
    assert Usage.objects.get().quantity == 120
    result = deal.settle()
    # 120 s of 3,600 s at 36,001 fen: 1,200.03 → 1,200 fen, in the proportion held, the odd fen to the own share.
    assert (result.metered_fen, result.gross_fen, result.voucher_fen, result.own_fen) == (1_200, 1_200, 719, 481)
    assert result.released_fen == 36_001 - 1_200
    assert balances() == {
        "CNY:budget:xunli:2026": (-1_000_000, 0),
        "CNY:pot:xunli:2026": (950_000, 0),
        "CNY:voucher:voucher": (49_281, 0),
        "CNY:commitment:n-firm": (-14_401, 0),
        "CNY:own-share:n-firm": (13_920, 0),
        "CNY:receivable:n-centre": (1_200, 0),
        "accelerator-second:cpu:delivered:n-centre": (-120, 0),
        "accelerator-second:cpu:used:n-firm": (120, 0),
    }
    assert Agreement.objects.get().state == "settled"
    assert [event.action for event in Event.objects.order_by("pk")] == [
        "open_pot",
        "grant_voucher",
        "publish_listing",
        "publish_listing",
        "propose_agreement",
        "declare_budget",
        "sign_agreement",
        "sign_agreement",
        "submit_job",
        "record_usage",
        "settle_agreement",
    ]


def test_every_step_again_changes_nothing(deal: Deal) -> None:
    deal.signed()
    deal.submit()
    deal.finish()
    deal.settle()
    before, events = balances(), Event.objects.count()
    deal.offer()
    deal.need()
    voucher = Voucher.objects.get()
    deal.grant(Decision.objects.get(), deal.pot())
    deal.propose(Match.objects.get(), voucher)
    deal.budget()
    deal.sign(deal.cast.alice)
    deal.submit()
    deal.refresh()
    assert deal.settle() == Settlement.objects.get()
    assert (balances(), Event.objects.count()) == (before, events)


def test_a_key_used_for_something_else_is_a_conflict(deal: Deal) -> None:
    deal.offer()
    with pytest.raises(Conflict, match="another publish_listing"):
        deal.offer(count=9)


def test_a_wrong_body_names_every_fault(deal: Deal) -> None:
    with pytest.raises(InputError) as caught:
        deal.offer(count=0, price_fen_per_hour=-1, colour="red")
    assert sorted(problem.field for problem in caught.value.problems) == ["colour", "count", "price_fen_per_hour"]


class TestVoucher:
    def test_a_draft_programme_releases_no_money(self, deal: Deal) -> None:
        pot = deal.pot(is_draft=True)
        assert pot.account.balance == 0
        with pytest.raises(Conflict, match="draft releases no money"):
            deal.grant(deal.decision(is_draft=True), pot)

    @pytest.mark.parametrize("verdict", ["not_eligible", "cannot_tell"])
    def test_only_an_eligible_decision_is_granted(self, deal: Deal, verdict: str) -> None:
        with pytest.raises(Conflict, match="nothing to grant"):
            deal.grant(deal.decision(verdict=verdict), deal.pot())

    def test_no_more_than_awarded(self, deal: Deal) -> None:
        with pytest.raises(Conflict, match=r"awards ¥500\.00"):
            deal.grant(deal.decision(), deal.pot(), 50_001)

    def test_no_more_than_the_pot_holds(self, deal: Deal) -> None:
        with pytest.raises(InsufficientFunds):
            deal.grant(deal.decision(), deal.pot(budget_fen=49_999))
        assert not Voucher.objects.exists()

    def test_not_to_an_unlisted_provider(self, deal: Deal) -> None:
        voucher = deal.voucher()
        match = deal.match(voucher)
        deal.list_provider(False)
        with pytest.raises(Conflict, match="not on the voucher's list"):
            deal.propose(match, voucher)

    def test_not_to_a_related_party_even_if_tied_after_the_proposal(self, deal: Deal) -> None:
        voucher = deal.voucher()
        deal.propose(deal.match(voucher), voucher)
        deal.budget()
        deal.sign(deal.cast.alice)
        Relation.objects.create(
            organisation=deal.cast.centre, other=deal.cast.firm, basis="shareholding", source="test", known_at=deal.now
        )
        with pytest.raises(Conflict, match="related parties"):
            deal.sign(deal.cast.bob)
        assert not Hold.objects.exists()
        assert Agreement.objects.get().state == "proposed"

    def test_not_of_another_firm(self, deal: Deal) -> None:
        voucher = deal.voucher()
        Voucher.objects.update(organisation=deal.cast.outsider)
        voucher.refresh_from_db()
        with pytest.raises(Conflict, match="another organisation"):
            deal.match(voucher)

    def test_not_after_its_last_day(self, deal: Deal) -> None:
        voucher = deal.voucher()
        match = deal.match(voucher)
        Voucher.objects.update(valid_to=date(2026, 11, 22))
        voucher.refresh_from_db()
        with pytest.raises(Conflict, match="not for 2026-11-23"):
            deal.propose(match, voucher)

    def test_what_is_left_returns_to_the_pot(self, deal: Deal) -> None:
        deal.voucher()
        again = {"actor": deal.cast.olive, "now": deal.now}
        assert vouchers.return_expired_vouchers(as_of=date(2026, 12, 31), **again) == 0
        assert vouchers.return_expired_vouchers(as_of=date(2027, 1, 1), **again) == 1
        assert vouchers.return_expired_vouchers(as_of=date(2027, 1, 1), **again) == 0
        (told,) = Event.objects.visible_to(deal.cast.alice).filter(action="return_expired_voucher")
        assert (told.subject, told.payload["amount_fen"]) == ("voucher:voucher", 50_000)
        assert not Event.objects.visible_to(deal.cast.bob).filter(action="return_expired_voucher").exists()
        assert balances()["CNY:pot:xunli:2026"] == (1_000_000, 0)


class TestSigning:
    def test_the_budget_must_cover_the_own_share(self, deal: Deal) -> None:
        deal.propose(deal.match())
        deal.budget(36_000)
        deal.sign(deal.cast.bob)
        with pytest.raises(InsufficientFunds, match="have it declare a larger budget"):
            deal.sign(deal.cast.alice)
        deal.budget(36_001)
        assert deal.sign(deal.cast.alice).state == "signed"

    def test_a_budget_never_falls_below_what_is_committed(self, deal: Deal) -> None:
        deal.signed()
        with pytest.raises(InsufficientFunds):
            deal.budget(14_400)

    def test_cancelling_releases_what_was_held(self, deal: Deal) -> None:
        deal.signed()
        cancelled = agreements.cancel_agreement("deal", because="changed plans", actor=deal.cast.alice, now=deal.now)
        assert cancelled.state == "cancelled"
        assert [held.remaining for held in Hold.objects.all()] == [0, 0]
        with pytest.raises(Conflict, match="to sign is not possible, and nothing more is"):
            Agreement.objects.get().parties.update(signed_at=None)
            deal.sign(deal.cast.alice)

    def test_not_after_delivery_began(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        with pytest.raises(Conflict, match="to cancel is not possible, what is: deliver"):
            agreements.cancel_agreement("deal", because="x", actor=deal.cast.alice, now=deal.now)

    def test_an_agreement_needs_two_parties_and_sane_lines(self, deal: Deal) -> None:
        with pytest.raises(InputError) as caught:
            agreements.propose_agreement(
                "research",
                [PartyTerms("lead", deal.cast.firm.key)],
                ends_at=deal.now,
                actor=deal.cast.alice,
                now=deal.now,
                idempotency_key="x",
                lines=[LineTerms("n-centre", "n-firm", "x", 0, "", -1)],
            )
        assert [problem.field for problem in caught.value.problems] == ["parties", "ends_at"] + ["lines[1]"] * 3


class TestJobs:
    def test_a_lost_attempt_runs_again_and_is_not_billed(self, deal: Deal) -> None:
        deal.signed()
        first = deal.submit().engine_job_id
        job = deal.finish(phase=JobPhase.LOST)
        assert (job.attempt, job.state) == (2, "queued")
        assert job.engine_job_id != first
        assert deal.engine.phases[job.engine_job_id] == JobPhase.QUEUED
        assert not Usage.objects.exists()
        deal.finish()
        assert [usage.quantity for usage in Usage.objects.all()] == [120]

    def test_a_job_lost_too_often_fails(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        for _ in range(jobs.MAXIMUM_ATTEMPTS):
            job = deal.finish(phase=JobPhase.LOST)
        assert (job.state, job.reason) == ("failed", "lost 5 times")
        assert not Usage.objects.exists()

    def test_a_busy_engine_gets_the_job_later(self, deal: Deal) -> None:
        deal.signed()
        deal.engine.busy = True
        job = deal.submit()
        assert (job.state, deal.engine.phases) == ("queued", {})
        deal.engine.busy = False
        deal.refresh()
        assert deal.engine.phases == {job.engine_job_id: JobPhase.QUEUED}

    def test_nothing_starts_that_the_line_could_not_pay(self, deal: Deal) -> None:
        deal.signed()
        deal.submit("long", JobSpec(command=("x",), wall_limit_s=3_500))
        with pytest.raises(Conflict, match="the line has 60 left"):
            deal.submit("more")
        deal.finish("long")
        assert deal.submit("more").state == "queued"

    def test_a_failed_job_is_metered_too(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        assert deal.finish(phase=JobPhase.FAILED).state == "failed"
        assert Usage.objects.get().quantity == 120

    def test_a_job_needs_a_signed_agreement(self, deal: Deal) -> None:
        deal.propose(deal.match())
        with pytest.raises(Conflict, match="it is proposed: to deliver is not possible"):
            deal.submit()

    def test_another_accelerator_is_another_unit(self, deal: Deal) -> None:
        deal.signed()
        with pytest.raises(InputError, match="asks for 910B"):
            deal.submit(spec=JobSpec(command=("x",), accelerator="910B"))

    def test_no_settlement_while_a_job_runs(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        with pytest.raises(Conflict, match="have not ended"):
            deal.settle()

    def test_a_meter_reading_counts_once(self, deal: Deal) -> None:
        deal.signed()
        given: dict[str, Any] = {"reading": "r1", "measured": {"wall_s": 5}, "actor": deal.cast.bob, "now": deal.now}
        first = jobs.record_usage("deal", 1, quantity=60, **given)
        assert jobs.record_usage("deal", 1, quantity=60, **given) == first
        with pytest.raises(Conflict, match="another record_usage"):
            jobs.record_usage("deal", 1, quantity=61, **given)

    def test_never_more_than_was_held(self, deal: Deal) -> None:
        deal.signed()
        jobs.record_usage("deal", 1, reading="r", quantity=7_200, measured={}, actor=deal.cast.bob, now=deal.now)
        result = deal.settle()
        assert (result.metered_fen, result.gross_fen, result.released_fen) == (72_002, 36_001, 0)
        assert result.detail[0]["uncollected_fen"] == 36_001

    def test_nothing_is_metered_after_settlement(self, deal: Deal) -> None:
        deal.signed()
        deal.settle()
        with pytest.raises(Conflict, match="it is settled: to meter is not possible"):
            jobs.record_usage("deal", 1, reading="r", quantity=1, measured={}, actor=deal.cast.bob, now=deal.now)

    @pytest.mark.parametrize("swept", [True, False])
    def test_expired_holds_are_not_captured(self, deal: Deal, swept: bool) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        deal.now += timedelta(days=60)
        if swept:
            assert ledger.expire_holds(actor=deal.cast.olive, now=deal.now) == 2
        result = deal.settle()
        assert (result.metered_fen, result.gross_fen, result.detail[0]["uncollected_fen"]) == (1_200, 0, 1_200)
        assert ledger.expire_holds(actor=deal.cast.olive, now=deal.now) == 0
        assert balances()["CNY:receivable:n-centre"] == (0, 0)
        assert balances()["CNY:voucher:voucher"] == (50_000, 0)

    def test_what_began_in_time_is_charged_after_the_end(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.now += timedelta(days=59)
        with pytest.raises(Conflict, match="agree anew"):
            deal.submit("late")
        deal.finish()
        assert deal.settle().gross_fen == 1_200

    def test_the_consumer_chooses_no_early_moment(self, deal: Deal) -> None:
        deal.signed()
        with pytest.raises(NotAllowed):
            deal.settle(deal.cast.alice)
        deal.submit()
        deal.finish()
        jobs.record_usage("deal", 1, reading="r", quantity=60, measured={}, actor=deal.cast.bob, now=deal.now)
        with pytest.raises(NotAllowed):
            deal.settle(deal.cast.alice)
        # An operator who pays the bill has no more to say about its moment.
        payer = make_person("jo", deal.cast.firm, Role.OWNER, is_operator=True).as_actor()
        deal.now += timedelta(days=36)
        for actor in (deal.cast.alice, payer):
            with pytest.raises(NotAllowed):
                deal.settle(actor)
        deal.now += timedelta(days=1)
        assert deal.settle(deal.cast.alice).metered_fen == 1_800

    def test_the_consumer_may_settle_what_the_engine_metered(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        assert deal.settle(deal.cast.alice).gross_fen == 1_200


class TestOutsiders:
    def test_each_action(self, deal: Deal) -> None:
        deal.signed()
        deal.submit()
        charlie, now = deal.cast.charlie, deal.now
        refused = [
            lambda: listings.publish_listing(
                "compute",
                "offer",
                organisation="n-firm",
                title_zh="x",
                title_en="x",
                body=OFFER,
                actor=charlie,
                now=now,
                idempotency_key="x",
            ),
            lambda: listings.withdraw_listing("offer", actor=charlie, now=now),
            lambda: listings.match_need("need", as_of=DAY, actor=charlie, now=now),
            lambda: agreements.declare_budget("n-firm", 1, actor=charlie, now=now, idempotency_key="x"),
            lambda: agreements.propose_agreement(
                "research",
                [PartyTerms("lead", "n-firm"), PartyTerms("member", "n-centre")],
                actor=charlie,
                now=now,
                ends_at=now + timedelta(1),
                idempotency_key="x",
            ),
            lambda: vouchers.return_expired_vouchers(as_of=DAY, actor=charlie, now=now),
            lambda: vouchers.open_pot(None, "2026", 1, actor=charlie, now=now, idempotency_key="x"),  # type: ignore[arg-type]
            lambda: deal.grant.__func__(_as(deal, charlie), Decision.objects.get(), Pot.objects.get()),
        ]
        for act in refused:
            with pytest.raises(NotAllowed):
                act()
        hidden: list[Callable[[], Any]] = [
            lambda: agreements.sign_agreement("deal", actor=charlie, now=now),
            lambda: agreements.cancel_agreement("deal", because="x", actor=charlie, now=now),
            lambda: jobs.submit_job(
                "deal", 1, SPEC, engine=deal.engine, engine_name="fake", actor=charlie, now=now, idempotency_key="x"
            ),
            lambda: jobs.record_usage("deal", 1, reading="x", quantity=1, measured={}, actor=charlie, now=now),
            lambda: settlement.settle_agreement("deal", actor=charlie, now=now),
        ]
        for act in hidden:
            with pytest.raises(NotFound, match="no agreement 'deal'"):
                act()

    def test_the_operator_signs_for_nobody(self, deal: Deal) -> None:
        deal.propose(deal.match())
        with pytest.raises(NotAllowed):
            deal.sign(deal.cast.olive)

    def test_the_consumer_does_not_read_its_own_meter(self, deal: Deal) -> None:
        deal.signed()
        with pytest.raises(NotAllowed):
            jobs.record_usage("deal", 1, reading="x", quantity=1, measured={}, actor=deal.cast.alice, now=deal.now)


def _as(deal: Deal, actor: Any) -> Any:
    return SimpleNamespace(cast=SimpleNamespace(olive=actor), now=deal.now)
