"""What a dispute takes back of what was paid already: owed by the provider, and by nobody else's money."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from exchange_cast import make_organisation, make_person
from exchange_payments import CODE, EXECUTE_ON, NUMBERS

from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor, Role
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import Account, BankEntry, Dispute, Overpayment, PaymentBatch, PaymentItem
from siwei.exchange.payments import bank_accounts, repayments, statement_imports
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.trading import agreements, deliveries, disputes
from siwei.exchange.trading.agreements import LineTerms, PartyTerms
from siwei.exchange.trading.delivery_plans import DeliveryTerms
from siwei.exchange.trading.payments_due import payments_due
from siwei.market import bank

HEADINGS = "日期,借方发生额,贷方发生额,对方户名,对方账号,流水号,端到端标识"
PAID, RIGHT = 10_000, 6_000


class Trade:
    """The centre delivers to two firms; each pays for itself, out of one receivable of the centre's."""

    def __init__(self, cast: Any, now: Any) -> None:
        self.cast, self.now = cast, now
        other = make_organisation("n-other", "丁机器人公司")
        self.firms = {"n-firm": cast.firm, "n-other": other}
        self.buyers = {"n-firm": cast.alice, "n-other": make_person("dora", other).as_actor()}
        for key, firm in self.firms.items():
            self.account(firm, self.buyers[key], NUMBERS.get(key, "755900099990"))
            agreements.declare_budget(key, 10**7, actor=self.buyers[key], now=now, idempotency_key=f"b-{key}")
        self.account(cast.centre, cast.bob, NUMBERS["n-centre"])
        self.treasurers = {
            key: [make_person(f"{name}-{key}", firm, Role.FINANCE).as_actor() for name in ("fay", "finn")]
            for key, firm in self.firms.items()
        }
        self.batches = 0

    def account(self, organisation: Any, actor: Actor, number: str) -> None:
        given = bank.BankAccount(organisation.name, number, CODE, "示例银行")
        bank_accounts.enter_bank_account(
            organisation.key, given, actor=actor, now=self.now, idempotency_key=f"account-{organisation.key}"
        )

    def deliver(self, key: str, firm: str, fen: int) -> None:
        """Agreed, delivered, accepted: due."""
        agreements.propose_agreement(
            "scenario", [PartyTerms("owner", firm), PartyTerms("supplier", "n-centre")],
            lines=[LineTerms("n-centre", firm, "试点", 1, "project", fen)],
            deliveries=[DeliveryTerms("验收", 1, fen)], ends_at=self.now + timedelta(days=90),
            actor=self.buyers[firm], now=self.now, idempotency_key=key,
        )  # fmt: skip
        for actor in (self.buyers[firm], self.cast.bob):
            agreements.sign_agreement(key, actor=actor, now=self.now)
        deliveries.submit_delivery(
            key, 1, evidence="报告", actor=self.cast.bob, now=self.now, idempotency_key=f"d-{key}"
        )
        deliveries.accept_delivery(key, 1, actor=self.buyers[firm], now=self.now)

    def dispute(self, key: str, firm: str, outcome: int, name: str = "x") -> Dispute:
        disputes.open_dispute(
            key, reason="与验收不符", evidence="", delivery=1, actor=self.buyers[firm], now=self.now,
            idempotency_key=name,
        )  # fmt: skip
        return disputes.resolve_dispute(name, outcome=outcome, because="按记录", actor=self.cast.olive, now=self.now)

    def order(self, firm: str) -> PaymentBatch:
        self.batches += 1
        return payments.make_batch(
            firm, execute_on=EXECUTE_ON, actor=self.buyers[firm], now=self.now, idempotency_key=f"batch-{self.batches}"
        )

    def pay(self, firm: str) -> PaymentBatch:
        batch = self.order(firm)
        for each in self.treasurers[firm]:
            payments.approve_batch(batch.message_id, batch.content_sha256, actor=each, now=self.now)
        payments.export_batch(batch.message_id, "csv", actor=self.treasurers[firm][0], now=self.now)
        order = batch.orders.get()
        self.says(firm, f"2026-11-24,{order.amount_fen / 100:.2f},,乙智算中心,{NUMBERS['n-centre']},P{batch.pk},"
                  f"{order.end_to_end_id}")  # fmt: skip
        assert batch.orders.get().state == "paid"
        return batch

    def says(self, firm: str, *rows: str) -> None:
        statement_imports.import_statement(
            firm, "\n".join((HEADINGS, *rows)).encode(), "s.csv", actor=self.treasurers[firm][0], now=self.now
        )

    def comes_in(self, firm: str, fen: int, reference: str) -> BankEntry:
        self.says(firm, f"2026-11-25,,{fen / 100:.2f},乙智算中心,{NUMBERS['n-centre']},{reference},")
        return BankEntry.objects.get(reference=reference)

    def repay(self, entry: BankEntry, dispute: str = "x", actor: Actor | None = None) -> BankEntry:
        return repayments.repay_overpayment(
            entry.account_number, entry.reference, dispute, because="退回多付款",
            actor=actor or self.treasurers["n-firm"][0], now=self.now,
        )  # fmt: skip

    def due(self, firm: str) -> int:
        return sum(each.amount_fen for each in payments_due(self.firms[firm]))


