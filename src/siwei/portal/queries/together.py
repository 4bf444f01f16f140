"""What rules of stacking leave of the awards for one contract, one project or one person, with what is held already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from siwei.exchange.claim_decisions import claims_to_decide, projects_to_decide
from siwei.exchange.held_awards import held_of_subject
from siwei.exchange.models import Organisation
from siwei.policy.combination import CombinationExplanation, PartExplanation, explain_combination
from siwei.policy.decide import Decisions, decide
from siwei.policy.explanation import FactValue
from siwei.policy.limits import apply_limits
from siwei.policy.programmes import Kind, Programme
from siwei.policy.stacking import Stacking
from siwei.portal.city_pack import decided_on, pack, programmes, stacking
from siwei.portal.queries.entitlements import one_row


@dataclass(frozen=True, slots=True)
class Together:
    """The best lawful combination of all awards for one subject: `parts` under rules; `alone_fen` the others, each of
    which stands by itself (null where not known). `paid_fen` is what is paid of both, drafts and savings of tax left
    out; null where a limit is not known."""

    parts: tuple[PartExplanation, ...]
    alone_fen: Mapping[str, int | None]
    paid_fen: int | None
    drafts: tuple[str, ...]

    @property
    def has_awards(self) -> bool:
        return bool(self.parts) or any(self.alone_fen.values())


def rules_of(applies_to: str) -> tuple[Stacking, tuple[Programme, ...]]:
    """The rules on awards for contracts or for projects, and the programmes they speak of."""
    rules = stacking().of(applies_to)
    return rules, tuple(each for each in programmes().values() if each.id in rules.programmes)


def together(organisation: Organisation, applies_to: str, subject: str) -> tuple[PartExplanation, ...]:
    """The best lawful combination of the awards for `subject` (a claim's id, a project's), part by part; empty where no
    rule speaks of them. A programme's own limits come first, over all claims of the organisation."""
    rules, ruled = rules_of(applies_to)
    return () if not ruled else _explained(rules, ruled, organisation, applies_to, subject).parts


def all_together(organisation: Organisation, applies_to: str, subject: str) -> Together:
    """The same with the awards that no rule speaks of."""
    rules, known = stacking().of(applies_to), _programmes(applies_to)
    if not known:
        return Together((), {}, 0, ())
    return _together(_explained(rules, known, organisation, applies_to, subject))


def person_together(facts: Mapping[str, FactValue]) -> Together:
    """Of a person with these facts. Nothing of it is remembered by the process."""
    rules, known = stacking().of("person"), _programmes("person")
    if not known:
        return Together((), {}, 0, ())
    read = {name for group in rules.groups for name in group.limit.attributes}
    table = one_row(tuple(facts.items()), read, known)
    return _together(explain_combination(rules, decide(known, table, decided_on()), table, ""))


def _programmes(applies_to: str) -> tuple[Programme, ...]:
    return tuple(each for each in programmes().values() if each.applies_to == applies_to)


def _together(found: CombinationExplanation) -> Together:
    known = programmes()
    paid = {name: amount for name, amount in found.unbound_fen.items() if amount}
    for part in found.parts:
        paid |= {} if part.best is None else {name: fen for name, fen in part.best.kept_fen.items() if fen}
    counted = [
        amount for name, amount in paid.items()
        if not known[name].is_draft and known[name].kind is not Kind.TAX_SAVING
    ]  # fmt: skip
    is_known = all(part.best is not None for part in found.parts)
    drafts = tuple(name for name in paid if known[name].is_draft)
    return Together(found.parts, found.unbound_fen, sum(counted) if is_known else None, drafts)


def _explained(
    rules: Stacking, known: Sequence[Programme], organisation: Organisation, applies_to: str, subject: str
) -> CombinationExplanation:
    decisions, table = _decided(rules, known, organisation, applies_to)
    if table.filter(pl.col("id") == subject).is_empty():
        return CombinationExplanation(subject, (), {})
    return explain_combination(rules, decisions, table, subject, held_of_subject(organisation, subject))


def _decided(
    rules: Stacking, known: Sequence[Programme], organisation: Organisation, applies_to: str
) -> tuple[Decisions, pl.DataFrame]:
    read = sorted({name for group in rules.groups for name in group.limit.attributes})
    over = claims_to_decide if applies_to == "claim" else projects_to_decide
    table = over(known, decided_on(), pack().attributes, organisation, read)
    return apply_limits(decide(tuple(known), table, decided_on()), table), table
