"""A person is paid: sealed bank account, files for the bank, statements, reports; consent withdrawn at every moment."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from exchange_fakes import FakeEngine
from exchange_persons import ACCOUNTS, ALICE, CHARLIE, TAX, Persons
from lxml import etree
from test_status_reports import report, single

from siwei.errors import ConfirmationNeeded, Conflict, InputError, NotAllowed
from siwei.exchange import tasks
from siwei.exchange.actors import VISITOR, Confirmation
from siwei.exchange.digest import digest
from siwei.exchange.ledger.verification import verify_ledger
from siwei.exchange.models import (
    Account,
    Application,
    BankEntry,
    Hold,
    OrderState,
    PaymentFile,
    PaymentOrder,
    PersonBankAccount,
    Pseudonym,
    SealedPart,
    StatementReject,
    StatusLine,
)
from siwei.exchange.payments import order_rests, partial_returns
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments.payment_files import sent_content
from siwei.exchange.payments.person_bank_accounts import own_account
from siwei.exchange.payments.status_reports import import_status_report
from siwei.exchange.payments.suggestions import suggestions
from siwei.exchange.people.award_erasure import destroy_old_records
from siwei.exchange.people.consents import PERSON_AWARD
from siwei.exchange.people.vault import Erased
from siwei.exchange.trading.payments_due import payments_due

pytestmark = pytest.mark.django_db
NAMESPACE = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
HIDDEN = (CHARLIE, ALICE, *ACCOUNTS.values())
KEPT_UNTIL = date(2057, 1, 1)
"""Thirty years after the fiscal year 2026."""


@pytest.fixture
def persons(cast: Any, tmp_path: Path) -> Persons:
    return Persons(cast, tmp_path)


@pytest.fixture
def payable(persons: Persons) -> Persons:
    persons.payable()
    return persons


def everything() -> Iterator[tuple[str, str]]:
    """Every value of every row of the exchange, as the database gives it; sealed bytes as they are."""
    for model in apps.get_app_config("exchange").get_models():
        for row in model.objects.values():
            yield model.__name__, " ".join(str(bytes(each) if isinstance(each, memoryview) else each)
                                           for each in row.values())  # fmt: skip


def leaks() -> list[str]:
    return [name for name, text in everything() for hidden in HIDDEN if hidden in text]


def due() -> list[tuple[int, str]]:
    return [(each.amount_fen, each.hindrance) for each in payments_due(None)]


def balance(purpose: str, pseudonym: Pseudonym) -> tuple[int, int]:
    found = Account.objects.get(code=f"CNY:{purpose}:{pseudonym.key}")
    return found.balance, found.held


def of(persons: Persons, actor: Any) -> Pseudonym:
    return Pseudonym.objects.get(person_id=actor.person_id)


def test_what_an_order_holds_of_an_award_is_seen_by_whose_it_is(payable: Persons) -> None:
    payable.make()
    charlie = of(payable, payable.cast.charlie)
    (seen,) = Hold.objects.visible_to(payable.cast.charlie)
    assert (seen.transfer.debit_account.pseudonym_id, seen.remaining) == (charlie.pk, TAX[CHARLIE])
    assert not Hold.objects.visible_to(payable.cast.bob).exists()
    assert not Hold.objects.visible_to(replace(payable.cast.charlie, by_key="key")).exists()


def test_without_an_account_it_waits(persons: Persons) -> None:
    with pytest.raises(Conflict, match="no consent"):
        persons.account(persons.cast.charlie)
    persons.applied()
    with pytest.raises(Conflict, match="nothing is awarded to you yet"):
        persons.account(persons.cast.charlie)
    persons.granted()
    persons.city_account()
    assert due() == [(TAX[CHARLIE], "no-account"), (TAX[ALICE], "no-account")]
    with pytest.raises(Conflict, match="nothing is due that can be ordered"):
        persons.make()
    with pytest.raises(InputError, match="another name"):
        persons.account(persons.cast.charlie, name="李四")
    with pytest.raises(InputError, match="not an account number"):
        persons.account(persons.cast.charlie, number="62x")
    made = persons.account(persons.cast.charlie)
    assert persons.account(persons.cast.charlie).pk == made.pk
    assert due() == [(TAX[CHARLIE], ""), (TAX[ALICE], "no-account")]
    shown = own_account(persons.cast.charlie)
    assert shown is not None and shown.number == ACCOUNTS[CHARLIE]
    assert own_account(persons.cast.bob) is None


def test_an_account_is_the_persons_own_to_give_with_a_second_factor(persons: Persons) -> None:
    persons.granted()
    charlie = persons.cast.charlie
    with pytest.raises(ConfirmationNeeded):
        persons.account(replace(charlie, confirmation=Confirmation.STALE))
    with pytest.raises(NotAllowed):
        persons.account(replace(charlie, by_key="key"))
    for actor in (VISITOR, replace(charlie, by_key="key")):
        with pytest.raises(NotAllowed):
            own_account(actor)


def test_from_due_to_the_bank_and_no_name_in_what_is_kept(payable: Persons) -> None:
    batch = payable.make()
    assert (batch.orders_count, batch.total_fen, due()) == (2, sum(TAX.values()), [])
    assert leaks() == []
    payable.approve(batch)
    payable.export(batch)
    assert leaks() == []
    for form in ("pain001", "csv"):
        file = PaymentFile.objects.get(batch=batch, form=form)
        assert all(f"[[{each} " in file.content for each in Pseudonym.objects.values_list("key", flat=True))
        assert "示例银行营业部" not in file.content
    xml = sent_content(PaymentFile.objects.get(form="pain001"))
    root = etree.fromstring(xml.encode())
    assert [each.text for each in root.iterfind(".//p:Cdtr/p:Nm", NAMESPACE)] == [CHARLIE, ALICE]
    assert [each.text for each in root.iterfind(".//p:CdtrAcct//p:Othr/p:Id", NAMESPACE)] == [
        ACCOUNTS[CHARLIE], ACCOUNTS[ALICE],
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(sent_content(PaymentFile.objects.get(form="csv")).removeprefix("\ufeff"))))
    assert [(each["收款人户名"], each["收款人账号"], each["收款行名称"], each["金额"]) for each in rows] == [
        (CHARLIE, ACCOUNTS[CHARLIE], "示例银行营业部", "3000.00"), (ALICE, ACCOUNTS[ALICE], "", "1000.00"),
    ]  # fmt: skip
    again = sent_content(PaymentFile.objects.get(form="pain001"))
    assert again == xml


def test_a_changed_account_stops_the_batch(payable: Persons) -> None:
    batch = payable.approve(payable.make())
    payable.account(payable.cast.charlie, number="6222020200112239999")
    with pytest.raises(Conflict, match="changed its bank account"):
        payable.export(batch)
    payments.withdraw_batch(batch.message_id, because="换卡", actor=payable.otto, now=payable.now)
    payable.exported("anew")
    assert "6222020200112239999" in sent_content(PaymentFile.objects.get(form="csv"))


def test_paid_in_part_the_rest_anew_and_a_part_returned(payable: Persons) -> None:
    payable.exported()
    charlie = of(payable, payable.cast.charlie)
    order = payable.order_of(payable.cast.charlie)
    payable.says(payable.paid(order, 200_000))
    assert (payable.order_of(payable.cast.charlie).state, balance("paid", charlie)) == ("part-paid", (200_000, 0))
    late = payable.now + timedelta(days=20)
    payable.now = late
    payable.says(payable.paid(payable.order_of(payable.cast.alice), reference="B-2"))
    order_rests.order_rest(order.end_to_end_id, because="余款", actor=payable.cast.olive, now=late)
    assert due() == [(100_000, "")]
    batch = payments.make_batch(
        None, execute_on=late.date(), actor=payable.cast.olive, now=late, idempotency_key="rest"
    )
    payable.approve(batch)
    payable.export(batch)
    rest = PaymentOrder.objects.get(batch=batch)
    assert (rest.pseudonym_id, rest.amount_fen) == (charlie.pk, 100_000)
    payable.says(payable.paid(rest, reference="B-3"))
    assert (balance("paid", charlie), balance("grant", charlie)) == ((300_000, 0), (0, 0))
    # The bank gives a part back and says neither whose nor why: the name, sealed, tells which order it may be of.
    payable.says(payable.came_back(rest, 40_000, "B-4", ""))
    entry = BankEntry.objects.get(reference="B-4")
    assert (entry.name, entry.counter_account, entry.remittance, entry.pseudonym_id) == ("", "", "", charlie.pk)
    assert rest.end_to_end_id in {each.end_to_end_id for each in suggestions(entry)}
    partial_returns.return_entry(
        entry.account_number, "B-4", rest.end_to_end_id, because="退汇", actor=payable.cast.olive, now=late
    )
    assert (due(), balance("paid", charlie)) == ([(40_000, "")], (260_000, 0))
    assert leaks() == []
    assert verify_ledger(actor=payable.cast.olive).findings == ()


def test_the_same_statement_rows_in_another_file_are_known(payable: Persons) -> None:
    payable.exported()
    order = payable.order_of(payable.cast.charlie)
    payable.says(payable.paid(order))
    other = payable.order_of(payable.cast.alice)
    file = payable.says(payable.paid(order), payable.paid(other, reference="B-2"))
    assert (file.read, file.added, file.rejected) == (2, 1, 0)
    changed = list(payable.paid(order))
    changed[7] = f"另付{CHARLIE}"
    assert payable.says(tuple(changed)).rejected == 1
    assert CHARLIE not in StatementReject.objects.get().record
    assert leaks() == []


def test_a_bank_refuses_or_pays_another_account(payable: Persons) -> None:
    batch = payable.exported()
    order = payable.order_of(payable.cast.charlie)
    text = report(batch.message_id, single(order.end_to_end_id, "RJCT", "AC01")).replace(
        "账号户名不符".encode(), f"{CHARLIE} {ACCOUNTS[CHARLIE]} 户名不符".encode()
    )
    import_status_report(None, text, "r.xml", actor=payable.cast.olive, now=payable.now)
    assert payable.order_of(payable.cast.charlie).state == OrderState.REJECTED
    assert (due(), StatusLine.objects.get(order=order).outcome) == ([(TAX[CHARLIE], "")], "rejected")
    alice = list(payable.paid(payable.order_of(payable.cast.alice)))
    alice[4] = "6217000010099999999"
    payable.says(tuple(alice))
    entry = BankEntry.objects.get()
    assert (entry.finding, entry.state, entry.name) == ("other-payee", "open", "")
    assert leaks() == []


def test_consent_withdrawn_before_the_bank_knows_stops_the_payment_and_keeps_the_award(payable: Persons) -> None:
    batch = payable.make()
    payable.withdraw(payable.cast.charlie)
    with pytest.raises(Conflict, match="withdraw the batch, make it anew"):
        payable.approve(batch)
    payments.withdraw_batch(batch.message_id, because="撤回同意", actor=payable.otto, now=payable.now)
    assert due() == [(TAX[CHARLIE], "no-account"), (TAX[ALICE], "")]
    charlie = of(payable, payable.cast.charlie)
    assert (charlie.secret, balance("grant", charlie)) == (None, (TAX[CHARLIE], 0))
    assert not PersonBankAccount.objects.filter(pseudonym=charlie).exclude(sealed=None).exists()
    # They come back: the same award is paid to whatever account they give then.
    payable.consent(payable.cast.charlie)
    payable.account(payable.cast.charlie, number="6222020200112230000")
    payable.exported("anew")
    assert "6222020200112230000" in sent_content(PaymentFile.objects.get(form="csv"))


def test_consent_withdrawn_between_approval_and_export(payable: Persons) -> None:
    batch = payable.approve(payable.make())
    payable.withdraw(payable.cast.charlie)
    with pytest.raises(Conflict, match="withdraw the batch, make it anew"):
        payable.export(batch)
    assert not PaymentFile.objects.exists()


def test_consent_withdrawn_while_the_bank_pays(payable: Persons) -> None:
    payable.exported()
    order = payable.order_of(payable.cast.charlie)
    payable.withdraw(payable.cast.charlie)
    charlie = of(payable, payable.cast.charlie)
    assert charlie.kept_until == KEPT_UNTIL
    # What the bank was told is kept and matched; nothing else is done with it.
    payable.says(payable.paid(order))
    assert (payable.order_of(payable.cast.charlie).state, balance("paid", charlie)) == ("paid", (TAX[CHARLIE], 0))
    assert CHARLIE in sent_content(PaymentFile.objects.get(form="csv"))
    assert (own_account(payable.cast.charlie), leaks()) == (None, [])
    application = Application.objects.get(pseudonym=charlie)
    assert (application.state, application.sealed is None) == ("awarded", False)
    # It comes back: due again, and no account to pay it to until they consent anew.
    payable.says(payable.came_back(order, TAX[CHARLIE], "B-9", order.end_to_end_id))
    assert due() == [(TAX[CHARLIE], "no-account")]


def test_records_are_destroyed_when_their_time_is_over(payable: Persons) -> None:
    payable.exported()
    payable.says(
        payable.paid(payable.order_of(payable.cast.charlie)),
        payable.paid(payable.order_of(payable.cast.alice), reference="B-2"),
    )
    payable.withdraw(payable.cast.charlie)
    charlie = of(payable, payable.cast.charlie)

    def destroy(day: date) -> int:
        return destroy_old_records(as_of=day, actor=payable.cast.olive, now=payable.now)

    assert destroy(KEPT_UNTIL - timedelta(days=1)) == 0
    assert destroy(KEPT_UNTIL) == 1
    assert destroy(KEPT_UNTIL) == 0
    charlie.refresh_from_db()
    assert (charlie.person_id, charlie.secret, charlie.kept_until) == (None, None, None)
    sealed = [
        model.objects.filter(**{of: charlie}).exclude(sealed=None).count()
        for model, of in ((Application, "pseudonym"), (PersonBankAccount, "pseudonym"), (BankEntry, "pseudonym"),
                          (SealedPart, "order__pseudonym"))
    ]  # fmt: skip
    assert sealed == [0, 0, 0, 0]
    file = PaymentFile.objects.get(form="csv")
    with pytest.raises(Erased):
        sent_content(file)
    assert f"[[{charlie.key} " in file.content
    # Alice's consent stands: what is kept of her is kept.
    assert SealedPart.objects.exclude(sealed=None).count() == 2
    assert payable.says(payable.paid(payable.order_of(payable.cast.alice), reference="B-2")).added == 0
    assert verify_ledger(actor=payable.cast.olive).findings == ()
    with pytest.raises(NotAllowed):
        destroy_old_records(as_of=KEPT_UNTIL, actor=payable.cast.charlie, now=payable.now)


@pytest.mark.parametrize(("hour", "until"), [(15, KEPT_UNTIL), (16, date(2058, 1, 1))])
def test_the_year_of_a_payment_is_the_citys(payable: Persons, hour: int, until: date) -> None:
    payable.now = datetime(2026, 12, 31, hour, 30, tzinfo=UTC)
    payable.exported()
    payable.withdraw(payable.cast.charlie)
    assert of(payable, payable.cast.charlie).kept_until == until


def test_records_are_destroyed_on_the_citys_day(payable: Persons) -> None:
    payable.exported()
    payable.withdraw(payable.cast.charlie)
    midnight = datetime(2056, 12, 31, 16, tzinfo=UTC)
    [daily] = [each for each in tasks.RECURRING if each.task is tasks.destroy_old_records]
    for early, destroyed in ((timedelta(seconds=1), 0), (timedelta(0), 1)):
        place = tasks.Workplace(FakeEngine(), "fake", lambda early=early: midnight - early)
        assert daily.is_wanted(place) == bool(destroyed)
        with tasks.at_work(place):
            assert tasks.destroy_old_records.func() == destroyed


def test_the_city_says_for_how_long(payable: Persons, settings: Any, tmp_path: Path) -> None:
    text = Path(settings.CITY_PACK, "pack.yaml").read_text(encoding="utf-8")
    (tmp_path / "pack.yaml").write_text(f"{text}\npayment_records_years: 10\n", encoding="utf-8")
    settings.CITY_PACK = tmp_path
    payable.exported()
    payable.withdraw(payable.cast.charlie)
    assert of(payable, payable.cast.charlie).kept_until == date(2037, 1, 1)


def test_the_database_itself_refuses(payable: Persons) -> None:
    payable.exported()
    payable.says(payable.paid(payable.order_of(payable.cast.charlie)))
    other = Pseudonym.objects.exclude(person_id=payable.cast.charlie.person_id).get().pk
    refused = (
        f"UPDATE exchange_paymentorder SET pseudonym_id = {other} WHERE pseudonym_id <> {other}",
        f"UPDATE exchange_account SET pseudonym_id = {other} WHERE pseudonym_id <> {other}",
        "UPDATE exchange_pseudonym SET key = 'p-x' WHERE id = (SELECT MIN(id) FROM exchange_pseudonym)",
        f"UPDATE exchange_pseudonym SET person_id = {payable.cast.bob.person_id} WHERE id = {other}",
        "DELETE FROM exchange_sealedpart",
        "DELETE FROM exchange_personbankaccount",
        "UPDATE exchange_personbankaccount SET key = 'x'",
        "UPDATE exchange_bankentry SET pseudonym_id = NULL",
        "UPDATE exchange_paymentorder SET payee_id = NULL, pseudonym_id = NULL",
    )
    for sql in refused:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    with pytest.raises(DatabaseError), transaction.atomic():
        SealedPart.objects.update(sealed=b"other")
    with pytest.raises(DatabaseError), transaction.atomic():
        PersonBankAccount.objects.update(sealed=b"other")


def test_the_digest_covers_persons_and_names_none(payable: Persons) -> None:
    payable.exported()
    before = digest()
    payable.withdraw(payable.cast.charlie, PERSON_AWARD)
    after = digest()
    assert before["tables"]["PaymentOrder"] == after["tables"]["PaymentOrder"]
