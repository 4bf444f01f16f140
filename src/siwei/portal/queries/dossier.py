"""An organisation's dossier: the facts it may enter, what each programme asks, until when, and what proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siwei.city.attributes import Attribute, canonical_text
from siwei.exchange.actors import Actor
from siwei.exchange.facts.declared import source_of
from siwei.exchange.facts.subjects import facts_on, of_subject
from siwei.exchange.models import Organisation
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.programmes import FactStatus, Programme, Verdict
from siwei.policy.windows import Deadline, deadline_of
from siwei.portal.city_pack import attributes, decided_on, districts, pack, programmes
from siwei.portal.entries import choices_of
from siwei.portal.queries.entitlements import Entitlements, best_facts, entitlements, organisation_programmes
from siwei.portal.queries.fact_files import ShownFile, files_showing, shown_files

FAR = 100_000
"""Days: later than any last day."""
GROUPS = ("asked", "registered", "yearly", "other")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves one fact a programme reads. `state` is in_hand, to_prove or to_give; `files` show what counts."""

    attribute: str
    required: FactStatus
    fact: FactValue | None
    clauses: tuple[str, ...]
    state: str
    files: tuple[ShownFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownFact:
    """A fact as forms show it; `value` is canonical text, `status` 0 declared, 1 documented, 2 verified."""

    value: str
    status: int
    source: str
    source_ref: str


@dataclass(frozen=True, slots=True)
class Field:
    """One fact that may be entered; `fact` is what counts now, `own` what was declared last and does not count; `files`
    show either."""

    attribute: dict[str, Any]
    fact: ShownFact | None
    own: ShownFact | None
    choices: tuple[str, ...]
    asked_by: tuple[Programme, ...]
    files: tuple[ShownFile, ...] = ()


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


def evidence_of(
    programme: Programme, facts: Mapping[str, FactValue], files: Sequence[ShownFile] = ()
) -> list[Evidence]:
    """One line per fact that the programme reads, in the order in which its clauses ask for it; each with those of the
    `files` that show what counts."""
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
        value = None if fact is None else fact.value
        said = () if value is None or isinstance(value, float) else (canonical_text(value),)
        shown = files_showing(name, said, files)
        found.append(Evidence(name, required, fact, tuple(clause for clause, _ in asked), state, shown))
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


def shown_fact(fact: FactValue) -> ShownFact:
    assert fact.value is not None
    assert not isinstance(fact.value, float)
    return ShownFact(canonical_text(fact.value), int(fact.status), fact.source, fact.source_ref)


def field_groups(organisation: Organisation, asked: set[str]) -> list[tuple[str, list[Field]]]:
    """The pack's facts of an organisation in four groups: those that would decide the most money come first."""
    source = source_of(organisation)
    best: dict[str, ShownFact] = {}
    own: dict[str, ShownFact] = {}
    for fact in best_facts(list(facts_on(decided_on()).filter(organisation=organisation))):
        shown = ShownFact(fact.value, fact.status, fact.source, fact.source_ref)
        best.setdefault(fact.attribute, shown)
        if fact.source == source:
            own.setdefault(fact.attribute, shown)
    grouped: dict[str, list[Field]] = {name: [] for name in GROUPS}
    for field in fields_of("organisation", best, own, organisation_programmes(), shown_files(organisation)):
        grouped[_group(pack().attributes[field.attribute["id"]], asked)].append(field)
    return [(name, fields) for name, fields in grouped.items() if fields]


def fields_of(
    subject: str,
    counts: Mapping[str, ShownFact],
    own: Mapping[str, ShownFact],
    known: Iterable[Programme],
    files: Sequence[ShownFile] = (),
) -> list[Field]:
    """The pack's facts of an organisation, a project or a person, in its order: what counts of each, one's own last
    word where another counts, which of the `known` programmes ask for it, and the `files` that show either."""
    rows, readers = attributes(), _readers(known)
    found = []
    for attribute in of_subject(pack().attributes, subject).values():
        fact, mine = counts.get(attribute.id), own.get(attribute.id)
        choices = choices_of(attribute, districts())
        readers_of = readers.get(attribute.id, ())
        shown = files_showing(attribute.id, (each.value for each in (fact, mine) if each is not None), files)
        found.append(Field(rows[attribute.id], fact, mine if mine != fact else None, choices, readers_of, shown))
    return found


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
