"""One's own dossier as a person. By the session alone: no key of a program reads or writes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from siwei.exchange.actors import Actor
from siwei.exchange.consents import PERSON_FACTS, give_consent, withdraw_consent
from siwei.exchange.facts import Declaration
from siwei.exchange.person_facts import declare_person_facts, record_person_decision
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, explained_row, named, own_key
from siwei.portal.api.dossier import field_row
from siwei.portal.api.dossier_schemas import DeclaredValue, DossierField
from siwei.portal.api.schemas import Named
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.queries.person import KeptDecision, person_dossier
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


class Dossier(Schema):
    consent: Named = Field(description="To what one consents")
    consented_at: datetime | None = Field(description="Null: nothing is kept, and nothing can be entered")
    fields: list[DossierField]
    explanations: list[dict[str, Any]]
    kept: list[Kept]


class PersonDeclarations(Schema):
    idempotency_key: IdempotencyKey
    values: Annotated[dict[str, DeclaredValue], Field(min_length=1, max_length=200)]


class ToKeep(Schema):
    idempotency_key: IdempotencyKey
    programme: Annotated[str, Field(min_length=1, max_length=60)]


@router.get("/dossier", response=answers(Dossier))
def get_own_dossier(request: HttpRequest) -> Any:
    """What one entered of oneself, every programme for persons explained, decisions kept. Of whoever is signed in and
    for nobody else, the operator and the auditor neither."""
    return dossier_row(actor_of(request))


@router.post("/consent", response=answers(Dossier))
def consent(request: HttpRequest) -> Any:
    """Consent to what `consent` of the dossier says. Given again, it is the one that stands."""
    actor = actor_of(request)
    give_consent(PERSON_FACTS, actor=actor, now=timezone.now())
    return dossier_row(actor)


@router.post("/declarations", response=answers(Dossier))
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


@router.post("/decisions", response=answers(Dossier))
def keep_decision(request: HttpRequest, given: ToKeep) -> Any:
    """Decide a programme for oneself and keep the decision, sealed."""
    actor = actor_of(request)
    record_person_decision(
        programme_or_missing(given.programme), as_of=decided_on(), attributes=pack().attributes, actor=actor,
        now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return dossier_row(actor)


@router.post("/erasure", response=answers(Dossier))
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
        "kept": [kept_row(each) for each in found.kept],
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
