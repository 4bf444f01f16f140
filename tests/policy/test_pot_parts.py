"""A pot with reserves and quotas followed through its year: by the very sharing, whatever comes and goes."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS
from siwei.errors import InputError
from siwei.policy import Payment, Programme, Sharing, load_programme
from siwei.policy.pots.earlier_awards import Earlier, count_earlier
from siwei.policy.pots.pot_events import PotEvent, PotEventKind, PotParts, _Follower, events_of, follow_pot, parts_of
from siwei.policy.pots.share import share_pot, with_counted
from siwei.policy.programmes import Pot, Returns

from .test_earlier_awards import BY_DISTRICT, NEW, SMALL, WORDS, claim, claims_of

DAY = date(2026, 6, 30)
FUND, AWARD, CLAIM, CLAW_BACK, TRUE_UP, WITHDRAW, GIVE_UP = PotEventKind
claims = st.lists(claim, min_size=1, max_size=7)
steps = st.lists(
    st.tuples(st.sampled_from([FUND, CLAW_BACK, TRUE_UP, WITHDRAW]), st.integers(0, 6), st.integers(0, 60)), max_size=8
)


@pytest.fixture(scope="module")
def programme() -> Programme:
    known = load_programme(
        PACKS / "shenzhen" / "programmes" / "longhua-compute.yaml", load_attributes(PACKS / "shenzhen")
    )
    pot = Pot(None, "year", Sharing.FIRST_COME, WORDS, None, reserves=(NEW, SMALL), quotas=(BY_DISTRICT,))
    return replace(known, pot=pot)


def something(reserved_fen: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {id: {claim: fen for claim, fen in out_of.items() if fen} for id, out_of in reserved_fen.items()}


@settings(deadline=None, max_examples=150)
@given(made=claims, budget=st.integers(0, 300), payment=st.sampled_from(Payment))
def test_money_put_in_after_the_claims_is_shared_as_the_pot_is(
    programme: Programme, made: list, budget: int, payment: Payment
) -> None:
    """All wait, then the budget comes: the same to the fen as sharing it among them."""
    assert programme.pot is not None
    ruled = replace(programme, pot=replace(programme.pot, payment=payment))
    table = claims_of([(row[0], place, *row[2:]) for place, row in enumerate(made)], 1)
    shares = share_pot(ruled, table, DAY, budget_fen=budget)
    came = [PotEvent(DAY, CLAIM, row["id"], row["claim_fen"]) for row in table.iter_rows(named=True)]
    parts = parts_of(ruled, table, DAY)
    state = follow_pot(
        [*came, PotEvent(DAY, FUND, amount_fen=budget)], Sharing.FIRST_COME, payment, Returns.WAITING, parts
    )
    assert list(state.awarded_fen.values()) == shares.table["paid_fen"].to_list()
    reserved = {id: [paid.get(each, 0) for each in table["id"]] for id, paid in state.reserved_fen.items()}
    assert reserved == shares.reserved
    assert state.left_fen == shares.left_fen


@settings(deadline=None, max_examples=150)
@given(
    made=claims, budget=st.integers(0, 300), later=steps, returns=st.sampled_from(Returns),
    payment=st.sampled_from(Payment), sharing=st.sampled_from([Sharing.FIRST_COME, Sharing.PRO_RATA]),
)  # fmt: skip
def test_whatever_comes_and_goes_no_quota_and_no_reserve_is_passed(
    programme: Programme, made: list, budget: int, later: list, returns: Returns, payment: Payment, sharing: Sharing
) -> None:
    assert programme.pot is not None
    payment = Payment.PARTIAL if sharing is Sharing.PRO_RATA else payment
    ruled = replace(programme, pot=replace(programme.pot, payment=payment))
    table = claims_of(made, 1)
    parts = parts_of(ruled, table, DAY)
    districts = dict(zip(table["id"], table["district"], strict=True))
    events = list(events_of(share_pot(ruled, table, DAY, budget_fen=budget, sharing=sharing), DAY))
    for number, (kind, place, fen) in enumerate(later):
        id = "" if kind is FUND else f"1-{place}"
        event = PotEvent(DAY + timedelta(number), kind, id, fen, fen)
        try:
            state = follow_pot([*events, event], sharing, payment, returns, parts)
        except InputError:
            continue
        events.append(event)
        paid = state.awarded_fen
        assert state.funded_fen == state.left_fen + state.treasury_fen + sum(paid.values())
        assert [id for id, owed in state.owed_fen.items() if not 0 <= paid[id] <= owed] == []
        for district in set(districts.values()):
            assert sum(paid[id] for id in paid if districts[id] == district) <= state.funded_fen * 4 // 10
        for reserve, kept_for in parts.reserves:
            out_of = state.reserved_fen[reserve.id]
            assert sum(out_of.values()) <= state.funded_fen * reserve.share_bp // 10_000
            assert {id for id, fen in out_of.items() if fen} <= kept_for
        for id in paid:
            assert sum(out_of.get(id, 0) for out_of in state.reserved_fen.values()) <= paid[id]
        if returns is Returns.TREASURY and kind in (CLAW_BACK, WITHDRAW):
            assert state.left_fen == follow_pot(events[:-1], sharing, payment, returns, parts).left_fen


def test_a_claim_that_has_no_district_is_refused(programme: Programme) -> None:
    table = pl.DataFrame({"id": ["a"], "district": [None], "is_new": [True], "people": [5]}).cast(
        {"district": pl.String}
    )
    with pytest.raises(InputError, match="1 claims have no district, such as a"):
        parts_of(programme, table, DAY)
    with pytest.raises(InputError, match="has no value for a quota"):
        follow_pot([PotEvent(DAY, CLAIM, "b", 5)], Sharing.FIRST_COME, parts=PotParts((), ((BY_DISTRICT, {"a": "x"}),)))


def test_what_one_gives_back_goes_to_its_district_and_its_reserve(programme: Programme) -> None:
    rows = [(40, 1, "a", False, 50), (30, 2, "a", False, 50), (50, 3, "b", True, 50), (20, 4, "c", False, 50)]
    table = claims_of(rows, 1)
    shares = share_pot(programme, table, DAY, budget_fen=100)
    assert shares.table["paid_fen"].to_list() == [40, 0, 40, 20]
    back = PotEvent(DAY, CLAW_BACK, "1-0", amount_fen=25)
    state = follow_pot(
        [*events_of(shares, DAY), back], Sharing.FIRST_COME, Payment.PARTIAL, Returns.WAITING,
        parts_of(programme, table, DAY),
    )  # fmt: skip
    # District b is full: what came back of a's quota serves the next of a.
    assert state.awarded_fen == {"1-0": 15, "1-1": 25, "1-2": 40, "1-3": 20}


later_steps = st.lists(
    st.tuples(st.sampled_from([FUND, CLAIM, CLAW_BACK, TRUE_UP, WITHDRAW]), st.integers(0, 9), st.integers(0, 60)),
    max_size=8,
)


@settings(deadline=None, max_examples=150)
@given(
    first=claims, made=claims, budget=st.integers(0, 300), later=later_steps, payment=st.sampled_from(Payment),
    sharing=st.sampled_from([Sharing.FIRST_COME, Sharing.PRO_RATA]), returns=st.sampled_from(Returns),
)  # fmt: skip
def test_a_round_that_is_followed_pays_as_one_pot_with_the_earlier_awards_in_it_does(
    programme: Programme, first: list, made: list, budget: int, later: list, payment: Payment, sharing: Sharing,
    returns: Returns,
) -> None:  # fmt: skip
    """The second round, given what the first took, against a pot that holds both, as events go on for awards of either;
    the first's claims wait for nothing.
    What is kept of each reserve and quota is what adding up all awards anew comes to."""
    assert programme.pot is not None
    payment = Payment.PARTIAL if sharing is Sharing.PRO_RATA else payment
    ruled = replace(programme, pot=replace(programme.pot, payment=payment))
    one, two = claims_of(first, 1), claims_of([*made, *[(0, 9, "a", True, 5)] * (10 - len(made))], 2)
    shares = share_pot(ruled, one, DAY, budget_fen=budget, sharing=sharing)
    before = count_earlier(programme.pot, with_counted(ruled, one, shares), budget)
    again = share_pot(ruled, two[: len(made)], DAY, budget_fen=before.left_fen, sharing=sharing, earlier=before)
    parts = parts_of(ruled, pl.concat([one, two]), DAY)
    follower = _Follower(sharing, payment, returns, parts, before)
    whole = _Follower(sharing, payment, returns, parts)
    for event in events_of(again, DAY):
        follower.apply(event)
    fund, *awards = events_of(shares, DAY)
    paid = [replace(each, claim_fen=each.amount_fen) for each in awards]
    for event in (fund, *paid, *events_of(again, DAY)[1:]):
        whole.apply(event)
    for number, (kind, place, fen) in enumerate(later):
        of = "" if kind is FUND else f"{2 - number % 2}-{place}"
        event = PotEvent(DAY + timedelta(number), kind, of, fen, fen)
        refused = []
        for each in (follower, whole):
            try:
                each.apply(event)
            except InputError:
                refused.append(each)
        assert len(refused) in (0, 2)
        assert follower.state.awarded_fen == whole.state.awarded_fen
        assert something(follower.state.reserved_fen) == something(whole.state.reserved_fen)
        assert (follower.state.left_fen, follower.state.treasury_fen) == (
            whole.state.left_fen, whole.state.treasury_fen,
        )  # fmt: skip
        assert (follower.taken, known(follower.by_value)) == (whole.taken, known(whole.by_value))
        assert whole.taken == {id: sum(out_of.values()) for id, out_of in whole.state.reserved_fen.items()}
        for quota, values in parts.quotas:
            added: dict[object, int] = {}
            for id, awarded in whole.state.awarded_fen.items():
                added[values[id]] = added.get(values[id], 0) + awarded
            assert known({quota.by: added}) == known(whole.by_value)


def known(by_value: dict) -> dict:
    return {by: {value: fen for value, fen in taken.items() if fen} for by, taken in by_value.items()}


def test_an_earlier_award_whose_district_nobody_knows_counts_in_each(programme: Programme) -> None:
    table = claims_of([(60, 1, "a", False, 50), (60, 2, "b", False, 50)], 1)
    before = Earlier(100, 15, {"new": 0, "small": 0}, {"district": {None: 15}})
    came = [PotEvent(DAY, CLAIM, id, 60) for id in table["id"]]
    state = follow_pot(
        [PotEvent(DAY, FUND, amount_fen=85), *came], Sharing.FIRST_COME, parts=parts_of(programme, table, DAY),
        before=before,
    )  # fmt: skip
    assert state.awarded_fen == {"1-0": 25, "1-1": 25}
