"""The best lawful choice among the awards of one part, of every subject.

Subjects that are entitled to the same programmes are tried together: every lawful set of them, the limits applied in
their declared order, and the greatest total is taken. Adding an award can lower a total (a limit that holds only from
the second award on), so every set is tried and not only the largest.

Most subjects need no search: where all their awards together are lawful and no limit cuts them, nothing is cut, and any
smaller set comes to less. Only the others are searched.
"""

import operator
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import polars as pl

from siwei.policy.stacking import Linked, lawful_choices

Amounts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Places = npt.NDArray[np.intp]
DECLINED = "declined"
UNKNOWN = -1
"""In place of an amount, within the search."""


def kept_column(programme: str) -> str:
    return f"{programme}:kept_fen"


def bound_column(programme: str) -> str:
    return f"{programme}:bound_by"


def limit_column(group: str) -> str:
    return f":limit:{group}"


def choose(part: Linked, facts: pl.DataFrame, as_text: bool = True) -> dict[str, pl.Series]:
    """`kept_column` and `bound_column` of every programme of a part. `facts` holds a column per programme (what one is
    entitled to; null where not known) and `limit_column` per group. Without `as_text` what bound an award is its code
    in `bound_enum` (UInt8)."""
    rows = facts.select(needs_choice(part).arg_true()).to_series()
    made: dict[str, pl.Series] = {}
    by = pl.Series([None], dtype=pl.UInt8).new_from_index(0, facts.height)
    for name in part.programmes:
        made |= {kept_column(name): facts[name].alias(kept_column(name)), bound_column(name): by}
    if len(rows):
        searched = facts[rows]
        for name, found in search(part, searched).items():
            kept, codes = (pl.Series(values) for values in found)
            amounts = kept.set(kept == UNKNOWN, None)
            made[kept_column(name)] = made[kept_column(name)].clone().scatter(rows, amounts)
            bound = (codes - 1).set(codes == 0, None).cast(pl.UInt8)
            made[bound_column(name)] = by.clone().scatter(rows, bound)
    if as_text:
        for name in part.programmes:
            made[bound_column(name)] = made[bound_column(name)].cat.to(bound_enum(part)).cast(pl.String)
    return made


def needs_choice(part: Linked) -> pl.Expr:
    """Whether all awards together are not lawful, or a limit cuts them or is not known; see the top of the file."""
    doubts: list[pl.Expr] = [pl.lit(False)]
    for rule in part.either_or:
        doubts.append(_count(rule.programmes, part) > rule.most)
    for group in part.groups:
        mine = [pl.col(name).fill_null(0) for name in group.programmes if name in part.programmes]
        if len(mine) >= group.applies_from:
            # Plain sums are several times as fast as `sum_horizontal`. An unknown limit cuts whatever is above 0.
            cuts = reduce(operator.add, mine) > pl.col(limit_column(group.id)).clip(0)
            holds = _count(group.programmes, part) >= group.applies_from
            doubts.append(cuts if group.applies_from <= 1 else cuts & holds)
    return pl.any_horizontal(doubts)


def _count(programmes: Sequence[str], part: Linked) -> pl.Expr:
    """How many of them one is entitled to."""
    entitled = [pl.col(name) > 0 for name in programmes if name in part.programmes]
    return pl.sum_horizontal([each.fill_null(False).cast(pl.UInt8) for each in entitled] or [pl.lit(0)])


def bound_enum(part: Linked) -> pl.Enum:
    return pl.Enum([DECLINED, *(group.id for group in part.groups)])


Chosen = dict[str, tuple[Amounts, Codes]]
"""By programme what is kept (UNKNOWN where it cannot be told), and the code of what cut it (0 nothing, 1 declined, 2 …
the groups)."""


def search(part: Linked, facts: pl.DataFrame) -> Chosen:
    """All subjects entitled to the same programmes of the part are tried together."""
    entitled = {name: facts[name].fill_null(UNKNOWN).to_numpy() for name in part.programmes}
    limits = {group.id: facts[limit_column(group.id)].to_numpy() for group in part.groups}
    found = {name: (amounts.copy(), np.zeros(len(amounts), dtype=np.int8)) for name, amounts in entitled.items()}
    patterns = np.zeros(facts.height, dtype=np.int64)
    for place, amounts in enumerate(entitled.values()):
        patterns |= (amounts > 0).astype(np.int64) << place
    for pattern in np.unique(patterns[patterns > 0]):
        names = [name for place, name in enumerate(part.programmes) if pattern >> place & 1]
        rows = np.flatnonzero(patterns == pattern)
        rows = _known(part, rows, names, limits, found)
        mine = {name: entitled[name][rows] for name in names}
        chosen = _choose(part, names, mine, {name: limit[rows] for name, limit in limits.items()})
        for name, (amounts, codes) in chosen.items():
            found[name][0][rows], found[name][1][rows] = amounts, codes
    return found


def _known(part: Linked, rows: Places, names: Sequence[str], limits: Mapping[str, Amounts], found: Chosen) -> Places:
    """The rows of which every limit that may matter is known; of the others nothing can be told."""
    unknown = np.zeros(len(rows), dtype=bool)
    for group in part.groups:
        if len(set(group.programmes) & set(names)) >= group.applies_from:
            unknown |= limits[group.id][rows] == UNKNOWN
    for name in names:
        found[name][0][rows[unknown]] = UNKNOWN
    return rows[~unknown]


def _choose(
    part: Linked, names: Sequence[str], entitled: Mapping[str, Amounts], limits: Mapping[str, Amounts]
) -> Chosen:
    """The best choice of subjects who are entitled to exactly `names`."""
    best = np.full(len(entitled[names[0]]), -1, dtype=np.int64)
    chosen: Chosen = {name: (np.zeros_like(best), np.ones(len(best), dtype=np.int8)) for name in names}
    for choice in lawful_choices(names, part.either_or):
        made = _apply(part, choice, entitled, limits)
        total = sum((amounts for amounts, _ in made.values()), np.zeros_like(best))
        # Choices come in the order of preference, so of equal ones the first stays.
        better = np.flatnonzero(total > best)
        if not len(better):
            continue
        best[better] = total[better]
        for name, (amounts, codes) in chosen.items():
            amounts[better] = made[name][0][better] if name in made else 0
            codes[better] = made[name][1][better] if name in made else 1
    return chosen


def _apply(
    part: Linked, choice: Sequence[str], entitled: Mapping[str, Amounts], limits: Mapping[str, Amounts]
) -> Chosen:
    """What a choice comes to after every limit, and what cut it."""
    made = {name: (entitled[name].copy(), np.zeros(len(entitled[name]), dtype=np.int8)) for name in choice}
    for number, group in enumerate(part.groups):
        taken = [name for name in group.reduce if name in made]
        if not taken or len(taken) < group.applies_from:
            continue
        excess = np.maximum(sum(made[name][0] for name in taken) - limits[group.id], 0)
        for name in taken:
            amounts, codes = made[name]
            cut = np.minimum(amounts, excess)
            amounts -= cut
            excess -= cut
            codes[cut > 0] = number + 2
    return made
