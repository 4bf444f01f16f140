"""What people are asked to consent to, per purpose (PIPL articles 13 to 16). A changed text is another text."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from siwei.errors import Conflict, InputError, NotFound, Problem
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import Consent, Person


@dataclass(frozen=True, slots=True)
class Purpose:
    """`is_needed`: there is no account without it; the others are free, and refusing them costs nothing."""

    id: str
    is_needed: bool
    zh: str
    en: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.id}\n{self.zh}\n{self.en}".encode()).hexdigest()


PURPOSES = (
    Purpose(
        "account",
        True,
        "为提供账号与代表机构办事：保存用户名、密码的摘要、登录与操作记录，以及认领机构时填写的经办人姓名和联系方式。"
        "操作记录长期留存，供当事机构、运营方和审计方查阅。",
        "To give you an account and let you act for organisations: we keep your user name, a hash of your password, a "
        "record of sign-ins and acts, and the name and contact you give when you claim an organisation. The record of "
        "acts stays, and is read by the organisations concerned, the operator and the auditor.",
    ),
    Purpose(
        "contact",
        False,
        "为就匹配、征集和到期提醒与您联系：使用您填写的联系方式。可以不同意，也可随时撤回。",
        "To contact you about matches, calls and deadlines, by the contact you give. You may refuse, and withdraw at "
        "any time.",
    ),
)


def check_consents(given: Collection[str]) -> None:
    known = {purpose.id for purpose in PURPOSES}
    missing = [purpose.id for purpose in PURPOSES if purpose.is_needed and purpose.id not in given]
    problems = [Problem(f"no purpose {each!r}", "one of those shown", field="consents") for each in set(given) - known]
    problems += [Problem(f"consent to {each!r} is missing", "without it there is no account", field="consents")
                 for each in missing]  # fmt: skip
    if problems:
        raise InputError(problems)


def record_consents(person: Person, given: Collection[str], now: datetime) -> None:
    """Part of the action that makes the account."""
    check_consents(given)
    for purpose in PURPOSES:
        if purpose.id in given:
            Consent.objects.get_or_create(
                person=person,
                purpose=purpose.id,
                withdrawn_at=None,
                defaults={"text_sha256": purpose.sha256, "given_at": now},
            )


@action
def withdraw_consent(purpose: str, *, actor: Actor, now: datetime) -> Consent:
    """For the person alone. What an account needs is withdrawn by closing it, which the operator does on request."""
    require(actor.person_id is not None, actor, "withdraw a consent nobody gave")
    consent = Consent.objects.filter(person__pk=actor.person_id or 0, purpose=purpose, withdrawn_at=None).first()
    if consent is None:
        raise NotFound(f"no consent to {purpose!r} stands")
    if any(each.is_needed for each in PURPOSES if each.id == purpose):
        raise Conflict(f"an account needs the consent to {purpose!r} → ask the operator to close the account")
    Consent.objects.filter(pk=consent.pk).update(withdrawn_at=now)
    record_event(
        "withdraw_consent",
        f"{consent.pk}",
        {},
        subject=f"person:{consent.person.username}",
        actor=actor,
        now=now,
        payload={"purpose": purpose},
    )
    consent.refresh_from_db()
    return consent
