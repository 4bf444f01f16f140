"""One's own dossier as a person. By the session alone: no key of a program reads or writes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, File, Form, Path, Query, Router, Schema
from ninja.files import UploadedFile

from siwei.errors import Said
from siwei.exchange.access import require
from siwei.exchange.actors import Actor
from siwei.exchange.facts.declared import Declaration
from siwei.exchange.facts.person_facts import declare_person_facts, record_person_decision
from siwei.exchange.facts.person_files import attach_person_file
from siwei.exchange.facts.person_proofs import ask_for_proof, decide_proof, take_back_proof
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, give_consent, withdraw_consent
from siwei.policy.explanation import plain
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, explained_row, named, own_key
from siwei.portal.api.dossier import field_row, package_row
from siwei.portal.api.dossier_schemas import ApplicationPackage, DeclaredValue, DossierField
from siwei.portal.api.fact_files import FactFileRow, file_row
from siwei.portal.api.schemas import Named
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.queries.application import person_application
from siwei.portal.queries.person import KeptDecision, ProofLine, person_dossier, proofs_waiting
from siwei.portal.queries.programmes import programme_or_missing

router = Router()


class Kept(Schema):
    key: str
    programme: str
    as_of: date
    is_erased: bool
    verdict: str | None
    award_fen: int | None
    is_same: bool | None = Field(description="Decided again just now; null: erased, or the text is another since")


class Proof(Schema):
    """A fact put before the operator, one's own."""

    number: int
    attribute: str
    value: str
    state: str = Field(description="asked, proven, refused or withdrawn")
    because: str = Field(description="Why it was refused")
    asked_at: datetime
    decided_at: datetime | None


class PersonDossier(Schema):
    consent: Named = Field(description="To what one consents")
    consented_at: datetime | None = Field(description="Null: nothing is kept, and nothing can be entered")
    fields: list[DossierField]
    explanations: list[dict[str, Any]]
    together: list[dict[str, Any]] = Field(description="What rules of stacking leave of one's awards, part by part")
    alone_fen: dict[str, int | None] = Field(description="Awards that no rule speaks of; null: not known")
    held_fen: dict[str, int] = Field(description="What was applied for or granted already this year, which counts")
    paid_together_fen: int | None = Field(description="Of both, tax saved left out; null: cannot be told")
    drafts: list[dict[str, Any]] = Field(
        description="Awards of drafts, which are in no choice and in no sum: what would change were one in force"
    )
    kept: list[Kept]
    proof_consent: Named = Field(description="To what one consents by having facts proven")
    proof_consented_at: datetime | None
    proofs: list[Proof]


class ToProve(Schema):
    idempotency_key: IdempotencyKey
    attribute: Annotated[str, Field(min_length=1, max_length=60)]


class Outcome(Schema):
    idempotency_key: IdempotencyKey
    outcome: Literal["documented", "verified", "refused"]
    evidence: Annotated[
        str, Field(min_length=1, max_length=120, description="Which paper or register was looked at; or why not")
    ]


class WaitingProof(Schema):
    number: int
    person: str
    attribute: str
    value: str
    evidence: str
    asked_at: datetime
    files: list[FactFileRow] = Field(description="That show it; read while it waits")


class NewPersonFile(Schema):
    attribute: Annotated[str, Field(min_length=1, max_length=60)]
    idempotency_key: IdempotencyKey


class PersonDeclarations(Schema):
    idempotency_key: IdempotencyKey
    values: Annotated[dict[str, DeclaredValue], Field(min_length=1, max_length=200)]


class ToKeep(Schema):
    idempotency_key: IdempotencyKey
    programme: Annotated[str, Field(min_length=1, max_length=60)]


@router.get("/dossier", response=answers(PersonDossier))
def get_own_dossier(request: HttpRequest) -> Any:
    """What one entered of oneself, every programme for persons explained, decisions kept. Of whoever is signed in and
    for nobody else, the operator and the auditor neither."""
    return dossier_row(actor_of(request))


@router.post("/consent", response=answers(PersonDossier))
def consent(request: HttpRequest) -> Any:
    """Consent to what `consent` of the dossier says. Given again, it is the one that stands."""
    actor = actor_of(request)
    give_consent(PERSON_FACTS, actor=actor, now=timezone.now())
    return dossier_row(actor)


