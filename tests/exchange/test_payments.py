"""Payment orders: what is due, two people's approval, one export, and what the database refuses by itself."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from exchange_cast import make_organisation
from exchange_deal import Deal
from exchange_payments import NUMBERS, Desk
from lxml import etree
from pytest_django import DjangoAssertNumQueries
from test_rounds import City, attributes, city, programme

from siwei.errors import ConfirmationNeeded, Conflict, InputError, InsufficientFunds, NotAllowed, NotFound
from siwei.exchange.actors import Actor, Confirmation
from siwei.exchange.awards import grants, rounds
from siwei.exchange.facts.aggregates import award_table
from siwei.exchange.models import (
    Account,
    Agreement,
    AgreementLine,
    Application,
    BankAccount,
    BatchState,
    Event,
    Grant,
    OrderState,
    PaymentBatch,
    PaymentFile,
    PaymentItem,
    PaymentOrder,
    Settlement,
    SharingRound,
)
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.payments.traces import money_of
from siwei.exchange.trading.payments_due import dues_of, payers, payments_due

__all__ = ["attributes", "city", "programme"]
NAMESPACE = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}


@pytest.fixture
def desk(deal: Deal) -> Desk:
    made = Desk(deal)
    made.settle()
    made.accounts()
    return made


def account(code: str) -> tuple[int, int]:
    found = Account.objects.get(code=code)
    return found.balance, found.held


def due(payer: Any = None) -> list[tuple[str, int, str]]:
    return [(each.payee.key, each.amount_fen, each.hindrance) for each in payments_due(payer)]


def refuses(sql: str, *values: Any) -> str:
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return str(refused.value)


def test_a_settlement_is_due_by_who_pays_which_part(desk: Desk) -> None:
    assert due() == [("n-centre", 719, "")]
    assert due(desk.cast.firm) == [("n-centre", 481, "")]
    assert due(desk.cast.centre) == []
    assert account("CNY:receivable:n-centre") == (1_200, 0)
    assert payers(desk.cast.olive) == [None, desk.cast.firm]
    assert payers(desk.cast.alice) == [desk.cast.firm]


@pytest.mark.parametrize("statement", [1, 2, 3, 4])
def test_what_is_settled_while_dues_are_read_is_due_or_not_yet(deal: Deal, statement: int) -> None:
    """On PostgreSQL each statement sees what others committed just before it."""
    desk, seen = Desk(deal), 0
    deal.signed()
    deal.submit()
    deal.finish()
    desk.accounts()

    def settle_before(execute: Any, *asked: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == statement:
            deal.settle()
        return execute(*asked)

    with connection.execute_wrapper(settle_before):
        assert due() in ([], [("n-centre", 719, "")])
    assert due() == [("n-centre", 719, "")]


def test_without_a_bank_account_nothing_is_ordered(deal: Deal) -> None:
    desk = Desk(deal)
    desk.settle()
    assert due() == [("n-centre", 719, "no-account")]
    with pytest.raises(Conflict, match="the city has no bank account"):
        desk.make()
    desk.account(None, desk.cast.olive)
    with pytest.raises(Conflict, match="nothing is due that can be ordered"):
        desk.make()


def test_from_due_to_the_bank(desk: Desk) -> None:
    batch = desk.make()
    assert (batch.orders_count, batch.total_fen, batch.state) == (1, 719, BatchState.OPEN)
    assert due() == []
    assert account("CNY:receivable:n-centre") == (1_200, 719)
    assert desk.approve(batch, desk.otto).state == BatchState.OPEN
    assert desk.approve(batch, desk.otto).second_by is None
    assert desk.approve(batch, desk.oscar).state == BatchState.APPROVED
    content = desk.export(batch)
    root = etree.fromstring(content.encode())
    assert [each.text for each in root.iterfind(".//p:InstdAmt", NAMESPACE)] == ["7.19"]
    assert [each.text for each in root.iterfind(".//p:CdtrAcct//p:Othr/p:Id", NAMESPACE)] == [NUMBERS["n-centre"]]
    (row,) = csv.DictReader(io.StringIO(desk.export(batch, "csv").removeprefix("\ufeff")))
    assert (row["金额"], row["收款人账号"]) == ("7.19", NUMBERS["n-centre"])
    assert PaymentBatch.objects.get().exported_by_id == desk.cast.olive.person_id
    desk.now = desk.now.replace(hour=9)
    assert desk.export(batch) == content
    assert Event.objects.filter(action="export_batch").count() == 1


def test_the_firm_pays_its_own_share_itself(desk: Desk) -> None:
    batch = desk.exported(desk.cast.firm)
    assert (batch.total_fen, due(desk.cast.firm)) == (481, [])
    root = etree.fromstring(desk.export(batch, actor=desk.fay).encode())
    assert [each.text for each in root.iterfind(".//p:DbtrAcct//p:Othr/p:Id", NAMESPACE)] == [NUMBERS["n-firm"]]
    assert account("CNY:receivable:n-centre") == (1_200, 481)


def test_the_same_batch_again_is_a_look_up(desk: Desk) -> None:
    assert desk.make() == desk.make()
    with pytest.raises(Conflict, match="used for another"):
        desk.make(payees=["n-centre"])
    with pytest.raises(Conflict, match="nothing is due"):
        desk.make(key="other")


def test_a_withdrawn_batch_frees_what_it_held(desk: Desk) -> None:
    batch = desk.make()
    desk.approve(batch, desk.otto)
    payments.withdraw_batch(batch.message_id, because="账号有误", actor=desk.otto, now=desk.now)
    assert (due(), account("CNY:receivable:n-centre")) == ([("n-centre", 719, "")], (1_200, 0))
    with pytest.raises(Conflict, match="withdrawn"):
        desk.export(batch)
    assert desk.make(key="again").total_fen == 719


def test_what_the_bank_rejects_is_due_again(desk: Desk) -> None:
    batch = desk.exported()
    order = payments.reject_order(f"{batch.message_id}-1", because="户名不符", actor=desk.otto, now=desk.now)
    assert (order.state, due()) == (OrderState.REJECTED, [("n-centre", 719, "")])
    payments.reject_order(f"{batch.message_id}-1", because="户名不符", actor=desk.otto, now=desk.now)
    assert desk.exported(key="again").total_fen == 719


def test_nobody_approves_what_they_made_or_twice(desk: Desk) -> None:
    batch = desk.make()
    with pytest.raises(Conflict, match="two other people"):
        desk.approve(batch, desk.cast.olive)
    desk.approve(batch, desk.otto)
    with pytest.raises(Conflict, match="two people approve it first"):
        desk.export(batch)
    with pytest.raises(Conflict, match="not what you were shown"):
        desk.approve(batch, desk.oscar, "0" * 64)


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "ann", "fay", "mia"])
def test_the_citys_money_is_for_operators(desk: Desk, name: str) -> None:
    actor: Actor = getattr(desk, name, None) or getattr(desk.cast, name)
    with pytest.raises(NotAllowed):
        desk.make(actor=actor)
    batch = desk.make()
    for act in (
        lambda: desk.approve(batch, actor),
        lambda: desk.export(batch, actor=actor),
        lambda: payments.withdraw_batch(batch.message_id, because="x", actor=actor, now=desk.now),
        lambda: payments.reject_order(f"{batch.message_id}-1", because="x", actor=actor, now=desk.now),
    ):
        with pytest.raises((NotAllowed, NotFound)):
            act()


@pytest.mark.parametrize("name", ["bob", "charlie", "ann", "olive", "mia"])
def test_a_firms_money_is_for_those_who_keep_it(desk: Desk, name: str) -> None:
    actor: Actor = getattr(desk, name, None) or getattr(desk.cast, name)
    batch = desk.make(desk.cast.firm, desk.finn)
    refusal = NotFound if name in ("bob", "charlie") else NotAllowed
    with pytest.raises(refusal):
        desk.approve(batch, actor)
    with pytest.raises(refusal):
        desk.export(batch, actor=actor)


def test_money_asks_for_a_second_factor(desk: Desk) -> None:
    batch = desk.make()
    stale = replace(desk.otto, confirmation=Confirmation.STALE)
    for act in (
        lambda: desk.approve(batch, stale),
        lambda: desk.export(batch, actor=stale),
        lambda: desk.account(None, stale, "99887766"),
    ):
        with pytest.raises(ConfirmationNeeded):
            act()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "乙算力中心分公司"}, "name"),
        ({"number": "4420-15x"}, "number"),
        ({"number": "1234567"}, "number"),
        ({"bank_code": "10558400002"}, "bank_code"),
        ({"bank_name": "=HYPERLINK()"}, "bank_name"),
    ],
)
def test_a_bank_account_is_checked(desk: Desk, changes: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as refused:
        desk.account(desk.cast.centre, desk.cast.bob, **({"number": "990011223344"} | changes))
    assert [problem.field for problem in refused.value.problems] == [field]


def test_only_who_keeps_the_money_enters_and_sees_an_account(desk: Desk) -> None:
    for actor in (desk.cast.olive, desk.cast.charlie, desk.cast.ann, desk.mia, desk.cast.bob):
        with pytest.raises(NotAllowed):
            desk.account(desk.cast.firm, actor, "990011223344")

    def seen(actor: Actor) -> list[str]:
        return sorted(BankAccount.objects.visible_to(actor).values_list("holder", flat=True))

    assert seen(desk.cast.olive) == ["city", "n-centre", "n-firm"]
    assert (seen(desk.fay), seen(desk.cast.bob)) == (["n-firm"], ["n-centre"])
    assert (seen(desk.mia), seen(desk.cast.charlie)) == ([], [])
    told = str(list(Event.objects.filter(action="enter_bank_account").values_list("payload", flat=True)))
    assert NUMBERS["n-centre"] not in told and "…0001" in told


def test_an_account_changed_meanwhile_stops_the_batch(desk: Desk) -> None:
    batch = desk.make()
    desk.approve(batch, desk.otto)
    desk.account(desk.cast.centre, desk.cast.bob, "990011223344")
    with pytest.raises(Conflict, match="changed its bank account since"):
        desk.approve(batch, desk.oscar)
    assert BankAccount.objects.filter(holder="n-centre").count() == 2


def test_who_sees_a_batch(desk: Desk) -> None:
    desk.exported()
    desk.exported(desk.cast.firm, key="own")

    def seen(actor: Actor) -> tuple[int, ...]:
        models = (PaymentBatch, PaymentOrder, PaymentItem, PaymentFile)
        return tuple(model.objects.visible_to(actor).count() for model in models)

    assert seen(desk.cast.olive) == seen(desk.cast.ann) == (2, 2, 2, 4)
    assert seen(desk.fay) == (1, 1, 1, 2)
    assert seen(desk.mia) == (1, 1, 1, 0)
    assert seen(desk.cast.bob) == (0, 2, 2, 0)
    assert seen(desk.cast.charlie) == (0, 0, 0, 0)


def test_the_database_itself_refuses_what_must_not_be(desk: Desk) -> None:
    batch = desk.make()
    people = {name: getattr(desk, name).person_id for name in ("otto", "oscar")}
    table, at = "UPDATE exchange_paymentbatch SET ", desk.now
    first = f"{table}first_by_id=%s, first_at=%s, first_sha256=content_sha256"
    both = first + ", second_by_id=%s, second_at=%s, second_sha256=content_sha256"
    assert "not_by_its_maker" in refuses(first, desk.cast.olive.person_id, at)
    assert "two_people" in refuses(f"{both}, state='approved'", people["otto"], at, people["otto"], at)
    assert "first_before_second" in refuses(
        f"{table}second_by_id=%s, second_sha256=content_sha256, state='approved'", people["otto"]
    )
    assert "approved_as_it_is" in refuses(f"{table}first_by_id=%s, first_sha256='other'", people["otto"])
    assert "exported_after_two" in refuses(f"{first}, state='exported', exported_at=%s", people["otto"], at, at)
    assert "never changes" in refuses(f"{table}total_fen=1")
    assert "never changes" in refuses(f"{table}content_sha256='x'")
    orders = "UPDATE exchange_paymentorder SET "
    assert "never changes" in refuses(f"{orders}amount_fen=1")
    assert "never changes" in refuses(f"{orders}creditor_id=%s", batch.debtor_id)
    assert "never changes" in refuses("UPDATE exchange_paymentitem SET amount_fen=1")
    assert "kept" in refuses("DELETE FROM exchange_paymentitem")
    desk.approve(batch, desk.otto)
    assert "never changes" in refuses(f"{table}first_by_id=NULL, first_at=NULL, first_sha256=''")
    order = PaymentOrder.objects.get()
    copy = {"payee": order.payee, "creditor": order.creditor, "amount_fen": 1, "remittance": "x", "hold": order.hold}
    with pytest.raises(IntegrityError, match="takes no order"), transaction.atomic():
        PaymentOrder.objects.create(batch=batch, number=2, end_to_end_id="other", **copy)
    with pytest.raises(IntegrityError, match="takes no order"), transaction.atomic():
        PaymentItem.objects.create(order=order, part="own", settlement_id=1, line=1, amount_fen=1)
    desk.approve(batch, desk.oscar)
    desk.export(batch)
    assert "never changes" in refuses("UPDATE exchange_paymentfile SET content='x'")
    assert "a new one" in refuses("UPDATE exchange_bankaccount SET number='12345678'")


def test_one_line_of_a_settlement_is_in_one_order(desk: Desk) -> None:
    desk.make()
    batch = desk.make(desk.cast.firm, desk.mia, key="own")
    item = PaymentItem.objects.get(part="voucher")
    with pytest.raises(IntegrityError, match=r"settlement_line_ordered_once|UNIQUE"), transaction.atomic():
        PaymentItem.objects.create(
            order=batch.orders.get(), part="voucher", settlement=item.settlement, line=item.line, amount_fen=1
        )


def awarded(city: City) -> tuple[Desk, SharingRound, Application]:
    desk = Desk(Deal(city.cast, city.now))
    desk.accounts()
    application, _ = city.both()
    made = city.share()
    city.notice(made)
    made = city.award(made)
    application = Application.objects.get(pk=application.pk)
    application.decision.result["voucher"] = None
    application.decision.save(update_fields=["result"])
    return desk, made, application


def test_a_grant_is_paid_once_and_the_pot_is_right(city: City) -> None:
    desk, _, application = awarded(city)
    before = rounds.left_in(city.pot)
    grant = grants.grant_award(application.key, actor=desk.cast.olive, now=desk.now)
    assert grants.grant_award(application.key, actor=desk.cast.olive, now=desk.now) == grant
    assert (rounds.left_in(city.pot), account("CNY:grant:n-firm")) == (before, (75_000_000, 0))
    money = money_of(city.pot)
    assert (money.granted, money.came_in, money.adds_up) == (75_000_000, city.pot.budget_fen, True)
    assert due() == [("n-firm", 75_000_000, "")]
    batch = desk.exported()
    assert (batch.total_fen, due()) == (75_000_000, [])
    paid = dict(award_table().select("award_fen", "paid_fen").iter_rows())
    assert paid == {75_000_000: 0}
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(
            application=application, organisation=desk.cast.firm, amount_fen=1, transfer=grant.transfer,
            granted_at=desk.now,
        )  # fmt: skip


def test_a_grant_and_a_voucher_are_never_both(city: City) -> None:
    desk, made, application = awarded(city)
    other = Application.objects.get(organisation=desk.cast.outsider)
    with pytest.raises(Conflict, match="is a voucher"):
        grants.grant_round(made, actor=desk.cast.olive, now=desk.now)
    with pytest.raises(Conflict, match="is a voucher"):
        grants.grant_award(other.key, actor=desk.cast.olive, now=desk.now)
    grants.grant_award(application.key, actor=desk.cast.olive, now=desk.now)
    application.decision.result["voucher"] = {"rate_bp": 5_000, "kinds": ["compute"], "listed_providers_only": False}
    with pytest.raises(Conflict, match="granted as money already"):
        rounds._grant(application, city.programme, city.pot.opened_at.date(), desk.cast.olive, desk.now)


def test_only_an_award_is_granted(city: City) -> None:
    desk = Desk(Deal(city.cast, city.now))
    application = city.apply(city.cast.firm, city.cast.alice)
    with pytest.raises(Conflict, match="nothing to pay"):
        grants.grant_award(application.key, actor=desk.cast.olive, now=desk.now)
    with pytest.raises(NotAllowed):
        grants.grant_award(application.key, actor=desk.cast.alice, now=desk.now)


def test_an_account_in_nobodys_name_is_no_payees(desk: Desk) -> None:
    stranger = make_organisation("n-stranger", "丁公司")
    with pytest.raises(NotAllowed):
        desk.account(stranger, desk.fay, "990011223344", name="丁公司")
    with pytest.raises((Conflict, InsufficientFunds)):
        desk.make(key="none", payees=["n-stranger"])


def test_many_payers_are_worked_out_in_as_many_questions_as_one(
    desk: Desk, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    firms = [make_organisation(f"n-payer-{number}", f"付款方{number}") for number in range(70)]
    line = AgreementLine.objects.get()
    settled = Settlement.objects.get(own_fen__gt=0)
    for number, firm in enumerate(firms):
        values = {each.attname: getattr(line, each.attname) for each in AgreementLine._meta.concrete_fields}
        deal = {each.attname: getattr(line.agreement, each.attname) for each in Agreement._meta.concrete_fields}
        agreement = Agreement.objects.create(**deal | {"id": None, "key": f"deal-{number}"})
        changed = {"id": None, "agreement_id": agreement.pk, "consumer_id": firm.pk}
        AgreementLine.objects.create(**values | changed | {"voucher_hold_id": None, "own_hold_id": None})
        told = {each.attname: getattr(settled, each.attname) for each in Settlement._meta.concrete_fields}
        Settlement.objects.create(**told | {"id": None, "agreement_id": agreement.pk})
    with django_assert_num_queries(6):
        found = dues_of(firms)
    assert [[each.amount_fen for each in found[firm.pk]] for firm in firms] == [[481]] * 70
    assert found[firms[3].pk] == payments_due(firms[3])
    assert payers(desk.cast.olive) == [None, *sorted([desk.cast.firm, *firms], key=lambda each: (each.name, each.pk))]
