"""Claiming an organisation (认领): a named representative (经办人) asks with evidence, the operator decides.

Nothing here tells a claimant whether anybody represents the organisation already.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from siwei.city.firms.codes import check_codes
from siwei.errors import Conflict, InputError, NotFound, Problem, Said
from siwei.exchange.access import can_operate, require
from siwei.exchange.actors import Actor, Role
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.files import PAPERS, store_file
from siwei.exchange.models import Claim, ClaimState, Organisation, Person
from siwei.exchange.parties import find_organisation
from siwei.exchange.people.mandates import confirm_grant, has_owner, is_same_person, lock_people_of, set_mandate
from siwei.exchange.state_words import word_zh


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a claimant says and shows; `content` is the file's bytes, or None for a note alone."""

    code: str
    representative_name: str
    contact: str
    note: str = ""
    file_name: str = ""
    content: bytes | None = None


@action
def claim_organisation(
    organisation: str, evidence: Evidence, *, directory: Path, actor: Actor, now: datetime, idempotency_key: str
) -> Claim:
    """Ask to represent an organisation. The same person's open claim on it is there once."""
    require(
        actor.person_id is not None and not actor.by_key,
        actor,
        Said("claim an organisation without signing in", "在未登录时认领机构"),
    )
    owner = find_organisation(organisation)
    if actor.represents(owner.pk):
        raise Conflict(f"you represent {owner.name} already", f"您已是 {owner.name} 的经办人")
    code = _checked(evidence, owner)
    person = Person.objects.get(pk=actor.person_id)
    content = {
        "organisation": organisation,
        "code": code,
        "name": evidence.representative_name,
        "contact": evidence.contact,
    }
    if repeated("claim_organisation", idempotency_key, content):
        return Claim.objects.get(key=idempotency_key)
    if Claim.objects.filter(person=person, organisation=owner, state=ClaimState.ASKED).exists():
        raise Conflict(
            f"your claim on {owner.name} waits for the operator already → withdraw it to send another",
            f"您对 {owner.name} 的认领已在等待运营方 → 撤回后才能再提交",
        )
    stored = None
    if evidence.content is not None:
        stored = store_file(
            io.BytesIO(evidence.content), evidence.file_name, directory=directory, person=person, now=now, kinds=PAPERS
        )  # fmt: skip
    claim = Claim.objects.create(
        key=idempotency_key,
        person=person,
        organisation=owner,
        code=code,
        representative_name=evidence.representative_name.strip(),
        contact=evidence.contact.strip(),
        note=evidence.note.strip(),
        file=stored,
        asked_at=now,
    )
    # Not an event of the organisation's: its people learn of nobody's asking.
    _record(
        "claim_organisation",
        idempotency_key,
        content,
        claim,
        actor,
        now,
        told={"file": stored.sha256} if stored else {},
    )
    return claim


@action
def decide_claim(
    key: str, *, approve: bool, because: str, role: Role | None = None, actor: Actor, now: datetime
) -> Claim:
    """Approve or refuse. The first representative becomes owner; a later one what `role` says (default member). For the
    operator, who decides on nobody's own behalf."""
    require(can_operate(actor), actor, Said("decide claims", "决定认领"))
    claim = _open_claim(key, ClaimState.APPROVED if approve else ClaimState.REFUSED)
    if claim.state != ClaimState.ASKED:
        return claim
    if is_same_person(claim.person_id, actor.person_id):
        raise Conflict(
            "this is your own claim → another operator decides it", "这是您自己的认领 → 由另一位运营人员决定"
        )
    if not because.strip():
        raise InputError(
            [
                Problem(
                    Said("a decision needs its reason", "决定须说明理由"),
                    Said("one sentence: it is sent to the claimant", "一句话：会发给认领人"),
                    field="because",
                )
            ]
        )
    lock_people_of(claim.organisation)
    granted = (role or Role.MEMBER) if has_owner(claim.organisation) else Role.OWNER
    if approve:
        confirm_grant(granted, actor)
    state = ClaimState.APPROVED if approve else ClaimState.REFUSED
    Claim.objects.filter(pk=claim.pk, state=ClaimState.ASKED).update(
        state=state, reason=because.strip()[:1_000], decided_at=now, decided_by_id=actor.person_id
    )
    if approve:
        set_mandate(
            claim.person, claim.organisation, granted, now, name=claim.representative_name, contact=claim.contact
        )
    told = {"because": because.strip()[:1_000], "person": claim.person.username}
    told |= {"role": str(granted)} if approve else {}
    name = "approve_claim" if approve else "refuse_claim"
    _record(name, key, {}, claim, actor, now, told=told, organisations=[claim.organisation] if approve else [])
    claim.refresh_from_db()
    return claim


