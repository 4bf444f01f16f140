"""Which offers can be considered for a need at all, and why the others cannot."""

from collections.abc import Iterable
from dataclasses import dataclass

from siwei.market.kind import Kind
from siwei.market.listing import Context, Need, Offer, Words

OTHER_KIND = Words("类别不同", "of another kind")
OWN_OFFER = Words("自己的供给", "the need's own party offers it")
EXPIRED = Words("供给已过期", "the offer has expired")


@dataclass(frozen=True, slots=True)
class Rejection:
    offer: Offer
    reason: str
    words: Words


@dataclass(frozen=True, slots=True)
class Screening:
    """Every offer given is in exactly one of the two, in the order given."""

    kept: tuple[Offer, ...]
    rejected: tuple[Rejection, ...]


def screen(kind: Kind, offers: Iterable[Offer], need: Need, context: Context) -> Screening:
    """The first requirement that fails is the reason."""
    kept, rejected = [], []
    for offer in offers:
        refusal = _refusal(kind, offer, need, context)
        if refusal is None:
            kept.append(offer)
        else:
            rejected.append(Rejection(offer, *refusal))
    return Screening(tuple(kept), tuple(rejected))


def _refusal(kind: Kind, offer: Offer, need: Need, context: Context) -> tuple[str, Words] | None:
    if offer.kind != kind.id or need.kind != kind.id:
        return "other_kind", OTHER_KIND
    if offer.party == need.party:
        return "own_offer", OWN_OFFER
    if offer.valid_until is not None and offer.valid_until < context.as_of:
        return "expired", EXPIRED
    for requirement in kind.requirements:
        if not requirement.test(offer, need, context):
            return requirement.id, requirement.words
    return None
