"""The dossier: what may be entered, what each programme asks, entering facts, and applications."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from siwei.exchange.access import can_declare_for
from siwei.exchange.facts.declared import Declaration, declare_facts
from siwei.exchange.facts.proofs import proof_of, prove_facts
from siwei.exchange.models import Fact, FactStatus
from siwei.portal.access import actor_of, require_private
from siwei.portal.api import dossier_schemas, schemas
from siwei.portal.api.answers import answers, named, own_key
from siwei.portal.api.fact_files import file_row
from siwei.portal.api.organisations import fact_row
from siwei.portal.application.content import Application, attached_files
from siwei.portal.application.package import MEDIA_TYPES, application_files
from siwei.portal.city_pack import attributes, decided_on, pack
from siwei.portal.queries.application import application_of
from siwei.portal.queries.dossier import Field, ProgrammeLine, dossier
from siwei.portal.queries.entitlements import known_facts
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.queries.size_class import SizeShown, size_class_of

router = Router()


@router.get("/{key}/dossier", response=answers(dossier_schemas.OrganisationDossier))
def get_dossier(request: HttpRequest, key: str) -> Any:
    """Facts that may be entered, programmes with deadline and what is to be supplied, and what would decide more."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    require_private(actor, organisation.pk)
    known = known_facts(organisation)
    found, size = dossier(organisation, actor, known), size_class_of(known)
    return {
        "can_declare": can_declare_for(actor, organisation.pk),
        "size": None if size is None else size_row(size),
        "fields": [field_row(group, field) for group, fields in found.groups for field in fields],
        "programmes": [_programme(line) for line in found.lines],
        "unlocking": [
            {
                "facts": [row["id"] for row in each.facts],
                "programmes": [programme.id for programme in each.programmes],
                "paid_at_most_fen": each.paid_at_most_fen,
                "tax_saving_at_most_fen": each.tax_saving_at_most_fen,
            }
            for each in found.entitlements.unlocking
        ],
    }


@router.post("/{key}/declarations", response=answers(list[schemas.Fact]))
def declare(request: HttpRequest, key: str, declarations: dossier_schemas.Declarations) -> Any:
    """Declare facts: all or none, for the organisation's representatives alone. Needs an access key, or the
    session and its CSRF token (`X-CSRFToken`). The same key again gives the facts entered then."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    told = f"{organisation.key}:{declarations.idempotency_key}"
    facts = declare_facts(
        organisation.key,
        declared_values(declarations.values),
        attributes=pack().attributes,
        valid_from=decided_on(),
        actor=actor,
        now=timezone.now(),
        # Callers choose their keys apart from one another: two organisations' may be the same.
        idempotency_key=hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    known = attributes()
    return [fact_row(fact, known.get(fact.attribute)) for fact in facts]


@router.post("/{key}/proofs", response=answers(list[schemas.Fact]))
def prove(request: HttpRequest, key: str, given: dossier_schemas.Proofs) -> Any:
    """Enter facts that were seen proven, each with its evidence: all or none, for the operator alone, and of nobody
    whom they act for. They stand beside what was declared and go before it."""
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    facts = prove_facts(
        organisation, declared_values(given.values), proof_of(given.proof), attributes=pack().attributes,
        valid_from=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    known = attributes()
    return [fact_row(fact, known.get(fact.attribute)) for fact in facts if isinstance(fact, Fact)]


def declared_values(values: Mapping[str, dossier_schemas.DeclaredValue]) -> dict[str, Declaration]:
    return {name: Declaration(each.value, each.evidence) for name, each in values.items()}


@router.get("/{key}/entitlements/{programme_id}/application", response=answers(dossier_schemas.ApplicationPackage))
def get_application(request: HttpRequest, key: str, programme_id: str) -> Any:
    """The application package: DOCX and PDF in Chinese and English, and the explanation; and which files show its
    facts, had at their own addresses. The same facts, the same bytes. Its own people, the operator and the auditor."""
    actor = actor_of(request)
    return package_row(application_of(organisation_or_missing(key, actor), programme_id, actor))


def package_row(application: Application) -> dict[str, Any]:
    return {
        "as_of": application.explanation.as_of,
        "generated": application.applicant.is_generated,
        "files": [
            {
                "name": name,
                "media_type": MEDIA_TYPES[name.rpartition(".")[2]],
                "sha256": hashlib.sha256(content).hexdigest(),
                "base64": base64.b64encode(content).decode(),
            }
            for name, content in application_files(application).items()
        ],
        "evidence": [{**file_row(file), "name": name} for name, file in attached_files(application)],
    }


def size_row(size: SizeShown) -> dict[str, Any]:
    return {
        "size": size.found.size,
        "main_industry": size.main_industry,
        "missing": size.missing,
        "industries": [
            {
                "industry": each.row.industry,
                "size": each.size,
                "source": each.row.source,
                "verified": each.row.verified,
                "tests": [
                    {"size": test.size, "measure": test.measure, "least": test.least, "value": test.value,
                     "holds": test.holds}
                    for test in each.tests
                ],
            }
            for each in size.found.industries
        ],
    }  # fmt: skip


def field_row(group: str, field: Field) -> dict[str, Any]:
    fact = field.fact
    return {
        "attribute": field.attribute["id"],
        "group": group,
        "name": named(field.attribute),
        "type": field.attribute["type"],
        "unit": field.attribute["unit"],
        "choices": list(field.choices),
        "value": fact.value if fact else None,
        "status": FactStatus(fact.status).name.lower() if fact else None,
        "source": fact.source if fact else None,
        "source_ref": fact.source_ref if fact else None,
        "asked_by": [programme.id for programme in field.asked_by],
        "files": [file_row(each) for each in field.files],
    }


def _programme(line: ProgrammeLine) -> dict[str, Any]:
    explanation, deadline = line.explanation, line.deadline
    return {
        "programme": explanation.programme,
        "title": named(explanation.title),
        "verdict": explanation.verdict.value,
        "award_fen": explanation.award.award_fen,
        "is_draft": explanation.is_draft,
        "deadline": {
            "is_window": deadline.is_window,
            "opens": deadline.opens,
            "closes": deadline.closes,
            "state": deadline.state,
            "days": deadline.days,
        },
        "to_supply": line.to_supply,
    }
