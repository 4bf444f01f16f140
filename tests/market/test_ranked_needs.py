"""An offer's view of the needs: the same requirements and parts as a need's view of the offers."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from siwei.market import ranking
from siwei.market.kinds import KINDS
from siwei.market.listing import Context

POSITION = KINDS["position"]
CONTEXT = Context(date(2026, 11, 23))
SKILLS = st.lists(st.sampled_from(["pytorch", "cuda", "cann", "rust"]), min_size=1, max_size=4, unique=True)
MONEY = st.integers(0, 5_000_000)


def offer(skills: list[str], months: int, asks: int, party: str = "person:1", key: str = "o") -> ranking.Offer:
    body = {"title": "求职", "skills": skills, "experience_months": months, "asks_fen_per_month": asks}
    return POSITION.parse_offer(id=key, party=party, body=body)


def need(key: str, skills: list[str], months: int, ceiling: int, party: str = "firm") -> ranking.Need:
    body = {"title": "工程师", "skills": skills, "experience_months": months, "ceiling_fen_per_month": ceiling}
    return POSITION.parse_need(id=key, party=party, body=body)


@given(SKILLS, st.integers(0, 60), MONEY, st.lists(st.tuples(SKILLS, st.integers(0, 60), MONEY), max_size=6))
def test_both_sides_judge_a_pair_alike_but_for_the_text(
    skills: list[str], months: int, asks: int, vacancies: list[tuple[list[str], int, int]]
) -> None:
    mine = offer(skills, months, asks)
    needs = [need(f"n{number}", *each) for number, each in enumerate(vacancies)]
    found = ranking.match_offer(POSITION, mine, needs, CONTEXT)
    for each in needs:
        other = ranking.match(POSITION, each, [mine], CONTEXT)
        ranked = [line for line in found.ranked if line.need is each]
        refused = [line for line in found.rejected if line.need is each]
        assert (len(ranked), len(refused)) == (len(other.ranked), len(other.rejected))
        for line, counterpart in zip(ranked, other.ranked, strict=True):
            assert [p for p in line.parts if p.id != "text"] == [p for p in counterpart.parts if p.id != "text"]
            assert round(sum(part.points for part in line.parts), 4) == line.score
        assert [line.words for line in refused] == [line.words for line in other.rejected]
    assert [line.rank for line in found.ranked] == list(range(1, len(found.ranked) + 1))
    assert [(-line.score, line.need.id) for line in found.ranked] == sorted(
        (-line.score, line.need.id) for line in found.ranked
    )


def test_what_is_described_alike_comes_first_and_ones_own_need_is_none() -> None:
    mine = offer(["pytorch"], 12, 0)
    alike = POSITION.parse_need(id="z", party="firm", body={"title": "求职", "skills": ["pytorch"]})
    other = POSITION.parse_need(id="a", party="firm", body={"title": "司机", "skills": ["pytorch"]})
    own = POSITION.parse_need(id="own", party="person:1", body={"title": "求职", "skills": ["pytorch"]})
    found = ranking.match_offer(POSITION, mine, [other, own, alike], CONTEXT)
    assert [line.need.id for line in found.ranked] == ["z", "a"]
    assert [(line.need.id, line.reason) for line in found.rejected] == [("own", "own_offer")]
