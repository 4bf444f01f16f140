"""Bank statements against orders: paid, in part, too much, twice, elsewhere, returned; every fen stands somewhere."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from exchange_deal import Deal
from exchange_payments import EXECUTE_ON, NUMBERS, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siwei.errors import Conflict, ImportRefused, InputError, NotAllowed, NotFound, SiweiError
from siwei.exchange.actors import Actor
from siwei.exchange.models import (
    Account,
    BankEntry,
    Event,
    PaymentBatch,
    PaymentOrder,
    StatementFile,
    StatementReject,
)
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments import reconciliation, statement_imports
from siwei.exchange.payments.suggestions import suggestions, suggestions_of
from siwei.exchange.trading.payments_due import payments_due
from siwei.market.bank import yuan_text

HEADER = "交易日期,借方金额,贷方金额,对方户名,对方账号,流水号,客户流水号,摘要"
CITY, CENTRE = NUMBERS[None], NUMBERS["n-centre"]


class Bank:
    """Statements of the city's account (or the firm's), a row for each thing that happened."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def says(self, *rows: tuple[Any, ...], holder: str | None = None, actor: Actor | None = None, **given: Any) -> Any:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(HEADER.split(","))
        writer.writerows(rows)
        return self.file(text.getvalue().encode(), holder, actor, **given)

    def file(self, content: bytes, holder: str | None = None, actor: Actor | None = None, **given: Any) -> Any:
        return statement_imports.import_statement(
            holder, content, "流水.csv", actor=actor or self.desk.cast.olive, now=self.desk.now, **given
        )

    def paid(self, fen: int, identifier: str, reference: str = "B-1", account: str = CENTRE) -> tuple[Any, ...]:
        return ("2026-11-24", yuan_text(fen), "", "乙算力中心", account, reference, identifier, "结算款")

    def received(self, fen: int, identifier: str = "", reference: str = "B-9") -> tuple[Any, ...]:
        return ("2026-11-26", "", yuan_text(fen), "乙算力中心", CENTRE, reference, identifier, "退汇")


@pytest.fixture
def desk(deal: Deal) -> Desk:
    made = Desk(deal)
    made.settle()
    made.accounts()
    return made


@pytest.fixture
def bank(desk: Desk) -> Bank:
    return Bank(desk)


@pytest.fixture
def batch(desk: Desk) -> PaymentBatch:
    return desk.exported()


def balances() -> dict[str, int]:
    """What stands on the accounts that a bank moves, without zeros; all of CNY sums to zero."""
    rows = dict(Account.objects.filter(unit="CNY").values_list("code", "balance"))
    assert sum(rows.values()) == 0
    kept = ("receivable", "paid", "bank-difference", "bank-unordered", "bank-explained")
    return {code.removeprefix("CNY:"): fen for code, fen in rows.items() if code.split(":")[1] in kept and fen}


def found() -> list[tuple[str, str, int]]:
    return list(BankEntry.objects.order_by("pk").values_list("finding", "state", "difference_fen"))


def order() -> tuple[str, int]:
    return PaymentOrder.objects.values_list("state", "paid_fen").get()


def test_a_payment_by_its_identifier_is_confirmed(bank: Bank, batch: PaymentBatch) -> None:
    bank.says(bank.paid(719, f"{batch.message_id}-1"))
    assert (found(), order()) == ([("paid", "matched", 0)], ("paid", 719))
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 719}
    assert PaymentOrder.objects.get().paid_on == EXECUTE_ON
    assert Event.objects.filter(action="bank_paid").visible_to(bank.desk.cast.bob).count() == 1


def test_a_bank_that_gives_only_the_remittance_back(bank: Bank, batch: PaymentBatch) -> None:
    row = ("2026-11-24", "7.19", "", "乙算力中心", CENTRE, "B-1", "", f"转账 {batch.message_id}-1 结算款")
    bank.says(row)
    assert order() == ("paid", 719)


def test_the_same_file_and_the_same_entry_again_change_nothing(bank: Bank, batch: PaymentBatch) -> None:
    row, more = bank.paid(719, f"{batch.message_id}-1"), bank.paid(5, "", "B-2")
    first = bank.says(row)
    assert bank.says(row) == first
    second = bank.says(row, more)
    assert (second.read, second.added, second.rejected) == (2, 1, 0)
    third = bank.says(bank.paid(720, f"{batch.message_id}-1"))
    assert (third.added, third.rejected) == (0, 1)
    assert "known from another file, with other contents" in StatementReject.objects.get().reason
    assert order() == ("paid", 719)


def test_less_than_ordered_stays_open_until_the_rest_comes(bank: Bank, batch: PaymentBatch) -> None:
    identifier = f"{batch.message_id}-1"
    bank.says(bank.paid(700, identifier))
    assert (found(), order()) == ([("part-paid", "matched", 0)], ("part-paid", 700))
    assert [str(each) for each in reconciliation.late_orders(bank.desk.cast.olive, EXECUTE_ON, 0)] == [identifier]
    with pytest.raises(Conflict, match=r"paid ¥7\.00"):
        payments.reject_order(identifier, because="x", actor=bank.desk.otto, now=bank.desk.now)
    bank.says(bank.paid(19, identifier, "B-2"))
    assert order() == ("paid", 719)
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 719}


