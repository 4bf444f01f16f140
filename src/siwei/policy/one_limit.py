"""The best lawful combination where one limit binds all programmes of a part and nothing else does, as columns.

Any set then comes to its sum or to the limit, so the best total is the sum of all under the limit, and the first set
(in the order of preference) whose sum reaches it is the one taken. No row has to be searched, and Polars works the
columns out side by side, which a Python function in their midst prevents.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import polars as pl

from siwei.policy.stacking import Linked, lawful_choices

MOST = 4
"""Programmes; 2^n sets are tried in every row, where the search tries them in the few that need it."""


def has_one_limit(part: Linked) -> bool:
    """Whether the columns of this module say all that `part` says."""
    return (
        len(part.groups) == 1
        and not part.either_or
        and len(part.programmes) <= MOST
        and part.groups[0].applies_from <= 1
        and set(part.groups[0].programmes) >= set(part.programmes)
    )


def one_limit_layers(
    part: Linked, awards: Mapping[str, str], limit: str, kept: Mapping[str, str], bound: Mapping[str, str]
) -> list[list[pl.Expr]]:
    """Columns to be added one layer after the other.

    `awards` (by programme; Int64 ≥ 0, null where not known, the sums fit 64 bits) and `limit` (Int64, -1 where not
    known) are there; `kept` (Int64) and `bound` (UInt8: 0 declined, 1 cut) are made.
    """
    known = {name: pl.col(awards[name]).fill_null(0) for name in part.programmes}
    best, taken = f":best:{limit}", f":taken:{limit}"
    code = pl.lit(_bits(part, part.programmes), dtype=pl.UInt8)
    for choice in reversed(lawful_choices(part.programmes, ())[:-1]):
        reaches = reduce(add, [known[name] for name in choice], pl.lit(0, dtype=pl.Int64)) >= pl.col(best)
        code = pl.when(reaches).then(pl.lit(_bits(part, choice), dtype=pl.UInt8)).otherwise(code)
    layers = [
        [pl.min_horizontal(pl.col(limit).clip(0), reduce(add, known.values())).alias(best)],
        [code.alias(taken)],
        [],
        [],
    ]
    # What is cut last is kept first: each keeps what the sum up to it adds below the best.
    total = before = pl.lit(0, dtype=pl.Int64)
    for name in [name for name in reversed(part.groups[0].reduce) if name in known]:
        is_taken = (pl.col(taken) & pl.lit(_bits(part, (name,)), dtype=pl.UInt8)) != 0
        total = total + pl.when(is_taken).then(known[name]).otherwise(0)
        up_to = f":up_to:{kept[name]}"
        layers[2].append(pl.min_horizontal(total, best).alias(up_to))
        share, before = pl.col(up_to) - before, pl.col(up_to)
        is_told = pl.col(awards[name]).is_not_null() & ((pl.col(limit) >= 0) | (pl.col(awards[name]) == 0))
        layers[3].append(pl.when(is_told).then(share).alias(kept[name]))
        is_less = is_told & (share < pl.col(awards[name]))
        layers[3].append(pl.when(is_less).then(is_taken.cast(pl.UInt8)).alias(bound[name]))
    return layers


def _bits(part: Linked, choice: Sequence[str]) -> int:
    return sum(1 << place for place, name in enumerate(part.programmes) if name in choice)
