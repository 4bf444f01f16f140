"""A person who is awarded money: a made-up programme in force, two applicants, the city's people who pay."""

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from exchange_cast import make_person
from exchange_payments import CODE, NUMBERS

from siwei.city.attributes import load_attributes
from siwei.city.home import resolve_pack
from siwei.exchange.actors import Actor
from siwei.exchange.awards import grants, rounds, vouchers
from siwei.exchange.awards.person_awards import apply_as_person
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.person_facts import declare_person_facts
from siwei.exchange.models import Application, PaymentBatch, PaymentOrder, PersonBankAccount, Pot, SharingRound
from siwei.exchange.payments import bank_accounts, payment_orders, person_bank_accounts, statement_imports
from siwei.exchange.payments import payment_batches as payments
from siwei.exchange.people.consents import PERSON_AWARD, PERSON_FACTS, give_consent, withdraw_consent
from siwei.market import bank
from siwei.market.bank import yuan_text
from siwei.policy import Programme, Sharing, load_programme
from siwei.policy.stacking import Stacking

IN_WINDOW, AFTER, NOTICE_END, LATER = date(2026, 11, 10), date(2026, 11, 16), date(2026, 11, 20), date(2026, 11, 23)
EXECUTE_ON = date(2026, 11, 24)
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TEXT = """
id: talent-subsidy
version: "2026.1"
state: in_force
title: {zh: 人才补贴（测试）, en: Talent subsidy (test)}
kind: grant
issuer: {zh: 示例市, en: Example city}
source: {document: 示例办法, as_of: 2026-01-02, verified: true}
period: {start: 2026-01-01, end: 2026-12-31}
window: {start: 2026-11-01, end: 2026-11-15}
applies_to: person
clauses:
  - id: taxed
    expr: person_income_tax > 0
    words: {zh: 已缴个人所得税, en: Income tax was paid}
    citation: {document: 示例办法}
award:
  expr: person_income_tax
  words: {zh: 已缴个人所得税, en: The income tax paid}
  citation: {document: 示例办法}
rounding: {mode: down, to: fen}
pot:
  budget_fen: 500000
  per: year
  sharing: pro_rata
  words: {zh: 按比例, en: Pro rata}
  citation: {document: 示例办法}
"""
CHARLIE, ALICE = "张三丰", "O'Neil, Ann <1>"
"""A name that XML and CSV must write otherwise than it is."""
ACCOUNTS = {CHARLIE: "6222020200112233445", ALICE: "6217000010012345678"}
TAX = {CHARLIE: 300_000, ALICE: 100_000}
ROBUST = "示例银行营业部"


def load(directory: Path) -> tuple[Programme, Any]:
    attributes = load_attributes(resolve_pack("shenzhen"))
    path = directory / "talent-subsidy.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return load_programme(path, attributes), attributes


