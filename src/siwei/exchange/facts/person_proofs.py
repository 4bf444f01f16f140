"""Facts of a person that the operator saw proven: put forward by the person one by one, sealed again when decided.

The operator reads a fact only while the person has put it forward (consent `person-proof`) and it is not decided.
The answer is a fact of its own, sealed under the person's key, so that erasing reaches it as it reaches the rest.
Events say that something was put forward or decided, never what.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import Conflict, InputError, NotAllowed, NotFound, Problem, Said, chinese_of
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.declared import EVIDENCE_CHARACTERS, SOURCE_LENGTH, reference_of
from siwei.exchange.facts.person_facts import OWN_WORD, OpenedFact, fact_name, open_fact, require_oneself
from siwei.exchange.facts.proofs import PROOFS
from siwei.exchange.models import FactStatus, PersonFact, PersonProof, ProofState
from siwei.exchange.parties import PROVEN_BY
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, hold_consent
from siwei.exchange.people.vault import commit, find_key, seal, unseal

REFUSED = "refused"
OUTCOMES = (*PROOFS, REFUSED)


@dataclass(frozen=True, slots=True)
class ShownProof:
    """A fact put forward, with what it says; `because` says why it was refused."""

    proof: PersonProof
    fact: OpenedFact
    because: str


@action
def ask_for_proof(attribute: str, *, actor: Actor, now: datetime, idempotency_key: str) -> PersonProof:
    """Put one's latest own word on `attribute` before the operator. `Conflict` without the consents, or where it waits
    already; NotFound where nothing was declared."""
    person_id = require_oneself(actor, Said("have facts of oneself proven", "请求核验本人情况"))
    # Held before the key is read: what was erased meanwhile, and consented to anew, has another.
    held = hold_consent(person_id, PERSON_FACTS) and hold_consent(person_id, PERSON_PROOF)
    key = find_key(person_id) if held else None
    if key is None:
        raise Conflict(
            "no consent to have facts of yourself proven stands → give it first; it can be withdrawn",
            "没有核验本人情况的有效同意 → 请先同意；可以撤回",
        )
    content = {"commitment": commit(key, {"attribute": attribute})}
    if repeated("ask_for_proof", idempotency_key, content):
        found = PersonProof.objects.filter(person_id=person_id, fact__attribute=attribute).order_by("-pk").first()
        if found is not None:
            return found
    mine = PersonFact.objects.filter(person_id=person_id, attribute=attribute).order_by(
        "-valid_from", "-known_at", "-pk"
    )
    fact = next((each for each in mine if open_fact(each, key).source == OWN_WORD), None)
    if fact is None:
        raise NotFound(
            f"nothing was declared of {attribute!r:.60} → enter it first, with what proves it",
            f"{attribute!r:.60} 尚未申报 → 请先填写，并附证明",
        )
    made, is_new = PersonProof.objects.get_or_create(
        fact=fact, state=ProofState.ASKED, defaults={"person_id": person_id, "asked_at": now}
    )
    if not is_new:
        raise Conflict(
            f"{attribute} waits to be proven already → take it back first, or wait",
            f"{attribute} 已在等待核验 → 请先撤回，或等待",
        )
    record_event("ask_for_proof", idempotency_key, content, subject=f"person:{actor.name}", actor=actor, now=now)
    return made


@action
def take_back_proof(number: int, *, actor: Actor, now: datetime) -> PersonProof:
    """The operator sees it no more. Taken back again, it is the same; `Conflict` once it was decided."""
    person_id = require_oneself(actor, Said("take back facts of oneself", "撤回本人情况"))
    proof = PersonProof.objects.filter(pk=number, person_id=person_id).first()
    if proof is None:
        raise NotFound(f"no proof {number} of yours waits", f"您没有等待中的核验 {number}")
    waiting = PersonProof.objects.filter(pk=number, state=ProofState.ASKED)
    if waiting.update(state=ProofState.WITHDRAWN, decided_at=now):
        record_event("take_back_proof", f"{number}", {}, subject=f"person:{actor.name}", actor=actor, now=now)
    proof.refresh_from_db()
    if proof.state != ProofState.WITHDRAWN:
        raise Conflict("it was decided already → nothing to take back", "已作决定 → 没有可撤回的")
    return proof


@action
def decide_proof(
    number: int, outcome: str, evidence: str, *, today: date, actor: Actor, now: datetime, idempotency_key: str
) -> PersonProof:
    """The operator's word on a fact put forward: `documented`, `verified` or `refused`, with what was looked at, or why
    not. Nobody decides their own. Raises InputError, NotFound where it waits no more."""
    require(
        actor.is_operator and not actor.by_key,
        actor,
        Said(
            "decide what is proven of a person → sign in as the operator", "决定个人情况是否核验通过 → 请以运营方登录"
        ),
    )
    proof = PersonProof.objects.select_related("person", "fact").filter(pk=number).first()
    # Held, so that a withdrawal at this moment waits, and then erases what is written here.
    held = proof is not None and hold_consent(proof.person_id, PERSON_FACTS)
    key = find_key(proof.person_id) if proof is not None and held else None
    if proof is None or key is None:
        raise NotFound(
            f"no proof {number} waits: it was decided, taken back or erased",
            f"没有等待中的核验 {number}：已决定、已撤回或已删除",
        )
    if proof.person_id == actor.person_id:
        raise NotAllowed(
            "it is your own fact → somebody else has to decide whether it is proven",
            "这是您本人的情况 → 须由他人决定是否核验通过",
        )
    content = {"commitment": commit(key, {"proof": number, "outcome": outcome, "evidence": evidence})}
    if repeated("decide_proof", idempotency_key, content):
        return proof
    if problems := list(_problems(outcome, evidence)):
        raise InputError(problems)
    state = ProofState.REFUSED if outcome == REFUSED else ProofState.PROVEN
    sealed = seal(key, proof_name(number), {"because": evidence.strip()}) if outcome == REFUSED else None
    waiting = PersonProof.objects.filter(pk=number, state=ProofState.ASKED)
    if not waiting.update(state=state, decided_at=now, sealed=sealed):
        raise NotFound(
            f"no proof {number} waits: it was decided, taken back or erased",
            f"没有等待中的核验 {number}：已决定、已撤回或已删除",
        )
    if outcome != REFUSED:
        _enter(proof.fact, key, PROOFS[outcome], evidence.strip(), today, actor, now)
    # By its number: which person it was of stands where the person can erase it.
    record_event("decide_proof", idempotency_key, content, subject=f"proof:{number}", actor=actor, now=now)
    proof.refresh_from_db()
    return proof


def _enter(
    fact: PersonFact, key: bytes, status: FactStatus, evidence: str, today: date, actor: Actor, now: datetime
) -> None:
    told = open_fact(fact, key)
    value = {
        "value": told.value, "evidence": reference_of(0, today, evidence), "status": int(status),
        "source": f"{PROVEN_BY}{actor.name}"[:SOURCE_LENGTH],
    }  # fmt: skip
    PersonFact.objects.create(
        person_id=fact.person_id, attribute=fact.attribute, valid_from=fact.valid_from, known_at=now,
        sealed=seal(key, fact_name(fact.attribute), value),
    )  # fmt: skip


def _problems(outcome: str, evidence: str) -> Iterable[Problem]:
    if outcome not in OUTCOMES:
        yield Problem(
            Said(f"{outcome!r:.40} is no outcome", f"{outcome!r:.40} 不是结果"),
            Said(f"one of {', '.join(OUTCOMES)}", f"{'、'.join(OUTCOMES)} 之一"),
            field="outcome",
        )
    if not 0 < len(evidence.strip()) <= EVIDENCE_CHARACTERS or not evidence.isprintable():
        what = (
            Said("why it is refused", "为何拒绝")
            if outcome == REFUSED
            else Said("which paper or register was looked at", "看过哪份材料或登记")
        )
        yield Problem(
            Said(f"say {what}", f"请说明{chinese_of(what)}"),
            Said(f"one line of 1 to {EVIDENCE_CHARACTERS} characters", f"一行，1 至 {EVIDENCE_CHARACTERS} 个字符"),
            field="evidence",
        )


def shown_proofs(proofs: Iterable[PersonProof]) -> list[ShownProof]:
    """What they say, opened. For proofs that were chosen by `visible_to`."""
    found = []
    for proof in proofs:
        key = find_key(proof.person_id)
        if key is None:
            continue
        because = "" if proof.sealed is None else unseal(key, proof_name(proof.pk), bytes(proof.sealed))["because"]
        found.append(ShownProof(proof, open_fact(proof.fact, key), because))
    return found


def proof_name(number: int) -> str:
    return f"proof:{number}"
