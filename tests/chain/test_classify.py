"""Placements: what counts, what does not, and what must always hold."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from chain_firms import firms
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.chain.classify import CANDIDATES_SCHEMA, PLACEMENTS_SCHEMA, classify, find_candidates
from siwei.chain.folding import fold, fold_text, simplified
from siwei.chain.occurrences import straddles
from siwei.chain.vocabulary import Vocabulary, load_vocabulary
from siwei.errors import InputError

BODY = """
frames:
  customer: {factor: 0.2, reach: sentence, opens: [应用于], closes: [研发]}
  negation: {factor: 0.0, reach: sentence, opens: [不含], closes: [）]}
  dealt: {factor: 0.1, reach: sentence, sources: [scope], follows: [购销], stops: [开发]}
excluded_names: [投资控股]
ignored: [芯片级]
segments:
  chip:
    - {weight: 0.9, terms: [芯片, GPU]}
  vision:
    - {weight: 0.9, terms: [人脸]}
  hospital:
    - {weight: 0.8, terms: [医院], near: [系统]}
  robot:
    - {weight: 0.9, terms: [机器人]}
    - {weight: 0.2, terms: [服务机器人]}
"""
WORDS = [
    "芯片",
    "GPU",
    "机器人",
    "人脸",
    "医院",
    "系统",
    "应用于",
    "研发",
    "不含",
    "）",
    "。",
    "，",
    "的",
    "Ｇpu",
    "😀",
    " ",
]


@pytest.fixture
def small(write_vocabulary: Callable[[str], Path], small_segments: pl.DataFrame) -> Vocabulary:
    return load_vocabulary(write_vocabulary(BODY), small_segments)


def placed(
    small: Vocabulary, *, name: str = "某公司", scope: str | None = None, profile: str | None = None
) -> list[str]:
    return classify(firms(("1", name, scope, profile)), small)["segment"].to_list()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("研发芯片", ["chip"]),
        ("研发ｇＰＵ", ["chip"]),
        ("我们研发芯片。应用于机器人", ["chip"]),
        ("应用于机器人，研发机器人", ["robot"]),
        ("开发软件（不含芯片）与机器人", ["robot"]),
        ("医院", []),
        ("医院管理系统", ["hospital"]),
        ("医院。管理系统", []),
        ("中国人脸谱", []),
        ("人脸识别", ["vision"]),
        ("芯片级维修", []),
        ("服务机器人", []),
        ("GPUs", []),
        ("芯片、人脸、机器人", ["chip", "robot"]),
        ("", []),
        (None, []),
    ],
)
def test_words_and_their_surroundings(small: Vocabulary, profile: str | None, expected: list[str]) -> None:
    assert placed(small, profile=profile) == expected


def test_sources_differ(small: Vocabulary) -> None:
    assert placed(small, name="芯片公司") == ["chip"]
    assert placed(small, scope="芯片的购销") == []
    assert placed(small, profile="芯片的购销") == ["chip"]
    assert placed(small, scope="芯片的开发与购销") == ["chip"]


def test_one_placement_exactly(small: Vocabulary) -> None:
    frame = classify(firms(("7", None, "ＧＰＵ芯片", "研发芯片")), small)
    assert frame.schema == PLACEMENTS_SCHEMA
    assert frame.drop("evidence").rows() == [("7", "chip", "base", 0.947)]
    assert json.loads(frame["evidence"][0]) == [
        {"source": "profile", "term": "芯片", "position": 2, "weight": 0.9},
        {"source": "scope", "term": "ＧＰＵ", "position": 0, "weight": 0.72},
    ]


def test_nobody_and_nothing(small: Vocabulary) -> None:
    assert classify(firms(), small).schema == PLACEMENTS_SCHEMA
    assert classify(firms(("1", None, None, None)), small).rows() == []
    assert find_candidates(firms(("1", None, None, None)), small).schema == CANDIDATES_SCHEMA


def test_ids_must_be_whole_and_single(small: Vocabulary) -> None:
    with pytest.raises(InputError) as error:
        classify(firms(("1", "a", None, None), (" ", "b", None, None), ("1", "c", None, None)), small)
    assert [problem.message for problem in error.value.problems] == [
        "row 2: blank id",
        "row 1: id '1' stands twice",
        "row 3: id '1' stands twice",
    ]


def test_a_missing_column_is_named(small: Vocabulary) -> None:
    with pytest.raises(InputError, match="column missing: profile"):
        classify(firms().drop("profile"), small)


texts = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
rows = st.lists(st.tuples(st.none() | texts, st.none() | texts, st.none() | texts), max_size=6)


@settings(max_examples=30, deadline=None)
@given(rows=rows, seed=st.integers(0, 1000))
def test_order_does_not_matter_and_evidence_stands_where_it_says(
    vocabulary: Vocabulary, rows: list[tuple[str | None, str | None, str | None]], seed: int
) -> None:
    frame = firms(*((str(number), *row) for number, row in enumerate(rows)))
    placements = classify(frame, vocabulary)
    assert classify(frame.sample(fraction=1, shuffle=True, seed=seed), vocabulary).rows() == placements.rows()
    by_id = {row["id"]: row for row in frame.iter_rows(named=True)}
    terms = {(term.text, term.segment) for term in vocabulary.terms}
    for key, segment, layer, confidence, evidence in placements.iter_rows():
        assert vocabulary.layers[segment] == layer
        assert vocabulary.rules.threshold <= confidence <= 1
        items = json.loads(evidence)
        assert items
        for item in items:
            text, start = by_id[key][item["source"]], item["position"]
            assert text[start : start + len(item["term"])] == item["term"]
            assert (fold_text(item["term"]), segment) in terms
            assert 0 < item["weight"] <= 1
    assert placements.group_by("id").len().filter(pl.col("len") > vocabulary.rules.at_most).height == 0
    assert placements.select("id", "segment").is_duplicated().sum() == 0


@given(text=st.text(max_size=40))
def test_folding_keeps_every_position(text: str) -> None:
    folded = fold_text(text)
    assert len(folded) == len(text)
    assert fold_text(folded) == folded
    assert pl.DataFrame({"t": [text]}).select(fold(pl.col("t")))["t"].to_list() == [folded]


def test_folding_reads_full_width_and_traditional_alike() -> None:
    assert fold_text("積體電路ＡＩ晶片，Abc（薴）") == "积体电路ai晶片，abc（薴）"
    folded = "".join(simplified().values())
    assert fold_text(folded) == folded


@pytest.mark.parametrize(
    ("left", "word", "right", "expected"),
    [
        ("中国", "人脸", "谱", True),
        ("", "人脸", "识别", False),
        ("生产低", "压电", "器", True),
        ("研发", "传感器", "", False),
    ],
)
def test_words_that_straddle(left: str, word: str, right: str, expected: bool) -> None:
    assert straddles(left, word, right) is expected


def test_where_a_word_stands_is_measured(write_vocabulary: Callable[[str], Path], small_segments: pl.DataFrame) -> None:
    lists = "openings: [研发]\nfillers: [智能]\ncarriers: [产品]\nordinary_names: [培训]\nbroad: [vision]\n"
    known = load_vocabulary(write_vocabulary(BODY + lists), small_segments)
    rows = firms(
        ("1", "某公司", None, "研发智能芯片产品"),
        ("2", "某培训", None, "销售芯片、机器人、人脸产品"),
        ("3", "投资控股培训", None, "人脸"),
    )
    found = find_candidates(rows, known).select("id", "segment", "stated", "unpreceded", "ordinary", "outdone")
    assert found.rows() == [
        ("1", "chip", 0.9, 0.9, 0.0, 0.0),
        ("2", "chip", 0.0, 0.9, 1.0, 0.0),
        ("2", "robot", 0.0, 0.0, 1.0, 0.0),
        ("2", "vision", 0.0, 0.0, 1.0, 1.0),
        ("3", "vision", 0.0, 0.9, 0.0, 0.0),
    ]
    assert find_candidates(rows, known)["listed"].round(3).to_list() == [0.0, *[0.528] * 3, 0.0]
