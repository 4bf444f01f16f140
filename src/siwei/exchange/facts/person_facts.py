"""What a person declares of themselves, and programmes for persons decided with it and with what was proven of it
(`siwei.exchange.facts.person_proofs`): for that person alone.

Nothing is kept before the person consented (`siwei.exchange.people.consents`, purpose `person-facts`), and withdrawing
the consent erases it. Values are in the vault; events say that something was declared or decided, never what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, InputError, Problem, Said, chinese_of
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.aggregates import read_attributes
from siwei.exchange.facts.decisions import fact_from_plain, plain_fact
from siwei.exchange.facts.declared import Declaration, check_declarations
from siwei.exchange.facts.subjects import best_values, of_subject
from siwei.exchange.models import FactStatus, PersonDecision, PersonFact
from siwei.exchange.people.consents import PERSON_FACTS, hold_consent
from siwei.exchange.people.vault import Erased, commit, find_key, find_or_make_key, seal, unseal
from siwei.exchange.state_words import word_zh
from siwei.policy import Explanation, FactValue, Programme, explain

OWN_WORD = "declared by the person"
"""The source of everything a person declares of themselves."""


def require_oneself(actor: Actor, what: str) -> int:
    """For a person who signed in: no program acts on what is nobody else's to know."""
    require(
        actor.person_id is not None and not actor.by_key,
        actor,
        Said(f"{what} → sign in yourself", f"{chinese_of(what)} → 请本人登录"),
    )
    assert actor.person_id is not None
    return actor.person_id