@action
def withdraw_claim(key: str, *, actor: Actor, now: datetime) -> Claim:
    claim = _open_claim(key, ClaimState.WITHDRAWN, person_id=actor.person_id)
    if claim.state == ClaimState.ASKED:
        Claim.objects.filter(pk=claim.pk).update(state=ClaimState.WITHDRAWN, decided_at=now)
        _record("withdraw_claim", key, {}, claim, actor, now, told={})
        claim.refresh_from_db()
    return claim


def _open_claim(key: str, wanted: ClaimState, **whose: int | None) -> Claim:
    """The claim, open or already what it is wanted to become."""
    claim = Claim.objects.select_for_update().filter(key=key, **whose).first()
    if claim is None:
        raise NotFound(f"no claim {key!r}", f"没有认领 {key!r}")
    if claim.state not in (ClaimState.ASKED, wanted):
        raise Conflict(f"this claim is {claim.state} already", f"该认领已处于“{word_zh(claim.state)}”")
    return claim


def _checked(evidence: Evidence, owner: Organisation) -> str:
    problems: list[Problem] = []
    checked = check_codes(pl.Series([evidence.code.strip()[:40]], dtype=pl.String))["code"].to_list()[0]
    if checked is None:
        problems.append(
            Problem(
                Said("this code does not check", "该代码校验不通过"),
                Said("copy its 18 characters from the licence", "请照执照抄写 18 位"),
                field="code",
            )
        )
    elif owner.code is not None and owner.code != checked:
        problems.append(
            Problem(
                Said("this is not the organisation's code", "这不是该机构的代码"),
                Said("compare it with the licence", "请与执照核对"),
                field="code",
            )
        )
    if not 0 < len(evidence.representative_name.strip()) <= 80:
        problems.append(
            Problem(
                Said("the representative needs a name", "须填经办人姓名"),
                Said("1 to 80 characters", "1 至 80 个字符"),
                field="representative_name",
            )
        )
    if not 0 < len(evidence.contact.strip()) <= 120:
        problems.append(
            Problem(
                Said("a contact is needed", "须填联系方式"),
                Said("telephone or e-mail, 120 characters at most", "电话或电子邮箱，不超过 120 个字符"),
                field="contact",
            )
        )
    if len(evidence.note) > 2_000:
        problems.append(
            Problem(
                Said("the note is too long", "备注过长"),
                Said("2,000 characters at most", "不超过 2,000 个字符"),
                field="note",
            )
        )
    if evidence.content is None and not evidence.note.strip():
        problems.append(
            Problem(
                Said("evidence is needed", "须有证明材料"),
                Said("add the licence as a file, or say where it is", "请上传执照文件，或说明何处可查"),
                field="file",
            )
        )
    if problems:
        raise InputError(problems)
    return str(checked)


def _record(
    name: str,
    key: str,
    content: dict[str, str],
    claim: Claim,
    actor: Actor,
    now: datetime,
    *,
    told: dict[str, str],
    organisations: list[Organisation] | None = None,
) -> None:
    record_event(
        name,
        key,
        content,
        subject=f"organisation:{claim.organisation.key}",
        actor=actor,
        now=now,
        organisations=organisations or [],
        payload={"claim": claim.key, **told},
    )
