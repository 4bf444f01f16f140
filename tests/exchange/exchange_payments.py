"""A settled deal of which something is due, and the people who pay it."""

from dataclasses import replace
from datetime import date
from typing import Any

from exchange_cast import make_person
from exchange_deal import Deal

from siwei.exchange.actors import Actor, Role
from siwei.exchange.models import BankAccount, PaymentBatch, PaymentOrder
from siwei.exchange.payments import bank_accounts, payment_orders
from siwei.exchange.payments import payment_batches as payments
from siwei.market import bank

CODE = "105584000021"
NUMBERS = {
    "n-firm": "755900012310",
    "n-centre": "44201501100052500001",
    "n-outsider": "110900012399",
    None: "40000211092",
}
EXECUTE_ON = date(2026, 11, 24)


class Desk:
    """Each step may be taken again under its own key. Of 1,200 fen settled the voucher pays 719, the firm 481."""

    def __init__(self, deal: Deal) -> None:
        self.deal, self.cast, self.now = deal, deal.cast, deal.now
        self.otto = make_person("otto", is_operator=True).as_actor()
        self.oscar = make_person("oscar", is_operator=True).as_actor()
        self.fay = make_person("fay", self.cast.firm, Role.FINANCE).as_actor()
        self.finn = make_person("finn", self.cast.firm, Role.FINANCE).as_actor()
        self.mia = make_person("mia", self.cast.firm, Role.MEMBER).as_actor()

    def settle(self) -> None:
        self.deal.signed()
        self.deal.submit()
        self.deal.finish()
        self.deal.settle()

    def account(self, organisation: Any, actor: Actor, number: str | None = None, **changes: Any) -> BankAccount:
        key = organisation.key if organisation else None
        number = changes.pop("number", number)
        given = bank.BankAccount(
            organisation.name if organisation else "示例市财政专户", number or NUMBERS[key], CODE, "示例银行"
        )
        return bank_accounts.enter_bank_account(
            key, replace(given, **changes), actor=actor, now=self.now, idempotency_key=f"account-{key}-{number}"
        )

    def accounts(self) -> None:
        self.account(None, self.cast.olive)
        self.account(self.cast.centre, self.cast.bob)
        self.account(self.cast.firm, self.fay)

    def make(self, payer: Any = None, actor: Actor | None = None, key: str = "batch", **given: Any) -> PaymentBatch:
        return payments.make_batch(
            payer.key if payer else None, execute_on=EXECUTE_ON, actor=actor or self.cast.olive, now=self.now,
            idempotency_key=key, **given,
        )  # fmt: skip

    def approve(self, batch: PaymentBatch, actor: Actor, sha256: str | None = None) -> PaymentBatch:
        shown = batch.content_sha256 if sha256 is None else sha256
        return payments.approve_batch(batch.message_id, shown, actor=actor, now=self.now)

    def approved(self, payer: Any = None, key: str = "batch") -> PaymentBatch:
        batch = self.make(payer, self.mia if payer else None, key)
        for actor in (self.fay, self.finn) if payer else (self.otto, self.oscar):
            self.approve(batch, actor)
        return batch

    def exported(self, payer: Any = None, key: str = "batch") -> PaymentBatch:
        batch = self.approved(payer, key)
        self.export(batch, actor=self.fay if payer else None)
        return batch

    def export(self, batch: PaymentBatch, form: str = "pain001", actor: Actor | None = None) -> str:
        made = payments.export_batch(batch.message_id, form, actor=actor or self.cast.olive, now=self.now)
        return made.content

    def order(self, batch: PaymentBatch, number: int = 1) -> PaymentOrder:
        return payment_orders.find_order(f"{batch.message_id}-{number}", self.cast.olive)
