"""Where a person is paid: given by themselves, sealed, opened for the file that goes to the bank and nowhere else."""

from datetime import datetime

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.awards.person_awards import open_application
from siwei.exchange.facts.person_facts import require_oneself
from siwei.exchange.models import Application, ApplicationState, PersonBankAccount, Pseudonym
from siwei.exchange.payments.bank_accounts import cleaned
from siwei.exchange.people.pseudonyms import (
    acting,
    commit_for,
    find_or_make_pseudonym,
    open_for,
    own_word,
    pseudonym_of,
    seal_for,
)
from siwei.exchange.people.vault import Erased
from siwei.market import bank
from siwei.market.bank.orders import check_account


@money_action
def enter_person_account(
    account: bank.BankAccount, *, actor: Actor, now: datetime, idempotency_key: str
) -> PersonBankAccount:
    """Say where the person who acts is paid. The account before ends: open batches that pay to it can neither be
    approved nor exported any more. `Conflict` without their consent, or where nothing is awarded to them; the account
    must be in the name they applied in."""
    person_id = require_oneself(actor, Said("enter a bank account of oneself", "录入本人的银行账户"))
    pseudonym = find_or_make_pseudonym(person_id, now)
    account = cleaned(account)
    told = {
        "name": account.name, "number": account.number, "bank_code": account.bank_code, "bank_name": account.bank_name,
    }  # fmt: skip
    content, key = {"commitment": commit_for(pseudonym, told)}, own_word(pseudonym, "pb", idempotency_key)
    if repeated("enter_person_account", key, content):
        return PersonBankAccount.objects.get(key=key)
    Pseudonym.objects.select_for_update().get(pk=pseudonym.pk)
    _check(account, pseudonym, actor)
    standing = PersonBankAccount.objects.filter(pseudonym=pseudonym, ended_at=None)
    before = standing.first()
    if before is not None and opened_account(before) == account:
        raise Conflict("this is your account already", "这已是您的收款账户")
    standing.update(ended_at=now)
    # Nothing was ever to be paid to it: then nobody needs to know it any more.
    PersonBankAccount.objects.filter(pseudonym=pseudonym, orders=None).exclude(ended_at=None).update(sealed=None)
    made = PersonBankAccount.objects.create(
        key=key, pseudonym=pseudonym, entered_at=now, sealed=seal_for(pseudonym, _sealed_as(key), told)
    )
    record_event(
        "enter_person_account", key, content, subject=f"bank_account:{pseudonym.key}", actor=acting(pseudonym), now=now
    )
    return made


def opened_account(account: PersonBankAccount) -> bank.BankAccount:
    """Raises Erased. Whoever asks must have looked at who may read it."""
    return bank.BankAccount(**open_for(account.pseudonym, _sealed_as(account.key), account.sealed))


def own_account(actor: Actor) -> bank.BankAccount | None:
    """As it stands, for the person who asks."""
    person_id = require_oneself(actor, Said("see a bank account of oneself", "查看本人的银行账户"))
    pseudonym = pseudonym_of(person_id)
    if pseudonym is None:
        return None
    found = PersonBankAccount.objects.filter(pseudonym=pseudonym, ended_at=None).select_related("pseudonym").first()
    return None if found is None else opened_account(found)


def _check(account: bank.BankAccount, pseudonym: Pseudonym, actor: Actor) -> None:
    problems = check_account(account)
    awarded = Application.objects.filter(pseudonym=pseudonym, state=ApplicationState.AWARDED)
    if not awarded.exists():
        raise Conflict(
            "nothing is awarded to you yet → say where to pay it once it is", "您尚未获得扶持 → 获得后再填写收款账户"
        )
    for application in awarded.exclude(sealed=None).select_related("pseudonym").order_by("-pk")[:1]:
        try:
            name = open_application(application, actor).name
        except Erased:
            continue
        if account.name and account.name != name:
            fix = Said("the account must be in the name you applied in", "账户须为申报时所填姓名")
            problems.append(Problem(Said("the account is in another name", "账户户名不符"), fix, field="name"))
    if problems:
        raise InputError(problems)


def _sealed_as(key: str) -> str:
    return f"bank-account:{key}"
