"""All that an application is written from, for one programme: of an organisation, a project, or the person who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siwei.errors import NotFound, Said, chinese_of
from siwei.exchange.actors import Actor
from siwei.exchange.facts.aggregates import read_attributes
from siwei.exchange.facts.decisions import subject_facts
from siwei.exchange.facts.person_facts import person_values
from siwei.exchange.facts.projects import partners_of, project_id
from siwei.exchange.models import Organisation, Project
from siwei.exchange.state_words import word_zh
from siwei.policy.explaining.explain import explain
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.programmes import Programme
from siwei.policy.windows import deadline_of
from siwei.portal.access import require_private
from siwei.portal.application.content import Applicant, Application
from siwei.portal.city_pack import attributes, decided_on, districts, pack
from siwei.portal.queries.dossier import evidence_of
from siwei.portal.queries.entitlements import explained, known_facts
from siwei.portal.queries.fact_files import ShownFile, shown_files, shown_person_files
from siwei.portal.queries.programmes import programme_or_missing

SUBJECTS = {
    "organisation": Said("an organisation itself", "机构本身"),
    "project": Said("a project", "项目"),
    "person": Said("a person", "个人"),
}


def application_of(organisation: Organisation, programme_id: str, actor: Actor) -> Application:
    """Raises NotAllowed for those outside the organisation, NotFound for a programme that is not an organisation's."""
    require_private(actor, organisation.pk)
    programme = _programme_for("organisation", programme_id)
    facts = known_facts(organisation)
    return _application(
        _organisation(organisation), programme, explained(programme, facts), facts, shown_files(organisation)
    )


def project_application(project: Project, programme_id: str, actor: Actor) -> Application:
    """Raises NotAllowed for those outside its leader, NotFound for a programme that is not for projects."""
    require_private(actor, project.organisation_id)
    programme = _programme_for("project", programme_id)
    day = decided_on()
    facts = subject_facts(programme, project.organisation, day, pack().attributes, project_id(project))
    partners = partners_of(project, day)
    leader = _organisation(project.organisation)
    applicant = Applicant(
        **{name: getattr(leader, name) for name in leader.__slots__}
        | {
            "key": project_id(project),
            "project": project.name,
            "partners": tuple(each.name for each in partners),
            "is_generated": any(each.is_generated for each in partners),
        }
    )
    return _application(applicant, programme, explained(programme, facts), facts, shown_files(project))


def person_application(programme_id: str, actor: Actor) -> Application:
    """Of the person who asks. Raises NotAllowed for a visitor and a program, NotFound for a programme that is not for
    persons. Nothing of it is remembered by the process."""
    day, known = decided_on(), pack().attributes
    facts = person_values(day, known, actor=actor)
    programme = _programme_for("person", programme_id)
    explanation = explain(programme, facts, day, read_attributes(programme, known))
    applicant = Applicant(actor.name, actor.name, None, "person", "", "", None, False)
    return _application(applicant, programme, explanation, facts, shown_person_files(actor))


def _programme_for(subject: str, programme_id: str) -> Programme:
    programme = programme_or_missing(programme_id)
    if programme.applies_to != subject:
        raise NotFound(
            f"{programme_id} is for a {programme.applies_to}, not for {SUBJECTS[subject]}",
            f"{programme_id} 面向{word_zh(programme.applies_to)}，不面向{chinese_of(SUBJECTS[subject])}",
        )
    return programme


def _application(
    applicant: Applicant,
    programme: Programme,
    explanation: Explanation,
    facts: Mapping[str, FactValue],
    files: Sequence[ShownFile],
) -> Application:
    known: Mapping[str, Any] = attributes()
    return Application(
        applicant=applicant,
        programme=programme,
        explanation=explanation,
        facts={name: facts[name] for name in programme.attributes if name in facts},
        evidence=tuple(evidence_of(programme, facts, files)),
        deadline=deadline_of(programme, decided_on()),
        attributes={name: known[name] for name in programme.attributes if name in known},
    )


def _organisation(organisation: Organisation) -> Applicant:
    district = districts().get(organisation.district, {})
    return Applicant(
        key=organisation.key,
        name=organisation.name,
        code=organisation.code,
        kind=organisation.kind,
        district_zh=district.get("name_zh", ""),
        district_en=district.get("name_en", ""),
        founded_on=organisation.founded_on,
        is_generated=organisation.is_generated,
    )
