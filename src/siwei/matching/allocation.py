"""Who gets what when there is not enough for all: one named mechanism per function, each answer with its reason.

Left and right are ids; `quotas` says how many of the left each right can take. A pair absent from `scores` is not
acceptable to either side. Ties are broken by id everywhere: the same inputs in any order give the same allocation.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from siwei.errors import InputError

Reason = Literal["assigned", "quota_full", "no_acceptable_pair", "outweighed"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """`right` is None where nothing was assigned, and `reason` says why; `score` is the pair's, else 0."""

    left: str
    right: str | None
    score: float
    reason: Reason


MAXIMUM_CELLS = 25_000_000
Scores = Mapping[tuple[str, str], float]


def allocate_by_priority(order: Sequence[str], scores: Scores, quotas: Mapping[str, int]) -> tuple[Assignment, ...]:
    """Serial dictatorship: each in turn takes the best that is left. Nobody earlier would swap with anybody later."""
    acceptable = _acceptable(order, scores, quotas)
    room = dict(quotas)
    taken = []
    for left in order:
        free = [right for right in acceptable[left] if room[right] > 0]
        if free:
            room[free[0]] -= 1
            taken.append(Assignment(left, free[0], scores[left, free[0]], "assigned"))
        else:
            taken.append(Assignment(left, None, 0.0, "quota_full" if acceptable[left] else "no_acceptable_pair"))
    return tuple(taken)


def allocate_by_weight(lefts: Sequence[str], scores: Scores, quotas: Mapping[str, int]) -> tuple[Assignment, ...]:
    """Greatest total score, by SciPy's rectangular assignment: a right of quota q is q columns, at most one per left.

    Scores are to be positive: a pair that adds nothing is not worth assigning and is left out.
    Raises InputError above 25 million cells (200 MB), where another mechanism is called for.
    """
    acceptable = _acceptable(lefts, scores, quotas)
    columns = [right for right in sorted(quotas) for _ in range(min(quotas[right], len(lefts)))]
    rows = sorted(lefts)
    if len(rows) * len(columns) > MAXIMUM_CELLS:
        raise InputError(f"{len(rows)} × {len(columns)} is too large to weigh at once → allocate in rounds, or stably")
    chosen: dict[str, str] = {}
    if rows and columns:
        import numpy as np  # SciPy takes longer to load than all else a command needs, and few commands weigh
        from scipy.optimize import linear_sum_assignment

        weights = np.array([[max(scores.get((left, right), 0.0), 0.0) for right in columns] for left in rows])
        picked = linear_sum_assignment(weights, maximize=True)
        chosen = {rows[i]: columns[j] for i, j in zip(*picked, strict=True) if weights[i, j] > 0}
    return tuple(
        Assignment(left, chosen[left], scores[left, chosen[left]], "assigned")
        if left in chosen
        else Assignment(left, None, 0.0, "outweighed" if acceptable[left] else "no_acceptable_pair")
        for left in lefts
    )


def allocate_stably(
    lefts: Sequence[str], wishes: Scores, judgements: Scores, quotas: Mapping[str, int]
) -> tuple[Assignment, ...]:
    """Deferred acceptance, proposed by the left (Gale and Shapley 1962): no left and right both prefer each other to
    what they have, and no stable allocation is better for any left.

    `wishes` rank rights for a left, `judgements` rank lefts for a right, higher is better; a pair must be in both.
    """
    both = {pair: score for pair, score in wishes.items() if pair in judgements}
    preferences = _acceptable(lefts, both, quotas)
    following = dict.fromkeys(lefts, 0)
    # Each right's heap has its worst accepted on top; ids compare reversed, so that of equals the later id goes.
    accepted: dict[str, list[tuple[float, _Later]]] = {right: [] for right in quotas}
    waiting = sorted(lefts, reverse=True)
    while waiting:
        left = waiting.pop()
        if following[left] >= len(preferences[left]):
            continue
        right = preferences[left][following[left]]
        following[left] += 1
        heapq.heappush(accepted[right], (judgements[left, right], _Later(left)))
        if len(accepted[right]) > quotas[right]:
            waiting.append(heapq.heappop(accepted[right])[1].id)
    places = {entry.id: right for right, heap in accepted.items() for _, entry in heap}
    return tuple(
        Assignment(left, places[left], wishes[left, places[left]], "assigned")
        if left in places
        else Assignment(left, None, 0.0, "quota_full" if preferences[left] else "no_acceptable_pair")
        for left in lefts
    )


@dataclass(frozen=True, slots=True)
class _Later:
    """Orders ids from last to first."""

    id: str

    def __lt__(self, other: "_Later") -> bool:
        return self.id > other.id


def _acceptable(lefts: Sequence[str], scores: Scores, quotas: Mapping[str, int]) -> dict[str, list[str]]:
    """For each left, its acceptable rights, best first. Raises InputError for what cannot be allocated at all."""
    if len(set(lefts)) != len(lefts):
        raise InputError("an applicant is named twice in one allocation")
    if any(quota < 0 for quota in quotas.values()):
        raise InputError("a quota is negative")
    found: dict[str, list[str]] = {left: [] for left in lefts}
    for (left, right), score in scores.items():
        if not math.isfinite(score):
            raise InputError(f"the score of {left} with {right} is {score}; it must be a finite number")
        if left in found and right in quotas:
            found[left].append(right)
    for left, rights in found.items():
        rights.sort(key=lambda right: (-scores[left, right], right))
    return found
