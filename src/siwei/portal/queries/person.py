"""One's own dossier as a person: the facts one may enter of oneself, and every programme for persons decided with them.

For the person who asks and nobody else. Nothing of it is remembered by the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from siwei.errors import Said, SiweiError
from siwei.exchange.actors import Actor
from siwei.exchange.awards.held_awards import held_by_person
from siwei.exchange.facts.person_facts import (
    OpenedFact,
    explain_for_person,
    person_values,
    read_person_decision,
    replay_person_decision,
    require_oneself,
)
from siwei.exchange.facts.person_proofs import shown_proofs
from siwei.exchange.models import Consent, FactStatus, PersonDecision, PersonProof, ProofState
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, PURPOSES, Purpose, has_consented
from siwei.exchange.people.vault import Erased
from siwei.policy.explanation import Explanation
from siwei.policy.programmes import Programme
from siwei.portal.city_pack import attributes, decided_on, pack, programmes
from siwei.portal.queries.dossier import Field, ShownFact, fields_of, shown_fact
from siwei.portal.queries.entitlements import ORDER
from siwei.portal.queries.fact_files import ShownFile, shown_person_files
from siwei.portal.queries.together import Together, person_together

SHOWN = 100


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A decision that was kept. `verdict` is empty and `award_fen` null where it was erased; `is_same` says whether it
    came out the same just now, and is None where that cannot be tried (erased, or the programme's text is another)."""

    decision: PersonDecision
    programme: Programme | None
    verdict: str
    award_fen: int | None
    is_same: bool | None


@dataclass(frozen=True, slots=True)
class PersonDossier:
    purpose: Purpose
    consented_at: datetime | None
    """Null where no consent stands: then nothing is kept and nothing can be entered."""
    fields: list[Field]
    explanations: list[Explanation]
    together: Together
    """The best lawful combination of one's awards, with what one holds already."""
    kept: list[KeptDecision]
    proof_purpose: Purpose
    proof_consented_at: datetime | None
    """Null where no consent stands to put facts before the operator."""
    provable: list[dict[str, Any]]
    """What was declared and is neither proven nor put forward already: attributes' rows."""
    proofs: list[ProofLine]


@dataclass(frozen=True, slots=True)
class ProofLine:
    """A fact put before the operator; `attribute` is its row."""

    attribute: dict[str, Any]
    proof: PersonProof
    fact: OpenedFact
    because: str
    files: tuple[ShownFile, ...] = ()
    """That show the fact, of one that is before the operator."""


def person_programmes() -> tuple[Programme, ...]:
    return tuple(each for each in programmes().values() if each.applies_to == "person")


def person_dossier(actor: Actor) -> PersonDossier:
    """Raises NotAllowed for a visitor, and for a program that acts by a key."""
    person_id = require_oneself(actor, Said("open a dossier of oneself", "打开本人档案"))
    day, known = decided_on(), pack().attributes
    values = person_values(day, known, actor=actor)
    counts = {name: shown_fact(fact) for name, fact in values.items()}
    found = [explain_for_person(programme, day, known, actor=actor) for programme in person_programmes()]
    decisions = PersonDecision.objects.visible_to(actor).order_by("-pk")[:SHOWN]
    proofs = _lines(PersonProof.objects.filter(person_id=person_id).visible_to(actor).order_by("-pk"))
    return PersonDossier(
        purpose_of(PERSON_FACTS),
        consented_at(person_id, PERSON_FACTS),
        fields_of("person", counts, {}, person_programmes(), shown_person_files(actor)),
        sorted(found, key=lambda each: (ORDER[each.verdict], not each.in_force, each.programme)),
        person_together(values, held_by_person(person_id, day)),
        [_kept(each) for each in decisions],
        purpose_of(PERSON_PROOF),
        consented_at(person_id, PERSON_PROOF),
        _provable(counts, proofs),
        proofs,
    )


def proofs_waiting(actor: Actor) -> list[ProofLine]:
    """What persons put before the operator who asks, the longest waiting first; not one's own."""
    lines = _lines(waiting_proofs(actor).order_by("asked_at", "pk"))
    return [replace(each, files=tuple(shown_person_files(actor, [each.proof.fact_id]))) for each in lines]


def waiting_proofs(actor: Actor) -> QuerySet[PersonProof]:
    """Of others, for the operator."""
    waiting = PersonProof.objects.visible_to(actor).filter(state=ProofState.ASKED)
    return waiting.exclude(person_id=actor.person_id or 0)


def _lines(proofs: QuerySet[PersonProof]) -> list[ProofLine]:
    rows = attributes()
    found = shown_proofs(proofs.select_related("fact", "person")[:SHOWN])
    return [
        ProofLine(rows[each.fact.attribute], each.proof, each.fact, each.because)
        for each in found
        if each.fact.attribute in rows
    ]


def _provable(counts: Mapping[str, ShownFact], proofs: list[ProofLine]) -> list[dict[str, Any]]:
    waiting = {each.fact.attribute for each in proofs if each.proof.state == ProofState.ASKED}
    return [
        row
        for name, row in attributes().items()
        if name in counts and counts[name].status < FactStatus.VERIFIED and name not in waiting
    ]


def purpose_of(id: str) -> Purpose:
    return next(each for each in PURPOSES if each.id == id)


def consented_at(person_id: int, purpose: str) -> datetime | None:
    if not has_consented(person_id, purpose):
        return None
    return Consent.objects.get(person_id=person_id, purpose=purpose, withdrawn_at=None).given_at


def _kept(decision: PersonDecision) -> KeptDecision:
    programme = programmes().get(decision.programme)
    try:
        result = read_person_decision(decision)["result"]
    except Erased:
        return KeptDecision(decision, programme, "", None, None)
    return KeptDecision(
        decision, programme, result["verdict"], result["award"]["award_fen"], _is_same(decision, programme)
    )


def _is_same(decision: PersonDecision, programme: Programme | None) -> bool | None:
    if programme is None or programme.sha256 != decision.version_sha256:
        return None
    try:
        replay_person_decision(decision, programme, pack().attributes)
    except SiweiError:
        return False
    return True
