"""The deal, pure: screen → match → quote → rate → settle over a snapshot of offers, needs and their context."""

from siwei.market.kind import Kind, Price, Requirement, ScorePart
from siwei.market.kinds import KINDS
from siwei.market.listing import Context, Need, Offer, VoucherTerms, Words
from siwei.market.pricing import BOUND_WORDS, Quote, quote, rate, voucher_refusal
from siwei.market.ranking import RankedOffer, Ranking, ScoredPart, match
from siwei.market.screening import Rejection, Screening, screen
from siwei.market.settlement import Captured, Held, Settlement, settle

__all__ = [
    "BOUND_WORDS",
    "KINDS",
    "Captured",
    "Context",
    "Held",
    "Kind",
    "Need",
    "Offer",
    "Price",
    "Quote",
    "RankedOffer",
    "Ranking",
    "Rejection",
    "Requirement",
    "ScorePart",
    "ScoredPart",
    "Screening",
    "Settlement",
    "VoucherTerms",
    "Words",
    "match",
    "quote",
    "rate",
    "screen",
    "settle",
    "voucher_refusal",
]