@pytest.fixture
def trade(cast: Any, now: Any) -> Trade:
    return Trade(cast, now)


@pytest.fixture
def overpaid(trade: Trade) -> Trade:
    """A firm paid 100 yuan, and 40 of them come back by a dispute."""
    trade.deliver("one", "n-firm", PAID)
    trade.pay("n-firm")
    trade.dispute("one", "n-firm", RIGHT)
    return trade


def balance(purpose: str, of: str = "n-centre") -> int:
    found = Account.objects.filter(code=f"CNY:{purpose}:{of}").first()
    return found.available if found and purpose == "receivable" else found.balance if found else 0


def owed() -> list[int]:
    return [each.owed_fen for each in Overpayment.objects.order_by("pk")]


def sound(trade: Trade) -> None:
    """The ledger agrees, and whatever is free of the receivable is somebody's: what each still owes can be paid."""
    assert verify_ledger(actor=trade.cast.olive).findings == ()
    assert -balance("overpaid") == sum(owed())
    free = sum(max(0, trade.due(firm)) for firm in trade.firms)
    assert balance("receivable") >= free


def test_what_was_paid_already_is_owed(overpaid: Trade) -> None:
    found = Overpayment.objects.get()
    assert (found.part, found.payer, found.payee, found.owed_fen) == (
        "own", overpaid.cast.firm, overpaid.cast.centre, PAID - RIGHT
    )  # fmt: skip
    assert (balance("receivable"), balance("overpaid")) == (0, RIGHT - PAID)
    assert Dispute.objects.get().returned_own_fen == PAID - RIGHT
    assert overpaid.due("n-firm") == RIGHT - PAID
    sound(overpaid)


def test_another_customers_money_does_not_pay_it(trade: Trade) -> None:
    """It did: what the other firm owed left the receivable, and its order was refused."""
    trade.deliver("one", "n-firm", PAID)
    trade.pay("n-firm")
    trade.deliver("two", "n-other", 5_000)
    trade.dispute("one", "n-firm", RIGHT)
    assert (balance("receivable"), owed()) == (5_000, [PAID - RIGHT])
    sound(trade)
    assert trade.pay("n-other").total_fen == 5_000
    sound(trade)


def test_what_is_not_ordered_yet_pays_it_as_before(trade: Trade) -> None:
    trade.deliver("one", "n-firm", PAID)
    trade.dispute("one", "n-firm", RIGHT)
    assert (balance("receivable"), owed(), trade.due("n-firm")) == (RIGHT, [], RIGHT)
    assert trade.pay("n-firm").total_fen == RIGHT
    sound(trade)


def test_what_is_on_its_way_to_the_bank_is_owed_too(trade: Trade) -> None:
    trade.deliver("one", "n-firm", PAID)
    batch = trade.order("n-firm")
    trade.dispute("one", "n-firm", RIGHT)
    assert owed() == [PAID - RIGHT]
    payments.withdraw_batch(batch.message_id, because="有争议", actor=trade.buyers["n-firm"], now=trade.now)
    assert trade.due("n-firm") == RIGHT
    sound(trade)
    assert trade.pay("n-firm").total_fen == RIGHT
    assert (owed(), balance("receivable"), balance("overpaid")) == ([0], 0, 0)
    sound(trade)


def test_it_is_set_off_against_the_next_order(overpaid: Trade) -> None:
    overpaid.deliver("next", "n-firm", 3_000)
    assert (overpaid.due("n-firm"), owed()) == (3_000 - 4_000, [4_000])
    with pytest.raises(Conflict, match="nothing is due that can be ordered"):
        overpaid.order("n-firm")
    overpaid.deliver("more", "n-firm", 2_500)
    batch = overpaid.order("n-firm")
    assert (batch.total_fen, owed(), balance("receivable"), balance("overpaid")) == (1_500, [0], 0, 0)
    assert sorted(PaymentItem.objects.filter(order__batch=batch).values_list("amount_fen", flat=True)) == [
        -4_000, 2_500, 3_000
    ]  # fmt: skip
    sound(overpaid)
    payments.withdraw_batch(batch.message_id, because="改日", actor=overpaid.buyers["n-firm"], now=overpaid.now)
    assert (overpaid.due("n-firm"), owed(), balance("receivable")) == (1_500, [0], 1_500)
    assert overpaid.pay("n-firm").total_fen == 1_500
    sound(overpaid)


