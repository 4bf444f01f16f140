"""What must hold of every kind, and what each kind means by a good offer."""

from datetime import date
from typing import Any

import pytest
from bodies import needs, offers
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.errors import InputError
from siwei.market import KINDS, Context, VoucherTerms, match, quote

CONTEXT = Context(
    as_of=date(2026, 7, 1),
    voucher=VoucherTerms("v", 5000, 1_000_000, 700_000, kinds=frozenset(KINDS)),
    related=frozenset({frozenset({"p1", "buyer"})}),
    supplies=frozenset({("model-llm", "robot")}),
)


def test_the_registry_covers_all_four_dimensions() -> None:
    assert {kind.id: kind.dimension for kind in KINDS.values()} == {
        "compute": "source", "model": "source", "service": "source", "dataset": "source", "site": "source",
        "product": "road", "technology": "road", "scenario": "road", "research": "road",
        "funding": "base", "position": "wing", "course": "wing",
    }  # fmt: skip


def test_ids_and_words_are_there_and_distinct() -> None:
    for kind in KINDS.values():
        names = [item.id for item in (*kind.parts, *kind.requirements)]
        assert len({part.id for part in kind.parts}) == len(kind.parts), kind.id
        assert len({requirement.id for requirement in kind.requirements}) == len(kind.requirements), kind.id
        words = [kind.name, kind.delivery, *(item.words for item in (*kind.parts, *kind.requirements))]
        assert all(any("\u4e00" <= char <= "\u9fff" for char in said.zh) and said.en.isascii() for said in words), names
        assert kind.delivered_by != "meter" or kind.price is not None, kind.id


def test_how_each_kind_is_delivered() -> None:
    assert {kind.id: kind.delivered_by for kind in KINDS.values()} == {
        "compute": "meter", "model": "meter", "service": "meter", "dataset": "meter",
        "scenario": "milestone", "research": "milestone", "technology": "milestone", "funding": "milestone",
        "site": "milestone", "product": "event", "position": "event", "course": "event",
    }  # fmt: skip


@pytest.mark.parametrize("kind_id", sorted(KINDS))
@settings(max_examples=40)
@given(data=st.data())
def test_any_listing_the_schema_allows_is_screened_scored_and_quoted(kind_id: str, data: st.DataObject) -> None:
    kind = KINDS[kind_id]
    given_offers, need = data.draw(offers(kind)), data.draw(needs(kind))
    ranking = match(kind, need, given_offers, CONTEXT)
    found = [ranked.offer.id for ranked in ranking.ranked] + [rejection.offer.id for rejection in ranking.rejected]
    assert sorted(found) == sorted(offer.id for offer in given_offers)
    assert [ranked.rank for ranked in ranking.ranked] == list(range(1, len(ranking.ranked) + 1))
    scores = [ranked.score for ranked in ranking.ranked]
    assert scores == sorted(scores, reverse=True)
    for ranked in ranking.ranked:
        assert 0 <= ranked.score <= 100
        assert abs(sum(part.points for part in ranked.parts) - ranked.score) < 0.001
        assert [part.id for part in ranked.parts] == [part.id for part in kind.parts]
        assert ranked.reason.zh and ranked.reason.en
        if kind.price is not None:
            told = quote(kind, ranked.offer, need, CONTEXT.voucher, CONTEXT)
            assert told.gross_fen == told.voucher_fen + told.own_fen
            assert min(told.voucher_fen, told.own_fen) >= 0
    assert match(kind, need, given_offers[::-1], CONTEXT).ranked == ranking.ranked


COMPUTE_OFFER = {
    "title": "池", "accelerator": "Ascend 910B", "count": 8, "memory_gb": 64, "price_fen_per_hour": 1000,
    "residence": "shenzhen", "frameworks": ["mindspore"],
}  # fmt: skip
COMPUTE_NEED = {"title": "训练", "accelerators": ["Ascend 910B"], "count": 2, "seconds": 3600}


