"""All that an application is written from, for one organisation and one programme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Organisation
from siwei.policy.windows import deadline_of
from siwei.portal.access import require_private
from siwei.portal.application.content import Applicant, Application
from siwei.portal.city_pack import attributes, decided_on, districts
from siwei.portal.queries.dossier import evidence_of
from siwei.portal.queries.entitlements import explained, known_facts
from siwei.portal.queries.programmes import programme_or_missing


def application_of(organisation: Organisation, programme_id: str, actor: Actor) -> Application:
    """Raises NotAllowed for those outside the organisation, NotFound for a programme that is not an organisation's."""
    require_private(actor, organisation.pk)
    programme = programme_or_missing(programme_id)
    if programme.applies_to != "organisation":
        raise NotFound(f"{programme_id} is for a {programme.applies_to}, not for an organisation itself")
    facts = known_facts(organisation)
    known: Mapping[str, Any] = attributes()
    district = districts().get(organisation.district, {})
    return Application(
        applicant=Applicant(
            key=organisation.key,
            name=organisation.name,
            code=organisation.code,
            kind=organisation.kind,
            district_zh=district.get("name_zh", ""),
            district_en=district.get("name_en", ""),
            founded_on=organisation.founded_on,
            is_generated=organisation.is_generated,
        ),
        programme=programme,
        explanation=explained(programme, facts),
        facts={name: facts[name] for name in programme.attributes if name in facts},
        evidence=tuple(evidence_of(programme, facts)),
        deadline=deadline_of(programme, decided_on()),
        attributes={name: known[name] for name in programme.attributes if name in known},
    )
