"""Projects: what is known of them, what programmes decide of them, entering facts. Opening one is the act `project`."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from siwei.exchange.access import can_declare_for
from siwei.exchange.facts.projects import declare_project_facts, project_id
from siwei.exchange.facts.proofs import proof_of, prove_facts
from siwei.exchange.models import Project
from siwei.policy.explanation import plain
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, explained_row, own_key
from siwei.portal.api.dossier import declared_values, field_row, package_row
from siwei.portal.api.dossier_schemas import ApplicationPackage, DeclaredValue, DossierField, Proofs
from siwei.portal.city_pack import decided_on, pack
from siwei.portal.queries.application import project_application
from siwei.portal.queries.projects import project_or_missing, project_view, projects

router = Router()
SHOWN = 500
ProjectKey = Annotated[str, Field(min_length=1, max_length=160, description="`organisation/name`")]


class ProjectSummary(Schema):
    key: str
    organisation: str
    name: str


class ProjectDetail(ProjectSummary):
    can_declare: bool
    partners: list[str] = Field(description="Keys of the leader and of whoever signed its consortium")
    fields: list[DossierField]
    explanations: list[dict[str, Any]]
    together: list[dict[str, Any]] = Field(description="What rules of stacking leave of its awards, with what is held")
    joint: list[dict[str, Any]] = Field(
        description="Limits over the organisation, its contracts and its projects that bear on it: who takes how much, "
        "and what is left"
    )
    alone_fen: dict[str, int | None] = Field(description="Its awards that no rule speaks of; null: not known")
    paid_together_fen: int | None = Field(description="Of both, tax saved left out; null: cannot be told")
    drafts: list[dict[str, Any]] = Field(
        description="Awards of drafts, which are in no choice and in no sum: what would change were one in force"
    )


class ProjectDeclarations(Schema):
    project: ProjectKey
    idempotency_key: IdempotencyKey
    values: Annotated[dict[str, DeclaredValue], Field(min_length=1, max_length=200)]


class ProjectProofs(Proofs):
    project: ProjectKey


@router.get("/projects", response=answers(list[ProjectSummary]))
def list_projects(request: HttpRequest) -> Any:
    """One's own organisations' projects; for the operator and the auditor everybody's. The first 500 by name."""
    return [summary_row(each) for each in projects(actor_of(request))[:SHOWN]]


@router.get("/project", response=answers(ProjectDetail))
def get_project(request: HttpRequest, key: Annotated[str, Query(max_length=160)]) -> Any:
    """A project: facts that may be entered and what counts now, who takes part, every programme for projects explained.
    Its leader's people, the operator and the auditor."""
    actor = actor_of(request)
    return project_row(project_or_missing(key, actor), actor)


@router.post("/project/declarations", response=answers(ProjectDetail))
def declare(request: HttpRequest, given: ProjectDeclarations) -> Any:
    """Declare facts of a project: all or none, for its leader's representatives alone. The same key again enters
    nothing more."""
    actor = actor_of(request)
    project = project_or_missing(given.project, actor)
    declare_project_facts(
        project, declared_values(given.values), attributes=pack().attributes, valid_from=decided_on(), actor=actor,
        now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return project_row(project, actor)


@router.post("/project/proofs", response=answers(ProjectDetail))
def prove(request: HttpRequest, given: ProjectProofs) -> Any:
    """Enter facts of a project that were seen proven, each with its evidence; for the operator alone."""
    actor = actor_of(request)
    project = project_or_missing(given.project, actor)
    prove_facts(
        project, declared_values(given.values), proof_of(given.proof), attributes=pack().attributes,
        valid_from=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return project_row(project, actor)


@router.get("/project/application", response=answers(ApplicationPackage))
def get_application(
    request: HttpRequest,
    key: Annotated[str, Query(max_length=160)],
    programme: Annotated[str, Query(max_length=60)],
) -> Any:
    """The application package of a project, as an organisation's: DOCX and PDF in Chinese and English, and the
    explanation. Its leader's people, the operator and the auditor."""
    actor = actor_of(request)
    return package_row(project_application(project_or_missing(key, actor), programme, actor))


def summary_row(project: Project) -> dict[str, Any]:
    return {"key": project_id(project), "organisation": project.organisation.key, "name": project.name}


def project_row(project: Project, actor: Any) -> dict[str, Any]:
    view = project_view(project, actor)
    return {
        **summary_row(project),
        "can_declare": can_declare_for(actor, project.organisation_id),
        "partners": [each.key for each in view.partners],
        "fields": [field_row("facts", field) for field in view.fields],
        "explanations": [explained_row(each, view.gaps[each.programme]) for each in view.explanations],
        "together": [plain(each) for each in view.together.parts],
        "joint": [plain(each) for each in view.together.joint],
        "alone_fen": dict(view.together.alone_fen),
        "drafts": [plain(each) for each in view.together.drafts],
        "paid_together_fen": view.together.paid_fen,
    }
