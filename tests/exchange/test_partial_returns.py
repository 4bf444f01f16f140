"""A part that the bank sent back is booked against its order, and is due again, to the fen."""

import json
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from exchange_deal import Deal
from test_order_rests import Part, due, held
from test_reconciliation import CITY, balances

from siwei.cli.payments import return_
from siwei.errors import Conflict, InputError, NotAllowed, NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.digest import digest
from siwei.exchange.models import BankEntry, Event, OrderRest
from siwei.exchange.payments import order_rests, partial_returns
from siwei.exchange.payments.account_statements import account_statement
from siwei.exchange.payments.reconciliation import explain_entry
from siwei.exchange.payments.suggestions import suggestions, suggestions_of


class Back(Part):
    """The order paid whole, 719 fen; then 200 of it come back."""

    def __init__(self, deal: Deal) -> None:
        super().__init__(deal)
        self.bank.says(self.bank.paid(19, self.id, "B-2"))
        self.bank.says(self.bank.received(200, self.id))

    def book(self, reference: str = "B-9", order: str = "", actor: Actor | None = None) -> BankEntry:
        return partial_returns.return_entry(
            CITY, reference, order or self.id, because="退回一部分", actor=actor or self.desk.cast.olive,
            now=self.desk.now,
        )  # fmt: skip


@pytest.fixture
def back(deal: Deal) -> Back:
    return Back(deal)


def test_the_part_that_came_back_is_due_again(back: Back) -> None:
    assert balances()["bank-difference:city"] == 200
    entry = back.book()
    assert (entry.state, entry.finding, back.order.state, back.order.paid_fen) == ("matched", "returned", "paid", 719)
    assert due() == [(200, [f"returned:{back.id}:B-9"])]
    assert balances() == {"receivable:n-centre": 681, "paid:n-centre": 519}
    before = digest()["sha256"]
    assert back.book() == entry
    assert digest()["sha256"] == before
    batch = back.desk.exported(key="again")
    assert (batch.total_fen, due(), held()) == (200, [], 200)
    back.bank.says(back.bank.paid(200, f"{batch.message_id}-1", "B-10"))
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 719}
    event = Event.objects.get(action="return_entry")
    assert (event.payload["amount_fen"], back.desk.cast.centre in event.organisations.all()) == (200, True)
    rows = account_statement(back.desk.cast.centre, "2026-11", back.desk.cast.bob).rows
    assert sorted(row.gross_fen for row in rows if row.kind == "received") == [200, 519]


def test_no_more_comes_back_than_was_paid(back: Back) -> None:
    back.book()
    back.bank.says(back.bank.received(520, back.id, "B-11"), back.bank.received(519, back.id, "B-12"))
    with pytest.raises(Conflict, match=r"no more than ¥5\.19"):
        back.book("B-11")
    back.book("B-12")
    assert sorted(due()) == [(200, [f"returned:{back.id}:B-9"]), (519, [f"returned:{back.id}:B-12"])]
    batch = back.desk.exported(key="again")
    assert (batch.orders_count, batch.total_fen) == (2, 719)


def test_what_comes_back_whole_after_a_part_is_a_persons_word(back: Back) -> None:
    back.book()
    back.bank.says(back.bank.received(719, back.id, "B-13"))
    assert BankEntry.objects.get(reference="B-13").state == "open"
    assert (back.order.state, due()) == ("paid", [(200, [f"returned:{back.id}:B-9"])])


def test_of_an_order_paid_in_part_the_rest_and_the_return_are_apart(deal: Deal) -> None:
    part = Part(deal)
    part.bank.says(part.bank.received(100, "", "B-9"))
    partial_returns.return_entry(CITY, "B-9", part.id, because="退", actor=part.desk.otto, now=part.desk.now)
    part.wait()
    order_rests.order_rest(part.id, because="少付", actor=part.desk.cast.olive, now=part.desk.now)
    assert [fen for fen, _ in due()] == [100, 19]
    part.bank.says(part.bank.received(600, part.id, "B-14"))
    partial_returns.return_entry(CITY, "B-14", part.id, because="退", actor=part.desk.otto, now=part.desk.now)
    assert (sum(fen for fen, _ in due()), part.desk.make(key="all").total_fen) == (719, 719)


