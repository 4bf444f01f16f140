"""Where money is paid to and from: bank accounts, checked, entered by whoever keeps that money, never overwritten."""

from datetime import datetime

import polars as pl

from siwei.city.firms.names import normalise_names
from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.models import BankAccount, Organisation
from siwei.exchange.models.payments import CITY
from siwei.exchange.parties import find_organisation
from siwei.market import bank
from siwei.market.bank.orders import account_number, check_account


@money_action
def enter_bank_account(
    organisation: str | None,
    account: bank.BankAccount,
    *,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> BankAccount:
    """Say where an organisation is paid, and pays from; None is the city's own. The one before ends.

    For whoever keeps the organisation's money; the city's, for the operator. The account must be in the organisation's
    own name. Open batches that pay to the one before can neither be approved nor exported any more.
    """
    owner = find_organisation(organisation) if organisation is not None else None
    allowed = can_commit_money_for(actor, owner.pk) if owner else can_operate(actor)
    require(
        allowed,
        actor,
        Said(
            f"enter a bank account of {owner.name if owner else 'the city'}",
            f"录入{owner.name if owner else '本市'}的银行账户",
        ),
    )
    account = cleaned(account)
    content = {
        "organisation": organisation, "name": account.name, "number": account.number, "bank_code": account.bank_code,
        "bank_name": account.bank_name,
    }  # fmt: skip
    if repeated("enter_bank_account", idempotency_key, content):
        return BankAccount.objects.get(key=idempotency_key)
    _check(account, owner)
    holder = owner.key if owner else CITY
    before = BankAccount.objects.filter(holder=holder, ended_at=None).first()
    if before is not None and as_bank_account(before) == account:
        raise Conflict(f"{before.masked} is the account already", f"账户本来就是 {before.masked}")
    BankAccount.objects.filter(holder=holder, ended_at=None).update(ended_at=now)
    made = BankAccount.objects.create(
        key=idempotency_key, holder=holder, organisation=owner, name=account.name, number=account.number,
        bank_code=account.bank_code, bank_name=account.bank_name, entered_by_id=actor.person_id, entered_at=now,
    )  # fmt: skip
    record_event(
        "enter_bank_account", idempotency_key, content, subject=f"bank_account:{holder}", actor=actor, now=now,
        organisations=[owner] if owner else [],
        # Everybody of the organisation reads its events; the whole number is for whoever keeps its money.
        payload={"account": made.masked, "before": before.masked if before else ""},
    )  # fmt: skip
    return made


def account_of(holder: Organisation | None) -> BankAccount | None:
    """The account of an organisation, or the city's, as it stands."""
    return BankAccount.objects.filter(holder=holder.key if holder else CITY, ended_at=None).first()


def as_bank_account(row: BankAccount) -> bank.BankAccount:
    return bank.BankAccount(row.name, row.number, row.bank_code, row.bank_name)


def normalised(name: str) -> str:
    """Two spellings of one name alike, as organisations are told apart."""
    return str(normalise_names(pl.Series([name], dtype=pl.String)).item())


def cleaned(account: bank.BankAccount) -> bank.BankAccount:
    return bank.BankAccount(
        account.name.strip(), account_number(account.number), account_number(account.bank_code),
        account.bank_name.strip(),
    )  # fmt: skip


def _check(account: bank.BankAccount, owner: Organisation | None) -> None:
    problems = check_account(account)
    if owner is not None and account.name and normalised(account.name) != owner.name_normalised:
        fix = Said(f"the account's name must be {owner.name}, as registered", f"户名须与登记的 {owner.name} 一致")
        problems.append(Problem(Said("the account is in another name", "账户户名是别人的"), fix, field="name"))
    if problems:
        raise InputError(problems)
