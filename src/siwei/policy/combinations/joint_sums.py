"""The sums that the choices of an organisation's subjects can come to under joint limits, and which of them are worth
keeping."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_SUMS = 2_000
"""That are kept of one organisation at a time; where more cannot be told apart nothing is told of what counts
under limits that bind."""

MOST_TRIED = 50_000
"""Choices of one subject, each with each of the sums so far; where there are more nothing is told either."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Sums that can be had, and how: `departs` counts choices that are not the subjects' own best, `number` is the last
    one, `before` what led to it, and `rank` its place among all of a step by the choices from the first on."""

    sums: tuple[int, ...]
    departs: int
    number: int = 0
    before: "Reached | None" = None
    rank: int = 0

    @property
    def path(self) -> tuple[int, ...]:
        found: list[int] = []
        each: Reached | None = self
        while each is not None and each.before is not None:
            found.append(each.number)
            each = each.before
        return tuple(reversed(found))


def worth_keeping(reached: Sequence[Reached]) -> list[Reached]:
    """Without those of which another is never worth less, whatever comes after, and departs no more.

    What is had in the end is, over every set of the limits, the least of what they do not count together with their
    limits: so one is never worth less than another where for every set of the limits the sum of what that set counts
    and what nothing counts is no less.
    """
    ordered = sorted(reached, key=lambda each: (each.departs, *_by_path(each)))
    kept = [ordered[place] for place in undominated([each.sums for each in ordered])]
    places = {place: rank for rank, place in enumerate(sorted(range(len(kept)), key=lambda at: _by_path(kept[at])))}
    return [
        Reached(each.sums, each.departs, each.number, each.before, places[place]) for place, each in enumerate(kept)
    ]


def _by_path(each: Reached) -> tuple[int, int]:
    return 0 if each.before is None else each.before.rank, each.number


def undominated(sums: Sequence[tuple[int, ...]]) -> list[int]:
    """Places of those than which none before is never worth less; more than MOST_SUMS are not looked for."""
    if len(sums[0]) == 2:
        return _undominated_pairs([(free, free + own) for free, own in sums])
    chosen = product((0, 1), repeat=len(sums[0]) - 1)
    signs: npt.NDArray[Any] = np.array([(1, *each) for each in chosen], dtype=object)
    values = np.array(sums, dtype=object) @ signs.T
    if values.max() < 2**63:  # whole numbers of the machine are compared all at once; sums may be larger
        values = values.astype(np.int64)
    kept: list[int] = []
    best = np.empty((MOST_SUMS + 1, values.shape[1]), dtype=values.dtype)
    for place in range(len(sums)):
        if not (best[: len(kept)] >= values[place]).all(axis=1).any():
            best[len(kept)] = values[place]
            kept.append(place)
        if len(kept) > MOST_SUMS:
            break
    return kept


def _undominated_pairs(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Places of those than which none before is no less in both; more than MOST_SUMS are not looked for. Kept as a
    staircase, the first of the pair rising and the second falling, so that each is held against one step."""
    rising: list[int] = []
    falling: list[int] = []
    kept: list[int] = []
    for place, (first, second) in enumerate(pairs):
        at = bisect_left(rising, first)
        if at < len(rising) and falling[at] >= second:
            continue
        kept.append(place)
        if len(kept) > MOST_SUMS:
            break
        end = at + (at < len(rising) and rising[at] == first)
        start = end
        while start and falling[start - 1] <= second:
            start -= 1
        rising[start:end], falling[start:end] = [first], [second]
    return kept
