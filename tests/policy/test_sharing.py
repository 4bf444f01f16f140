"""Sharing a pot pro rata: what must always hold."""

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.policy import share_pro_rata
from siwei.policy.sharing import sum_exactly

fen = st.one_of(st.integers(0, 20), st.integers(0, 10**12), st.integers(0, 2**63 - 1))
claims = st.lists(fen, max_size=30).map(lambda values: pl.Series(values, dtype=pl.Int64))


@given(claims, fen)
def test_the_sum_is_exact_and_no_claim_gets_more_than_it_asked(claimed: pl.Series, budget: int) -> None:
    paid = share_pro_rata(claimed, budget)
    total = sum_exactly(claimed)
    assert (paid.dtype, paid.name, len(paid)) == (pl.Int64, "paid_fen", len(claimed))
    assert sum_exactly(paid) == min(budget, total)
    for claim, got in zip(claimed, paid, strict=True):
        exact = claim if total <= budget else Fraction(claim * budget, total)
        assert 0 <= got <= claim
        assert abs(got - exact) < 1


@given(claims, fen)
def test_with_ids_the_order_of_the_claims_does_not_matter(claimed: pl.Series, budget: int) -> None:
    ids = [f"id{place:03}" for place in range(len(claimed))]
    frame = pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), "claim": claimed})
    shuffled = frame.sample(fraction=1, shuffle=True, seed=7)
    straight = frame.with_columns(paid=share_pro_rata(frame["claim"], budget, frame["id"]))
    mixed = shuffled.with_columns(paid=share_pro_rata(shuffled["claim"], budget, shuffled["id"]))
    assert mixed.sort("id").equals(straight)


@pytest.mark.parametrize(
    ("claimed", "budget", "paid"),
    [
        ([], 100, []),
        ([10, 10, 10], 30, [10, 10, 10]),
        ([10, 10, 10], 31, [10, 10, 10]),
        ([10, 10, 10], 29, [10, 10, 9]),
        ([10, 10, 10], 0, [0, 0, 0]),
        ([3, 0, 1], 2, [2, 0, 0]),
        ([1, 3], 2, [1, 1]),
        ([2**62, 2**62, 2**62], 2**63 - 1, [3074457345618258603, 3074457345618258602, 3074457345618258602]),
    ],
)
def test_examples(claimed: list[int], budget: int, paid: list[int]) -> None:
    assert share_pro_rata(pl.Series(claimed, dtype=pl.Int64), budget).to_list() == paid


@pytest.mark.parametrize(
    ("claimed", "budget", "ids", "message"),
    [
        ([1, None], 5, None, "1 claims are null"),
        ([1, -1], 5, None, "a claim is negative"),
        ([1, 2], -1, None, "the budget is -1"),
        ([1.5], 5, None, "claims are Float64"),
        ([1, 2], 1, ["a", "a"], "ids are missing, repeated or not one per claim"),
        ([1, 2], 1, ["a"], "ids are missing, repeated or not one per claim"),
    ],
)
def test_wrong_claims_are_refused(
    claimed: list[int | float | None], budget: int, ids: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        share_pro_rata(pl.Series(claimed), budget, None if ids is None else pl.Series(ids))
