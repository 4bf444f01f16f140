"""The table of an agreement's life: whole, reachable, with an end."""

import pytest

from siwei.market.life import CANCELLED, PROPOSED, SETTLED, STATES, STEPS, possible_steps, refusal


def test_the_table_names_only_states_there_are() -> None:
    for name, step in STEPS.items():
        assert step.before and step.after and step.before | step.after <= set(STATES), name


def test_every_state_is_reached_and_only_two_are_ends() -> None:
    reached, waiting = {PROPOSED}, [PROPOSED]
    while waiting:
        state = waiting.pop()
        new = {after for name in possible_steps(state) for after in STEPS[name].after} - reached
        reached |= new
        waiting += new
    assert reached == set(STATES)
    assert {state for state in STATES if not possible_steps(state)} == {SETTLED, CANCELLED}


def test_a_refused_step_says_what_is_possible() -> None:
    assert refusal("cancel", PROPOSED) == ""
    assert refusal("settle", PROPOSED) == (
        "it is proposed: to settle is not possible, what is: sign, approve, refuse, cancel"
    )
    assert refusal("sign", SETTLED) == "it is settled: to sign is not possible, and nothing more is"


@pytest.mark.parametrize("step", sorted(STEPS))
def test_nothing_leaves_an_end(step: str) -> None:
    assert not STEPS[step].before & {SETTLED, CANCELLED}
