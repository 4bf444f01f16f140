"""What rules of stacking leave of the awards for one contract or one project, with what is held of it already."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from siwei.exchange.claim_decisions import claims_to_decide, projects_to_decide
from siwei.exchange.held_awards import held_of_subject
from siwei.exchange.models import Organisation
from siwei.policy.combination import PartExplanation, explain_combination
from siwei.policy.decide import Decisions, decide
from siwei.policy.limits import apply_limits
from siwei.policy.programmes import Programme
from siwei.policy.stacking import Stacking
from siwei.portal.city_pack import decided_on, pack, programmes, stacking


def rules_of(applies_to: str) -> tuple[Stacking, tuple[Programme, ...]]:
    """The rules on awards for contracts or for projects, and the programmes they speak of."""
    rules = stacking().of(applies_to)
    return rules, tuple(each for each in programmes().values() if each.id in rules.programmes)


def together(organisation: Organisation, applies_to: str, subject: str) -> tuple[PartExplanation, ...]:
    """The best lawful combination of the awards for `subject` (a claim's id, a project's), part by part; empty where no
    rule speaks of them. A programme's own limits come first, over all claims of the organisation."""
    rules, ruled = rules_of(applies_to)
    if not ruled:
        return ()
    decisions, table = _decided(rules, ruled, organisation, applies_to)
    if table.filter(pl.col("id") == subject).is_empty():
        return ()
    return explain_combination(rules, decisions, table, subject, held_of_subject(organisation, subject)).parts


def _decided(
    rules: Stacking, ruled: Sequence[Programme], organisation: Organisation, applies_to: str
) -> tuple[Decisions, pl.DataFrame]:
    read = sorted({name for group in rules.groups for name in group.limit.attributes})
    over = claims_to_decide if applies_to == "claim" else projects_to_decide
    table = over(ruled, decided_on(), pack().attributes, organisation, read)
    return apply_limits(decide(tuple(ruled), table, decided_on()), table), table