@router.post("/declarations", response=answers(PersonDossier))
def declare_own(request: HttpRequest, given: PersonDeclarations) -> Any:
    """Enter facts of oneself: all or none. Refused (409) before one consented. The same key again enters nothing
    more."""
    actor = actor_of(request)
    declare_person_facts(
        {name: Declaration(each.value, each.evidence) for name, each in given.values.items()},
        attributes=pack().attributes, valid_from=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return dossier_row(actor)


@router.post("/files", response=answers(PersonDossier))
def attach_own(request: HttpRequest, given: Form[NewPersonFile], file: File[UploadedFile]) -> Any:
    """Attach a file to one's latest word on a fact, sealed like it and erased with it: PDF, PNG, JPEG, ZIP, a document
    of an office program, or plain text; 5 MB at most, 10 of a fact."""
    actor = actor_of(request)
    attach_person_file(
        given.attribute, file, (file.name or "file")[:200], actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return dossier_row(actor)


@router.post("/decisions", response=answers(PersonDossier))
def keep_decision(request: HttpRequest, given: ToKeep) -> Any:
    """Decide a programme for oneself and keep the decision, sealed."""
    actor = actor_of(request)
    record_person_decision(
        programme_or_missing(given.programme), as_of=decided_on(), attributes=pack().attributes, actor=actor,
        now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return dossier_row(actor)


@router.get("/application", response=answers(ApplicationPackage))
def get_own_application(request: HttpRequest, programme: Annotated[str, Query(max_length=60)]) -> Any:
    """The application package of a programme for persons, as an organisation's. Of whoever is signed in, alone."""
    return package_row(person_application(programme, actor_of(request)))


@router.post("/proofs/consent", response=answers(PersonDossier))
def consent_to_proofs(request: HttpRequest) -> Any:
    """Consent to what `proof_consent` of the dossier says."""
    actor = actor_of(request)
    give_consent(PERSON_PROOF, actor=actor, now=timezone.now())
    return dossier_row(actor)


@router.post("/proofs/withdrawal", response=answers(PersonDossier))
def withdraw_from_proofs(request: HttpRequest) -> Any:
    """Withdraw that consent: the operator sees none of one's facts any more."""
    actor = actor_of(request)
    withdraw_consent(PERSON_PROOF, actor=actor, now=timezone.now())
    return dossier_row(actor)


@router.post("/proofs", response=answers(PersonDossier))
def ask(request: HttpRequest, given: ToProve) -> Any:
    """Put one's latest word on a fact before the operator, to have it proven. Refused (409) before one consented."""
    actor = actor_of(request)
    ask_for_proof(
        given.attribute, actor=actor, now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key)
    )
    return dossier_row(actor)


@router.post("/proofs/{number}/withdrawal", response=answers(PersonDossier))
def take_back(request: HttpRequest, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Any:
    """Take a fact back before it is decided: the operator sees it no more."""
    actor = actor_of(request)
    take_back_proof(number, actor=actor, now=timezone.now())
    return dossier_row(actor)


@router.get("/proofs/waiting", response=answers(list[WaitingProof]))
def list_waiting(request: HttpRequest) -> Any:
    """Facts that persons put before the operator; for the operator who signed in, and for nobody else."""
    actor = actor_of(request)
    require(
        actor.is_operator and not actor.by_key,
        actor,
        Said("see what persons put forward to be proven", "查看个人提请核验的内容"),
    )
    return [waiting_row(each) for each in proofs_waiting(actor)]


@router.post("/proofs/{number}/outcome", response=answers(list[WaitingProof]))
def decide(request: HttpRequest, number: Annotated[int, Path(ge=1, lt=2**63)], given: Outcome) -> Any:
    """The operator's word on a fact put forward; answers what still waits."""
    actor = actor_of(request)
    decide_proof(
        number, given.outcome, given.evidence, today=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return [waiting_row(each) for each in proofs_waiting(actor)]


@router.post("/erasure", response=answers(PersonDossier))
def erase(request: HttpRequest) -> Any:
    """Withdraw the consent: all one entered is deleted with its key, at once and for good."""
    actor = actor_of(request)
    withdraw_consent(PERSON_FACTS, actor=actor, now=timezone.now())
    return dossier_row(actor)


def dossier_row(actor: Actor) -> dict[str, Any]:
    found = person_dossier(actor)
    return {
        "consent": named(found.purpose),
        "consented_at": found.consented_at,
        "fields": [field_row("facts", field) for field in found.fields],
        "explanations": [explained_row(each) for each in found.explanations],
        "together": [plain(each) for each in found.together.parts],
        "alone_fen": dict(found.together.alone_fen),
        "held_fen": dict(found.together.held_fen),
        "drafts": [plain(each) for each in found.together.drafts],
        "paid_together_fen": found.together.paid_fen,
        "kept": [kept_row(each) for each in found.kept],
        "proof_consent": named(found.proof_purpose),
        "proof_consented_at": found.proof_consented_at,
        "proofs": [
            {
                "number": each.proof.pk, "attribute": each.fact.attribute, "value": each.fact.value,
                "state": each.proof.state, "because": each.because, "asked_at": each.proof.asked_at,
                "decided_at": each.proof.decided_at,
            }
            for each in found.proofs
        ],
    }  # fmt: skip


def waiting_row(line: ProofLine) -> dict[str, Any]:
    return {
        "number": line.proof.pk,
        "person": line.proof.person.username,
        "attribute": line.fact.attribute,
        "value": line.fact.value,
        "evidence": line.fact.source_ref,
        "asked_at": line.proof.asked_at,
        "files": [file_row(each) for each in line.files],
    }


def kept_row(kept: KeptDecision) -> dict[str, Any]:
    return {
        "key": kept.decision.key,
        "programme": kept.decision.programme,
        "as_of": kept.decision.as_of,
        "is_erased": kept.decision.sealed is None,
        "verdict": kept.verdict or None,
        "award_fen": kept.award_fen,
        "is_same": kept.is_same,
    }
