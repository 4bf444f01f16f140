"""What rules of stacking leave of the awards for one contract, one project or one person, with what is held already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from siwei.exchange.awards.held_awards import held_of_subjects
from siwei.exchange.awards.joint_awards import joint_awards
from siwei.exchange.facts.claim_decisions import claims_to_decide, projects_to_decide
from siwei.exchange.models import Organisation
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.combinations.combination import (
    CombinationExplanation,
    Combinations,
    PartExplanation,
    explain_combination,
)
from siwei.policy.combinations.draft_shown import DraftShown
from siwei.policy.combinations.joint_shown import JointShown
from siwei.policy.decide import Decisions, decide
from siwei.policy.explanation import FactValue
from siwei.policy.programmes import Kind, Programme
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID
from siwei.portal.city_pack import decided_on, pack, programmes, stacking
from siwei.portal.queries.entitlements import one_row


@dataclass(frozen=True, slots=True)
class Together:
    """The best lawful combination of all awards for one subject: `parts` under rules; `alone_fen` the others, each of
    which stands by itself (null where not known). `paid_fen` is what is paid of both, savings of tax left out;
    null where a limit is not known. `drafts`, which release no money, are in neither. What is held already counts in
    it, `held_fen` by programme. `joint` are limits over the same organisation's other subjects too."""

    parts: tuple[PartExplanation, ...]
    alone_fen: Mapping[str, int | None]
    paid_fen: int | None
    drafts: tuple[DraftShown, ...]
    held_fen: Mapping[str, int]
    joint: tuple[JointShown, ...] = ()

    @property
    def has_awards(self) -> bool:
        return bool(self.parts) or any(self.alone_fen.values()) or bool(self.drafts)

    @property
    def all_held_fen(self) -> int:
        return sum(self.held_fen.values())


NOTHING = Together((), {}, 0, (), {})


def together(
    organisation: Organisation, applies_to: str, subjects: Collection[str]
) -> dict[str, CombinationExplanation]:
    """The best lawful combination of the awards for each of the subjects (claims' ids, projects'), part by part; no
    part where no rule speaks of them. A programme's own limits come first, over all claims of the organisation, which
    are read and decided once for all of the subjects."""
    rules = stacking().of(applies_to)
    joint = {name for limit in rules.joint for name in limit.programmes}
    ruled = tuple(each for each in _programmes(applies_to) if each.id in rules.programmes or each.id in joint)
    if not ruled:
        return {each: CombinationExplanation(each, (), {}) for each in subjects}
    return _explained(rules, ruled, organisation, applies_to, held_of_subjects(organisation, subjects))


def all_together(organisation: Organisation, applies_to: str, subject: str) -> Together:
    """The same with the awards that no rule speaks of."""
    rules, known = stacking().of(applies_to), _programmes(applies_to)
    if not known:
        return NOTHING
    held = held_of_subjects(organisation, [subject])
    return _together(_explained(rules, known, organisation, applies_to, held)[subject], held[subject])


def person_together(facts: Mapping[str, FactValue], held: Mapping[str, int]) -> Together:
    """Of a person with these facts, who holds `held` already. Nothing of it is remembered by the process."""
    rules, known = stacking().of("person"), _programmes("person")
    if not known:
        return NOTHING
    read = {name for group in rules.groups for name in group.limit.attributes}
    table = one_row(tuple(facts.items()), read, known)
    return _together(explain_combination(rules, decide(known, table, decided_on()), table, "", held), held)


def _programmes(applies_to: str) -> tuple[Programme, ...]:
    return tuple(each for each in programmes().values() if each.applies_to == applies_to)


def _together(found: CombinationExplanation, held: Mapping[str, int]) -> Together:
    known = programmes()
    mine = {name: fen for name, fen in held.items() if fen and name in known}
    ruled = {name for part in found.parts for name in (*part.entitled_fen, *part.held_fen)}
    # What is held of an award stays, also where the facts of today would give less of it.
    alone = {name: max(found.unbound_fen.get(name) or 0, fen) for name, fen in mine.items() if name not in ruled}
    alone_fen = {**found.unbound_fen, **alone}
    paid = {name: amount for name, amount in alone_fen.items() if amount}
    for part in found.parts:
        paid |= {} if part.best is None else {name: fen for name, fen in part.best.kept_fen.items() if fen}
    counted = [amount for name, amount in paid.items() if known[name].kind is not Kind.TAX_SAVING]
    is_known = all(part.best is not None for part in found.parts)
    total = sum(counted) if is_known else None
    return Together(found.parts, alone_fen, total, found.drafts, mine, found.joint)


def _explained(
    rules: Stacking, known: Sequence[Programme], organisation: Organisation, applies_to: str,
    held: Mapping[str, Mapping[str, int]],
) -> dict[str, CombinationExplanation]:  # fmt: skip
    """Of each subject with what it holds."""
    decisions, table = _decided(rules, known, organisation, applies_to)
    found = {each: CombinationExplanation(each, (), {}) for each in held}
    is_asked = table[ID].is_in([*held])
    if not is_asked.any():
        return found
    mine = Decisions(decisions.programmes, decisions.as_of, decisions.wide.filter(is_asked))
    combinations = Combinations(rules, mine, table.filter(is_asked), {name for each in held.values() for name in each})
    joint = joint_awards(
        organisation, applies_to, programmes=programmes().values(), stacking=stacking(), as_of=decided_on(),
        attributes=pack().attributes,
    )  # fmt: skip
    for each in combinations.places:
        within = None if joint is None else joint.within(applies_to, each)
        found[each] = combinations.explain(each, held[each], within)
    return found


def _decided(
    rules: Stacking, known: Sequence[Programme], organisation: Organisation, applies_to: str
) -> tuple[Decisions, pl.DataFrame]:
    read = sorted({name for group in rules.groups for name in group.limit.attributes})
    over = claims_to_decide if applies_to == "claim" else projects_to_decide
    table = over(known, decided_on(), pack().attributes, organisation, read)
    return apply_limits(decide(tuple(known), table, decided_on()), table), table
