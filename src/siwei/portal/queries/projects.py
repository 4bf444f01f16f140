"""Projects: what is known of each, who takes part, and every programme for projects decided and explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.facts.decisions import subject_facts
from siwei.exchange.facts.declared import source_of
from siwei.exchange.facts.projects import partners_of, project_id, project_values
from siwei.exchange.facts.subjects import valid_on
from siwei.exchange.models import Agreement, Organisation, Project
from siwei.policy.aggregating.aggregate_gaps import Gap
from siwei.policy.explaining.nearest import nearest_change
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.programmes import Programme, Verdict
from siwei.portal.city_pack import decided_on, pack, programmes
from siwei.portal.queries.calls import Call, current_calls
from siwei.portal.queries.dossier import Field, ShownFact, fields_of, shown_fact
from siwei.portal.queries.entitlements import ORDER, best_facts, explained
from siwei.portal.queries.fact_files import shown_files
from siwei.portal.queries.sums import gaps_of
from siwei.portal.queries.together import Together, all_together


@dataclass(frozen=True, slots=True)
class ProjectView:
    """`fields` are the facts that may be entered, with what counts now; `agreements` those that name the project."""

    project: Project
    id: str
    partners: list[Organisation]
    agreements: list[Agreement]
    fields: list[Field]
    explanations: list[Explanation]
    calls: Mapping[str, Call]
    together: Together
    """The best lawful combination of the awards for the project."""
    gaps: Mapping[str, tuple[Gap, ...]]
    """By programme, what its sums wait for that are not known."""


def project_programmes() -> tuple[Programme, ...]:
    return tuple(each for each in programmes().values() if each.applies_to == "project")


def projects(actor: Actor, organisation_id: int | None = None) -> QuerySet[Project]:
    found = Project.objects.visible_to(actor).select_related("organisation").order_by("organisation__name", "name")
    return found if organisation_id is None else found.filter(organisation_id=organisation_id)


def project_or_missing(id: str, actor: Actor) -> Project:
    """By `organisation/name`, as `project_id` writes it."""
    organisation, _, name = id.partition("/")
    project = projects(actor).filter(organisation__key=organisation, name=name).first()
    if project is None:
        raise NotFound(f"no project {id!r} that you may see", f"没有您可查看的项目 {id!r}")
    return project


def project_view(project: Project, actor: Actor) -> ProjectView:
    facts = {programme: _facts_for(programme, project) for programme in project_programmes()}
    found = [_explained(programme, row) for programme, row in facts.items()]
    agreements = Agreement.objects.visible_to(actor).filter(project=project).prefetch_related("parties__organisation")
    return ProjectView(
        project,
        project_id(project),
        partners_of(project, decided_on()),
        list(agreements.order_by("-proposed_at", "key")),
        _fields(project),
        sorted(found, key=lambda each: (ORDER[each.verdict], not each.in_force, each.programme)),
        current_calls(project_programmes(), actor),
        all_together(project.organisation, "project", project_id(project)),
        {programme.id: gaps_of(programme, project.organisation, row) for programme, row in facts.items()},
    )


def _facts_for(programme: Programme, project: Project) -> dict[str, FactValue]:
    return subject_facts(programme, project.organisation, decided_on(), pack().attributes, project_id(project))


def _explained(programme: Programme, row: Mapping[str, FactValue]) -> Explanation:
    """With the nearest change that would make it a yes."""
    found = explained(programme, row)
    if found.verdict is Verdict.ELIGIBLE:
        return found
    return replace(found, nearest=nearest_change(programme, row, decided_on(), pack().attributes))


def _fields(project: Project) -> list[Field]:
    day, known = decided_on(), pack().attributes
    counts = {name: shown_fact(fact) for name, fact in project_values(project, day, known).items()}
    source = source_of(project.organisation)
    own: dict[str, ShownFact] = {}
    for fact in best_facts(list(valid_on(project.facts.filter(source=source), day))):
        own.setdefault(fact.attribute, ShownFact(fact.value, fact.status, fact.source, fact.source_ref))
    return fields_of("project", counts, own, project_programmes(), shown_files(project))
