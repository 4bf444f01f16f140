"""A quote holds for as long as it says, whatever becomes of the offer; a contract is claimed once."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from exchange_cast import make_person
from exchange_deal import DAY, OFFER, Deal
from exchange_models import OFFER as MODEL
from exchange_models import ModelDeal

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Role
from siwei.exchange.awards import applications
from siwei.exchange.models import Agreement, AgreementLine, Cap, ClaimedDocument, Listing, ModelCall, Quote, Voucher
from siwei.exchange.trading import agreements, cap_room, caps, listings, quotes
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
from siwei.market.model_calls import TokenPrice


def tell(deal: Deal, voucher: Voucher | None = None, actor: Any = None) -> Quote:
    return quotes.quote_match(
        "need", "offer", voucher=voucher, as_of=DAY, actor=actor or deal.cast.alice, now=deal.now, idempotency_key="q"
    )


def propose(deal: Deal, key: str = "deal", at: Any = None, **given: Any) -> Agreement:
    now = at or deal.now
    return agreements.propose_agreement(
        "compute",
        [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")],
        ends_at=now + timedelta(days=30), actor=deal.cast.alice, now=now, as_of=DAY, idempotency_key=key, **given,
    )  # fmt: skip


def reprice(deal: Deal, fen: int, actor: Any = None) -> Listing:
    return listings.revise_listing(
        "offer", body=OFFER | {"price_fen_per_hour": fen}, actor=actor or deal.cast.bob, now=deal.now,
        idempotency_key=f"price-{fen}",
    )  # fmt: skip


def test_a_quote_says_who_pays_what_and_what_bound_it(deal: Deal) -> None:
    voucher = deal.voucher()
    deal.match(voucher)
    told = tell(deal, voucher)
    assert (told.gross_fen, told.voucher_fen, told.own_fen, told.bound) == (36_001, 21_600, 14_401, "rate")
    assert told == tell(deal, voucher)
    assert told.unit == "accelerator-second:cpu"


def test_a_voucher_that_may_not_pay_is_told_with_its_reason(deal: Deal) -> None:
    voucher = deal.grant(deal.decision(), deal.pot())
    deal.match()
    told = tell(deal, voucher)
    assert (told.voucher_fen, told.own_fen, told.bound) == (0, 36_001, "unlisted_provider")


def test_a_change_of_price_touches_neither_what_is_quoted_nor_what_is_signed(deal: Deal) -> None:
    voucher = deal.voucher()
    deal.match(voucher)
    told = tell(deal, voucher)
    propose(deal, told=told)
    deal.budget()
    deal.sign(deal.cast.alice)
    reprice(deal, 99_999)
    deal.sign(deal.cast.bob)
    reprice(deal, 1)
    deal.submit()
    deal.finish()
    # 120 s at 36,001 fen an hour, as it was told.
    assert deal.settle().gross_fen == 1_200
    assert AgreementLine.objects.get().unit_price_fen == 36_001
    # What was quoted still holds; what is asked now is the new price.
    assert propose(deal, "second", told=told).lines.get().gross_fen == 36_001
    assert (
        propose(deal, "third", match=listings.find_match("need", "offer", deal.cast.alice)).lines.get().gross_fen == 1
    )


def test_a_change_of_an_offer_touches_no_call_under_a_signed_agreement(model_deal: ModelDeal) -> None:
    """Of a model the line is a budget, and the offer says what each token costs: as it said when it was agreed."""
    model_deal.signed()
    dearer = MODEL | {"input_fen_per_million": 900, "endpoints": ["embeddings"], "most_output_tokens": 1}
    listings.revise_listing(
        "model-offer", body=dearer, actor=model_deal.cast.bob, now=model_deal.now, idempotency_key="dearer"
    )
    admitted = model_deal.admit(model_deal.key().secret)
    assert (admitted.open.price, admitted.most_output_tokens) == (TokenPrice(200, 800), 500)
    charge = model_deal.end(admitted.call, 100, 10)
    assert charge is not None
    assert charge.cost_microfen == 100 * 200 + 10 * 800
    assert ModelCall.objects.get().input_fen_per_million == 200


def test_what_was_offered_is_kept_with_the_quote_and_the_line(deal: Deal) -> None:
    deal.match()
    told = tell(deal)
    reprice(deal, 99_999)
    line = propose(deal, told=told).lines.get()
    assert (told.offered["price_fen_per_hour"], line.offered["price_fen_per_hour"]) == (36_001, 36_001)
    assert Agreement.objects.get().quote == told


def test_a_quote_runs_out(deal: Deal) -> None:
    deal.match()
    told = tell(deal)
    late = deal.now + quotes.VALIDITY
    with pytest.raises(Conflict, match="have it quoted again"):
        propose(deal, at=late, told=told)
    assert not Agreement.objects.exists()


def test_who_is_told(deal: Deal) -> None:
    deal.match()
    with pytest.raises(NotAllowed):
        tell(deal, actor=deal.cast.bob)
    with pytest.raises(NotFound):
        tell(deal, actor=deal.cast.charlie)
    tell(deal)
    seen = [Quote.objects.visible_to(actor).count() for actor in (deal.cast.alice, deal.cast.ann, deal.cast.bob)]
    assert seen == [1, 1, 0]
    with pytest.raises(NotAllowed):
        reprice(deal, 1, deal.cast.alice)
    with pytest.raises(InputError):
        reprice(deal, -1)


def test_what_a_cap_would_have_left_is_seen_before(deal: Deal) -> None:
    deal.match()
    caps.set_cap("n-firm", 40_000, starts_on=DAY, ends_on=DAY, actor=deal.cast.alice, now=deal.now, idempotency_key="c")
    told = tell(deal)
    (left,) = cap_room.caps_left(deal.cast.firm.pk, told.own_fen, told.quantity, told.unit, DAY)
    assert (left.before, left.after, left.is_refusing) == (40_000, 40_000 - 36_001, False)


class TestRoom:
    """Which caps an order would meet, and with how much: as the signature counts them."""

    DAYS: ClassVar[dict[str, Any]] = {"starts_on": DAY, "ends_on": DAY}

    def cap(self, deal: Deal, amount: int, **whose: Any) -> None:
        given = {"actor": deal.cast.alice, "now": deal.now, "idempotency_key": str(whose)}
        caps.set_cap("n-firm", amount, **self.DAYS, **whose, **given)

    def rows(self, found: Any) -> list[tuple[str | None, str | None, int, bool]]:
        return [
            (each.cap.project and each.cap.project.name, each.cap.person and each.cap.person.username, each.after,
             each.is_refusing) for each in found
        ]  # fmt: skip

    def test_of_a_price_by_the_day(self, deal: Deal) -> None:
        make_person("mo", deal.cast.firm, Role.MANAGER)
        for name in ("视觉", "语音"):
            caps.open_project("n-firm", name, actor=deal.cast.alice, now=deal.now, idempotency_key=name)
        self.cap(deal, 1_000)
        self.cap(deal, 500, person="alice")
        self.cap(deal, 1, person="mo")
        self.cap(deal, 100, project="视觉", is_hard=False)
        self.cap(deal, 200, project="语音")
        firm, alice = deal.cast.firm.pk, deal.cast.alice.person_id
        assert self.rows(cap_room.caps_left(firm, 300, 2, "day", DAY, alice)) == [
            (None, None, 700, False), ("视觉", None, -200, False), ("语音", None, -100, True),
            (None, "alice", 200, False),
        ]  # fmt: skip
        assert self.rows(cap_room.caps_left(firm, 300, 2, "day", DAY + timedelta(days=1), alice)) == []

    def test_of_compute_a_member_is_counted_when_jobs_begin(self, deal: Deal) -> None:
        self.cap(deal, 4_000, unit="accelerator-second")
        self.cap(deal, 1, person="alice")
        firm, alice = deal.cast.firm.pk, deal.cast.alice.person_id
        found = cap_room.caps_left(firm, 300, 3_600, "accelerator-second:cpu", DAY, alice)
        assert self.rows(found) == [(None, None, 400, False)]

    def test_an_agreement_is_told_as_its_signature_counts_it(self, deal: Deal) -> None:
        project = caps.open_project("n-firm", "视觉", actor=deal.cast.alice, now=deal.now, idempotency_key="p")
        caps.open_project("n-firm", "语音", actor=deal.cast.alice, now=deal.now, idempotency_key="q")
        deal.budget()
        lines = [LineTerms("n-centre", "n-firm", "x", 2, "day", 150), LineTerms("n-firm", "n-centre", "y", 1, "day", 7)]
        made = agreements.propose_agreement(
            "service", [PartyTerms("consumer", "n-firm"), PartyTerms("provider", "n-centre")], lines=lines,
            ends_at=deal.now + timedelta(days=9), actor=deal.cast.alice, now=deal.now, idempotency_key="deal",
            project=project,
        )  # fmt: skip
        self.cap(deal, 1_000)
        self.cap(deal, 400, person="alice")
        self.cap(deal, 350, project="视觉")
        self.cap(deal, 1, project="语音")
        told = cap_room.caps_left_by(made, deal.cast.firm.pk, DAY, deal.cast.alice.person_id)
        assert self.rows(told) == [(None, None, 700, False), ("视觉", None, 50, False), (None, "alice", 100, False)]
        agreements.declare_budget("n-centre", 7, actor=deal.cast.bob, now=deal.now, idempotency_key="b")
        deal.sign(deal.cast.alice)
        deal.sign(deal.cast.bob)
        after = {each.cap.pk: each.after for each in told}
        assert {cap.pk: cap.left for cap in Cap.objects.filter(pk__in=after)} == after


class TestContract:
    def test_one_contract_is_claimed_once(self, deal: Deal) -> None:
        voucher = deal.voucher()
        match = deal.match(voucher)
        propose(deal, match=match, voucher=voucher, contract="HT-2026/001")
        with pytest.raises(Conflict, match="claimed for a voucher already"):
            propose(deal, "again", match=match, voucher=voucher, contract="ht 2026 001")
        # Without a voucher nothing is claimed; once cancelled it is free again.
        propose(deal, "own", match=match, contract="HT-2026/001")
        agreements.cancel_agreement("deal", because="x", actor=deal.cast.alice, now=deal.now)
        assert propose(deal, "again", match=match, voucher=voucher, contract="HT2026001").contract_number == "HT2026001"

    def test_nor_once_in_an_application(self, deal: Deal) -> None:
        voucher = deal.voucher()
        match = deal.match(voucher)
        from siwei.exchange.models import Application

        application = Application.objects.create(
            key="a", organisation=deal.cast.firm, pot=voucher.pot, decision=voucher.decision, claim_fen=1,
            applied_at=deal.now,
        )  # fmt: skip
        reference = applications.reference_of("contract", "HT-9")
        ClaimedDocument.objects.create(
            application=application, organisation=deal.cast.firm, kind="contract", reference=reference
        )
        with pytest.raises(Conflict, match="stands in an application"):
            propose(deal, match=match, voucher=voucher, contract="ht 9")


def test_a_need_for_which_nothing_is_priced(deal: Deal) -> None:
    deal.match()
    Listing.objects.update(kind="scenario")
    with pytest.raises(Conflict, match="no price by quantity"):
        tell(deal)
