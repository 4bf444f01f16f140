"""The rest of an order paid in part: ordered anew or written off by two; never while the bank may still pay it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from exchange_deal import Deal
from exchange_payments import Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reconciliation import Bank, balances
from test_status_reports import report, single

from siwei.cli.payments import rest
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.digest import digest
from siwei.exchange.models import Account, BankEntry, Event, OrderRest, PaymentBatch, PaymentItem, PaymentOrder
from siwei.exchange.payments import order_rests
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments.partial_returns import return_entry
from siwei.exchange.payments.status_reports import import_status_report
from siwei.exchange.trading.payments_due import payments_due


class Part:
    """An order of 719 fen of which the bank paid 700; six days later, its statements of those days imported."""

    def __init__(self, deal: Deal) -> None:
        self.desk = Desk(deal)
        self.desk.settle()
        self.desk.accounts()
        self.bank = Bank(self.desk)
        self.batch: PaymentBatch = self.desk.exported()
        self.id = f"{self.batch.message_id}-1"
        self.bank.says(self.bank.paid(700, self.id))

    def wait(self) -> None:
        self.desk.now += timedelta(days=6)
        self.bank.says(self.bank.paid(5, "", f"FEE-{self.desk.now:%d}", "99"))

    def anew(self, actor: Actor | None = None) -> OrderRest:
        return order_rests.order_rest(
            self.id, because="银行只付了一部分", actor=actor or self.desk.cast.olive, now=self.desk.now
        )

    def ask(self, actor: Actor | None = None) -> OrderRest:
        return order_rests.write_off(
            self.id, because="收款方同意不再支付", actor=actor or self.desk.cast.olive, now=self.desk.now
        )

    def approve(self, actor: Actor, fen: int = 19) -> OrderRest:
        return order_rests.approve_write_off(self.id, fen, actor=actor, now=self.desk.now)

    def withdraw(self, actor: Actor | None = None) -> OrderRest:
        who = actor or self.desk.otto
        return order_rests.withdraw_write_off(self.id, because="弄错了", actor=who, now=self.desk.now)

    @property
    def order(self) -> PaymentOrder:
        return self.desk.order(self.batch)


@pytest.fixture
def part(deal: Deal) -> Part:
    return Part(deal)


@pytest.fixture
def waited(part: Part) -> Part:
    part.wait()
    return part


def due() -> list[tuple[int, list[str]]]:
    return [(each.amount_fen, [item.cause for item in each.items]) for each in payments_due(None)]


def held() -> int:
    return Account.objects.get(code="CNY:receivable:n-centre").held


def refuses(sql: str, *values: Any) -> str:
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return str(refused.value)


def test_the_rest_ordered_anew_is_an_order_of_exactly_it(waited: Part) -> None:
    assert (held(), due()) == (19, [])
    rest = waited.anew()
    assert (rest.amount_fen, waited.order.state, held(), due()) == (19, "ended", 0, [(19, [f"rest:{waited.id}"])])
    before = digest()["sha256"]
    assert waited.anew() == rest
    assert digest()["sha256"] == before
    batch = waited.desk.exported(key="next")
    order = waited.desk.order(batch)
    assert (batch.total_fen, order.items.get().rest, held(), due()) == (19, rest, 19, [])
    waited.bank.says(waited.bank.paid(19, f"{batch.message_id}-1", "B-7"))
    assert (waited.desk.order(batch).state, held()) == ("paid", 0)
    stands = {code: fen for code, fen in balances().items() if not code.startswith("bank")}
    assert stands == {"receivable:n-centre": 481, "paid:n-centre": 719}
    assert Event.objects.filter(action="order_rest").visible_to(waited.desk.cast.bob).count() == 1


def test_a_further_order_that_fails_is_due_again_and_may_be_part_paid_itself(waited: Part) -> None:
    waited.anew()
    batch = waited.desk.make(key="next")
    payments.withdraw_batch(batch.message_id, because="日期不对", actor=waited.desk.otto, now=waited.desk.now)
    assert due() == [(19, [f"rest:{waited.id}"])]
    again = waited.desk.exported(key="again")
    identifier = f"{again.message_id}-1"
    waited.bank.says(waited.bank.paid(10, identifier, "B-8"))
    waited.wait()
    order_rests.order_rest(identifier, because="又少付", actor=waited.desk.cast.olive, now=waited.desk.now)
    assert due() == [(9, [f"rest:{identifier}"])]
    assert waited.desk.exported(key="third").total_fen == 9


def test_two_people_who_did_not_ask_write_the_rest_off(waited: Part) -> None:
    desk = waited.desk
    rest = waited.ask()
    assert (waited.ask(), waited.order.state, held()) == (rest, "part-paid", 19)
    with pytest.raises(Conflict, match="two other people"):
        waited.approve(desk.cast.olive)
    with pytest.raises(Conflict, match="not what you were shown"):
        waited.approve(desk.otto, 20)
    with pytest.raises(Conflict, match="people approve"):
        waited.approve(PLATFORM)
    assert waited.approve(desk.otto).state == "asked"
    assert waited.approve(desk.otto).second_by_id is None
    with pytest.raises(Conflict, match="withdraw that first"):
        waited.anew()
    assert (waited.approve(desk.oscar).state, waited.order.state, held(), due()) == ("written-off", "ended", 0, [])
    assert waited.approve(desk.oscar) == waited.approve(desk.otto) == waited.ask()
    stands = dict(Account.objects.values_list("code", "balance"))
    assert (stands["CNY:receivable:n-centre"], stands["CNY:written-off:n-centre"]) == (481, 19)
    with pytest.raises(Conflict, match="is written off"):
        waited.anew()
    events = Event.objects.filter(action__in=("write_off", "approve_write_off")).visible_to(desk.cast.bob)
    assert [each.payload["because"] for each in events] == ["收款方同意不再支付"] * 3


def test_what_was_asked_is_withdrawn(waited: Part) -> None:
    waited.ask()
    waited.approve(waited.desk.otto)
    assert waited.withdraw().state == waited.withdraw().state == "withdrawn"
    assert (waited.order.state, held()) == ("part-paid", 19)
    with pytest.raises(Conflict, match="nobody asked"):
        waited.approve(waited.desk.oscar)
    assert waited.ask(PLATFORM).number == 2
    waited.withdraw()
    assert waited.anew().state == "due"


def test_while_the_bank_may_still_pay_neither_is_done(part: Part) -> None:
    for act in (part.anew, part.ask):
        with pytest.raises(Conflict, match="the bank has until 2026-11-29 to pay it"):
            act()
    part.desk.now += timedelta(days=6)
    with pytest.raises(Conflict, match="import the bank's statement first"):
        part.anew()
    part.bank.says(part.bank.paid(19, "", "B-3"))
    with pytest.raises(Conflict, match="entry B-3 may be that payment"):
        part.anew()
    assert (part.order.state, held(), OrderRest.objects.count()) == ("part-paid", 19, 0)


def test_the_days_of_waiting_are_the_citys(part: Part) -> None:
    """Its day begins at 16:00 by UTC of the day before."""
    midnight = datetime(2026, 11, 28, 16, tzinfo=UTC)
    part.desk.now = midnight - timedelta(seconds=1)
    part.bank.says(part.bank.paid(5, "", "FEE-1", "99"))
    with pytest.raises(Conflict, match="the bank has until 2026-11-29 to pay it"):
        part.anew()
    part.desk.now = midnight
    with pytest.raises(Conflict, match="import the bank's statement first"):
        part.anew()
    part.bank.says(part.bank.paid(5, "", "FEE-2", "99"))
    assert part.anew().amount_fen == 19


def said(part: Part, code: str) -> None:
    content = report(part.batch.message_id, single(part.id, code))
    import_status_report(None, content, f"{code}.xml", actor=part.desk.cast.olive, now=part.desk.now)


def test_a_report_says_whether_it_comes(part: Part) -> None:
    said(part, "RJCT")
    assert part.anew().amount_fen == 19


def test_a_report_that_it_is_under_way_puts_it_off(waited: Part) -> None:
    waited.ask()
    waited.approve(waited.desk.otto)
    said(waited, "PDNG")
    with pytest.raises(Conflict, match="the bank has until"):
        waited.approve(waited.desk.oscar)
    assert waited.order.state == "part-paid"


def test_the_bank_pays_the_rest_before_the_second_approval(waited: Part) -> None:
    waited.ask()
    waited.approve(waited.desk.otto)
    waited.bank.says(waited.bank.paid(19, waited.id, "B-5"))
    with pytest.raises(Conflict, match="not what you were shown"):
        waited.approve(waited.desk.oscar)
    assert (waited.order.state, waited.withdraw().state) == ("paid", "withdrawn")


def test_paid_after_all_stands_as_a_difference(waited: Part) -> None:
    waited.anew()
    waited.bank.says(waited.bank.paid(19, waited.id, "B-6"))
    assert (waited.order.state, waited.order.paid_fen, due()) == ("ended", 700, [(19, [f"rest:{waited.id}"])])
    assert balances()["bank-difference:city"] == -24


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "ann", "fay", "mia"])
def test_the_citys_rests_are_for_operators(waited: Part, name: str) -> None:
    desk = waited.desk
    actor: Actor = getattr(desk, name, None) or getattr(desk.cast, name)
    for act in (waited.anew, waited.ask, waited.approve, waited.withdraw):
        with pytest.raises((NotAllowed, NotFound)):
            act(actor)
    with pytest.raises(InputError, match="reason"):
        order_rests.order_rest(waited.id, because=" ", actor=desk.otto, now=desk.now)
    waited.ask()
    seen = {each: OrderRest.objects.visible_to(getattr(desk.cast, each)).count() for each in ("bob", "ann", "charlie")}
    assert seen == {"bob": 1, "ann": 1, "charlie": 0}


def test_the_database_itself_refuses_what_must_not_be(waited: Part) -> None:
    desk = waited.desk
    orders, rests = "UPDATE exchange_paymentorder SET ", "UPDATE exchange_orderrest SET "
    assert "when its rest is decided" in refuses(f"{orders}state='ended'")
    columns = "order_id, number, kind, state, amount_fen, reason, made_at"
    row = f"INSERT INTO exchange_orderrest ({columns}) VALUES (%s, 9, %s, %s, %s, 'x', %s)"
    order = waited.order.pk
    assert "what is missing" in refuses(row, order, "unpaid", "due", 18, desk.now)
    assert "without approvals" in refuses(row, order, "unpaid", "written-off", 19, desk.now)
    assert "did not come back" in refuses(row, order, "returned", "due", 19, desk.now)
    waited.ask()
    assert "decided_once" in refuses(row, order, "unpaid", "asked", 19, desk.now) or connection.vendor == "sqlite"
    assert "never changes" in refuses(f"{rests}amount_fen=1")
    assert "never changes" in refuses(f"{rests}reason='other'")
    first = f"{rests}first_by_id=%s"
    assert "not_by_its_maker" in refuses(first, desk.cast.olive.person_id)
    otto, oscar = desk.otto.person_id, desk.oscar.person_id
    assert "written_off_by_two" in refuses(f"{first}, state='written-off'", otto)
    assert "two_people" in refuses(f"{first}, second_by_id=%s, state='written-off'", otto, otto)
    assert "two_people" in refuses(f"{rests}second_by_id=%s, state='written-off'", oscar)
    assert "kept" in refuses("DELETE FROM exchange_orderrest")
    waited.withdraw()
    rest = waited.anew()
    assert "stays ended" in refuses(f"{orders}state='part-paid'")
    assert "stays ended" in refuses(f"{orders}paid_fen=719")
    batch = desk.make(key="next")
    assert "never changes" in refuses("UPDATE exchange_paymentitem SET rest_id=NULL")
    item = {"order": desk.order(batch), "part": "voucher", "rest": rest}
    for fen in (18, 19):
        with pytest.raises(IntegrityError), transaction.atomic():
            PaymentItem.objects.create(amount_fen=fen, **item)


def test_of_a_firms_own_order_its_treasurers_decide(waited: Part) -> None:
    desk = waited.desk
    batch = desk.exported(desk.cast.firm, key="own")
    identifier = f"{batch.message_id}-1"
    waited.bank.says(waited.bank.paid(480, identifier, "F-1"), holder="n-firm", actor=desk.fay)
    desk.now += timedelta(days=6)
    waited.bank.says(waited.bank.paid(2, "", "F-2", "99"), holder="n-firm", actor=desk.fay)
    with pytest.raises(NotAllowed):
        order_rests.order_rest(identifier, because="x", actor=desk.cast.olive, now=desk.now)
    order_rests.order_rest(identifier, because="少付", actor=desk.fay, now=desk.now)
    assert [each.amount_fen for each in payments_due(desk.cast.firm)] == [1]
    assert (due(), desk.exported(desk.cast.firm, key="own-2").total_fen) == ([], 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("pay", "back")), st.sampled_from((1, 19, 100, 700, 719)), st.integers(0, 3)),
        st.tuples(st.sampled_from(("anew", "ask", "otto", "oscar", "withdraw", "book")), st.just(0), st.integers(0, 3)),
        st.tuples(st.sampled_from(("wait", "pay all due")), st.just(0), st.just(0)),
    ),
    max_size=14,
)


class Play:
    """Steps on the batches made so far, each refused where it does not fit."""

    def __init__(self, part: Part) -> None:
        self.part, self.desk, self.bank = part, part.desk, part.bank
        self.number = 0

    def step(self, what: str, fen: int, which: int) -> None:
        self.number += 1
        orders = list(PaymentOrder.objects.order_by("pk"))
        identifier = orders[which % len(orders)].end_to_end_id
        by = {"actor": self.desk.cast.olive, "now": self.desk.now}
        try:
            if what in ("pay", "back"):
                row = self.bank.paid if what == "pay" else self.bank.received
                self.bank.says(row(fen, identifier, f"P-{self.number}"))
            elif what == "wait":
                self.part.wait()
            elif what == "pay all due":
                self.desk.exported(key=f"batch-{self.number}")
            elif what == "anew":
                order_rests.order_rest(identifier, because="少付", **by)
            elif what == "ask":
                order_rests.write_off(identifier, because="少付", **by)
            elif what == "withdraw":
                order_rests.withdraw_write_off(identifier, because="弄错了", **by)
            elif what == "book":
                for entry in BankEntry.objects.filter(state="open", direction="in").order_by("pk")[:1]:
                    return_entry(entry.account_number, entry.reference, identifier, because="退", **by)
            else:
                order = self.desk.order(orders[which % len(orders)].batch, orders[which % len(orders)].number)
                left = order.amount_fen - order.paid_fen
                order_rests.approve_write_off(identifier, left, actor=getattr(self.desk, what), now=self.desk.now)
        except Conflict:
            pass

    def check(self) -> None:
        """Every one of the 719 fen that the city owes is due, held, paid or written off; held is what is ordered."""
        orders = list(PaymentOrder.objects.all())
        waiting = sum(each.amount_fen - each.paid_fen for each in orders if each.state in ("ordered", "part-paid"))
        back = sum(OrderRest.objects.filter(kind="returned").values_list("amount_fen", flat=True))
        gone = sum(OrderRest.objects.filter(state="written-off").values_list("amount_fen", flat=True))
        paid = sum(each.paid_fen for each in orders) - back
        assert (sum(fen for fen, _ in due()) + waiting + paid + gone, held()) == (719, waiting)
        stands = balances()
        assert stands.get("receivable:n-centre", 0) == 1_200 - paid - gone
        moved = [(each.direction, each.amount_fen) for each in BankEntry.objects.all()]
        left_fen = sum(fen if direction == "out" else -fen for direction, fen in moved)
        assert left_fen == stands.get("paid:n-centre", 0) + stands.get("bank-unordered:city", 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_is_decided_every_fen_stands_somewhere(waited: Part, steps: list[tuple[str, int, int]]) -> None:
    sid, now = transaction.savepoint(), waited.desk.now
    try:
        play = Play(waited)
        for step in steps:
            play.step(*step)
            play.check()
    finally:
        transaction.savepoint_rollback(sid)
        waited.desk.now = now


def test_by_the_command(deal: Deal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    part = Part(deal)
    part.wait()
    monkeypatch.setattr("siwei.cli.payments.open_city", lambda city: None)
    monkeypatch.setattr("django.utils.timezone.now", lambda: part.desk.now)
    for act, state in (("write-off", "asked"), ("withdraw", "withdrawn"), ("order", "due")):
        rest(part.id, act=act, because="银行只付了一部分", json=True)
        (told,) = json.loads(capsys.readouterr().out)
        assert (told["order"], told["amount_fen"], told["state"]) == (part.id, 19, state)
