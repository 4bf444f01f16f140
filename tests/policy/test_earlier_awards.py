"""A pot in several rounds: reserves and quotas are of the period's whole budget, less what earlier rounds took."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import InputError
from siwei.policy import Payment, Programme, Quota, Reserve, Sharing, Text, load_programme
from siwei.policy.language.check import Checker
from siwei.policy.language.types import BOOL, INT
from siwei.policy.pots.earlier_awards import Earlier, count_earlier
from siwei.policy.pots.share import Shares, share_pot, with_counted
from siwei.policy.programmes import Pot

DAY = date(2026, 6, 30)
WORDS = Text("试验", "Trial")
CHECKER = Checker({"is_new": BOOL, "people": INT})
NEW = Reserve("new", 3000, CHECKER.check("is_new"), WORDS, None)
SMALL = Reserve("small", 2500, CHECKER.check("people < 20"), WORDS, None)
BY_DISTRICT = Quota("district", 4000, WORDS, None)
COLUMNS = {
    "claim_fen": pl.Int64,
    "applied_at": pl.Int64,
    "district": pl.String,
    "is_new": pl.Boolean,
    "people": pl.Int64,
}
claim = st.tuples(
    st.integers(0, 80), st.integers(0, 5), st.sampled_from("abc"), st.sampled_from([True, False, None]),
    st.sampled_from([5, 50, None]),
)  # fmt: skip
rounds = st.lists(st.lists(claim, max_size=6), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def programme() -> Programme:
    known = load_programme(
        PACKS / "shenzhen" / "programmes" / "longhua-compute.yaml", load_attributes(PACKS / "shenzhen")
    )
    pot = Pot(None, "year", Sharing.FIRST_COME, WORDS, None, reserves=(NEW, SMALL), quotas=(BY_DISTRICT,))
    return replace(known, pot=pot)


def claims_of(rows: list[tuple[Any, ...]], number: int) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return frame.with_columns(id=pl.format("{}-{}", pl.lit(number), pl.int_range(pl.len())))


@dataclass
class Award:
    """What the reckoning by hand keeps of each award."""

    district: str
    paid: int
    new: int
    small: int

    def give_back(self, fen: int) -> None:
        self.paid -= fen
        self.new = min(self.new, self.paid)
        self.small = min(self.small, self.paid - self.new)


def reckon(awards: list[Award], rows: list[tuple[Any, ...]], budget: int, payment: Payment) -> list[int]:
    """A round by hand, looking over all awards of the period for every claim: 30 % are for the new, 25 % for the small,
    no district gets more than 40 %."""
    order = sorted(range(len(rows)), key=lambda place: (rows[place][1], str(place)))
    made = [Award(row[2], 0, 0, 0) for row in rows]
    everything = [*awards, *made]
    shares = {"new": budget * 3 // 10, "small": budget // 4}
    kept_for = {"new": lambda row: row[3] is True, "small": lambda row: row[4] == 5, "": lambda row: True}
    for kind, mine in kept_for.items():
        stopped = False
        for place in order:
            row, award = rows[place], made[place]
            want = row[0] - award.paid
            if not mine(row) or want == 0:
                continue
            left = budget - sum(each.paid for each in everything)
            if kind:
                left = min(left, max(0, shares[kind] - sum(getattr(each, kind) for each in everything)))
            in_district = budget * 4 // 10 - sum(each.paid for each in everything if each.district == row[2])
            room = min(0 if stopped else left, max(0, in_district))
            give = min(want, room)
            if give < want and payment is not Payment.PARTIAL:
                stopped = stopped or (
                    payment is Payment.WHOLE_OR_STOP and max(0, in_district) >= (0 if stopped else left)
                )
                give = 0
            award.paid += give
            if kind:
                setattr(award, kind, getattr(award, kind) + give)
    awards += made
    return [each.paid for each in made]


def earlier_of(pot: Pot, told: list[pl.DataFrame], budget: int) -> Earlier:
    return count_earlier(pot, pl.concat(told), budget) if told else Earlier(budget)


def share(programme: Programme, claims: pl.DataFrame, earlier: Earlier, mode: Sharing | None = None) -> Shares:
    return share_pot(programme, claims, DAY, budget_fen=earlier.left_fen, sharing=mode, earlier=earlier)


@settings(deadline=None, max_examples=300)
@given(made=rounds, budget=st.integers(0, 300), payment=st.sampled_from(Payment), back=st.lists(st.integers(0, 40)))
def test_every_round_pays_what_the_whole_period_reckoned_by_hand_leaves(
    programme: Programme, made: list, budget: int, payment: Payment, back: list[int]
) -> None:
    assert programme.pot is not None
    ruled = replace(programme, pot=replace(programme.pot, payment=payment))
    told: list[pl.DataFrame] = []
    awards: list[Award] = []
    for number, rows in enumerate(made):
        claims = claims_of(rows, number)
        shares = share(ruled, claims, earlier_of(programme.pot, told, budget))
        assert shares.table["paid_fen"].to_list() == reckon(awards, rows, budget, payment)
        told.append(with_counted(ruled, claims, shares))
        # Between the rounds something comes back of the awards there are, the same of both reckonings.
        for place, fen in enumerate(back[: len(awards)]):
            awards[place].give_back(min(fen, awards[place].paid))
        everything = pl.concat(told)
        left = pl.Series("paid_fen", [each.paid for each in awards], dtype=pl.Int64)
        told = [everything.with_columns(left)]
        back = back[1:]
        for district in "abc":
            assert sum(each.paid for each in awards if each.district == district) <= budget * 4 // 10
        assert sum(each.new for each in awards) <= budget * 3 // 10
        assert sum(each.paid for each in awards) <= budget


@settings(deadline=None)
@given(made=rounds, budget=st.integers(0, 300))
def test_pro_rata_no_number_of_rounds_passes_a_quota(programme: Programme, made: list, budget: int) -> None:
    assert programme.pot is not None
    told: list[pl.DataFrame] = []
    for number, rows in enumerate(made):
        claims = claims_of(rows, number)
        shares = share(programme, claims, earlier_of(programme.pot, told, budget), Sharing.PRO_RATA)
        told.append(with_counted(programme, claims, shares))
    everything = pl.concat(told)
    assert sum(everything["paid_fen"]) <= budget
    for _district, mine in everything.group_by("district"):
        assert sum(mine["paid_fen"]) <= budget * 4 // 10
    for reserve in (NEW, SMALL):
        assert sum(everything[f"reserve:{reserve.id}"]) <= budget * reserve.share_bp // 10_000


def test_a_second_round_gives_a_district_no_second_quota_and_keeps_the_reserve_whole(programme: Programme) -> None:
    assert programme.pot is not None
    first = claims_of([(60, 1, "a", False, 50), (10, 2, "b", True, 50)], 1)
    shares = share(programme, first, Earlier(100))
    assert shares.table.select("paid_fen", "reserved_fen").rows() == [(40, 0), (10, 10)]
    earlier = count_earlier(programme.pot, with_counted(programme, first, shares), 100)
    assert (earlier.left_fen, earlier.reserves, earlier.quotas) == (
        50, {"new": 10, "small": 0}, {"district": {"a": 40, "b": 10}},
    )  # fmt: skip
    # 40 of 100 is what the first district has already; 20 of the new ones' 30 are still kept for them.
    second = claims_of([(50, 1, "a", False, 50), (50, 2, "c", False, 50), (50, 3, "b", True, 50)], 2)
    again = share(programme, second, earlier)
    assert again.table.select("paid_fen", "reserved_fen", "bound_by").rows() == [
        (0, 0, "quota:district"), (30, 0, "pot"), (20, 20, "pot"),
    ]  # fmt: skip


def test_an_award_whose_district_nobody_knows_any_more_counts_in_each(programme: Programme) -> None:
    assert programme.pot is not None
    told = pl.DataFrame(
        {"paid_fen": [15], "reserve:new": [0], "reserve:small": [0], "district": pl.Series([None], dtype=pl.String)}
    )
    shares = share(
        programme,
        claims_of([(60, 1, "a", False, 50), (60, 2, "b", False, 50)], 1),
        count_earlier(programme.pot, told, 100),
    )
    assert shares.table["paid_fen"].to_list() == [25, 25]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "earlier awards have no column 'paid_fen'"),
        ({"paid_fen": [1], "reserve:new": [0], "reserve:small": [0]}, "no column 'district'"),
        ({"paid_fen": [-1], "reserve:new": [0], "reserve:small": [0], "district": ["a"]}, "paid_fen is no amount"),
        ({"paid_fen": [1], "reserve:new": ["x"], "reserve:small": [0], "district": ["a"]}, "reserve:new is no amount"),
        ({"paid_fen": [101], "reserve:new": [0], "reserve:small": [0], "district": ["a"]}, "take 101 fen of a budget"),
    ],
)  # fmt: skip
def test_earlier_awards_that_cannot_be_are_refused(programme: Programme, columns: dict, message: str) -> None:
    assert programme.pot is not None
    with pytest.raises(InputError, match=message):
        count_earlier(programme.pot, pl.DataFrame(columns), 100)
