"""An organisation's dossier: the facts it may enter, what each programme asks, until when, and what proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from siwei.city.attributes import Attribute
from siwei.exchange.actors import Actor
from siwei.exchange.facts import source_of
from siwei.exchange.models import Fact, Organisation
from siwei.exchange.subjects import facts_on
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.programmes import FactStatus, Programme, Verdict
from siwei.policy.windows import Deadline, deadline_of
from siwei.portal.city_pack import attributes, decided_on, districts, pack, programmes
from siwei.portal.entries import choices_of
from siwei.portal.queries.entitlements import Entitlements, best_facts, entitlements, organisation_programmes

FAR = 100_000
"""Days: later than any last day."""
GROUPS = ("asked", "registered", "yearly", "other")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves one fact a programme reads. `state` is in_hand, to_prove or to_give."""

    attribute: str
    required: FactStatus
    fact: FactValue | None
    clauses: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Field:
    """One fact that may be entered; `fact` is what counts now, `own` what was declared last and does not count."""

    attribute: dict[str, Any]
    fact: Fact | None
    own: Fact | None
    choices: tuple[str, ...]
    asked_by: tuple[Programme, ...]


@dataclass(frozen=True, slots=True)
class ProgrammeLine:
    programme: Programme
    explanation: Explanation
    deadline: Deadline
    to_supply: int


@dataclass(frozen=True, slots=True)
class Dossier:
    groups: list[tuple[str, list[Field]]]
    entitlements: Entitlements
    lines: list[ProgrammeLine]


def evidence_of(programme: Programme, facts: Mapping[str, FactValue]) -> list[Evidence]:
    """One line per fact that the programme reads, in the order in which its clauses ask for it."""
    readers: dict[str, list[tuple[str, FactStatus]]] = {}
    for clause in programme.clauses:
        for name in clause.expression.attributes:
            readers.setdefault(name, []).append((clause.id, clause.requires))
    award = programme.award
    for expression in (award.expression, award.cap):
        for name in expression.attributes if expression else ():
            entry = ("award", award.requires)
            if entry not in readers.setdefault(name, []):
                readers[name].append(entry)
    found = []
    for name, asked in readers.items():
        required, fact = max(status for _, status in asked), facts.get(name)
        state = "to_give" if fact is None else "to_prove" if fact.status < required else "in_hand"
        found.append(Evidence(name, required, fact, tuple(clause for clause, _ in asked), state))
    return found


def dossier(organisation: Organisation, actor: Actor, known: Mapping[str, FactValue]) -> Dossier:
    """Raises NotAllowed for those outside the organisation."""
    found = entitlements(organisation, actor)
    day, all_programmes = decided_on(), programmes()
    lines = []
    for explanation in found.explanations:
        programme = all_programmes[explanation.programme]
        waiting = sum(each.state != "in_hand" for each in evidence_of(programme, known))
        lines.append(ProgrammeLine(programme, explanation, deadline_of(programme, day), waiting))
    lines.sort(key=_urgency)
    asked = {row["id"] for each in found.unlocking for row in each.facts}
    return Dossier(field_groups(organisation, asked), found, lines)


def _urgency(line: ProgrammeLine) -> tuple[int, bool, int]:
    """By verdict; then what can be applied for, the nearest last day first; what is closed goes to the end. Lines that
    are equal in this stay in their order, which is by amount."""
    ranks = {Verdict.ELIGIBLE: 0, Verdict.CANNOT_TELL: 1, Verdict.NOT_ELIGIBLE: 2}
    days = line.deadline.days if line.deadline.state == "open" and line.deadline.is_window else None
    return ranks[line.explanation.verdict], line.deadline.is_shut, FAR if days is None else days


def field_groups(organisation: Organisation, asked: set[str]) -> list[tuple[str, list[Field]]]:
    """The pack's facts of an organisation in four groups: those that would decide the most money come first."""
    rows, source = attributes(), source_of(organisation)
    facts = best_facts(list(facts_on(decided_on()).filter(organisation=organisation)))
    best: dict[str, Fact] = {}
    own: dict[str, Fact] = {}
    for fact in facts:
        best.setdefault(fact.attribute, fact)
        if fact.source == source:
            own.setdefault(fact.attribute, fact)
    readers = _readers(organisation_programmes())
    grouped: dict[str, list[Field]] = {name: [] for name in GROUPS}
    for attribute in pack().attributes.values():
        if attribute.subject != "organisation":
            continue
        counts, mine = best.get(attribute.id), own.get(attribute.id)
        grouped[_group(attribute, asked)].append(
            Field(
                rows[attribute.id],
                counts,
                mine if mine is not counts else None,
                choices_of(attribute, districts()),
                readers.get(attribute.id, ()),
            )
        )
    return [(name, fields) for name, fields in grouped.items() if fields]


def _group(attribute: Attribute, asked: set[str]) -> str:
    if attribute.id in asked:
        return "asked"
    return "registered" if attribute.public else "yearly" if attribute.period else "other"


def _readers(known: Iterable[Programme]) -> dict[str, tuple[Programme, ...]]:
    readers: dict[str, tuple[Programme, ...]] = {}
    for programme in known:
        for name in programme.attributes:
            readers[name] = (*readers.get(name, ()), programme)
    return readers
