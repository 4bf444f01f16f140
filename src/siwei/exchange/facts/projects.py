"""Projects as programmes read them: what their leader declares, and what signed consortia say.

A project belongs to the organisation that leads it (`siwei.exchange.trading.caps` opens it). Whoever signed an
agreement on joint research that names the project takes part: how many they are, whether a firm is among them and what
the leader is in law the exchange knows itself, and a pack reads it in the attributes of CONSORTIUM, where it declares
them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db.models import Q

from siwei.city.attributes import Attribute
from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.access import can_declare_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.facts.contract_claims import CLAIMED, SOURCE
from siwei.exchange.facts.declared import Declaration, check_declarations, reference_of, source_of, those_entered
from siwei.exchange.facts.subjects import best_values, facts_on, of_subject, valid_on
from siwei.exchange.models import (
    Agreement,
    FactStatus,
    Organisation,
    OrganisationKind,
    Project,
    ProjectFact,
)
from siwei.policy import FactStatus as Proof
from siwei.policy import FactValue
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.sources import ORGANISATION
from siwei.policy.subjects import ID

CONSORTIUM_KIND = "research"
PARTNERS, HAS_FIRM, LEAD_FORM = "project_partners", "project_has_firm", "project_lead_form"
CONSORTIUM: Mapping[str, str] = {PARTNERS: "int", HAS_FIRM: "bool", LEAD_FORM: "string"}
"""What the exchange itself knows of a project: attribute and type."""
LEGAL_FORM = "legal_form"
"""The fact of the leader that says LEAD_FORM."""


def project_id(project: Project) -> str:
    """What the project is called among a programme's subjects: `organisation/name`."""
    return f"{project.organisation.key}/{project.name}"


def find_project_of(organisation: Organisation, id: str) -> Project:
    key, _, name = id.partition("/")
    found = organisation.projects.filter(name=name).first() if key == organisation.key else None
    if found is None:
        raise NotFound(
            f"{organisation.name} has no project {id!r} → open it first, then enter what it is",
            f"{organisation.name} 没有项目 {id!r} → 请先建立，再录入情况",
        )
    return found


