"""What an organisation is entitled to and why, worked out now from its facts as of the city's day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from siwei.city.attributes import parse_value
from siwei.errors import InputError
from siwei.exchange.actors import Actor
from siwei.exchange.models import Fact, Organisation
from siwei.exchange.subjects import facts_on, subjects
from siwei.policy.explain import explain
from siwei.policy.explanation import Explanation, FactValue
from siwei.policy.programmes import FactStatus, Kind, Programme, Verdict
from siwei.policy.unlock import unlock
from siwei.portal.access import require_private
from siwei.portal.city_pack import attributes, decided_on, pack, programmes

ORDER = {Verdict.ELIGIBLE: 0, Verdict.CANNOT_TELL: 1, Verdict.NOT_ELIGIBLE: 2}


@dataclass(frozen=True, slots=True)
class Unlocking:
    """A set of facts that, given or proven, would decide `programmes`; the bounds are null where none can be known."""

    facts: list[dict[str, Any]]
    programmes: list[Programme]
    paid_at_most_fen: int | None
    tax_saving_at_most_fen: int | None


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Best first. The sums add what each programme alone would give, before pots are shared; tax saved is apart."""

    explanations: list[Explanation]
    paid_fen: int
    tax_saving_fen: int
    unlocking: list[Unlocking]


def best_facts(facts: list[Fact]) -> list[Fact]:
    """The order in which policy reads them: better proven, then valid later, then known later, then written later."""
    return sorted(
        facts, key=lambda fact: (fact.status, fact.valid_from or date.min, fact.known_at, fact.pk), reverse=True
    )


def known_facts(organisation: Organisation) -> dict[str, FactValue]:
    """Attribute → its best fact on the city's day: one query. A value that is not canonical counts as unknown."""
    declared = pack().attributes
    row: dict[str, FactValue] = {}
    for fact in best_facts(list(facts_on(decided_on()).filter(organisation=organisation))):
        attribute = declared.get(fact.attribute)
        if attribute is None or fact.attribute in row:
            continue
        try:
            value = parse_value(attribute, fact.value)
        except InputError:
            continue
        row[fact.attribute] = FactValue(value, FactStatus(fact.status), fact.source, fact.source_ref, fact.valid_from)
    return row


def entitlements(organisation: Organisation, actor: Actor) -> Entitlements:
    """Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    row = known_facts(organisation)
    day, declared = decided_on(), pack().attributes
    found = [explain(programme, row, day, declared) for programme in programmes().values()]
    found.sort(key=lambda each: (ORDER[each.verdict], -(each.award.award_fen or 0), each.programme))
    eligible = [each for each in found if each.verdict is Verdict.ELIGIBLE]
    tax = sum(each.award.award_fen or 0 for each in eligible if each.kind is Kind.TAX_SAVING)
    paid = sum(each.award.award_fen or 0 for each in eligible if each.kind is not Kind.TAX_SAVING)
    return Entitlements(found, paid, tax, unlocking(organisation))


def entitlement(organisation: Organisation, programme: Programme, actor: Actor) -> Explanation:
    """Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    return explain(programme, known_facts(organisation), decided_on(), pack().attributes)


def unlocking(organisation: Organisation) -> list[Unlocking]:
    """The few missing facts that would decide the most, best first."""
    known = programmes()
    read = {name for programme in known.values() for name in programme.attributes}
    declared = {name: pack().attributes[name] for name in sorted(read)}
    table = (
        subjects(decided_on(), attributes=declared, organisation_ids=[organisation.pk])
        .rename({"key": "id"})
        .drop("name")
    )
    if table.is_empty() or not known:
        return []
    rows = attributes()
    return [
        Unlocking(
            [rows[name] for name in found["facts"]],
            [known[name] for name in found["programmes"]],
            found["paid_at_most_fen"],
            found["tax_saving_at_most_fen"],
        )
        for found in unlock(tuple(known.values()), table, decided_on()).to_dicts()
    ]
