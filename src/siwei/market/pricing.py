"""From a quantity to an amount, and who pays which share of it. Integers throughout: fen, units, ‱."""

from dataclasses import dataclass

from siwei.errors import InputError, Said
from siwei.market.kind import Kind, Price
from siwei.market.listing import Context, Need, Offer, VoucherTerms, Words


@dataclass(frozen=True, slots=True)
class Quote:
    """What a need costs at an offer: `gross_fen = voucher_fen + own_fen`, always. `bound` says what held the voucher's
    share down: rate, cap, remaining, or why there is none: no_voucher, kind, related_party, unlisted_provider."""

    offer: str
    need: str
    unit: str
    quantity: int
    price: Price
    gross_fen: int
    voucher_fen: int
    own_fen: int
    voucher: str | None
    bound: str


BOUND_WORDS = {
    "rate": Words("券按比例承担", "the voucher pays its rate in full"),
    "cap": Words("达到券的单项上限", "held down by the voucher's cap"),
    "remaining": Words("券余额不足比例", "held down by what is left of the voucher"),
    "no_voucher": Words("未使用券", "no voucher is used"),
    "kind": Words("券不适用于此类交易", "the voucher does not pay for this kind of deal"),
    "related_party": Words("关联方之间不得使用券", "a voucher never flows between related parties"),
    "unlisted_provider": Words("供给方不在券的服务机构名单内", "the provider is not on the voucher's list"),
}


def rate(quantity: int, price: Price) -> int:
    """Amount in fen of `quantity` units, rounded half up to the fen (四舍五入到分), once, on the whole quantity."""
    if quantity < 0:
        raise InputError(f"a quantity of {quantity} cannot be rated; it is not negative")
    return (2 * quantity * price.amount_fen + price.per) // (2 * price.per)


def voucher_refusal(offer: Offer, need: Need, terms: VoucherTerms | None, context: Context) -> str:
    """Why a voucher may not pay `offer` for `need` (a key of BOUND_WORDS), or an empty text where it may."""
    if terms is None:
        return "no_voucher"
    if offer.kind not in terms.kinds:
        return "kind"
    if context.are_related(offer.party, need.party):
        return "related_party"
    if terms.listed_providers is not None and offer.party not in terms.listed_providers:
        return "unlisted_provider"
    return ""


def split(gross_fen: int, terms: VoucherTerms) -> tuple[int, str]:
    """The voucher's share of `gross_fen` (rounded down to the fen) and what bound it: rate, cap or remaining."""
    share = gross_fen * terms.rate // 10_000
    bounds = [(share, "rate"), (terms.remaining_fen, "remaining")]
    if terms.cap_fen is not None:
        bounds.insert(1, (terms.cap_fen, "cap"))
    return min(bounds, key=lambda bound: bound[0])


def quote(kind: Kind, offer: Offer, need: Need, terms: VoucherTerms | None, context: Context) -> Quote:
    """Price `need` at `offer`. Raises InputError where the kind has no price by quantity."""
    if kind.price is None or kind.quantity is None:
        raise InputError(
            Said(
                f"a {kind.id} is not priced by quantity; agree its milestones instead",
                f"{kind.name.zh}不按数量计价；请改为商定里程碑",
            )
        )
    price, quantity = kind.price(offer), kind.quantity(need)
    gross = rate(quantity, price)
    refusal = voucher_refusal(offer, need, terms, context)
    if refusal or terms is None:
        return Quote(offer.id, need.id, kind.unit, quantity, price, gross, 0, gross, None, refusal)
    voucher, bound = split(gross, terms)
    return Quote(offer.id, need.id, kind.unit, quantity, price, gross, voucher, gross - voucher, terms.id, bound)