@action
def declare_project_facts(
    project: Project,
    values: Mapping[str, Declaration],
    *,
    attributes: Mapping[str, Attribute],
    valid_from: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> list[ProjectFact]:
    """Enter what a project's leader declares of it, each value as a new fact of status declared; by its representatives
    alone. The same key again gives the facts entered then. Raises InputError with every problem."""
    leader = project.organisation
    require(
        can_declare_for(actor, leader.pk),
        actor,
        Said(f"declare facts of a project of {leader.name}", f"申报 {leader.name} 项目的情况"),
    )
    content = {
        "project": project_id(project),
        "valid_from": valid_from,
        "values": {name: [each.value, each.evidence] for name, each in values.items()},
    }
    source = source_of(leader)
    if earlier := repeated("declare_project_facts", idempotency_key, content):
        return those_entered(project.facts.filter(source=source), earlier)
    if problems := check_declarations(values, attributes, "project"):
        raise InputError(problems)
    facts = []
    for name, each in sorted(values.items()):
        earlier_words = project.facts.filter(attribute=name, source=source).count()
        fact = ProjectFact(
            project=project, attribute=name, value=each.value, valid_from=valid_from, known_at=now, source=source,
            source_ref=reference_of(earlier_words, valid_from, each.evidence), status=FactStatus.DECLARED,
        )  # fmt: skip
        fact.save(force_insert=True)
        facts.append(fact)
    record_event(
        "declare_project_facts",
        idempotency_key,
        content,
        subject=f"project:{project_id(project)}",
        actor=actor,
        now=now,
        organisations=[leader],
        payload={"facts": {fact.attribute: fact.source_ref for fact in facts}},
    )
    return facts


def project_values(project: Project, as_of: date, attributes: Mapping[str, Attribute]) -> dict[str, FactValue]:
    """The best fact of each attribute of a project on the day: declared or proven, or known from its consortium.

    Raises InputError where the pack declares an attribute of CONSORTIUM with another type.
    """
    known = _known_attributes(attributes)
    found = best_values(valid_on(project.facts.filter(attribute__in=list(known)), as_of), known)
    for name, fact in _consortium_values(project, as_of, attributes).items():
        if name in known and (name not in found or fact.status >= found[name].status):
            found[name] = fact
    # Who leads it is the exchange's own record.
    return {**found, ORGANISATION: FactValue(project.organisation.key, Proof.DOCUMENTED, SOURCE, project.name)}


def partners_of(project: Project, as_of: date) -> list[Organisation]:
    """The leader, and every organisation that signed a consortium of the project by the day."""
    signed = _consortia(project, as_of)
    took_part = Q(agreement_roles__agreement__in=[each.pk for each in signed])
    return list(Organisation.objects.filter(took_part | Q(pk=project.organisation_id)).distinct().order_by("key"))


def project_table(
    as_of: date,
    *,
    attributes: Mapping[str, Attribute],
    facts: pl.DataFrame,
    organisation_ids: Collection[int] | None = None,
) -> pl.DataFrame:
    """`id, organisation`, the attributes of a project with their status, and what `facts` (`id` of an organisation and
    columns) says of its leader; sorted by id. Of the leaders in `organisation_ids` (None: of all)."""
    known = _known_attributes(attributes)
    chosen = Project.objects.select_related("organisation")
    if organisation_ids is not None:
        chosen = chosen.filter(organisation_id__in=organisation_ids)
    schema: dict[str, Any] = {ID: pl.String(), ORGANISATION: pl.String(), ORGANISATION + STATUS_SUFFIX: pl.UInt8()}
    for name, attribute in known.items():
        schema |= {name: attribute.dtype, name + STATUS_SUFFIX: pl.UInt8()}
    rows = [_row(project, project_values(project, as_of, attributes)) for project in chosen]
    table = pl.DataFrame(rows, schema=schema).sort(ID)
    return table.join(facts.rename({ID: ORGANISATION}), on=ORGANISATION, how="left", maintain_order="left")


def _row(project: Project, values: Mapping[str, FactValue]) -> dict[str, Any]:
    row: dict[str, Any] = {ID: project_id(project)}
    for name, fact in values.items():
        row |= {name: fact.value, name + STATUS_SUFFIX: int(fact.status)}
    return row


def _known_attributes(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    known = of_subject(attributes, "project")
    wrong = [each for name, each in known.items() if CONSORTIUM.get(name, each.type) != each.type]
    if wrong:
        raise InputError(
            [
                Problem(
                    Said(f"{each.id} is declared as {each.type}", f"{each.id} 声明的类型为 {each.type}"),
                    Said(f"the exchange knows it as {CONSORTIUM[each.id]}", f"平台中其类型为 {CONSORTIUM[each.id]}"),
                    "attributes.csv",
                    field="type",
                )
                for each in wrong
            ]
        )
    return known


def _consortia(project: Project, as_of: date) -> Sequence[Agreement]:
    """Its signed agreements on joint research. A project buys compute too, and whoever sells it is no partner."""
    signed = project.agreements.filter(kind=CONSORTIUM_KIND, state__in=CLAIMED, signed_on__lte=as_of)
    return list(signed.order_by("key"))


def _consortium_values(project: Project, as_of: date, attributes: Mapping[str, Attribute]) -> Mapping[str, FactValue]:
    found: dict[str, FactValue] = {}
    if (form := attributes.get(LEGAL_FORM)) is not None:
        mine = facts_on(as_of).filter(organisation=project.organisation, attribute=LEGAL_FORM)
        if (legal_form := best_values(mine, {LEGAL_FORM: form}).get(LEGAL_FORM)) is not None:
            found[LEAD_FORM] = legal_form
    if signed := _consortia(project, as_of):
        partners = partners_of(project, as_of)
        reference = _references(each.key for each in signed)
        has_firm = any(each.kind == OrganisationKind.FIRM for each in partners)
        found |= {
            name: FactValue(value, Proof.DOCUMENTED, SOURCE, reference, signed[0].signed_on)
            for name, value in ((PARTNERS, len(partners)), (HAS_FIRM, has_firm))
        }
    return found


def _references(keys: Iterable[str]) -> str:
    return ", ".join(keys)[:200]