@action
def declare_person_facts(
    values: Mapping[str, Declaration],
    *,
    attributes: Mapping[str, Attribute],
    valid_from: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> int:
    """Enter what the person who acts declares of themselves, each value (by attribute) as a new fact; returns how many.
    `Conflict` without their consent; InputError with every problem. The same key again enters nothing more."""
    person_id = require_oneself(actor, Said("declare facts of oneself", "申报本人情况"))
    _require_consent(person_id)
    key = find_or_make_key(person_id, now)
    told = {name: [each.value, each.evidence] for name, each in values.items()}
    content = {"commitment": commit(key, {"valid_from": valid_from, "values": told})}
    if repeated("declare_person_facts", idempotency_key, content):
        return len(values)
    if problems := check_declarations(values, attributes, "person"):
        raise InputError(problems)
    for name, each in sorted(values.items()):
        PersonFact.objects.create(
            person_id=person_id, attribute=name, valid_from=valid_from, known_at=now,
            sealed=seal(key, fact_name(name), {"value": each.value, "evidence": each.evidence}),
        )  # fmt: skip
    record_event(
        "declare_person_facts",
        idempotency_key,
        content,
        subject=f"person:{actor.name}",
        actor=actor,
        now=now,
        payload={"facts": len(values)},
    )
    return len(values)


def person_values(as_of: date, attributes: Mapping[str, Attribute], *, actor: Actor) -> dict[str, FactValue]:
    """What is known of the person who asks on the day, the best of each attribute: declared, or proven."""
    person_id = require_oneself(actor, Said("read facts of oneself", "查看本人情况"))
    key = find_key(person_id)
    if key is None:
        return {}
    known = of_subject(attributes, "person")
    mine = PersonFact.objects.visible_to(actor).filter(attribute__in=list(known), valid_from__lte=as_of)
    return best_values((open_fact(fact, key) for fact in mine), known)


@dataclass(frozen=True, slots=True)
class OpenedFact:
    """A person's fact as `best_values` takes facts."""

    attribute: str
    value: str
    source_ref: str
    valid_from: date | None
    known_at: datetime
    pk: int
    source: str
    status: int


def open_fact(fact: PersonFact, key: bytes) -> OpenedFact:
    """What one of a person's facts says. Whoever asks must have looked at who may read it."""
    told = unseal(key, fact_name(fact.attribute), bytes(fact.sealed))
    status, source = told.get("status", int(FactStatus.DECLARED)), told.get("source", OWN_WORD)
    return OpenedFact(
        fact.attribute, told["value"], told["evidence"], fact.valid_from, fact.known_at, fact.pk, source, status
    )


def explain_for_person(
    programme: Programme, as_of: date, attributes: Mapping[str, Attribute], *, actor: Actor
) -> Explanation:
    """A programme decided for the person who asks, with the nearest change that would make a no a yes. Kept nowhere.
    Raises InputError for a programme that is not for persons."""
    _check_subject(programme)
    facts = _read_by(programme, person_values(as_of, attributes, actor=actor))
    return explain(programme, facts, as_of, read_attributes(programme, attributes), with_nearest=True)


@action
def record_person_decision(
    programme: Programme,
    *,
    as_of: date,
    attributes: Mapping[str, Attribute],
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> PersonDecision:
    """Decide `programme` for the person who acts and keep it, sealed, so that they can show later what was decided on
    what. `Conflict` without their consent."""
    person_id = require_oneself(actor, Said("record decisions of oneself", "留存本人的判定"))
    _check_subject(programme)
    _require_consent(person_id)
    key = find_or_make_key(person_id, now)
    content = {"commitment": commit(key, {"programme": programme.id, "as_of": as_of})}
    if repeated("record_person_decision", idempotency_key, content):
        return PersonDecision.objects.get(key=idempotency_key)
    facts = _read_by(programme, person_values(as_of, attributes, actor=actor))
    explanation = explain(programme, facts, as_of, read_attributes(programme, attributes))
    kept = {
        "inputs": {name: plain_fact(fact) for name, fact in sorted(facts.items())},
        "result": explanation.to_dict(),
    }
    made = PersonDecision.objects.create(
        key=idempotency_key, person_id=person_id, programme=programme.id, version_sha256=programme.sha256, as_of=as_of,
        decided_at=now, commitment=commit(key, kept), sealed=seal(key, _decision(idempotency_key), kept),
    )  # fmt: skip
    record_event(
        "record_person_decision", idempotency_key, content, subject=f"person:{actor.name}", actor=actor, now=now
    )
    return made


def read_person_decision(decision: PersonDecision) -> dict[str, Any]:
    """`inputs` and `result` as they were kept. Raises Erased; Conflict where they are not what was committed to."""
    key = find_key(decision.person_id)
    if decision.sealed is None or key is None:
        raise Erased(f"{decision.key} was erased: the person withdrew their consent")
    kept = unseal(key, _decision(decision.key), bytes(decision.sealed))
    if commit(key, kept) != decision.commitment:
        raise Conflict(f"{decision.key} is not what was committed to", f"{decision.key} 与当时的承诺不符")
    return kept


def replay_person_decision(
    decision: PersonDecision, programme: Programme, attributes: Mapping[str, Attribute]
) -> Explanation:
    """Decide again from the kept inputs. Raises Erased; Conflict where the text is another version or the result
    differs."""
    if programme.sha256 != decision.version_sha256:
        raise Conflict(
            f"{decision.key} was made by another version of {decision.programme} → replay it with that text",
            f"{decision.key} 由 {decision.programme} 的另一版本作出 → 请用那份文本重放",
        )
    kept, known = read_person_decision(decision), read_attributes(programme, attributes)
    facts = {name: fact_from_plain(known[name], fact) for name, fact in kept["inputs"].items()}
    explanation = explain(programme, facts, decision.as_of, known)
    if explanation.to_dict() != kept["result"]:
        raise Conflict(
            f"{decision.key} does not replay: the rules' own code decides differently now",
            f"{decision.key} 重放不一致：规则代码现在得出不同结果",
        )
    return explanation


def _check_subject(programme: Programme) -> None:
    if programme.applies_to != "person":
        message = Said(
            f"{programme.id} is for a {programme.applies_to}, not for a person",
            f"{programme.id} 面向{word_zh(programme.applies_to)}，不面向个人",
        )
        raise InputError(
            [Problem(message, Said("name a programme for persons", "请指定面向个人的政策"), field="programme")]
        )


def _require_consent(person_id: int) -> None:
    if not hold_consent(person_id, PERSON_FACTS):
        raise Conflict(
            "no consent to keep facts of yourself stands → give it first; it can be withdrawn at any time",
            "没有留存本人情况的有效同意 → 请先同意；可随时撤回",
        )


def _read_by(programme: Programme, facts: Mapping[str, FactValue]) -> dict[str, FactValue]:
    return {name: fact for name, fact in facts.items() if name in programme.attributes}


def fact_name(attribute: str) -> str:
    return f"fact:{attribute}"


def _decision(key: str) -> str:
    return f"decision:{key}"