def test_more_than_ordered_is_a_difference(bank: Bank, batch: PaymentBatch) -> None:
    bank.says(bank.paid(800, f"{batch.message_id}-1"))
    assert (found(), order()) == ([("overpaid", "open", 81)], ("paid", 719))
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 800, "bank-difference:city": -81}
    bank.says(bank.received(81, f"{batch.message_id}-1"))
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 719}
    assert [state for _, state, _ in found()] == ["matched", "matched"]


def test_paid_twice_is_a_difference_until_it_is_explained(bank: Bank, batch: PaymentBatch) -> None:
    identifier = f"{batch.message_id}-1"
    bank.says(bank.paid(719, identifier), bank.paid(719, identifier, "B-2"))
    assert found() == [("paid", "matched", 0), ("paid-twice", "open", 719)]
    assert balances()["bank-difference:city"] == -719
    with pytest.raises(Conflict, match="only a payment that names no order"):
        reconciliation.match_entry(CITY, "B-2", identifier, because="x", actor=bank.desk.otto, now=bank.desk.now)
    explain(bank, "B-2")
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 1438, "bank-explained:city": -719}
    assert explain(bank, "B-2").state == "explained"


def explain(bank: Bank, reference: str, actor: Actor | None = None, because: str = "已与对方约定抵下月款") -> BankEntry:
    return reconciliation.explain_entry(
        CITY, reference, because=because, actor=actor or bank.desk.otto, now=bank.desk.now
    )


def test_what_came_back_is_due_again(bank: Bank, batch: PaymentBatch) -> None:
    identifier = f"{batch.message_id}-1"
    bank.says(bank.paid(719, identifier))
    bank.says(bank.received(719, identifier))
    assert (found()[1], order()) == (("returned", "matched", 0), ("returned", 0))
    assert balances() == {"receivable:n-centre": 1200}
    assert [(each.payee.key, each.amount_fen) for each in payments_due(None)] == [("n-centre", 719)]
    again = bank.desk.exported(key="again")
    bank.says(bank.paid(719, f"{again.message_id}-1", "B-3"))
    assert balances() == {"receivable:n-centre": 481, "paid:n-centre": 719}


def test_paid_without_an_order_is_matched_by_a_persons_word(bank: Bank, batch: PaymentBatch) -> None:
    identifier = f"{batch.message_id}-1"
    bank.says(bank.paid(719, ""), bank.paid(5, "", "B-2"))
    assert found() == [("not-ordered", "open", 719), ("not-ordered", "open", 5)]
    assert balances()["bank-difference:city"] == -724
    first, second = BankEntry.objects.order_by("pk")
    assert [str(each) for each in suggestions(first)] == [identifier]
    assert suggestions(second) == []
    for entries in ([first], [first, second, first, second]):
        with CaptureQueriesContext(connection) as asked:
            told = suggestions_of(entries)
        assert len(asked) == 1
        assert [[str(order) for order in each] for each in told] == [[identifier], []][: len(entries)] * (
            (len(entries) + 1) // 2
        )
    act: dict[str, Any] = {"because": "户名金额一致", "actor": bank.desk.otto, "now": bank.desk.now}
    with pytest.raises(Conflict, match=r"¥7\.19 of it open; paid was ¥0\.05"):
        reconciliation.match_entry(CITY, "B-2", identifier, **act)
    reconciliation.match_entry(CITY, "B-1", identifier, **act)
    reconciliation.match_entry(CITY, "B-1", identifier, **act)
    assert (found()[0], order()) == (("paid", "matched", 719), ("paid", 719))
    explain(bank, "B-2", because="银行手续费")
    assert balances() == {
        "receivable:n-centre": 481, "paid:n-centre": 719, "bank-unordered:city": 5, "bank-explained:city": -5,
    }  # fmt: skip


def test_paid_to_another_account_needs_a_persons_word(bank: Bank, batch: PaymentBatch) -> None:
    bank.says(bank.paid(719, f"{batch.message_id}-1", account="9999888877"))
    assert (found(), order()) == ([("other-payee", "open", 719)], ("ordered", 0))


def test_money_that_came_in_unasked(bank: Bank, batch: PaymentBatch) -> None:
    bank.says(bank.received(1_000))
    assert (found(), balances()["bank-difference:city"]) == ([("received", "open", 1_000)], 1_000)
    explain(bank, "B-9", because="财政拨款")
    assert balances()["bank-explained:city"] == 1_000 and "bank-difference:city" not in balances()


