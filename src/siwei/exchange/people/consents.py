"""What people are asked to consent to, per purpose (PIPL articles 13 to 16). A changed text is another text."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.models import Consent, Person
from siwei.exchange.people.award_erasure import give_up_awards
from siwei.exchange.people.vault import erase, take_back_proofs


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


PERSON_FACTS = "person-facts"
"""The purpose under which facts of a person are kept; withdrawn, they are erased."""
PERSON_PROOF = "person-proof"
"""The purpose under which a person puts facts before the operator; withdrawn, the operator sees none any more."""
PERSON_AWARD = "person-award"
"""The purpose under which a person applies for awards and is paid; withdrawn, what was not yet decided is given up."""
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
    Purpose(
        PERSON_FACTS,
        False,
        "为按您自己填写的情况判定面向个人的政策（如个人所得税优惠、人才奖励）：加密保存您填写的数值、所附的证明文件及您要求留存的判定，"
        "只有您本人登录后可见，运营方和审计方也不可见，操作记录只写有过填写或判定，不写内容。可以不同意，也可随时撤回；"
        "撤回即删除全部内容和密钥。",
        "To decide programmes for persons (such as income-tax subsidies and awards for talent) with what you enter of "
        "yourself: we keep the values, the files you attach to them, and decisions you ask us to keep, encrypted; you "
        "alone see them after signing in, neither the operator nor the auditor does, and the record of acts says that "
        "something was entered or decided, never what. You may refuse, and withdraw at any time: everything is then "
        "deleted, with its key.",
    ),
    Purpose(
        PERSON_PROOF,
        False,
        "为核验您自己选定的情况：您逐项提交核验的数值及所附证明说明和文件，在核验完成或您撤回之前由运营方查看；核验结果加密保存，"
        "此后只有您本人可见，操作记录只写有过提交或核验，不写内容。可以不同意，也可随时撤回；撤回后运营方不再看到任何一项。",
        "To have facts of yourself proven that you choose one by one: the operator reads the value, the evidence you "
        "named and the files you attached to each until it has decided or you take it back; the result is kept "
        "encrypted, for you alone again, and the record of acts says that something was put forward or decided, never "
        "what. You may refuse, and withdraw at any time: the operator then sees none of them.",
    ),
    Purpose(
        PERSON_AWARD,
        False,
        "为申请面向个人的扶持并领取资金：加密保存您的姓名、申请所依据的判定和收款账户。经办的运营方登录后可见申请所附内容；公示只写姓氏、"
        "政策和金额；账务、操作记录和审计方只见代号；收款户名和账号在两人批准后写入交银行的付款文件。可以不同意，也可随时撤回：撤回后尚未"
        "授予的申请即行撤销，未交银行的内容即行删除；已交银行的付款记录依会计档案的规定留存，期间不作他用，期满销毁。",
        "To apply for awards for persons and be paid: we keep your name, the decision an application stands on, and "
        "your bank account, encrypted. The operator in charge reads what goes with an application, after signing in; "
        "the public notice says no more than the first character of your name, the programme and the amount; the "
        "ledger, the record of acts and the auditor know a pseudonym; name and account go into the file for the bank "
        "once two people approved. You may refuse, and withdraw at any time: applications that are not awarded are "
        "then taken back, and what has not gone to a bank is deleted; records of payments that went to a bank are kept "
        "as the law on accounting archives asks, put to no other use, and destroyed when that time is over.",
    ),
)


def check_consents(given: Collection[str]) -> None:
    known = {purpose.id for purpose in PURPOSES}
    missing = [purpose.id for purpose in PURPOSES if purpose.is_needed and purpose.id not in given]
    problems = [
        Problem(
            Said(f"no purpose {each!r}", f"没有用途 {each!r}"),
            Said("one of those shown", "请从所示用途中选"),
            field="consents",
        )
        for each in set(given) - known
    ]
    problems += [
        Problem(
            Said(f"consent to {each!r} is missing", f"缺少对 {each!r} 的同意"),
            Said("without it there is no account", "没有这项同意就不能开户"),
            field="consents",
        )
        for each in missing
    ]
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


def has_consented(person_id: int, purpose: str) -> bool:
    """Whether a consent stands, to the words as they are now."""
    return _standing(person_id, purpose).exists()


def hold_consent(person_id: int, purpose: str) -> bool:
    """The same within an action: on PostgreSQL a withdrawal waits until the action is done, and then erases what it
    wrote (on SQLite the transaction itself is the lock)."""
    return _standing(person_id, purpose).select_for_update().first() is not None


def _standing(person_id: int, purpose: str) -> "QuerySet[Consent]":
    words = next(each.sha256 for each in PURPOSES if each.id == purpose)
    return Consent.objects.filter(person_id=person_id, purpose=purpose, withdrawn_at=None, text_sha256=words)


@action
def give_consent(purpose: str, *, actor: Actor, now: datetime) -> Consent:
    """For the person alone, who signed in. Given again, it is the one that stands; to changed words it is another."""
    require(actor.person_id is not None and not actor.by_key, actor, Said("consent for anybody else", "代他人同意"))
    words = next((each for each in PURPOSES if each.id == purpose), None)
    if words is None:
        raise NotFound(f"no purpose {purpose!r} is asked for", f"没有征求过 {purpose!r} 用途的同意")
    person = Person.objects.get(pk=actor.person_id)
    standing = person.consents.filter(purpose=purpose, withdrawn_at=None)
    standing.exclude(text_sha256=words.sha256).update(withdrawn_at=now)
    given, is_new = standing.get_or_create(
        person=person, purpose=purpose, withdrawn_at=None, defaults={"text_sha256": words.sha256, "given_at": now}
    )
    if is_new:
        record_event(
            "give_consent", f"{given.pk}", {}, subject=f"person:{person.username}", actor=actor, now=now,
            payload={"purpose": purpose, "text_sha256": words.sha256},
        )  # fmt: skip
    return given


@action
def withdraw_consent(purpose: str, *, actor: Actor, now: datetime) -> Consent:
    """For the person alone; facts of the person are erased with the consent to keep them, and awards not decided yet
    given up with the consent to be paid (`siwei.exchange.people.award_erasure`). What an account needs is withdrawn by
    closing it, which the operator does on request."""
    require(
        actor.person_id is not None and not actor.by_key,
        actor,
        Said("withdraw a consent for anybody else", "代他人撤回同意"),
    )
    consent = Consent.objects.filter(person__pk=actor.person_id or 0, purpose=purpose, withdrawn_at=None).first()
    if consent is None:
        raise NotFound(f"no consent to {purpose!r} stands", f"没有有效的 {purpose!r} 同意")
    if any(each.is_needed for each in PURPOSES if each.id == purpose):
        raise Conflict(
            f"an account needs the consent to {purpose!r} → ask the operator to close the account",
            f"账号须有对 {purpose!r} 的同意 → 请运营方注销账号",
        )
    Consent.objects.filter(pk=consent.pk).update(withdrawn_at=now)
    if purpose == PERSON_PROOF:
        take_back_proofs(consent.person_id, now)
    if purpose == PERSON_AWARD:
        give_up_awards(consent.person_id, now)
    if purpose == PERSON_FACTS:
        erase(consent.person_id, now)
        Consent.objects.filter(person_id=consent.person_id, purpose=PERSON_PROOF, withdrawn_at=None).update(
            withdrawn_at=now
        )
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