def test_who_it_may_be_of_is_suggested(back: Back) -> None:
    back.bank.says(back.bank.received(1, "", "B-15"), back.bank.received(900, "", "B-16"))
    entries = list(BankEntry.objects.all())
    told = {each.reference: [str(order) for order in suggestions(each)] for each in entries}
    with CaptureQueriesContext(connection) as asked:
        at_once = suggestions_of(entries)
    assert [[str(order) for order in each] for each in at_once] == list(told.values())
    assert len(asked) <= 3
    assert (told["B-9"], told["B-15"], told["B-16"]) == ([back.id], [back.id], [])


def test_what_is_no_such_return_is_refused(back: Back) -> None:
    with pytest.raises(Conflict, match="only what came in"):
        back.bank.says(back.bank.paid(5, "", "B-20"))
        back.book("B-20")
    other = back.desk.exported(back.desk.cast.firm, key="own")
    with pytest.raises(Conflict, match="paid from another account"):
        back.book(order=f"{other.message_id}-1")
    with pytest.raises(NotFound):
        back.book(order="SW-none")
    with pytest.raises(InputError, match="reason"):
        partial_returns.return_entry(CITY, "B-9", back.id, because=" ", actor=back.desk.otto, now=back.desk.now)
    back.bank.says(back.bank.paid(50, back.id, "B-21"))
    with pytest.raises(Conflict, match=r"¥0\.50 too much"):
        back.book()
    explain_entry(CITY, "B-9", because="另有安排", actor=back.desk.otto, now=back.desk.now)
    with pytest.raises(Conflict, match="explained already"):
        back.book()
    assert (OrderRest.objects.count(), due()) == (0, [])


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "ann", "fay", "mia"])
def test_the_citys_returns_are_for_operators(back: Back, name: str) -> None:
    actor: Any = getattr(back.desk, name, None) or getattr(back.desk.cast, name)
    with pytest.raises((NotAllowed, NotFound)):
        back.book(actor=actor)


def test_the_database_itself_refuses_what_did_not_come_back(back: Back) -> None:
    entry = BankEntry.objects.get(reference="B-9")
    paid = BankEntry.objects.get(reference="B-2")
    rest = {"order": back.order, "kind": "returned", "state": "due", "reason": "x", "made_at": back.desk.now}
    for fen, of in ((199, entry), (19, paid), (200, None)):
        with pytest.raises(IntegrityError), transaction.atomic():
            OrderRest.objects.create(number=1, amount_fen=fen, entry=of, **rest)
    back.book()
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderRest.objects.create(number=2, amount_fen=200, entry=entry, **rest)


def test_by_the_command(back: Back, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("siwei.cli.payments.open_city", lambda city: None)
    monkeypatch.setattr("django.utils.timezone.now", lambda: back.desk.now)
    with pytest.raises(NotFound, match="no bank entry 'B-none'"):
        return_("B-none", order=back.id, because="退回一部分")
    for _ in range(2):  # again, nothing changes
        return_("B-9", order=back.id, because="退回一部分", json=True)
        (told,) = json.loads(capsys.readouterr().out)
        assert (told["order"], told["amount_fen"], told["state"], told["finding"]) == (
            back.id, 200, "matched", "returned",
        )  # fmt: skip
    assert due() == [(200, [f"returned:{back.id}:B-9"])]
    entry = BankEntry.objects.get(reference="B-9")
    entry.pk, entry.difference, entry.account_number = None, None, "62220000000000001"
    BankEntry.objects.bulk_create([entry])
    with pytest.raises(InputError, match="2 accounts have an entry 'B-9'"):
        return_("B-9", order=back.id, because="退回一部分")
    return_("B-9", order=back.id, because="退回一部分", account=CITY)