def test_an_order_that_never_reached_the_bank_is_not_confirmed(bank: Bank) -> None:
    batch = bank.desk.make()
    bank.says(bank.paid(719, f"{batch.message_id}-1"))
    assert (found(), order()) == ([("not-ordered", "open", 719)], ("ordered", 0))


def test_late_orders(bank: Bank, batch: PaymentBatch) -> None:
    def late(days: int, actor: Actor = bank.desk.cast.olive) -> int:
        return len(reconciliation.late_orders(actor, EXECUTE_ON + timedelta(days=days)))

    assert (late(4), late(5), late(5, bank.desk.cast.charlie), late(5, bank.desk.fay)) == (0, 1, 0, 0)


def test_half_a_file_keeps_its_rows_and_the_whole_brings_the_rest(bank: Bank, batch: PaymentBatch) -> None:
    rows = [bank.paid(719, f"{batch.message_id}-1"), *(bank.paid(each, "", f"C-{each}") for each in range(1, 30))]
    text = HEADER + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    half = bank.file(text.encode()[: len(text.encode()) * 2 // 3])
    assert not half.is_whole and 1 < half.added < 30 and half.rejected == 1
    whole = bank.file(text.encode())
    assert (whole.read, half.added + whole.added) == (30, 30)
    assert BankEntry.objects.count() == 30


def test_the_firms_own_statement(bank: Bank) -> None:
    desk = bank.desk
    batch = desk.exported(desk.cast.firm)
    bank.says(bank.paid(481, f"{batch.message_id}-1"), holder="n-firm", actor=desk.fay)
    assert balances() == {"receivable:n-centre": 719, "paid:n-centre": 481}

    def seen(actor: Actor) -> tuple[int, ...]:
        return tuple(model.objects.visible_to(actor).count() for model in (StatementFile, BankEntry))

    assert (seen(desk.fay), seen(desk.cast.olive), seen(desk.cast.ann)) == ((1, 1), (1, 1), (1, 1))
    assert (seen(desk.mia), seen(desk.cast.bob), seen(desk.cast.charlie)) == ((0, 0), (0, 0), (0, 0))


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "ann", "fay", "mia"])
def test_the_citys_statements_are_for_operators(bank: Bank, batch: PaymentBatch, name: str) -> None:
    desk = bank.desk
    actor: Actor = getattr(desk, name, None) or getattr(desk.cast, name)
    with pytest.raises(NotAllowed):
        bank.says(bank.paid(719, ""), actor=actor)
    bank.says(bank.paid(719, ""))
    with pytest.raises((NotFound, NotAllowed)):
        explain(bank, "B-1", actor)
    with pytest.raises((NotFound, NotAllowed)):
        reconciliation.match_entry(CITY, "B-1", f"{batch.message_id}-1", because="x", actor=actor, now=desk.now)


def test_a_statement_of_another_account_is_refused(bank: Bank) -> None:
    content = (
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Acct><Id><Othr><Id>'
        b"12345678</Id></Othr></Id></Acct></Stmt></BkToCstmrStmt></Document>"
    )
    with pytest.raises(ImportRefused, match="account ending in 5678, which is not the city's"):
        bank.file(content)
    with pytest.raises(InputError, match="no column 'nonsense'"):
        bank.says(columns={"booked_on": "a", "nonsense": "b"})
    assert StatementFile.objects.count() == 0


@pytest.mark.parametrize(
    "sql", ["UPDATE exchange_bankentry SET amount_fen = 1", "DELETE FROM exchange_bankentry",
            "UPDATE exchange_bankentry SET state = 'open'", "UPDATE exchange_bankentry SET difference_id = 1"]
)  # fmt: skip
def test_what_the_bank_said_stays(bank: Bank, batch: PaymentBatch, sql: str) -> None:
    bank.says(bank.paid(719, f"{batch.message_id}-1"))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from((1, 700, 719, 720)), st.booleans(), st.integers(1, 6)), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_whatever_a_bank_does_every_fen_stands_somewhere(bank: Bank, batch: PaymentBatch, rows: list[Any]) -> None:
    """What left the account is what stands as paid or unordered, less what came back; what nobody has explained is the
    difference."""
    sid = transaction.savepoint()
    try:
        identifier = f"{batch.message_id}-1"
        for out, fen, named, reference in rows:
            row = (bank.paid if out else bank.received)(fen, identifier if named else "", f"R-{reference}")
            try:
                bank.says(row)
            except SiweiError as error:
                raise AssertionError(f"refused: {error}") from error
        moved = sum(
            each.amount_fen if each.direction == "out" else -each.amount_fen for each in BankEntry.objects.all()
        )
        now = balances()
        assert moved == now.get("paid:n-centre", 0) + now.get("bank-unordered:city", 0)
        open_fen = sum(
            each.difference_fen * (-1 if each.direction == "out" else 1)
            for each in BankEntry.objects.filter(state="open")
        )
        assert now.get("bank-difference:city", 0) == open_fen
    finally:
        transaction.savepoint_rollback(sid)
