"""Score arithmetic that several kinds use: how far what is wanted is met by what is given."""

from collections.abc import Iterable

from siwei.market.kind import ScorePart
from siwei.market.listing import Context, Need, Offer, Words


def coverage(wanted: Iterable[str], given: Iterable[str]) -> float:
    """Part of the distinct wanted words found among the given, regardless of case; 1 when nothing is wanted."""
    asked = {word.strip().casefold() for word in wanted}
    return len(asked & {word.strip().casefold() for word in given}) / len(asked) if asked else 1.0


def meets_any(wanted: Iterable[str], given: Iterable[str]) -> bool:
    """Whether at least one wanted word is given; true when nothing is wanted."""
    return coverage(wanted, given) > 0


def below_ceiling(amount: int, ceiling: int | None) -> float:
    """1 for free or where no ceiling is named, falling evenly to 0 at the ceiling and beyond."""
    if ceiling is None or amount == 0:
        return 1.0
    return max(0.0, 1.0 - amount / ceiling) if ceiling > 0 else 0.0


def ratio(given: float, wanted: float) -> float:
    """`given / wanted`, never above 1; `wanted` is positive."""
    return min(given / wanted, 1.0)


def text_part(weight: int) -> ScorePart:
    """Similarity of the two texts, which `match` puts into the context by offer id."""

    def similarity(offer: Offer, _need: Need, context: Context) -> float:
        return context.similarity.get(offer.id, 0.0)

    return ScorePart("text", weight, Words("描述相近", "description"), similarity)
