"""The demonstration is paid: what is due from the city is ordered, approved by two people, and confirmed by a bank file
that is generated and says so. Every act has a fixed key; done again, nothing is paid twice."""

import csv
import hashlib
import io

from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.awards.grants import grant_award, is_money
from siwei.exchange.models import Application, ApplicationState, PaymentBatch, Settlement
from siwei.exchange.payments.bank_accounts import enter_bank_account
from siwei.exchange.payments.invoices import issue_invoices
from siwei.exchange.payments.payment_batches import approve_batch, export_batch, make_batch
from siwei.exchange.payments.payment_files import creditor_of
from siwei.exchange.payments.statement_imports import import_statement
from siwei.exchange.people.registration import register_person
from siwei.exchange.trading.payments_due import payments_due
from siwei.market.bank import BankAccount, yuan_text
from siwei.run.cast_parties import OPERATOR, Stage

KEY = "demo-payments"
BANK = "示例银行（生成数据）"
BANK_CODE = "999584000011"
"""Of no bank: real codes begin with 1 to 7."""
CITY_NAME = "示例市财政专户（生成数据）"
STATEMENT = "示例银行流水（生成数据）.csv"
APPROVERS = ("demo-approver-1", "demo-approver-2")
FEE_FEN = 1_500


def pay(stage: Stage) -> PaymentBatch | None:
    """One batch of everything due from the city, paid but for nothing; and a bank's fee, which agrees with no order.
    None where nothing is due (no voucher was granted on the city's day)."""
    job = stage.job
    operator = register_person(OPERATOR, password=None, is_operator=True, actor=PLATFORM, now=job.now()).as_actor()
    approvers = [
        register_person(name, password=None, is_operator=True, actor=PLATFORM, now=job.now()).as_actor()
        for name in APPROVERS
    ]
    enter_accounts(stage, operator)
    for application in Application.objects.filter(state=ApplicationState.AWARDED).order_by("key"):
        draft = application.decision is not None and application.decision.is_draft
        if is_money(application) and not draft:
            grant_award(application.key, actor=operator, now=job.now())
    batch = PaymentBatch.objects.filter(key=KEY).first()
    if batch is None and not any(not due.hindrance for due in payments_due(None)):
        return None
    batch = make_batch(None, execute_on=job.home.as_of, actor=operator, now=job.now(), idempotency_key=KEY)
    for approver in approvers:
        approve_batch(batch.message_id, batch.content_sha256, actor=approver, now=job.now())
    export_batch(batch.message_id, "pain001", actor=operator, now=job.now())
    import_statement(None, statement_of(batch), STATEMENT, actor=operator, now=job.now())
    issue(stage)
    return batch


def enter_accounts(stage: Stage, operator: Actor) -> None:
    now = stage.job.now
    enter_bank_account(None, account(CITY_NAME), actor=operator, now=now(), idempotency_key=f"{KEY}-city")
    for name, organisation in stage.organisations.items():
        enter_bank_account(
            organisation.key, account(organisation.name), actor=stage.actor_for(name), now=now(),
            idempotency_key=f"{KEY}-{name}",
        )  # fmt: skip


def account(name: str) -> BankAccount:
    """A made-up account, the same for the same name."""
    number = int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) % 10**12
    return BankAccount(name, f"9999{number:012d}", BANK_CODE, BANK)


def statement_of(batch: PaymentBatch) -> bytes:
    """What a bank would say: every order paid, and a fee."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["交易日期", "借方金额", "贷方金额", "对方户名", "对方账号", "流水号", "客户流水号", "摘要"])
    day = batch.execute_on.isoformat()
    orders = batch.orders.select_related("creditor", "person_creditor__pseudonym").order_by("number")
    for order in orders:
        payee, reference = creditor_of(order), f"DEMO-{batch.message_id}-{order.number}"
        row = [
            day,
            yuan_text(order.amount_fen),
            "",
            payee.name,
            payee.number,
            reference,
            order.end_to_end_id,
            "生成数据",
        ]
        writer.writerow(row)
    fee = [day, yuan_text(FEE_FEN), "", BANK, "", f"DEMO-{batch.message_id}-FEE", "", "手续费（生成数据）"]
    writer.writerow(fee)
    return text.getvalue().encode()


def issue(stage: Stage) -> None:
    """Settlement statements of every month in which the cast settled something."""
    months = sorted({f"{each:%Y-%m}" for each in Settlement.objects.values_list("settled_at", flat=True)})
    for organisation in stage.organisations.values():
        for month in months:
            issue_invoices(organisation.key, month, actor=PLATFORM, now=stage.job.now())
