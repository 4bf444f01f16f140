"""Gini coefficient and Herfindahl-Hirschman index of whole numbers, exact."""

from collections.abc import Sequence
from fractions import Fraction


def gini(amounts: Sequence[int]) -> Fraction | None:
    """0 where all are equal, (n-1)/n where one has everything; None for fewer than two amounts or nothing to share.

    G = Σ (2i - n - 1) xᵢ / (n Σ xᵢ), x sorted upwards, i from 1: the discrete form of half the relative mean
    difference (C. Gini, 1912; e.g. A. Sen, On Economic Inequality, 1973). Raises ValueError for a negative amount.
    """
    ordered = sorted(amounts)
    if ordered and ordered[0] < 0:
        raise ValueError(f"a Gini coefficient takes no negative amount: {ordered[0]}")
    count, total = len(ordered), sum(ordered)
    if count < 2 or total == 0:
        return None
    return Fraction(sum((2 * rank - count - 1) * amount for rank, amount in enumerate(ordered, 1)), count * total)


def herfindahl(amounts: Sequence[int]) -> Fraction | None:
    """Σ sᵢ² of the shares sᵢ = xᵢ / Σx: 1/n where all are equal, 1 where one has everything; None without a total.

    Source: A. O. Hirschman, The Paternity of an Index, American Economic Review 54 (1964). Raises ValueError for a
    negative amount.
    """
    if any(amount < 0 for amount in amounts):
        raise ValueError("a concentration index takes no negative amount")
    total = sum(amounts)
    return Fraction(sum(amount * amount for amount in amounts), total * total) if total else None
