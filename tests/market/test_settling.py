from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.market import Captured, Held, Settlement, settle
from siwei.market.settlement import Payer

FEN = st.integers(0, 10**12)
HOLDS = st.lists(st.tuples(st.sampled_from(get_args(Payer)), FEN), max_size=5).map(
    lambda rows: [Held(f"h{n}", payer, amount) for n, (payer, amount) in enumerate(rows)]
)
TWO = (Held("v", "voucher", 500), Held("o", "own", 500))


@pytest.mark.parametrize(
    ("gross", "voucher", "own", "uncollected"),
    [(0, 0, 0, 0), (1, 0, 1, 0), (2, 1, 1, 0), (999, 499, 500, 0), (1000, 500, 500, 0), (1001, 500, 500, 1)],
)
def test_halves_are_captured_in_halves_and_the_odd_fen_is_the_firms(
    gross: int, voucher: int, own: int, uncollected: int
) -> None:
    assert settle(TWO, gross) == Settlement(
        gross,
        (Captured("v", "voucher", voucher, 500 - voucher), Captured("o", "own", own, 500 - own)),
        uncollected,
    )


@given(HOLDS, FEN)
def test_nothing_is_made_or_lost_and_no_hold_is_passed(holds: list[Held], gross: int) -> None:
    settlement = settle(holds, gross)
    total = sum(held.amount_fen for held in holds)
    assert settlement.captured_fen == min(gross, total)
    assert settlement.captured_fen + settlement.uncollected_fen == gross
    assert settlement.captured_fen + settlement.released_fen == total
    for held, capture in zip(holds, settlement.captures, strict=True):
        assert (capture.hold, capture.payer) == (held.hold, held.payer)
        assert capture.captured_fen + capture.released_fen == held.amount_fen
        assert 0 <= capture.captured_fen <= held.amount_fen


@given(HOLDS, FEN)
def test_each_share_is_in_proportion_to_less_than_a_fen_per_hold(holds: list[Held], gross: int) -> None:
    settlement = settle(holds, gross)
    total = sum(held.amount_fen for held in holds)
    for held, capture in zip(holds, settlement.captures, strict=True):
        exact = Fraction(settlement.captured_fen * held.amount_fen, total) if total else Fraction(0)
        assert abs(capture.captured_fen - exact) < len(holds)
        if held.payer == "voucher":
            assert capture.captured_fen - exact <= 1


@given(st.lists(FEN, min_size=1, max_size=3), st.integers(0, 10**12), FEN)
def test_public_money_never_pays_above_its_share_while_the_firm_pays_one(
    vouchers: list[int], own: int, gross: int
) -> None:
    holds = [Held(f"v{n}", "voucher", amount) for n, amount in enumerate(vouchers)] + [Held("own", "own", own)]
    settlement = settle(holds, gross)
    total = sum(vouchers) + own
    public = sum(capture.captured_fen for capture in settlement.captures if capture.payer == "voucher")
    if settlement.captures[-1].captured_fen < own:
        assert public * total <= settlement.captured_fen * sum(vouchers)


@given(HOLDS, FEN, FEN)
def test_more_metered_never_captures_less(holds: list[Held], one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert settle(holds, low).captured_fen <= settle(holds, high).captured_fen


def test_what_cannot_be_settled_is_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        settle(TWO, -1)
    with pytest.raises(InputError, match="negative"):
        settle([Held("v", "voucher", -1)], 1)
    with pytest.raises(InputError, match="named twice"):
        settle([TWO[0], TWO[0]], 1)
    assert settle([], 7) == Settlement(7, (), 7)


STEPS = st.lists(st.integers(0, 10**6), min_size=1, max_size=6)


@given(FEN, FEN, STEPS)
def test_paying_in_parts_is_paying_at_once(voucher: int, own: int, steps: list[int]) -> None:
    """However a line is charged on the way, in the end each hold has paid what one settlement would have taken."""
    paid = {"v": 0, "o": 0}
    gross = 0
    for step in steps:
        gross += step
        holds = [Held("v", "voucher", voucher, paid["v"]), Held("o", "own", own, paid["o"])]
        for capture in settle(holds, gross).captures:
            paid[capture.hold] += capture.captured_fen
    once = settle([Held("v", "voucher", voucher), Held("o", "own", own)], gross)
    assert paid == {capture.hold: capture.captured_fen for capture in once.captures}


@given(st.lists(st.tuples(st.sampled_from(get_args(Payer)), FEN, st.integers(0, 100)), max_size=4), FEN)
def test_whatever_was_captured_before_no_hold_is_passed(rows: list[tuple[Payer, int, int]], gross: int) -> None:
    holds = [Held(f"h{n}", payer, amount, amount * part // 100) for n, (payer, amount, part) in enumerate(rows)]
    settlement = settle(holds, gross)
    for held, capture in zip(holds, settlement.captures, strict=True):
        assert 0 <= capture.captured_fen <= held.left_fen
        assert capture.captured_fen + capture.released_fen == held.left_fen
    before, total = sum(held.captured_fen for held in holds), sum(held.amount_fen for held in holds)
    assert settlement.captured_fen == max(0, min(gross, total) - before)
