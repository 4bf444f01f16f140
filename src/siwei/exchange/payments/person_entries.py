"""What banks say of persons: their names and account numbers stand in statements, whose entries are never deleted.

An entry that names a person's order, or a person's account that a bank was told, is kept without name, account and
text; these are sealed under the person's secret. Nothing is lost: what matching needs is opened when it is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from siwei.exchange.models import BankEntry, BatchState, PaymentOrder, PersonBankAccount, Pseudonym
from siwei.exchange.payments.payment_files import creditor_of
from siwei.exchange.payments.person_bank_accounts import opened_account
from siwei.exchange.people.pseudonyms import open_for, seal_for
from siwei.exchange.people.vault import Erased
from siwei.market import bank
from siwei.market.bank import StatementEntry


@dataclass(frozen=True, slots=True)
class Told:
    """What a bank said of the other side."""

    name: str
    counter_account: str
    remittance: str


class Persons:
    """Those whose accounts the city's bank was told; read once, where something asks."""

    @cached_property
    def accounts(self) -> list[tuple[Pseudonym, bank.BankAccount]]:
        sent = PaymentOrder.objects.filter(batch__state=BatchState.EXPORTED, person_creditor__isnull=False)
        found = PersonBankAccount.objects.filter(orders__in=sent).exclude(sealed=None).select_related("pseudonym")
        known = []
        for each in found.distinct().order_by("pk"):
            try:
                known.append((each.pseudonym, opened_account(each)))
            except Erased:
                continue
        return known

    def find(self, entry: StatementEntry) -> Pseudonym | None:
        for pseudonym, account in self.accounts:
            if entry.account == account.number or (not entry.account and entry.name == account.name):
                return pseudonym
        return None

    def redacted(self, text: str) -> str:
        """Without the names and numbers of any of them."""
        return redacted(text, self.accounts) if text else text


def redacted(text: str, accounts: Iterable[tuple[Pseudonym, bank.BankAccount]]) -> str:
    for pseudonym, account in accounts:
        text = text.replace(account.number, pseudonym.key).replace(account.name, pseudonym.key)
    return text


def redacted_for(order: PaymentOrder, text: str) -> str:
    """What a bank said of an order, without its payee's name and number where that is a person."""
    if order.pseudonym is None or not text:
        return text
    try:
        return redacted(text, [(order.pseudonym, creditor_of(order))])
    except Erased:
        return text


def columns_of(entry: StatementEntry, pseudonym: Pseudonym | None, key: str) -> dict[str, Any]:
    """Of the row that keeps the entry. What cannot be sealed any more, its person's records being destroyed, is left
    out."""
    told = {"name": entry.name, "counter_account": entry.account, "remittance": entry.remittance}
    if pseudonym is None:
        return told
    try:
        sealed = seal_for(pseudonym, _sealed_as(key), told)
    except Erased:
        sealed = None
    return dict.fromkeys(told, "") | {"pseudonym": pseudonym, "sealed": sealed}


def told_of(entry: BankEntry, key: str) -> Told:
    """Whoever asks must have looked at who may read it. Empty where it was erased."""
    if entry.pseudonym is None:
        return Told(entry.name, entry.counter_account, entry.remittance)
    try:
        return Told(**open_for(entry.pseudonym, _sealed_as(key), entry.sealed))
    except Erased:
        return Told("", "", "")


def _sealed_as(key: str) -> str:
    return f"bank-entry:{key}"