@pytest.mark.parametrize(
    ("offer", "need", "reason"),
    [
        ({}, {}, ""),
        ({"accelerator": "ascend 910b"}, {}, ""),
        ({"accelerator": "cpu"}, {}, "model"),
        ({"accelerator": "cpu"}, {"accelerators": []}, ""),
        ({"count": 1}, {}, "capacity"),
        ({"count": 2}, {}, ""),
        ({"memory_gb": 32}, {"memory_gb": 64}, "memory"),
        ({}, {"framework": "PyTorch"}, "framework"),
        ({"frameworks": []}, {"framework": "PyTorch"}, ""),
        ({}, {"residence": "hongkong"}, "residence"),
        ({}, {"budget_fen": 2000}, ""),
        ({}, {"budget_fen": 1999}, "budget"),
    ],
)
def test_compute_requirements_at_their_boundaries(offer: dict[str, Any], need: dict[str, Any], reason: str) -> None:
    kind = KINDS["compute"]
    ranking = match(
        kind,
        kind.parse_need(id="n", party="buyer", body=COMPUTE_NEED | need),
        [kind.parse_offer(id="o", party="centre", body=COMPUTE_OFFER | offer)],
        Context(as_of=date(2026, 7, 1)),
    )
    assert [rejection.reason for rejection in ranking.rejected] == ([reason] if reason else [])


def test_a_voucher_brings_an_offer_within_the_budget() -> None:
    kind = KINDS["compute"]
    need = kind.parse_need(id="n", party="buyer", body=COMPUTE_NEED | {"budget_fen": 1000})
    offer = kind.parse_offer(id="o", party="centre", body=COMPUTE_OFFER)
    bare, paid = Context(as_of=date(2026, 7, 1)), Context(date(2026, 7, 1), VoucherTerms("v", 5000, None, 10**9))
    assert [rejection.reason for rejection in match(kind, need, [offer], bare).rejected] == ["budget"]
    assert [ranked.offer.id for ranked in match(kind, need, [offer], paid).ranked] == ["o"]


def test_the_listed_centre_wins_over_a_cheaper_unlisted_one_when_the_voucher_pays_half() -> None:
    kind = KINDS["compute"]
    need = kind.parse_need(id="n", party="buyer", body=COMPUTE_NEED | {"budget_fen": 4000})
    listed = kind.parse_offer(id="listed", party="centre", body=COMPUTE_OFFER)
    cheaper = kind.parse_offer(id="cheaper", party="other", body=COMPUTE_OFFER | {"price_fen_per_hour": 900})
    voucher = VoucherTerms("v", 5000, None, 10**9, listed_providers=frozenset({"centre"}))
    ranking = match(kind, need, [cheaper, listed], Context(date(2026, 7, 1), voucher))
    assert [ranked.offer.id for ranked in ranking.ranked] == ["listed", "cheaper"]
    parts = {part.id: part.score for part in ranking.ranked[0].parts}
    assert parts == {"own_price": 0.75, "model": 1.0, "capacity": 1.0, "wait": 1.0, "voucher": 1.0}
    assert ranking.ranked[0].score == 90.0


def test_a_product_on_the_wanted_segment_is_before_one_that_merely_supplies_the_buyer() -> None:
    kind = KINDS["product"]
    body = {"title": "关节", "price_fen": 100, "pieces": 10, "lead_days": 5}
    listed = [
        kind.parse_offer(id=segment, party=segment, body=body | {"segment": segment})
        for segment in ("sensor", "robot-joint", "chip-gpu")
    ]
    need = {"title": "关节", "segment": "robot-joint", "for_segment": "robot", "pieces": 10, "within_days": 5}
    context = Context(date(2026, 7, 1), supplies=frozenset({("sensor", "robot")}))
    ranking = match(kind, kind.parse_need(id="n", party="buyer", body=need), listed, context)
    assert [ranked.offer.id for ranked in ranking.ranked] == ["robot-joint", "sensor"]
    assert [(rejection.offer.id, rejection.reason) for rejection in ranking.rejected] == [("chip-gpu", "segment")]


def test_a_position_knows_nothing_of_age_or_sex() -> None:
    kind = KINDS["position"]
    with pytest.raises(InputError, match="this is not known here") as refused:
        kind.parse_offer(
            id="o", party="p", body={"title": "工程师", "skills": ["CUDA"], "experience_months": 3, "age": 30}
        )
    assert [problem.field for problem in refused.value.problems] == ["age"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["title", "count", "seconds"]),
        (COMPUTE_NEED | {"count": "two", "seconds": 0}, ["count", "seconds"]),
        (COMPUTE_NEED | {"title": "  "}, ["title"]),
        (COMPUTE_NEED | {"title": "x" * 10**6}, ["title"]),
        (COMPUTE_NEED | {"acelerators": []}, ["acelerators"]),
        (COMPUTE_NEED | {"budget_fen": 1.5}, ["budget_fen"]),
        (COMPUTE_NEED | {"budget_fen": float("nan")}, ["budget_fen"]),
    ],
)
def test_a_wrong_body_is_refused_with_every_field(body: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        KINDS["compute"].parse_need(id="n", party="p", body=body)
    assert [problem.field for problem in refused.value.problems] == fields
