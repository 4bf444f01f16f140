"""What an organisation says of itself: declared once, kept dated and with what proves it, never changed afterwards."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.db.models import QuerySet

from siwei.city.attributes import Attribute, parse_value
from siwei.errors import InputError, Problem, Said, chinese_of
from siwei.exchange.access import can_declare_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import action, record_event, repeated
from siwei.exchange.models import Event, Fact, FactStatus, KnownValue, Organisation
from siwei.exchange.parties import DECLARED_BY, find_organisation

KnownFact = TypeVar("KnownFact", bound=KnownValue)
MOST_VALUES = 200
MOST_CHARACTERS = 5_000
EVIDENCE_CHARACTERS = 120
COUNTED = ("people", "item", "year", "month")
SOURCE_LENGTH = 200
SUBJECT_WORDS = {
    "organisation": Said("an organisation", "机构"),
    "project": Said("a project", "项目"),
    "person": Said("a person", "个人"),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """`value` is canonical text (`siwei.city.attributes`); `evidence` a note, or the name of a file that proves it."""

    value: str
    evidence: str = ""


@action
def declare_facts(
    organisation: str,
    values: Mapping[str, Declaration],
    *,
    attributes: Mapping[str, Attribute],
    valid_from: date,
    actor: Actor,
    now: datetime,
    idempotency_key: str,
) -> list[Fact]:
    """Enter what an organisation declares of itself, each value (by attribute) as a new fact of status declared.

    For its representatives alone: nobody declares for another, the operator neither. The same key again gives the
    facts entered then. Raises InputError with every problem; nothing is entered unless all of it can be.
    """
    subject = find_organisation(organisation)
    require(
        can_declare_for(actor, subject.pk),
        actor,
        Said(f"declare facts for {subject.name}", f"为 {subject.name} 申报事实"),
    )
    content = {
        "organisation": subject.key,
        "valid_from": valid_from,
        "values": {name: [each.value, each.evidence] for name, each in values.items()},
    }
    if earlier := repeated("declare_facts", idempotency_key, content):
        return _entered(subject, earlier)
    if problems := check_declarations(values, attributes):
        raise InputError(problems)
    source = source_of(subject)
    facts = [
        Fact(
            organisation=subject,
            attribute=name,
            value=each.value,
            valid_from=valid_from,
            known_at=now,
            source=source,
            source_ref=reference_of(
                subject.facts.filter(attribute=name, source=source).count(), valid_from, each.evidence
            ),
            status=FactStatus.DECLARED,
            is_public=attributes[name].public,
        )
        for name, each in sorted(values.items())
    ]
    for fact in facts:
        fact.save(force_insert=True)
    record_event(
        "declare_facts",
        idempotency_key,
        content,
        subject=f"organisation:{subject.key}",
        actor=actor,
        now=now,
        organisations=[subject],
        # Which facts, not what they say: a fact that is not public is read where facts are scoped.
        payload={"facts": {fact.attribute: fact.source_ref for fact in facts}},
    )
    return facts


def source_of(organisation: Organisation) -> str:
    """The source of everything an organisation declares of itself."""
    return f"{DECLARED_BY}{organisation.name}"[:SOURCE_LENGTH]


def check_declarations(
    values: Mapping[str, Declaration], attributes: Mapping[str, Attribute], subject: str = "organisation"
) -> list[Problem]:
    """Everything wrong with what is about to be declared of an organisation, a project or a person; empty where all of
    it can be kept."""
    if not values:
        return [
            Problem(
                Said("nothing was declared", "没有申报任何内容"), fix=Said("fill in at least one fact", "请至少填一项")
            )
        ]
    if len(values) > MOST_VALUES:
        return [
            Problem(
                Said(f"{len(values)} facts at once", f"一次 {len(values)} 项事实"),
                fix=Said(f"at most {MOST_VALUES}", f"至多 {MOST_VALUES} 项"),
            )
        ]
    known = {name: each for name, each in attributes.items() if each.subject == subject}
    problems: list[Problem] = []
    for name, each in values.items():
        attribute = known.get(name)
        if attribute is None:
            near = difflib.get_close_matches(name, known, n=1)
            fix = (
                Said(f"did you mean {near[0]}?", f"是否指 {near[0]}？")
                if near
                else Said("see the pack's attributes.csv", "见数据包的 attributes.csv")
            )
            problems.append(
                Problem(
                    Said(
                        f"no fact {name!r} of {SUBJECT_WORDS[subject]}",
                        f"{chinese_of(SUBJECT_WORDS[subject])}没有事实 {name!r}",
                    ),
                    fix=fix,
                    field=name,
                )
            )
        else:
            problems += _value_problems(attribute, each)
    return problems


def _value_problems(attribute: Attribute, each: Declaration) -> Sequence[Problem]:
    problems: list[Problem] = []
    try:
        value = parse_value(attribute, each.value)
    except InputError as error:
        problems += error.problems
    else:
        if attribute.unit in COUNTED and isinstance(value, int) and value < 0:
            problems.append(
                Problem(
                    Said(f"{value} {attribute.unit}", f"{value} {attribute.unit} 不成立"),
                    fix=Said("a count is not below zero", "计数不小于零"),
                    field=attribute.id,
                )
            )
        if isinstance(value, str) and not 0 < len(value.strip()) <= MOST_CHARACTERS:
            fix = Said(f"1 to {MOST_CHARACTERS} characters", f"1 至 {MOST_CHARACTERS} 个字符")
            problems.append(
                Problem(
                    Said(f"a text of {len(value.strip())} characters", f"文字有 {len(value.strip())} 个字符"),
                    fix=fix,
                    field=attribute.id,
                )
            )
    if len(each.evidence) > EVIDENCE_CHARACTERS or not each.evidence.isprintable():
        fix = Said(
            f"one line of at most {EVIDENCE_CHARACTERS} characters", f"一行，不超过 {EVIDENCE_CHARACTERS} 个字符"
        )
        problems.append(
            Problem(
                Said(f"evidence of {len(each.evidence)} characters", f"证明有 {len(each.evidence)} 个字符"),
                fix=fix,
                field=attribute.id,
            )
        )
    return problems


def reference_of(earlier: int, day: date, evidence: str) -> str:
    """`#2 2026-11-23 contract.pdf`: numbered, so that a later entry stands beside the earlier one."""
    return f"#{earlier + 1} {day.isoformat()} {evidence}".rstrip()


def _entered(subject: Organisation, event: Event) -> list[Fact]:
    return those_entered(subject.facts.filter(source=source_of(subject)), event)


def those_entered(declared: "QuerySet[KnownFact]", event: Event) -> list[KnownFact]:
    """Among what was declared, the facts that an earlier declaration entered."""
    references: Mapping[str, str] = event.payload["facts"]
    found = declared.filter(attribute__in=list(references))
    by_attribute = {(fact.attribute, fact.source_ref): fact for fact in found}
    return [by_attribute[entry] for entry in sorted(references.items()) if entry in by_attribute]
