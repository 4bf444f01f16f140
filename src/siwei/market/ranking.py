"""Ranked offers for a need, or needs for an offer, with every part of the score kept and one line that says why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from siwei.market.kind import Kind
from siwei.market.listing import Context, Need, Offer, Words
from siwei.market.screening import Rejection, screen
from siwei.matching import text_similarity


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """`score` in 0..1; `points` is its weighted contribution, out of `weight`."""

    id: str
    words: Words
    weight: int
    score: float
    points: float


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """`score` is the sum of its parts' points, 0..100; `rank` counts from 1; equal scores are ordered by offer id."""

    rank: int
    offer: Offer
    score: float
    parts: tuple[ScoredPart, ...]
    reason: Words


@dataclass(frozen=True, slots=True)
class Ranking:
    ranked: tuple[RankedOffer, ...]
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class RankedNeed:
    """As `RankedOffer`, seen from the offer; equal scores are ordered by need id."""

    rank: int
    need: Need
    score: float
    parts: tuple[ScoredPart, ...]
    reason: Words


@dataclass(frozen=True, slots=True)
class RejectedNeed:
    """A need that the offer cannot be considered for; `words` say why."""

    need: Need
    reason: str
    words: Words


@dataclass(frozen=True, slots=True)
class NeedRanking:
    """Every need given is in exactly one of the two; those rejected in the order given."""

    ranked: tuple[RankedNeed, ...]
    rejected: tuple[RejectedNeed, ...]


def match(kind: Kind, need: Need, offers: Iterable[Offer], context: Context) -> Ranking:
    """Screen, score every part, rank. The same inputs in any order give the same ranking."""
    screening = screen(kind, offers, need, context)
    if kind.offer_text is not None and kind.need_text is not None:
        scores = text_similarity(kind.need_text(need), [kind.offer_text(offer) for offer in screening.kept])
        by_offer = {offer.id: score for offer, score in zip(screening.kept, scores, strict=True)}
        context = replace(context, similarity=MappingProxyType(by_offer))
    scored = [(offer, score_parts(kind, offer, need, context)) for offer in screening.kept]
    totals = [(offer, parts, round(sum(part.points for part in parts), 4)) for offer, parts in scored]
    totals.sort(key=lambda item: (-item[2], item[0].id))
    ranked = tuple(
        RankedOffer(rank, offer, total, parts, _reason(parts)) for rank, (offer, parts, total) in enumerate(totals, 1)
    )
    return Ranking(ranked, screening.rejected)


def match_offer(kind: Kind, offer: Offer, needs: Iterable[Need], context: Context) -> NeedRanking:
    """The needs that an offer fits. What `match` asks of every pair is asked of these; only how alike two texts are is
    weighed among the needs here and among the offers there, as nobody's offer is to tell of the others."""
    kept: list[Need] = []
    rejected: list[RejectedNeed] = []
    for need in needs:
        refused = screen(kind, (offer,), need, context).rejected
        if refused:
            rejected.append(RejectedNeed(need, refused[0].reason, refused[0].words))
        else:
            kept.append(need)
    alike = [0.0] * len(kept)
    if kind.offer_text is not None and kind.need_text is not None:
        alike = text_similarity(kind.offer_text(offer), [kind.need_text(need) for need in kept])
    scored = []
    for need, similarity in zip(kept, alike, strict=True):
        parts = score_parts(kind, offer, need, replace(context, similarity=MappingProxyType({offer.id: similarity})))
        scored.append((need, parts, round(sum(part.points for part in parts), 4)))
    scored.sort(key=lambda item: (-item[2], item[0].id))
    ranked = tuple(
        RankedNeed(rank, need, total, parts, _reason(parts)) for rank, (need, parts, total) in enumerate(scored, 1)
    )
    return NeedRanking(ranked, tuple(rejected))


def score_parts(kind: Kind, offer: Offer, need: Need, context: Context) -> tuple[ScoredPart, ...]:
    """Each part of the score. A part outside 0..1 is a fault of the kind, not of the listing."""
    parts = []
    for part in kind.parts:
        score = part.score(offer, need, context)
        if not 0.0 <= score <= 1.0:
            raise AssertionError(f"part {part.id} of kind {kind.id} scored {score}, outside 0..1")
        parts.append(ScoredPart(part.id, part.words, part.weight, score, round(score * part.weight, 4)))
    return tuple(parts)


def _reason(parts: tuple[ScoredPart, ...]) -> Words:
    """What speaks for it most, and what most against."""
    weakest = min(parts, key=lambda part: (part.points - part.weight, part.id))
    by_points = sorted(parts, key=lambda part: (part.points, part.id), reverse=True)
    strongest = by_points[0]
    if weakest.weight - weakest.points < 1:
        return Words(f"各项均符合，以{strongest.words.zh}为首", f"fits in every part, first in {strongest.words.en}")
    if strongest.points == 0:
        return Words("各项均不符合", "fits in no part")
    if strongest is weakest:  # a heavy part can bring most and lack most: what comes after it speaks for the offer
        if len(parts) == 1 or by_points[1].points == 0:
            of = f"{strongest.points:.0f}/{strongest.weight}"
            return Words(f"仅{strongest.words.zh}相符（{of}）", f"fits in {strongest.words.en} alone ({of})")
        strongest = by_points[1]
    return Words(
        f"长于{strongest.words.zh}（{strongest.points:.0f}/{strongest.weight}），"
        f"弱于{weakest.words.zh}（{weakest.points:.0f}/{weakest.weight}）",
        f"strong in {strongest.words.en} ({strongest.points:.0f}/{strongest.weight}), "
        f"weak in {weakest.words.en} ({weakest.points:.0f}/{weakest.weight})",
    )
