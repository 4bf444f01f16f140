"""The best lawful combination where one limit binds all programmes of a part and nothing else does, as columns.

Any set then comes to its sum or to the limit, so the best total is the sum of all under the limit, and the first set
(in the order of preference) whose sum reaches it is the one taken. No row has to be searched, and Polars works the
columns out side by side, which a Python function in their midst prevents.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add, or_

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
    part: Linked, awards: Mapping[str, str], limit: str, kept: Mapping[str, str], bound: Mapping[str, str], by: pl.Enum
) -> list[list[pl.Expr]]:
    """Columns to be added one layer after the other.

    `awards` (by programme; Int64 ≥ 0, null where not known, the sums fit 64 bits) and `limit` (Int64 ≥ 0, null where
    not known) are there; `kept` (Int64) and `bound` are made. `bound` is of the Enum `by`, whose first value is that of
    an award left out and its second that of one cut.
    """
    known = {name: f":known:{awards[name]}" for name in part.programmes}
    whole, best = f":whole:{limit}", f":best:{limit}"
    # Where the limit is not known the best is nothing, and nobody is told it.
    under = pl.when(pl.col(whole) <= pl.col(limit)).then(whole).otherwise(pl.col(limit).fill_null(0))
    reached, first, taken = _taken(part, known, best)
    up_to, told = _kept(part, awards, limit, best, known, kept, bound, by)
    return [
        [pl.col(awards[name]).fill_null(0).alias(known[name]) for name in part.programmes],
        [_sum(known.values()).alias(whole)],
        [under.alias(best)],
        reached,
        first,
        taken,
        up_to,
        told,
    ]


def _sum(columns: Iterable[str]) -> pl.Expr:
    """Plain sums are several times as fast as `sum_horizontal`."""
    return reduce(add, map(pl.col, columns))


def _any(columns: Iterable[str]) -> pl.Expr:
    return reduce(or_, map(pl.col, columns))


def _taken_column(programme: str) -> str:
    return f":taken:{programme}"


def _taken(part: Linked, known: Mapping[str, str], best: str) -> tuple[list[pl.Expr], list[pl.Expr], list[pl.Expr]]:
    """By set whether its sum reaches the best, and whether it is the first that does; by programme whether it is in
    that one. Booleans are bits, so that a step takes a fraction of one over numbers."""
    choices = lawful_choices(part.programmes, ())
    reached = [f":reached:{place}:{best}" for place in range(len(choices))]
    first = [f":first:{place}:{best}" for place in range(len(choices))]
    # No set comes to less than the empty one, and all programmes together always reach it.
    tests = [pl.col(best) <= 0, *(_sum(known[name] for name in choice) >= pl.col(best) for choice in choices[1:-1])]
    firsts = [
        ~_any(reached[:place]) if place == len(choices) - 1
        else pl.col(reached[place]) & ~_any(reached[:place]) if place else pl.col(reached[place])
        for place in range(len(choices))
    ]  # fmt: skip
    taken = [
        _any(column for choice, column in zip(choices, first, strict=True) if name in choice).alias(_taken_column(name))
        for name in part.programmes
    ]
    return (
        [test.alias(name) for test, name in zip(tests, reached, strict=False)],
        [each.alias(name) for each, name in zip(firsts, first, strict=True)],
        taken,
    )


def _kept(
    part: Linked, awards: Mapping[str, str], limit: str, best: str, known: Mapping[str, str],
    kept: Mapping[str, str], bound: Mapping[str, str], by: pl.Enum,
) -> tuple[list[pl.Expr], list[pl.Expr]]:  # fmt: skip
    """What is cut last is kept first: each keeps what the sum up to it adds below the best."""
    left_out, cut = (pl.lit(by.categories[place], dtype=by) for place in (0, 1))
    sums, told = [], []
    total: pl.Expr | None = None
    before: pl.Expr | None = None
    for name in [name for name in reversed(part.groups[0].reduce) if name in known]:
        is_taken, award = pl.col(_taken_column(name)), pl.col(awards[name])
        mine = pl.when(is_taken).then(known[name]).otherwise(pl.lit(0, dtype=pl.Int64))
        total = mine if total is None else total + mine
        up_to = pl.col(f":up_to:{kept[name]}")
        sums.append(pl.when(total < pl.col(best)).then(total).otherwise(best).alias(f":up_to:{kept[name]}"))
        share, before = up_to if before is None else up_to - before, up_to
        is_told = award.is_not_null() & (pl.col(limit).is_not_null() | (award == 0))
        is_less = is_told & (share < award)
        told.append(pl.when(is_told).then(share).alias(kept[name]))
        told.append(pl.when(is_less & is_taken).then(cut).when(is_less).then(left_out).alias(bound[name]))
    return sums, told
