"""The ties between organisations that forbid a subsidy: direct, through any depth, and under common control."""

from collections.abc import Iterator
from datetime import date

import polars as pl
from django.db.models import Q

from siwei.errors import Conflict
from siwei.exchange.models import Relation
from siwei.policy.related import TIES_SCHEMA, Related, related

SHARE_FROM_BP = 2500
"""From this share on a tie counts, unless the city's pack says another (`related_parties:` of its stacking.yaml)."""
MOST_PARTIES = 100_000
"""Organisations tied together, at any distance, that one question may have to look at."""


def batched(keys: list[str], size: int) -> Iterator[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def ties_around(as_of: date, keys: frozenset[str]) -> pl.DataFrame:
    """Every tie (siwei.policy.related.TIES_SCHEMA) of the day that touches `keys` or whoever they are tied to.

    Raises Conflict where more than MOST_PARTIES hang together.
    """
    on_that_day = (Q(valid_from=None) | Q(valid_from__lte=as_of)) & (Q(valid_to=None) | Q(valid_to__gt=as_of))
    fields = ("pk", "organisation__key", "other__key", "share_bp", "source")
    found: dict[int, tuple[str, str, int | None, str]] = {}
    seen, frontier = set(keys), set(keys)
    while frontier:
        # SQLite takes 32,766 variables in a statement, and each key is two of them.
        for some in batched(sorted(frontier), 10_000):
            touching = Q(organisation__key__in=some) | Q(other__key__in=some)
            rows = Relation.objects.filter(on_that_day, touching).order_by("pk").values_list(*fields)
            found |= {pk: (one, other, share, source) for pk, one, other, share, source in rows}
        frontier = {key for one, other, _, _ in found.values() for key in (one, other)} - seen
        seen |= frontier
        if len(seen) > MOST_PARTIES:
            raise Conflict(f"more than {MOST_PARTIES} organisations are tied together → look at their relations")
    ties = []
    for one, other, share, source in found.values():
        # Without a share nobody knows who holds whom: control both ways is the careful reading.
        both = [(one, other)] if share is not None else [(one, other), (other, one)]
        kind = "control" if share is None else "share"
        ties += [(holder, held, kind, share, None, None, source) for holder, held in both]
    return pl.DataFrame(ties, schema=TIES_SCHEMA, orient="row")


def related_around(as_of: date, keys: frozenset[str], share_from_bp: int = SHARE_FROM_BP) -> Related:
    """The ties around `keys`, ready to be asked who is related and by what path."""
    return related(ties_around(as_of, keys), as_of, share_from_bp)


def related_pairs(as_of: date, keys: frozenset[str], share_from_bp: int = SHARE_FROM_BP) -> frozenset[frozenset[str]]:
    """Pairs of organisation keys that are related on that day, where at least one of the two is in `keys`."""
    graph = related_around(as_of, keys, share_from_bp)
    everyone = pl.Series(sorted({*graph.number, *keys}), dtype=pl.String)
    ones, others = graph.members(pl.Series(sorted(keys), dtype=pl.String), everyone, MOST_PARTIES * 10)
    pairs = zip(ones.to_list(), others.to_list(), strict=True)
    return frozenset(frozenset((one, other)) for one, other in pairs if one != other)
