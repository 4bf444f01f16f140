"""A person applies for a programme that is for persons: decided with what they entered and had proven of themselves.

The application stands under their pseudonym. Their name, the facts the decision saw and its explanation are sealed with
it: for the person, and for the operator who signed in, as long as it is not erased; the auditor sees the pseudonym and
amounts, the public notice the masked name. Everything after it (sharing, notice, objections, award, grant) is what
organisations' applications go through (`rounds`, `grants`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, InputError, NotAllowed, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.awards.applications import check_call, check_room, claimed_by, locked_pot
from siwei.exchange.awards.held_awards import Room, room_of_person
from siwei.exchange.facts.aggregates import read_attributes
from siwei.exchange.facts.decisions import plain_fact
from siwei.exchange.facts.person_facts import person_values, require_oneself
from siwei.exchange.models import Application, Pot, Pseudonym
from siwei.exchange.people.consents import PERSON_AWARD, PERSON_FACTS, hold_consent
from siwei.exchange.people.pseudonyms import (
    acting,
    commit_for,
    find_or_make_pseudonym,
    masked,
    open_for,
    own_word,
    pseudonym_of,
    seal_for,
)
from siwei.exchange.people.vault import Erased
from siwei.exchange.state_words import word_zh
from siwei.market.bank import exact_yuan
from siwei.policy import Explanation, FactValue, Programme, Verdict, explain
from siwei.policy.programmes import Kind
from siwei.policy.stacking import Stacking

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Claimable:
    """What the person who asks may claim now, and why not more: `most_fen` is what is left of it."""

    explanation: Explanation
    facts: Mapping[str, FactValue]
    room: Room
    claimed_fen: int

    @property
    def most_fen(self) -> int:
        return max(0, (self.room.most_fen or 0) - self.claimed_fen)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a person's application says."""

    name: str
    as_of: str
    version_sha256: str
    inputs: Mapping[str, Any]
    result: Mapping[str, Any]


