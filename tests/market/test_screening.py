from dataclasses import replace
from datetime import date

import pytest

from siwei.market import KINDS, Context, Offer, screen
from siwei.market.kind import Kind, Price
from siwei.market.listing import Words
from siwei.market.ranking import ScoredPart, _reason, score_parts

COURSE = KINDS["course"]
NEED = COURSE.parse_need(id="n", party="firm", body={"title": "培训", "skills": ["CUDA"], "level": "entry"})
BODY = {"title": "课", "skills": ["cuda"], "level": "entry", "hours": 10, "seats": 5, "price_fen_per_seat": 100}
CONTEXT = Context(date(2026, 7, 1))


def offer(id: str, party: str = "academy", valid_until: date | None = None) -> Offer:
    return COURSE.parse_offer(id=id, party=party, body=BODY, valid_until=valid_until)


def test_each_offer_is_kept_or_rejected_with_its_first_reason_in_the_order_given() -> None:
    good, today = offer("good"), offer("today", valid_until=CONTEXT.as_of)
    own, past = offer("own", party="firm"), offer("past", valid_until=date(2026, 6, 30))
    other = replace(offer("other"), kind="service")
    screening = screen(COURSE, [own, good, past, other, today], NEED, CONTEXT)
    assert screening.kept == (good, today)
    assert [(rejection.offer.id, rejection.reason, rejection.words.en) for rejection in screening.rejected] == [
        ("own", "own_offer", "the need's own party offers it"),
        ("past", "expired", "the offer has expired"),
        ("other", "other_kind", "of another kind"),
    ]


def test_a_need_of_another_kind_matches_nothing() -> None:
    screening = screen(COURSE, [offer("good")], replace(NEED, kind="service"), CONTEXT)
    assert [rejection.reason for rejection in screening.rejected] == ["other_kind"]


def test_a_kind_that_is_declared_wrong_does_not_load() -> None:
    with pytest.raises(ValueError, match="weights of kind course sum to 55, not 100"):
        replace(COURSE, parts=COURSE.parts[1:])
    with pytest.raises(ValueError, match="declares only one of a pair"):
        replace(COURSE, quantity=None)


def test_a_score_outside_its_range_is_a_fault_that_shows() -> None:
    wrong: Kind = replace(COURSE, parts=(replace(COURSE.parts[0], weight=100, score=lambda *_: 1.5),))
    with pytest.raises(AssertionError, match=r"part skills of kind course scored 1\.5"):
        score_parts(wrong, offer("good"), NEED, CONTEXT)


def test_prices_are_per_unit() -> None:
    assert COURSE.price is not None
    assert COURSE.price(offer("good")) == Price(100)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ((40, 30, 30), "fits in every part, first in price"),
        ((24, 20, 30), "strong in wait (30/30), weak in price (24/40)"),
        ((30, 0, 30), "strong in wait (30/30), weak in place (0/30)"),
        ((24, 0, 0), "strong in price (24/40), weak in place (0/30)"),
        ((0, 0, 0), "fits in no part"),
    ],
)
def test_no_part_is_strong_and_weak_at_once(points: tuple[int, int, int], said: str) -> None:
    names = {"price": 40, "place": 30, "wait": 30}
    parts = tuple(
        ScoredPart(name, Words(name, name), weight, got / weight, got)
        for (name, weight), got in zip(names.items(), points, strict=True)
    )
    assert _reason(parts).en == said


def test_what_fits_in_one_part_alone_says_so() -> None:
    parts = (
        ScoredPart("price", Words("价格", "price"), 80, 0.3, 24),
        ScoredPart("wait", Words("等待", "wait"), 20, 0, 0),
    )
    assert _reason(parts) == Words("仅价格相符（24/80）", "fits in price alone (24/80)")
