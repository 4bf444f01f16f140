"""Sharing a pot: what must hold in every mode, and examples worked out by hand."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import Attribute, load_attributes
from siwei.city.home import PACKS
from siwei.errors import InputError
from siwei.policy import Payment, Programme, Quota, Reserve, Sharing, Text, load_programme
from siwei.policy.language.check import Checker
from siwei.policy.language.types import BOOL
from siwei.policy.pots.share import Shares, lottery_digest, share_pot
from siwei.policy.programmes import Pot

DAY = date(2026, 6, 30)
WORDS = Text("试验", "Trial")
MODES = (Sharing.FIRST_COME, Sharing.MERIT, Sharing.PRO_RATA, Sharing.LOTTERY)
NEW = Reserve("new", 3000, Checker({"is_new": BOOL}).check("is_new"), WORDS, None)
BY_DISTRICT = Quota("district", 4000, WORDS, None)
fen = st.one_of(st.integers(0, 20), st.integers(0, 10**12), st.integers(0, 2**63 - 1))
small = st.integers(0, 5)
rows = st.lists(
    st.tuples(fen, small, small, st.sampled_from(["a", "b", "c"]), st.sampled_from([True, False, None])), max_size=25
)
# The machine that tests may be busy; what is tested here is no speed.
anytime = settings(deadline=None)


@pytest.fixture(scope="module")
def programme() -> Programme:
    return load_programme(
        PACKS / "shenzhen" / "programmes" / "longhua-compute.yaml", load_attributes(PACKS / "shenzhen")
    )


def with_pot(programme: Programme, **changes: Any) -> Programme:
    pot = Pot(budget_fen=None, per="year", sharing=Sharing.NOT_KNOWN, words=WORDS, citation=None)
    return replace(programme, pot=replace(pot, **changes))


def table(made: list[tuple[int, int, int, str, bool | None]]) -> pl.DataFrame:
    schema = {
        "claim_fen": pl.Int64,
        "applied_at": pl.Int64,
        "score": pl.Int64,
        "district": pl.String,
        "is_new": pl.Boolean,
    }
    frame = pl.DataFrame(made, schema=schema, orient="row")
    return frame.with_columns(id=pl.format("id{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(3)))


def share(programme: Programme, claims: pl.DataFrame, budget: int, mode: Sharing) -> Shares:
    return share_pot(programme, claims, DAY, budget_fen=budget, sharing=mode, seed="2026-11-23 double six")


@pytest.mark.parametrize("mode", MODES)
@anytime
@given(made=rows, budget=fen)
def test_in_part_everything_there_is_is_paid_to_the_fen(
    programme: Programme, mode: Sharing, made: list, budget: int
) -> None:
    claims = table(made)
    for pot in (with_pot(programme), with_pot(programme, reserves=(NEW,))):
        shares = share(pot, claims, budget, mode)
        assert shares.paid_fen == min(budget, shares.claimed_fen)
        assert shares.left_fen == budget - shares.paid_fen
        for claim, paid, reserved, bound in shares.table.select(
            "claim_fen", "paid_fen", "reserved_fen", "bound_by"
        ).rows():
            assert 0 <= reserved <= paid <= claim
            assert bound == (None if paid == claim else "pot")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("payment", Payment)
@anytime
@given(made=rows, budget=fen)
def test_quotas_reserves_and_whole_payment_hold(
    programme: Programme, mode: Sharing, payment: Payment, made: list, budget: int
) -> None:
    if mode is Sharing.PRO_RATA and payment is not Payment.PARTIAL:
        return
    claims = table(made)
    pot = with_pot(programme, reserves=(NEW,), quotas=(BY_DISTRICT,), payment=payment)
    paid = share(pot, claims, budget, mode).table.join(claims.select("id", "district", "is_new"), on="id")
    assert sum(paid["paid_fen"]) <= budget
    for (_district,), mine in paid.group_by("district"):
        assert sum(mine["paid_fen"]) <= budget * 4000 // 10_000
    for claim, got, reserved, is_new in paid.select("claim_fen", "paid_fen", "reserved_fen", "is_new").rows():
        assert 0 <= got <= claim
        assert reserved == 0 or is_new
        assert payment is Payment.PARTIAL or got in (0, claim)
    # What is reserved goes to nobody else while those it is kept for still want it and their quota has room.
    assert sum(paid["reserved_fen"]) <= budget * 3000 // 10_000


@pytest.mark.parametrize("mode", MODES)
@anytime
@given(made=rows, budget=fen, rearranged=st.randoms(use_true_random=False))
def test_the_order_of_the_table_does_not_matter(
    programme: Programme, mode: Sharing, made: list, budget: int, rearranged: object
) -> None:
    claims = table(made)
    places = list(range(claims.height))
    rearranged.shuffle(places)  # type: ignore[attr-defined]
    pot = with_pot(programme, reserves=(NEW,), quotas=(BY_DISTRICT,))
    straight = share(pot, claims, budget, mode).table
    mixed = share(pot, claims[places], budget, mode).table
    assert mixed.sort("id").equals(straight.sort("id"))


@pytest.mark.parametrize("mode", (Sharing.FIRST_COME, Sharing.MERIT, Sharing.LOTTERY))
@anytime
@given(made=rows, budget=st.integers(0, 10**13), more=st.integers(0, 10**13))
def test_a_greater_budget_gives_nobody_less(
    programme: Programme, mode: Sharing, made: list, budget: int, more: int
) -> None:
    before = share(with_pot(programme), table(made), budget, mode).table["paid_fen"].to_list()
    after = share(with_pot(programme), table(made), budget + more, mode).table["paid_fen"].to_list()
    assert [low for low, high in zip(before, after, strict=True) if low > high] == []


@anytime
@given(made=rows, budget=st.integers(0, 10**13), more=st.integers(0, 10**13))
def test_pro_rata_a_greater_budget_takes_one_fen_at_most(
    programme: Programme, made: list, budget: int, more: int
) -> None:
    """The largest remainder method can take a fen as money grows (the Alabama paradox); never two."""
    before = share(with_pot(programme), table(made), budget, Sharing.PRO_RATA).table["paid_fen"].to_list()
    after = share(with_pot(programme), table(made), budget + more, Sharing.PRO_RATA).table["paid_fen"].to_list()
    assert [low for low, high in zip(before, after, strict=True) if low > high + 1] == []


@anytime
@given(made=rows, budget=fen)
def test_pro_rata_with_a_quota_nobody_below_it_gets_less_of_its_claim_than_one_at_it(
    programme: Programme, made: list, budget: int
) -> None:
    paid = share(with_pot(programme, quotas=(BY_DISTRICT,)), table(made), budget, Sharing.PRO_RATA).table
    paid = paid.join(table(made).select("id", "district"), on="id")
    totals = {name: (sum(mine["claim_fen"]), sum(mine["paid_fen"])) for (name,), mine in paid.group_by("district")}
    quota = budget * 4000 // 10_000
    for claimed, got in totals.values():
        for other_claimed, other_got in totals.values():
            if claimed and other_claimed and got < min(quota, claimed):
                # Below its quota, its rate is no smaller than any other's, but for the fen that is rounded.
                assert Fraction(got + 1, claimed) >= Fraction(other_got - 1, other_claimed)
    expected = min(budget, sum(min(quota, claimed) for claimed, _ in totals.values()))
    assert sum(paid["paid_fen"]) == expected


def claims_of(*amounts: int, **columns: list[object]) -> pl.DataFrame:
    ids = [chr(ord("a") + place) for place in range(len(amounts))]
    return pl.DataFrame({"id": ids, "claim_fen": list(amounts), **columns})


@pytest.mark.parametrize(
    ("payment", "paid"),
    [
        (Payment.PARTIAL, [60, 40, 0, 0]),
        (Payment.WHOLE_OR_NEXT, [60, 0, 30, 10]),
        (Payment.WHOLE_OR_STOP, [60, 0, 0, 0]),
    ],
)
def test_a_claim_the_money_does_not_suffice_for(programme: Programme, payment: Payment, paid: list[int]) -> None:
    claims = claims_of(60, 50, 30, 10, applied_at=[1, 2, 3, 4])
    shares = share(with_pot(programme, payment=payment), claims, 100, Sharing.FIRST_COME)
    assert shares.table["paid_fen"].to_list() == paid


def test_an_unused_reserve_returns_to_all(programme: Programme) -> None:
    claims = claims_of(80, 10, 50, applied_at=[1, 2, 3], is_new=[False, True, None])
    shares = share(with_pot(programme, reserves=(NEW,)), claims, 100, Sharing.FIRST_COME)
    assert shares.table.select("paid_fen", "reserved_fen", "rank", "bound_by").rows() == [
        (80, 0, 1, None), (10, 10, 2, None), (10, 0, 3, "pot"),
    ]  # fmt: skip


def test_a_quota_passes_the_money_on(programme: Programme) -> None:
    claims = claims_of(50, 50, 50, applied_at=[1, 2, 3], district=["x", "x", "y"])
    shares = share(with_pot(programme, quotas=(BY_DISTRICT,)), claims, 100, Sharing.FIRST_COME)
    assert shares.table.select("paid_fen", "bound_by").rows() == [
        (40, "quota:district"), (0, "quota:district"), (40, "quota:district"),
    ]  # fmt: skip
    shares = share(with_pot(programme, quotas=(BY_DISTRICT,)), claims, 100, Sharing.PRO_RATA)
    assert shares.table["paid_fen"].to_list() == [20, 20, 40]


def test_merit_ties_go_to_the_earlier(programme: Programme) -> None:
    claims = claims_of(10, 10, 10, score=[7.5, 9.0, 7.5], applied_at=[date(2026, 5, 9), date(2026, 5, 9), DAY])
    assert share(with_pot(programme), claims, 15, Sharing.MERIT).table["paid_fen"].to_list() == [5, 10, 0]


def test_anyone_can_draw_the_lottery_again(programme: Programme) -> None:
    claims = claims_of(*[1] * 20)
    shares = share_pot(with_pot(programme), claims, DAY, budget_fen=5, sharing=Sharing.LOTTERY, seed="种子 42")
    drawn = sorted(claims["id"], key=lambda id: hashlib.sha256(f"种子 42\n{id}".encode()).hexdigest())
    assert shares.table.sort("rank")["id"].to_list() == drawn
    assert shares.table.filter(paid_fen=1)["id"].to_list() == sorted(drawn[:5])
    assert lottery_digest("s", "a") == "009fa556751b7e96aae6f5d05d2fe3df806a6a1530e37d6a5f19a97166881340"


@pytest.mark.parametrize(
    ("changes", "claims", "arguments", "message"),
    [
        ({}, claims_of(1), {}, "how the pot is shared is not known"),
        ({}, claims_of(1), {"sharing": Sharing.FIRST_COME}, "no column 'applied_at'"),
        ({}, claims_of(1), {"sharing": Sharing.LOTTERY}, "a lottery needs its published seed"),
        ({}, claims_of(1), {"sharing": Sharing.LOTTERY, "seed": "a\nb"}, "a lottery needs its published seed"),
        ({}, claims_of(1), {"sharing": Sharing.PRO_RATA, "budget_fen": None}, "the programme's text names no budget"),
        ({}, claims_of(1), {"sharing": Sharing.PRO_RATA, "budget_fen": -1}, "the budget is -1"),
        ({}, claims_of(-1), {"sharing": Sharing.PRO_RATA}, "a claim is negative"),
        ({}, claims_of(1, score=[float("nan")]), {"sharing": Sharing.MERIT}, "1 claims have no score"),
        ({}, claims_of(1, score=["high"]), {"sharing": Sharing.MERIT}, "column score is String"),
        ({"payment": Payment.WHOLE_OR_STOP}, claims_of(1), {"sharing": Sharing.PRO_RATA}, "cannot be shared pro rata"),
        ({"reserves": (NEW,)}, claims_of(1), {"sharing": Sharing.PRO_RATA}, "no column 'is_new'"),
        ({"quotas": (BY_DISTRICT,)}, claims_of(1), {"sharing": Sharing.PRO_RATA}, "no column 'district'"),
        ({}, pl.DataFrame({"id": ["a", "a"], "claim_fen": [1, 1]}), {"sharing": Sharing.PRO_RATA}, "ids are missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_is_refused(
    programme: Programme, changes: dict, claims: pl.DataFrame, arguments: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        share_pot(with_pot(programme, **changes), claims, DAY, **{"budget_fen": 10, **arguments})


POT = """\
pot:
  budget_fen: 1000
  sharing: {sharing}
  payment: {payment}
  words: {{zh: 池, en: Pot}}
  reserves:
    - {{id: young, share_bp: {share}, where: "{where}", words: {{zh: 新, en: New}}}}
  quotas: [{{by: {by}, most_bp: 5000, words: {{zh: 限, en: Limit}}}}]
"""
RIGHT = {"sharing": "merit", "payment": "whole_or_next", "share": "2000", "by": "district"}
YOUNG = "years_between(founded_on, as_of) < 1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sharing": "pro_rata"}, "payment must be partial"),
        ({"share": "10001"}, "less than or equal to 10000"),
        ({"where": "founded > 1"}, "undeclared reference to 'founded'"),
        ({"where": "spent"}, "this is int, bool is needed"),
        ({"by": "province"}, "'province' is not an attribute"),
    ],
)
def test_a_wrong_pot_is_refused_where_it_is_written(
    write_programme: Callable[..., Path], attributes: dict[str, Attribute], changes: dict[str, str], message: str
) -> None:
    path = write_programme()
    text = path.read_text(encoding="utf-8")
    path.write_text(text + POT.format(**{**RIGHT, "where": YOUNG, **changes}), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_programme(path, attributes)
    path.write_text(text + POT.format(**RIGHT, where=YOUNG), encoding="utf-8")
    pot = load_programme(path, attributes).pot
    assert pot is not None
    assert (pot.payment, pot.reserves[0].share_bp, pot.quotas[0].by) == (Payment.WHOLE_OR_NEXT, 2000, "district")