class Persons:
    """Each step may be taken again under its own key."""

    def __init__(self, cast: Any, directory: Path) -> None:
        self.cast, self.now = cast, NOW
        self.programme, self.attributes = load(directory)
        self.otto = make_person("otto", is_operator=True).as_actor()
        self.oscar = make_person("oscar", is_operator=True).as_actor()
        self.names = {cast.charlie.person_id: CHARLIE, cast.alice.person_id: ALICE}
        self.pot: Pot = vouchers.open_pot(
            self.programme, "2026", 500_000, actor=cast.olive, now=NOW, idempotency_key="pot"
        )

    def consent(self, actor: Actor) -> None:
        for purpose in (PERSON_FACTS, PERSON_AWARD):
            give_consent(purpose, actor=actor, now=self.now)

    def declare(self, actor: Actor, fen: int) -> None:
        declare_person_facts(
            {"person_income_tax": Declaration(str(fen), "完税证明")}, attributes=self.attributes, valid_from=IN_WINDOW,
            actor=actor, now=self.now, idempotency_key=f"facts-{fen}",
        )  # fmt: skip

    def ready(self, actor: Actor) -> None:
        self.consent(actor)
        self.declare(actor, TAX[self.names[actor.person_id]])

    def apply(self, actor: Actor, **changes: Any) -> Application:
        name = self.names.get(actor.person_id, "某人")
        given = {"name": name, "claim_fen": TAX.get(name, 1), "as_of": IN_WINDOW, "idempotency_key": "form", **changes}
        return apply_as_person(
            self.programme, self.pot, attributes=self.attributes, stacking=Stacking(), actor=actor, now=self.now,
            **given,
        )  # fmt: skip

    def applied(self) -> tuple[Application, Application]:
        made = []
        for actor in (self.cast.charlie, self.cast.alice):
            self.ready(actor)
            made.append(self.apply(actor))
        return made[0], made[1]

    def share(self) -> SharingRound:
        return rounds.share_applications(
            self.programme, self.pot, attributes=self.attributes, as_of=AFTER, sharing=Sharing.PRO_RATA,
            actor=self.cast.olive, now=self.now, idempotency_key="round",
        )  # fmt: skip

    def notice(self) -> SharingRound:
        return rounds.open_notice(
            self.share(), until=NOTICE_END, as_of=AFTER, actor=self.cast.olive, now=self.now, idempotency_key="notice"
        )

    def awarded(self) -> SharingRound:
        self.applied()
        made = self.notice()
        return rounds.award_round(made, as_of=LATER, actor=self.cast.olive, now=self.now, idempotency_key="award")

    def granted(self) -> SharingRound:
        made = self.awarded()
        grants.grant_round(made, actor=self.cast.olive, now=self.now)
        return made

    def account(self, actor: Actor, **changes: Any) -> PersonBankAccount:
        name = self.names[actor.person_id]
        given = {"name": name, "number": ACCOUNTS[name], "bank_code": CODE, "bank_name": ROBUST, **changes}
        return person_bank_accounts.enter_person_account(
            bank.BankAccount(**given), actor=actor, now=self.now, idempotency_key=f"account-{given['number']}"
        )

    def city_account(self) -> None:
        bank_accounts.enter_bank_account(
            None, bank.BankAccount("示例市财政专户", NUMBERS[None], CODE), actor=self.cast.olive, now=self.now,
            idempotency_key="city",
        )  # fmt: skip

    def payable(self) -> None:
        self.granted()
        self.city_account()
        self.account(self.cast.charlie)
        self.account(self.cast.alice, bank_name="")

    def make(self, key: str = "batch") -> PaymentBatch:
        return payments.make_batch(
            None, execute_on=EXECUTE_ON, actor=self.cast.olive, now=self.now, idempotency_key=key
        )  # fmt: skip

    def approve(self, batch: PaymentBatch) -> PaymentBatch:
        for actor in (self.otto, self.oscar):
            payments.approve_batch(batch.message_id, batch.content_sha256, actor=actor, now=self.now)
        return batch

    def export(self, batch: PaymentBatch) -> None:
        payments.export_batch(batch.message_id, "pain001", actor=self.cast.olive, now=self.now)

    def exported(self, key: str = "batch") -> PaymentBatch:
        batch = self.approve(self.make(key))
        self.export(batch)
        return batch

    def withdraw(self, actor: Actor, purpose: str = PERSON_AWARD) -> None:
        withdraw_consent(purpose, actor=actor, now=self.now)

    def says(self, *rows: tuple[Any, ...]) -> Any:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["交易日期", "借方金额", "贷方金额", "对方户名", "对方账号", "流水号", "客户流水号", "摘要"])
        writer.writerows(rows)
        return statement_imports.import_statement(
            None, text.getvalue().encode(), "流水.csv", actor=self.cast.olive, now=self.now
        )

    def paid(self, order: PaymentOrder, fen: int | None = None, reference: str = "B-1") -> tuple[Any, ...]:
        name = self.name_of(order)
        amount = yuan_text(order.amount_fen if fen is None else fen)
        return ("2026-11-24", amount, "", name, ACCOUNTS[name], reference, order.end_to_end_id, f"付{name}")

    def came_back(self, order: PaymentOrder, fen: int, reference: str, identifier: str) -> tuple[Any, ...]:
        name = self.name_of(order)
        return ("2026-11-26", "", yuan_text(fen), name, ACCOUNTS[name], reference, identifier, "退汇")

    def name_of(self, order: PaymentOrder) -> str:
        assert order.pseudonym is not None and order.pseudonym.person_id is not None
        return self.names[order.pseudonym.person_id]

    def order_of(self, actor: Actor) -> PaymentOrder:
        found = PaymentOrder.objects.get(pseudonym__person_id=actor.person_id)
        return payment_orders.find_order(found.end_to_end_id, self.cast.olive)
