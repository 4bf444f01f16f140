from datetime import date
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.market import BOUND_WORDS, KINDS, Context, Need, Offer, Price, Quote, VoucherTerms, quote, rate

COMPUTE = KINDS["compute"]
DAY = date(2026, 7, 1)
FEN = st.integers(0, 10**12)


def offer(price_fen_per_hour: int, party: str = "centre") -> Offer:
    body = {"title": "池", "accelerator": "cpu", "count": 8, "memory_gb": 0, "residence": "shenzhen"}
    return COMPUTE.parse_offer(id="o", party=party, body=body | {"price_fen_per_hour": price_fen_per_hour})


def need(seconds: int, count: int = 1) -> Need:
    return COMPUTE.parse_need(id="n", party="firm", body={"title": "训练", "count": count, "seconds": seconds})


@pytest.mark.parametrize(
    ("quantity", "price", "fen"),
    [
        (0, Price(100), 0),
        (3600, Price(1200, 3600), 1200),
        (60, Price(1200, 3600), 20),
        (1, Price(1200, 3600), 0),
        (1, Price(1, 2), 1),
        (1, Price(49, 100), 0),
        (1, Price(50, 100), 1),
        (3, Price(1, 2), 2),
    ],
)
def test_rating_rounds_half_up_once(quantity: int, price: Price, fen: int) -> None:
    assert rate(quantity, price) == fen


@given(st.integers(0, 10**15), FEN, st.integers(1, 10**6))
def test_rating_is_exact_at_any_size(quantity: int, amount: int, per: int) -> None:
    assert rate(quantity, Price(amount, per)) == floor(Fraction(quantity * amount, per) + Fraction(1, 2))


def test_what_cannot_be_rated_is_refused() -> None:
    with pytest.raises(InputError, match="a quantity of -1 cannot be rated"):
        rate(-1, Price(1))
    for amount, per in ((-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="cannot be"):
            Price(amount, per)
    for wrong in ({"rate": 10_001}, {"rate": -1}, {"remaining_fen": -1}, {"cap_fen": -1}):
        with pytest.raises(ValueError, match="not"):
            VoucherTerms(**({"id": "v", "rate": 1, "cap_fen": None, "remaining_fen": 1} | wrong))


@pytest.mark.parametrize(
    ("terms", "voucher_fen", "bound"),
    [
        (VoucherTerms("v", 5000, None, 10**6), 500, "rate"),
        (VoucherTerms("v", 5000, 400, 10**6), 400, "cap"),
        (VoucherTerms("v", 5000, 400, 300), 300, "remaining"),
        (VoucherTerms("v", 5000, 500, 500), 500, "rate"),
        (VoucherTerms("v", 10_000, None, 10**6), 1001, "rate"),
        (VoucherTerms("v", 0, None, 10**6), 0, "rate"),
        (VoucherTerms("v", 6000, None, 0), 0, "remaining"),
    ],
)
def test_what_binds_the_vouchers_share(terms: VoucherTerms, voucher_fen: int, bound: str) -> None:
    assert quote(COMPUTE, offer(1001), need(3600), terms, Context(DAY)) == Quote(
        "o", "n", "accelerator-second", 3600, Price(1001, 3600), 1001, voucher_fen, 1001 - voucher_fen, "v", bound
    )


@pytest.mark.parametrize(
    ("terms", "related", "bound"),
    [
        (None, frozenset(), "no_voucher"),
        (VoucherTerms("v", 5000, None, 10**6, kinds=frozenset({"dataset"})), frozenset(), "kind"),
        (VoucherTerms("v", 5000, None, 10**6), frozenset({frozenset({"firm", "centre"})}), "related_party"),
        (VoucherTerms("v", 5000, None, 10**6, listed_providers=frozenset()), frozenset(), "unlisted_provider"),
    ],
)
def test_where_a_voucher_may_not_pay_the_party_pays_all(
    terms: VoucherTerms | None, related: frozenset[frozenset[str]], bound: str
) -> None:
    told = quote(COMPUTE, offer(1001), need(3600), terms, Context(DAY, related=related))
    assert (told.gross_fen, told.voucher_fen, told.own_fen, told.voucher, told.bound) == (1001, 0, 1001, None, bound)
    assert BOUND_WORDS[bound].zh


@given(
    st.integers(0, 10_000_000), st.integers(1, 10**6), st.integers(1, 100),
    st.integers(0, 10_000), st.none() | FEN, FEN,
)  # fmt: skip
def test_a_quote_sums_and_stays_within_the_terms(
    price: int, seconds: int, count: int, rate_: int, cap: int | None, remaining: int
) -> None:
    terms = VoucherTerms("v", rate_, cap, remaining)
    told = quote(COMPUTE, offer(price), need(seconds, count), terms, Context(DAY))
    assert told.voucher_fen + told.own_fen == told.gross_fen
    assert 0 <= told.voucher_fen <= min(remaining, told.gross_fen if cap is None else cap)
    assert told.voucher_fen * 10_000 <= told.gross_fen * rate_


def test_a_kind_without_a_price_is_not_quoted() -> None:
    kind = KINDS["scenario"]
    with pytest.raises(InputError, match="a scenario is not priced by quantity"):
        quote(kind, Offer("o", "scenario", "a", None), Need("n", "scenario", "b", None), None, Context(DAY))
