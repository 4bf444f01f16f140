"""A pot followed through its year: nothing is ever lost, paid twice, or paid beyond what is owed."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.policy import Payment, Sharing
from siwei.policy.pots.pot_events import PotEvent, PotEventKind, _Follower, events_of, follow_pot
from siwei.policy.pots.rounds import serve_in_order
from siwei.policy.pots.share import SHARES_SCHEMA, Shares
from siwei.policy.programmes import Returns

DAY = date(2026, 6, 30)
FUND, AWARD, CLAIM, CLAW_BACK, TRUE_UP, WITHDRAW, GIVE_UP = PotEventKind
SHARED = Shares(
    Sharing.FIRST_COME,
    100,
    pl.DataFrame(
        [("b", 50, 40, 0, 2, "pot"), ("a", 60, 60, 0, 1, None), ("c", 30, 0, 0, 3, "pot")],
        schema=SHARES_SCHEMA,
        orient="row",
    ),
)


def after(*events: PotEvent, returns: Returns = Returns.WAITING, sharing: Sharing = Sharing.FIRST_COME) -> tuple:
    state = follow_pot([*events_of(SHARED, DAY), *events], sharing, returns=returns)
    return state.awarded_fen, state.left_fen, state.treasury_fen


def test_the_sharing_itself_in_its_order() -> None:
    assert [event.claim for event in events_of(SHARED, DAY)] == ["", "a", "b", "c"]
    assert after() == ({"a": 60, "b": 40, "c": 0}, 0, 0)


@pytest.mark.parametrize(
    ("event", "returns", "expected"),
    [
        (PotEvent(DAY, CLAW_BACK, "a", amount_fen=25), Returns.WAITING, ({"a": 35, "b": 50, "c": 15}, 0, 0)),
        (PotEvent(DAY, CLAW_BACK, "a", amount_fen=25), Returns.POT, ({"a": 35, "b": 40, "c": 0}, 25, 0)),
        (PotEvent(DAY, CLAW_BACK, "a", amount_fen=25), Returns.TREASURY, ({"a": 35, "b": 40, "c": 0}, 0, 25)),
        (PotEvent(DAY, TRUE_UP, "a", claim_fen=55), Returns.WAITING, ({"a": 55, "b": 45, "c": 0}, 0, 0)),
        (PotEvent(DAY, TRUE_UP, "a", claim_fen=90), Returns.WAITING, ({"a": 60, "b": 40, "c": 0}, 0, 0)),
        (PotEvent(DAY, WITHDRAW, "a"), Returns.WAITING, ({"a": 0, "b": 50, "c": 30}, 20, 0)),
        (PotEvent(DAY, FUND, amount_fen=12), Returns.WAITING, ({"a": 60, "b": 50, "c": 2}, 0, 0)),
        (PotEvent(DAY, FUND, amount_fen=12), Returns.POT, ({"a": 60, "b": 40, "c": 0}, 12, 0)),
        (PotEvent(DAY, CLAIM, "d", claim_fen=5), Returns.POT, ({"a": 60, "b": 40, "c": 0, "d": 0}, 0, 0)),
    ],
)
def test_money_that_comes_back(event: PotEvent, returns: Returns, expected: tuple) -> None:
    assert after(event, returns=returns) == expected


def test_pro_rata_waiting_claims_share_what_comes_back() -> None:
    assert after(PotEvent(DAY, WITHDRAW, "a"), sharing=Sharing.PRO_RATA)[0] == {"a": 0, "b": 50, "c": 30}
    event = PotEvent(DAY, CLAW_BACK, "a", amount_fen=20)
    assert after(event, sharing=Sharing.PRO_RATA)[0] == {"a": 40, "b": 45, "c": 15}


steps = st.lists(
    st.tuples(st.sampled_from([FUND, CLAIM, CLAW_BACK, TRUE_UP, WITHDRAW]), st.integers(0, 9), st.integers(0, 100)),
    max_size=30,
)


@settings(deadline=None)
@given(
    steps, st.sampled_from([Sharing.FIRST_COME, Sharing.PRO_RATA]), st.sampled_from(Payment), st.sampled_from(Returns)
)
def test_nothing_is_lost(
    made: list[tuple[PotEventKind, int, int]], sharing: Sharing, payment: Payment, returns: Returns
) -> None:
    if sharing is Sharing.PRO_RATA:
        payment = Payment.PARTIAL
    events: list[PotEvent] = []
    for number, (kind, claim, amount) in enumerate(made):
        event = PotEvent(DAY + timedelta(number), kind, "" if kind is FUND else f"c{claim}", amount, amount)
        try:
            state = follow_pot([*events, event], sharing, payment, returns)
        except InputError:
            continue
        events.append(event)
        assert state.funded_fen == state.left_fen + state.treasury_fen + sum(state.awarded_fen.values())
        assert min(state.left_fen, state.treasury_fen, *state.awarded_fen.values(), 0) == 0
        assert [claim for claim, owed in state.owed_fen.items() if state.awarded_fen[claim] > owed] == []
        moved = dict.fromkeys(state.owed_fen, 0)
        for movement in state.movements:
            moved[movement.claim] += movement.amount_fen
        assert moved == state.awarded_fen
        if returns is Returns.WAITING and payment is Payment.PARTIAL and kind in (FUND, CLAW_BACK, WITHDRAW):
            assert state.left_fen == 0 or state.waiting_fen == {}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            PotEvent(DAY - timedelta(1), FUND, amount_fen=1),
            "the fund on 2026-06-29 lies before what precedes it, on 2026-06-30",
        ),
        (PotEvent(DAY, CLAIM, "a", claim_fen=1), "the claim of a on 2026-06-30 names a claim that there is already"),
        (PotEvent(DAY, CLAW_BACK, "z", amount_fen=1), "names no known claim"),
        (PotEvent(DAY, CLAW_BACK, "b", amount_fen=41), "takes back more than the 40 fen that it has"),
        (PotEvent(DAY, AWARD, "z", claim_fen=9, amount_fen=1), "awards more than is claimed or left"),
        (PotEvent(DAY, FUND, amount_fen=-1), "has a negative amount"),
    ],
)
def test_what_cannot_have_happened_is_refused(event: PotEvent, message: str) -> None:
    with pytest.raises(InputError, match=message):
        after(event)


class Plain(_Follower):
    """Serves what comes back by going over all waiting claims: the definition that the tree is compared with."""

    def _serve_waiting(self) -> None:
        if self.sharing is Sharing.PRO_RATA:
            super()._serve_waiting()
            return
        waiting = self.state.waiting_fen
        served = serve_in_order(list(waiting.values()), range(len(waiting)), self.state.left_fen, self.payment, ())
        for claim, amount in zip(waiting, served.paid, strict=True):
            self._move(claim, amount)


@settings(deadline=None, max_examples=300)
@given(steps, st.sampled_from(Payment))
def test_the_tree_serves_as_going_over_all_does(made: list[tuple[PotEventKind, int, int]], payment: Payment) -> None:
    """To the movement and its order."""
    follower = _Follower(Sharing.FIRST_COME, payment, Returns.WAITING)
    plain = Plain(Sharing.FIRST_COME, payment, Returns.WAITING)
    for number, (kind, claim, amount) in enumerate(made):
        event = PotEvent(DAY + timedelta(number), kind, "" if kind is FUND else f"c{claim}", amount, amount)
        refused = []
        for each in (follower, plain):
            try:
                each.apply(event)
            except InputError:
                refused.append(each)
        assert len(refused) in (0, 2)
        assert follower.state == plain.state