def test_a_part_of_it_can_be_there(trade: Trade) -> None:
    trade.deliver("one", "n-firm", PAID)
    trade.pay("n-firm")
    trade.deliver("two", "n-firm", 1_000)
    trade.dispute("one", "n-firm", RIGHT)
    assert (balance("receivable"), owed(), trade.due("n-firm")) == (0, [3_000], -3_000)
    sound(trade)
    trade.deliver("three", "n-firm", 3_500)
    assert trade.pay("n-firm").total_fen == 500
    assert (owed(), balance("receivable"), balance("overpaid")) == ([0], 0, 0)


def test_two_disputes_take_no_fen_twice(trade: Trade) -> None:
    trade.deliver("one", "n-firm", PAID)
    trade.pay("n-firm")
    trade.deliver("two", "n-firm", 5_000)
    trade.dispute("one", "n-firm", RIGHT)
    assert (balance("receivable"), owed()) == (1_000, [])
    trade.dispute("two", "n-firm", 3_000, "y")
    assert (balance("receivable"), owed(), trade.due("n-firm")) == (0, [1_000], -1_000)
    sound(trade)


def test_it_is_paid_back_by_the_bank(overpaid: Trade) -> None:
    first, second = overpaid.comes_in("n-firm", 1_500, "B-1"), overpaid.comes_in("n-firm", 2_500, "B-2")
    assert [[each.dispute.key for each in mine] for mine in repayments.overpaid_to([first])] == [["x"]]
    done = overpaid.repay(first)
    assert (done.state, owed(), overpaid.due("n-firm")) == ("matched", [2_500], -2_500)
    assert overpaid.repay(first).pk == done.pk
    assert owed() == [2_500]
    overpaid.repay(second)
    assert (owed(), overpaid.due("n-firm"), balance("overpaid"), balance("bank-difference", "n-firm")) == ([0], 0, 0, 0)
    sound(overpaid)
    overpaid.deliver("next", "n-firm", 3_000)
    assert overpaid.pay("n-firm").total_fen == 3_000
    sound(overpaid)


def test_what_is_left_after_a_repayment_is_set_off(overpaid: Trade) -> None:
    overpaid.repay(overpaid.comes_in("n-firm", 1_500, "B-1"))
    overpaid.deliver("next", "n-firm", 3_000)
    assert overpaid.pay("n-firm").total_fen == 500
    assert (owed(), balance("overpaid"), balance("receivable")) == ([0], 0, 0)
    with pytest.raises(Conflict, match=r"¥0\.00 is owed"):
        overpaid.repay(overpaid.comes_in("n-firm", 1, "B-3"))
    sound(overpaid)


def test_what_does_not_pay_it_back_is_refused(overpaid: Trade) -> None:
    entry = overpaid.comes_in("n-firm", 4_001, "B-1")
    assert repayments.overpaid_to([entry]) == [[]]
    with pytest.raises(Conflict, match=r"¥40\.01 came in, and ¥40\.00 is owed"):
        overpaid.repay(entry)
    with pytest.raises(NotFound, match="nothing that was paid from this account is owed"):
        overpaid.repay(entry, "y")
    fine = overpaid.comes_in("n-firm", 4_000, "B-2")
    with pytest.raises(InputError, match="a reason is wanted"):
        repayments.repay_overpayment(
            fine.account_number, fine.reference, "x", because=" ", actor=overpaid.treasurers["n-firm"][0],
            now=overpaid.now,
        )  # fmt: skip
    out = BankEntry.objects.get(direction="out")
    with pytest.raises(Conflict, match="matched already"):
        overpaid.repay(out)
    assert owed() == [4_000]


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (lambda trade: trade.treasurers["n-other"][0], NotFound),
        (lambda trade: trade.cast.bob, NotFound),
        (lambda trade: make_person("mia", trade.cast.firm, Role.MEMBER).as_actor(), NotFound),
        (lambda trade: make_person("audrey", is_auditor=True).as_actor(), NotAllowed),
    ],
)
def test_only_who_keeps_the_accounts_money_says_so(
    overpaid: Trade, who: Callable[[Trade], Actor], refusal: type[Exception]
) -> None:
    entry = overpaid.comes_in("n-firm", 4_000, "B-1")
    with pytest.raises(refusal):
        overpaid.repay(entry, actor=who(overpaid))
    assert owed() == [4_000]


def test_who_paid_and_who_owes_see_it(overpaid: Trade) -> None:
    def seen(actor: Actor) -> int:
        return Overpayment.objects.visible_to(actor).count()

    cast = overpaid.cast
    assert [seen(each) for each in (cast.alice, cast.bob, cast.olive, overpaid.buyers["n-other"])] == [1, 1, 1, 0]
