from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.matching import Assignment, allocate_by_priority, allocate_by_weight, allocate_stably

LEFTS, RIGHTS = ("a", "b", "c", "d"), ("x", "y", "z")
PAIRS = [(left, right) for left in LEFTS for right in RIGHTS]
SCORES = st.dictionaries(st.sampled_from(PAIRS), st.integers(1, 5).map(float))
QUOTAS = st.fixed_dictionaries({right: st.integers(0, 3) for right in RIGHTS})
MECHANISMS: dict[str, Any] = {
    "priority": allocate_by_priority,
    "weight": allocate_by_weight,
    "stable": lambda lefts, scores, quotas: allocate_stably(lefts, scores, scores, quotas),
}


@pytest.mark.parametrize("name", MECHANISMS)
@given(scores=SCORES, quotas=QUOTAS)
def test_every_applicant_is_answered_once_within_quotas_and_acceptable_pairs(
    name: str, scores: dict[tuple[str, str], float], quotas: dict[str, int]
) -> None:
    answers = MECHANISMS[name](LEFTS, scores, quotas)
    assert tuple(answer.left for answer in answers) == LEFTS
    for answer in answers:
        assert (answer.right is not None) == (answer.reason == "assigned")
        if answer.right is not None:
            assert scores[answer.left, answer.right] == answer.score
        if answer.reason == "no_acceptable_pair":
            assert not [pair for pair in scores if pair[0] == answer.left]
    for right, quota in quotas.items():
        assert sum(answer.right == right for answer in answers) <= quota


@pytest.mark.parametrize("name", MECHANISMS)
@given(scores=SCORES, quotas=QUOTAS, data=st.data())
def test_the_order_of_the_inputs_does_not_matter(
    name: str, scores: dict[tuple[str, str], float], quotas: dict[str, int], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(scores.items()))))
    turned = dict(reversed(quotas.items()))
    assert MECHANISMS[name](LEFTS, scores, quotas) == MECHANISMS[name](LEFTS, shuffled, turned)
    if name != "priority":
        back = MECHANISMS[name](LEFTS[::-1], scores, quotas)
        assert tuple(reversed(back)) == MECHANISMS[name](LEFTS, scores, quotas)


@given(scores=SCORES, quotas=QUOTAS)
def test_priority_gives_each_in_turn_the_best_left(
    scores: dict[tuple[str, str], float], quotas: dict[str, int]
) -> None:
    room = dict(quotas)
    for answer in allocate_by_priority(LEFTS, scores, quotas):
        open_to = {
            right: scores[answer.left, right] for right in RIGHTS if room[right] and (answer.left, right) in scores
        }
        assert answer.score == max(open_to.values(), default=0.0)
        if answer.right is not None:
            room[answer.right] -= 1


@given(scores=SCORES, quotas=QUOTAS)
def test_weight_is_the_greatest_of_all_allocations(
    scores: dict[tuple[str, str], float], quotas: dict[str, int]
) -> None:
    best = 0.0
    for choice in product((None, *RIGHTS), repeat=len(LEFTS)):
        pairs = [(left, right) for left, right in zip(LEFTS, choice, strict=True) if right is not None]
        fits = all(sum(right == taken for _, taken in pairs) <= quotas[right] for right in RIGHTS)
        if fits and all(pair in scores for pair in pairs):
            best = max(best, sum(scores[pair] for pair in pairs))
    assert sum(answer.score for answer in allocate_by_weight(LEFTS, scores, quotas)) == best


@given(wishes=SCORES, judgements=SCORES, quotas=QUOTAS)
def test_no_pair_would_rather_have_each_other(
    wishes: dict[tuple[str, str], float], judgements: dict[tuple[str, str], float], quotas: dict[str, int]
) -> None:
    answers = {answer.left: answer for answer in allocate_stably(LEFTS, wishes, judgements, quotas)}
    for left, right in PAIRS:
        if (left, right) not in wishes or (left, right) not in judgements or quotas[right] == 0:
            continue
        would_move = wishes[left, right] > answers[left].score
        held = [judgements[other, right] for other in LEFTS if answers[other].right == right]
        would_take = len(held) < quotas[right] or judgements[left, right] > min(held)
        assert not (would_move and would_take)


def test_the_proposing_side_gets_its_best_stable_allocation() -> None:
    """The textbook square in which both sides' wishes are opposed: two allocations are stable, the left's is chosen."""
    wishes = {("a", "x"): 2.0, ("a", "y"): 1.0, ("b", "y"): 2.0, ("b", "x"): 1.0}
    judgements = {("a", "x"): 1.0, ("b", "x"): 2.0, ("b", "y"): 1.0, ("a", "y"): 2.0}
    assert allocate_stably(("a", "b"), wishes, judgements, {"x": 1, "y": 1}) == (
        Assignment("a", "x", 2.0, "assigned"),
        Assignment("b", "y", 2.0, "assigned"),
    )


def test_of_equals_the_earlier_id_is_kept() -> None:
    for lefts in permutations(("a", "b", "c")):
        equal = {(left, "x"): 1.0 for left in lefts}
        answers = allocate_stably(lefts, equal, equal, {"x": 2})
        assert sorted(answer.left for answer in answers if answer.right) == ["a", "b"]
        assert {answer.left: answer.reason for answer in answers}["c"] == "quota_full"


def test_reasons_tell_apart_why_nothing_was_assigned() -> None:
    scores = {("a", "x"): 1.0, ("b", "x"): 2.0}
    assert allocate_by_priority(("a", "b", "c"), scores, {"x": 1}) == (
        Assignment("a", "x", 1.0, "assigned"),
        Assignment("b", None, 0.0, "quota_full"),
        Assignment("c", None, 0.0, "no_acceptable_pair"),
    )
    assert allocate_by_weight(("a", "b", "c"), scores, {"x": 1}) == (
        Assignment("a", None, 0.0, "outweighed"),
        Assignment("b", "x", 2.0, "assigned"),
        Assignment("c", None, 0.0, "no_acceptable_pair"),
    )


@pytest.mark.parametrize("name", MECHANISMS)
def test_what_cannot_be_allocated_is_refused(name: str) -> None:
    allocate = MECHANISMS[name]
    with pytest.raises(InputError, match="named twice"):
        allocate(("a", "a"), {}, {"x": 1})
    with pytest.raises(InputError, match="a quota is negative"):
        allocate(("a",), {}, {"x": -1})
    with pytest.raises(InputError, match="the score of a with x is nan"):
        allocate(("a",), {("a", "x"): float("nan")}, {"x": 1})
    assert allocate((), {}, {}) == ()


def test_too_large_a_table_is_refused_before_it_is_made() -> None:
    lefts = [str(n) for n in range(6000)]
    with pytest.raises(InputError, match="6000 × 6000 is too large"):
        allocate_by_weight(lefts, {}, {"x": 6000})