@action
def apply_as_person(
    programme: Programme,
    pot: Pot,
    *,
    name: str,
    claim_fen: int,
    attributes: Mapping[str, Attribute],
    stacking: Stacking,
    as_of: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> Application:
    """Have `programme` decided for the person who acts and claim at most its award from its pot, in their legal name.

    `Conflict` without their consents, outside the window, for a draft, where the decision (or what the rules leave
    beside what they hold) is less; InputError for a name that is none.
    """
    person_id = require_oneself(actor, Said("apply for an award of oneself", "为本人申报扶持"))
    check_subject(programme)
    if not hold_consent(person_id, PERSON_FACTS) or not hold_consent(person_id, PERSON_AWARD):
        raise Conflict(
            "no consent to apply for awards of yourself stands → give both first; they can be withdrawn",
            "没有关于本人情况和领取扶持的有效同意 → 请先同意这两项，均可撤回",
        )
    pseudonym = find_or_make_pseudonym(person_id, now)
    told = {"programme": programme.id, "pot": str(pot.pk), "claim_fen": claim_fen, "name": name}
    content, key = {"commitment": commit_for(pseudonym, told)}, own_word(pseudonym, "pa", idempotency_key)
    if repeated("apply_as_person", key, content):
        return Application.objects.get(key=key)
    # As organisations do: a second application at the same moment waits, and then sees the first.
    Pseudonym.objects.select_for_update(no_key=True).get(pk=pseudonym.pk)
    pot = locked_pot(pot)
    check_call(programme, pot, as_of)
    if problems := name_problems(name):
        raise InputError(problems)
    found = claimable(programme, pot, stacking=stacking, as_of=as_of, attributes=attributes, actor=actor)
    if found.explanation.verdict != Verdict.ELIGIBLE or found.explanation.award.award_fen is None:
        verdict = found.explanation.verdict
        raise Conflict(
            f"{programme.id} is {verdict} for you: nothing to apply for",
            f"{programme.id} 对您的判定是“{word_zh(verdict)}”：没有可申领的",
        )
    if type(claim_fen) is not int or claim_fen <= 0:
        told_claim = Said(f"a claim of {exact_yuan(claim_fen)}", f"申领 {exact_yuan(claim_fen)}")
        raise InputError([Problem(told_claim, Said("a positive amount", "请填正数金额"), field="claim")])
    check_room(found.room, programme, found.claimed_fen, claim_fen)
    kept = {
        "name": name.strip(), "as_of": as_of.isoformat(), "version_sha256": programme.sha256,
        "inputs": {each: plain_fact(fact) for each, fact in sorted(found.facts.items())},
        "result": found.explanation.to_dict(),
    }  # fmt: skip
    application = Application.objects.create(
        key=key, pseudonym=pseudonym, pot=pot, claim_fen=claim_fen, applied_at=now,
        sealed=seal_for(pseudonym, _sealed_as(key), kept),
    )  # fmt: skip
    record_event(
        "apply_as_person", key, content, subject=f"application:{key}", actor=acting(pseudonym), now=now,
        payload={"programme": pot.programme, "claim_fen": claim_fen},
    )  # fmt: skip
    return application


def claimable(
    programme: Programme,
    pot: Pot,
    *,
    stacking: Stacking,
    as_of: date,
    attributes: Mapping[str, Attribute],
    actor: Actor,
) -> Claimable:
    """Kept nowhere. Raises InputError for a programme that is not for persons."""
    check_subject(programme)
    known = person_values(as_of, attributes, actor=actor)
    names = {*programme.attributes, *programme.pot_attributes}
    facts = {name: fact for name, fact in known.items() if name in names}
    read = {name: fact for name, fact in facts.items() if name in programme.attributes}
    explanation = explain(programme, read, as_of, read_attributes(programme, attributes))
    award = explanation.award.award_fen if explanation.verdict == Verdict.ELIGIBLE else 0
    pseudonym = pseudonym_of(actor.person_id)
    room = room_of_person(
        programme, pot, pseudonym, award or 0, known, stacking=stacking, as_of=as_of, attributes=attributes
    )
    claimed = claimed_by(pot, pseudonym) if pseudonym is not None else 0
    return Claimable(explanation, facts, room, claimed)


def open_application(application: Application, actor: Actor) -> Opened:
    """For the person, and for the operator who signed in. Raises NotAllowed for anybody else, Erased."""
    pseudonym = application.pseudonym
    assert pseudonym is not None
    own = actor.person_id is not None and pseudonym.person_id == actor.person_id
    if actor.by_key or not (own or actor.is_operator):
        raise NotAllowed(
            f"{actor.name} may not read what goes with {application.key} → it is the person's own",
            f"{actor.name} 不能查看 {application.key} 所附内容 → 属申请人本人",
        )
    if pseudonym.kept_until is not None:
        raise Erased(
            f"the person of {application.key} withdrew their consent: it is kept, and put to no use",
            f"{application.key} 的申请人已撤回同意：依规留存，不作他用",
        )
    return _opened(application, pseudonym)


def shown_name(application: Application) -> str:
    """As anybody may read it: an organisation's name, of a person the masked one; empty once it was erased."""
    if application.organisation is not None:
        return application.organisation.name
    pseudonym = application.pseudonym
    assert pseudonym is not None
    if application.sealed is None or pseudonym.secret is None or pseudonym.kept_until is not None:
        return ""
    return masked(_opened(application, pseudonym).name)


def inputs_of(application: Application) -> Mapping[str, Any]:
    """The facts that the application's decision saw, for code that shares a pot. Raises Erased."""
    if application.decision is not None:
        inputs: Mapping[str, Any] = application.decision.inputs
        return inputs
    return opened_within(application).inputs


def opened_within(application: Application) -> Opened:
    """For code that weighs a person's claim anew, and shows nothing of it. Raises Erased."""
    assert application.pseudonym is not None
    return _opened(application, application.pseudonym)


def sealed_again(application: Application, key: str) -> bytes:
    """What a person's application says, sealed for another one of theirs under `key`. Raises Erased."""
    assert application.pseudonym is not None
    return seal_for(application.pseudonym, _sealed_as(key), asdict(opened_within(application)))


def check_subject(programme: Programme) -> None:
    if programme.applies_to != "person":
        message = Said(
            f"{programme.id} is for a {programme.applies_to}, not for a person",
            f"{programme.id} 面向{word_zh(programme.applies_to)}，不面向个人",
        )
        fix = Said("name a programme for persons", "请选择面向个人的政策")
        raise InputError([Problem(message, fix, field="programme")])
    if programme.kind is Kind.VOUCHER:
        raise Conflict(
            f"{programme.id} gives vouchers, which only organisations spend", f"{programme.id} 发放的是券，只有机构可用"
        )


def name_problems(name: str) -> list[Problem]:
    if 0 < len(name.strip()) <= LONGEST_NAME and name.isprintable():
        return []
    fix = Said(
        f"your name as on your identity document, 1 to {LONGEST_NAME} characters",
        f"请按身份证件填写姓名，1 至 {LONGEST_NAME} 个字",
    )
    return [Problem(Said("this is not a name", "这不是姓名"), fix, field="name")]


def _opened(application: Application, pseudonym: Pseudonym) -> Opened:
    return Opened(**open_for(pseudonym, _sealed_as(application.key), application.sealed))


def _sealed_as(key: str) -> str:
    return f"application:{key}"
