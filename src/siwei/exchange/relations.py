"""The ties between organisations that forbid a subsidy: direct, through any depth, and under common control."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl
from django.conf import settings
from django.db.models import Q

from siwei.errors import Conflict
from siwei.exchange.actors import Actor
from siwei.exchange.models import Organisation, Relation
from siwei.exchange.models.awards import RelationQuerySet
from siwei.market.listing import Words
from siwei.policy.documents.loading_stacking import FILE, load_related_rule
from siwei.policy.related import TIES_SCHEMA, Related, Tie, related

SHARE_FROM_BP = 2500
"""From this share on a tie counts in a city whose pack does not say (`related_parties:` of its stacking.yaml)."""
MOST_PARTIES = 100_000
"""Organisations tied together, at any distance, that one question may have to look at."""


def share_from_bp() -> int:
    """From which share on a tie counts in this city: its pack's word, read again when the file changes."""
    path = Path(settings.CITY_PACK) / FILE
    changed_ns = path.stat().st_mtime_ns if path.is_file() else 0
    return _share_from_bp(path.parent, changed_ns)


@lru_cache(maxsize=8)
def _share_from_bp(pack: Path, changed_ns: int) -> int:
    rule = load_related_rule(pack)
    return SHARE_FROM_BP if rule is None else rule.share_from_bp


def batched(keys: list[str], size: int) -> Iterator[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def ties_around(as_of: date, keys: frozenset[str]) -> pl.DataFrame:
    """Every tie (siwei.policy.related.TIES_SCHEMA) of the day that touches `keys` or whoever they are tied to.

    Raises Conflict where more than MOST_PARTIES hang together.
    """
    found: dict[int, tuple[str, str, int | None, str]] = {}
    seen, frontier = set(keys), set(keys)
    while frontier:
        # SQLite takes 32,766 variables in a statement, and each key is two of them.
        for some in batched(sorted(frontier), 10_000):
            touching = Q(organisation__key__in=some) | Q(other__key__in=some)
            rows = relations_on(as_of).filter(touching).order_by("pk").values_list("pk", *_FIELDS)
            found |= {pk: (one, other, share, source) for pk, one, other, share, source in rows}
        frontier = {key for one, other, _, _ in found.values() for key in (one, other)} - seen
        seen |= frontier
        if len(seen) > MOST_PARTIES:
            raise Conflict(
                f"more than {MOST_PARTIES} organisations are tied together → look at their relations",
                f"相互关联的机构超过 {MOST_PARTIES} 家 → 请检查其关联关系",
            )
    return _as_ties(found.values())


_FIELDS = ("organisation__key", "other__key", "share_bp", "source")


def relations_on(as_of: date) -> RelationQuerySet:
    """Ties that hold on the day."""
    begun = Q(valid_from=None) | Q(valid_from__lte=as_of)
    return Relation.objects.filter(begun, Q(valid_to=None) | Q(valid_to__gt=as_of))


def related_on(as_of: date) -> Related:
    """All ties of the day, for work over the whole city."""
    return related(_as_ties(relations_on(as_of).order_by("pk").values_list(*_FIELDS)), as_of, share_from_bp())


def _as_ties(rows: Iterable[tuple[str, str, int | None, str]]) -> pl.DataFrame:
    ties = []
    for one, other, share, source in rows:
        # Without a share nobody knows who holds whom: control both ways is the careful reading.
        both = [(one, other)] if share is not None else [(one, other), (other, one)]
        kind = "control" if share is None else "share"
        ties += [(holder, held, kind, share, None, None, source) for holder, held in both]
    return pl.DataFrame(ties, schema=TIES_SCHEMA, orient="row")


def related_around(as_of: date, keys: frozenset[str]) -> Related:
    """The ties around `keys`, ready to be asked who is related and by what path."""
    return related(ties_around(as_of, keys), as_of, share_from_bp())


def related_pairs(as_of: date, keys: frozenset[str]) -> frozenset[frozenset[str]]:
    """Pairs of organisation keys that are related on that day, where at least one of the two is in `keys`."""
    graph = related_around(as_of, keys)
    everyone = pl.Series(sorted({*graph.number, *keys}), dtype=pl.String)
    ones, others = graph.members(pl.Series(sorted(keys), dtype=pl.String), everyone, MOST_PARTIES * 10)
    pairs = zip(ones.to_list(), others.to_list(), strict=True)
    return frozenset(frozenset((one, other)) for one, other in pairs if one != other)


@dataclass(frozen=True, slots=True)
class RelationStep:
    """One tie of a path, as a reader may see it; `holder` and `held` are None where the tie is not published."""

    holder: Organisation | None
    held: Organisation | None
    share_bp: int | None
    source: str

    @property
    def words(self) -> Words:
        if self.holder is None or self.held is None:
            return Words("一项未公开的关联", "a tie that is not published")
        if self.share_bp is None:
            one, other = self.holder.name, self.held.name
            return Words(
                f"{one} 与 {other} 有控制关系（方向未知）", f"{one} and {other} are tied (which way is not known)"
            )
        share = f"{self.share_bp / 100:g}%"
        return Words(
            f"{self.holder.name} 持有 {self.held.name} {share}", f"{self.holder.name} holds {share} of {self.held.name}"
        )


Pair = tuple[str, str]


def relation_path(as_of: date, one: str, other: str, actor: Actor) -> tuple[RelationStep, ...]:
    """Why two organisations (by key) are related parties: the fewest ties between them; empty where they are not, or
    are the same. Of a tie that the actor may not see it is said that there is one, and no more."""
    return relation_paths(as_of, [(one, other)], actor).get((one, other), ())


def relation_paths(as_of: date, pairs: Collection[Pair], actor: Actor) -> dict[Pair, tuple[RelationStep, ...]]:
    """The same for many pairs: those that are related, in few queries whatever their number."""
    graph = related_around(as_of, frozenset(key for pair in pairs for key in pair))
    paths = {pair: graph.path(*pair) for pair in pairs if pair[0] != pair[1] and graph.is_related(*pair)}
    keys = {key for path in paths.values() for tie in path for key in (tie.holder, tie.held)}
    if not keys:
        return {}
    named = {each.key: each for each in Organisation.objects.filter(key__in=keys)}
    visible = relations_on(as_of).visible_to(actor).filter(organisation__key__in=keys, other__key__in=keys)
    seen = set(visible.values_list("organisation__key", "other__key", "source"))
    return {pair: tuple(_step(tie, named, seen) for tie in path) for pair, path in paths.items()}


def _step(tie: Tie, named: dict[str, Organisation], seen: set[tuple[str, str, str]]) -> RelationStep:
    # A tie without a share is read both ways, and stands in the table one way.
    if not {(tie.holder, tie.held, tie.source), (tie.held, tie.holder, tie.source)} & seen:
        return RelationStep(None, None, None, "")
    return RelationStep(named[tie.holder], named[tie.held], tie.share_bp, tie.source)


def path_words(path: Iterable[RelationStep]) -> Words:
    steps = [step.words for step in path]
    return Words("；".join(step.zh for step in steps), "; ".join(step.en for step in steps))
