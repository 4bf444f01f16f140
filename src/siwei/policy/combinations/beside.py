"""What may be had of one award beside what is held already, as an application for it is weighed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.policy.combinations.choices import applies, reckon
from siwei.policy.combinations.choosing import UNKNOWN
from siwei.policy.combinations.combination import RuleShown, rule_shown, unknown_of
from siwei.policy.combinations.combining import group_limits
from siwei.policy.decide import Decisions
from siwei.policy.stacking import Linked, Stacking, is_lawful, linked
from siwei.policy.subjects import ID


@dataclass(frozen=True, slots=True)
class Beside:
    """What may be had of an award beside what is held already. `rule` is what keeps it from the whole; `kept_fen` is
    None where that rule's limit is not known."""

    programme: str
    asked_fen: int
    kept_fen: int | None
    held_fen: Mapping[str, int]
    """What is held of the programmes that a rule links with it."""
    rule: RuleShown | None


def award_beside(
    stacking: Stacking, held: Mapping[str, int], programme: str, asked_fen: int, table: pl.DataFrame, as_of: date
) -> Beside:
    """What of `asked_fen` the rules on stacking leave beside `held` (fen by programme), which is not cut any more: by
    the very reckoning that finds the best lawful combination. `table` is the subject's one row, as it is decided."""
    part = next((each for each in linked(stacking) if programme in each.programmes), None)
    if part is None:
        return Beside(programme, asked_fen, asked_fen, {}, None)
    mine = {name: amount for name, amount in held.items() if name in part.programmes and name != programme and amount}
    choice = tuple(sorted({*mine, programme}))
    for exclusion in part.either_or:
        if programme in exclusion.programmes and not is_lawful(choice, (exclusion,)):
            return Beside(programme, asked_fen, 0, mine, rule_shown(exclusion, None))
    limits = _limits(stacking, part, table, as_of)
    binding = [group for group in part.groups if programme in group.programmes and applies(group, choice)]
    if (unknown := next((group for group in binding if limits[group.id] == UNKNOWN), None)) is not None:
        missing = unknown_of(table, unknown.limit.attributes)[0]
        return Beside(programme, asked_fen, None, mine, rule_shown(unknown, None, missing))
    found = reckon(part, choice, {**mine, programme: asked_fen}, limits, held=mine)
    cut = next((each.group for each in found.cuts if each.programme == programme), None)
    rule = next((rule_shown(group, limits[group.id]) for group in binding if group.id == cut), None)
    return Beside(programme, asked_fen, found.kept_fen[programme], mine, rule)


def _limits(stacking: Stacking, part: Linked, table: pl.DataFrame, as_of: date) -> dict[str, int]:
    row = Decisions((), as_of, table.select(ID))
    return {name: int(values[0]) for name, values in group_limits(stacking, (part,), row, table).items()}
