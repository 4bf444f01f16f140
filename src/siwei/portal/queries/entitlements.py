"""What an organisation is entitled to and why, worked out now from its facts as of the city's day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from siwei.city.attributes import parse_value
from siwei.errors import InputError
from siwei.exchange.actors import Actor
from siwei.exchange.models import Fact, Organisation
from siwei.exchange.subjects import facts_on, subjects
from siwei.policy.combination import CombinationExplanation, explain_combination
from siwei.policy.decide import decide
from siwei.policy.explain import explain
from siwei.policy.explanation import Explanation, FactValue, SeenValue
from siwei.policy.nearest import nearest_change
from siwei.policy.programmes import FactStatus, Kind, Programme, Verdict
from siwei.policy.unlock import unlock
from siwei.portal.access import require_private
from siwei.portal.city_pack import attributes, decided_on, pack, programmes, stacking

ORDER = {Verdict.ELIGIBLE: 0, Verdict.CANNOT_TELL: 1, Verdict.NOT_ELIGIBLE: 2}


@dataclass(frozen=True, slots=True)
class Unlocking:
    """A set of facts that, given or proven, would decide `programmes`; the bounds are null where none can be known."""

    facts: list[dict[str, Any]]
    programmes: list[Programme]
    paid_at_most_fen: int | None
    tax_saving_at_most_fen: int | None


@dataclass(frozen=True, slots=True)
class Combination:
    """What the organisation may have together: awards with what is kept of each, best choice first in `parts`.

    `paid_fen` is null where a limit that bears on it is not known.
    """

    explanation: CombinationExplanation
    paid_fen: int | None
    tax_saving_fen: int

    @property
    def is_bound(self) -> bool:
        """Whether a rule of stacking bears on any of its awards."""
        return bool(self.explanation.parts)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Best first. The sums add what each programme alone would give, before pots are shared; tax saved is apart."""

    explanations: list[Explanation]
    paid_fen: int
    tax_saving_fen: int
    unlocking: list[Unlocking]
    combination: Combination | None


def best_facts(facts: list[Fact]) -> list[Fact]:
    """The order in which policy reads them: better proven, then valid later, then known later, then written later."""
    return sorted(
        facts, key=lambda fact: (fact.status, fact.valid_from or date.min, fact.known_at, fact.pk), reverse=True
    )


def organisation_programmes() -> tuple[Programme, ...]:
    """Those that decide about an organisation itself; a project's or a person's are decided on their own facts."""
    return tuple(programme for programme in programmes().values() if programme.applies_to == "organisation")


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


def for_organisations() -> dict[str, Programme]:
    """Those that are decided for an organisation, and not for a claim, a project or a person."""
    return {each.id: each for each in programmes().values() if each.applies_to == "organisation"}


def entitlements(organisation: Organisation, actor: Actor) -> Entitlements:
    """Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    row = known_facts(organisation)
    found = [explained(programme, row) for programme in for_organisations().values()]
    found.sort(key=lambda each: (ORDER[each.verdict], -(each.award.award_fen or 0), each.programme))
    eligible = [each for each in found if each.verdict is Verdict.ELIGIBLE]
    tax = sum(each.award.award_fen or 0 for each in eligible if each.kind is Kind.TAX_SAVING)
    # A draft is shown with its amount, and adds nothing: it releases no money.
    granted = [each for each in eligible if each.kind is not Kind.TAX_SAVING and not each.is_draft]
    paid = sum(each.award.award_fen or 0 for each in granted)
    table = _table_of(organisation)
    return Entitlements(found, paid, tax, unlocking(table, found), combination(table, organisation.key, found))


def entitlement(organisation: Organisation, programme: Programme, actor: Actor) -> Explanation:
    """With the nearest change that would make it a yes. Raises NotAllowed for those outside the organisation."""
    require_private(actor, organisation.pk)
    row = known_facts(organisation)
    found = explained(programme, row)
    if found.verdict is Verdict.ELIGIBLE:
        return found
    return replace(found, nearest=nearest_change(programme, row, decided_on(), pack().attributes))


def explained(programme: Programme, row: Mapping[str, FactValue]) -> Explanation:
    """`explain`, remembered by what it depends on. Where a fact comes from changes no verdict, so that two firms with
    the same values are worked out once, and their sources are put in afterwards."""
    bare = tuple(
        (name, replace(row[name], source="", source_ref="", valid_from=None))
        for name in programme.attributes
        if name in row
    )
    found = _explained(programme.id, programme.sha256, bare, decided_on())
    clauses = tuple(replace(clause, saw=_with_sources(clause.saw, row)) for clause in found.clauses)
    return replace(found, clauses=clauses, award=replace(found.award, saw=_with_sources(found.award.saw, row)))


@lru_cache(maxsize=4096)
def _explained(programme_id: str, sha256: str, row: tuple[tuple[str, FactValue], ...], day: date) -> Explanation:
    return explain(programmes()[programme_id], dict(row), day, pack().attributes)


def _with_sources(saw: tuple[SeenValue, ...], row: Mapping[str, FactValue]) -> tuple[SeenValue, ...]:
    return tuple(each if each.fact is None else replace(each, fact=row[each.attribute]) for each in saw)


def combination(table: pl.DataFrame, key: str, explanations: list[Explanation]) -> Combination | None:
    """The best lawful combination of its awards; None where no rule of stacking speaks of any."""
    ruled = tuple(each for each in organisation_programmes() if each.id in stacking().programmes)
    if table.is_empty() or not ruled:
        return None
    found = explain_combination(stacking(), decide(ruled, table, decided_on()), table, key)
    kinds = {programme.id: programme.kind for programme in organisation_programmes()}
    kept = {each.programme: each.award.award_fen or 0 for each in explanations if each.verdict is Verdict.ELIGIBLE}
    for part in found.parts:
        if part.best is not None:
            kept |= dict.fromkeys(part.entitled_fen, 0) | dict(part.best.kept_fen)
    tax = sum(amount for name, amount in kept.items() if kinds[name] is Kind.TAX_SAVING)
    open_ = any(part.best is None for part in found.parts)
    return Combination(found, None if open_ else sum(kept.values()) - tax, tax)


def _table_of(organisation: Organisation) -> pl.DataFrame:
    """The organisation as the one row that rules decide about; empty where it was merged into another."""
    read = {name for programme in organisation_programmes() for name in programme.attributes}
    read |= {name for group in stacking().groups for name in group.limit.attributes}
    declared = {name: pack().attributes[name] for name in sorted(read) if name in pack().attributes}
    found = subjects(decided_on(), attributes=declared, organisation_ids=[organisation.pk])
    return found.rename({"key": "id"}).drop("name")


def unlocking(table: pl.DataFrame, explanations: list[Explanation]) -> list[Unlocking]:
    """The few missing facts that would decide the most, best first."""
    waiting = {
        each.programme
        for each in explanations
        if each.verdict is Verdict.CANNOT_TELL or (each.verdict is Verdict.ELIGIBLE and each.award.award_fen is None)
    }
    known = {programme.id: programme for programme in organisation_programmes() if programme.id in waiting}
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
