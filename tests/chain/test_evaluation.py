"""The measures of quality: known values, and the real evaluation where the real texts are."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.chain.classify import classify, find_candidates
from siwei.chain.evaluation import (
    LABELS_SCHEMA,
    cohen_kappa,
    evaluate_half,
    label_agreement,
    parse_label,
    settle_labels,
    wilson,
)
from siwei.chain.fitting import fit_confidence, predict
from siwei.chain.tables import mark_candidates, read_labels, read_profiles, read_tuned_labels
from siwei.chain.vocabulary import FEATURES, Vocabulary

LABELS = Path(__file__).parent / "labels"
near = pytest.approx


def test_wilson_known_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 and 0 of 20, method 3.
    share = wilson(81, 263)
    assert (share.low, share.high) == (near(0.2553, abs=5e-5), near(0.3662, abs=5e-5))
    share = wilson(0, 20)
    assert (share.low, share.high) == (0.0, near(0.1611, abs=5e-5))
    assert wilson(0, 0).value is None


@given(st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_holds_its_share(counts: tuple[int, int]) -> None:
    share = wilson(*counts)
    assert share.low is not None and share.value is not None and share.high is not None
    assert 0 <= share.low <= share.value + 1e-12 and share.value - 1e-12 <= share.high <= 1


def test_kappa_known_values() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement 0.7, chance 0.5.
    first = [True] * 25 + [False] * 25
    second = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert cohen_kappa(first, second) == near(0.4)
    assert cohen_kappa(first, first) == near(1.0)
    assert cohen_kappa([True], [True]) is None
    with pytest.raises(ValueError, match="two judgements"):
        cohen_kappa([], [])


def labels(*rows: tuple[str, str, int, str, str]) -> pl.DataFrame:
    full = [(code, stratum, size, half, gold, gold, gold) for code, stratum, size, half, gold in rows]
    return pl.DataFrame(full, schema=LABELS_SCHEMA, orient="row")


def test_a_half_is_evaluated_exactly() -> None:
    layers = {"chip": "base", "board": "base", "robot": "application"}
    marks = labels(
        ("1", "s", 10, "test", "chip robot"),
        ("2", "s", 10, "test", "none"),
        ("3", "r", 90, "test", "none"),
        ("4", "r", 90, "test", "chip"),
        ("5", "r", 90, "dev", "board"),
    )
    placed = pl.DataFrame({"id": ["1", "1", "3", "5"], "segment": ["chip", "board", "robot", "board"]})
    report = evaluate_half(marks, placed, layers, "test")
    assert (report.firms, report.abstentions, report.right_abstentions) == (4, 2, 1)
    assert (report.segment.precision.hits, report.segment.precision.trials, report.segment.recall.trials) == (1, 3, 3)
    assert (report.layer.precision.hits, report.layer.precision.trials, report.layer.recall.trials) == (1, 2, 3)
    # Firm 1 stands for 5 firms, firms 3 and 4 for 45 each.
    assert report.weighted_segment_precision == near(5 / (10 + 45))
    assert report.weighted_segment_recall == near(5 / (10 + 45))
    assert report.weighted_layer_precision == near(5 / (5 + 45))


def test_the_fit_finds_the_model_it_was_drawn_from() -> None:
    count = 4000
    frame = pl.DataFrame({name: [0.0] * count for name in FEATURES}).with_columns(
        strength=pl.int_range(count).cast(pl.Float64) / count
    )
    # Expected frequencies instead of draws: of 100 alike, exactly the model's share is right.
    odds = -1 + 3 * frame["strength"]
    right = (pl.int_range(count, eager=True) % 100) < (100 / (1 + (-odds).exp())).round()
    intercept, coefficients = fit_confidence(frame.with_columns(is_right=right), penalty=1e-6)
    assert (intercept, coefficients["strength"]) == (near(-1, abs=0.1), near(3, abs=0.2))
    assert predict(frame.head(1), intercept, coefficients)[0] == near(1 / (1 + 2.718281828), abs=0.03)


def test_the_labels_agree_as_documented(segments: pl.DataFrame) -> None:
    marks = read_labels(LABELS)
    layers = dict(segments.select("id", "layer").iter_rows())
    found = {key: round(value or 0, 3) for key, value in label_agreement(marks, layers).items()}
    assert found == {"placed": 0.887, "base": 0.925, "technology": 0.928, "application": 0.941, "segment": 0.93}
    fresh = label_agreement(read_labels(LABELS / "fresh"), layers)
    documented = {"placed": 0.948, "base": 0.928, "technology": 0.973, "application": 0.935, "segment": 0.948}
    assert {key: round(value or 0, 3) for key, value in fresh.items()} == documented
    known = {*layers, "none"}
    assert {mark for column in ("a", "b", "gold") for text in marks[column] for mark in text.split()} <= known


@pytest.mark.skipif(
    not os.environ.get("SIWEI_DATA"), reason="SIWEI_DATA is not set: the labelled firms' texts are real"
)
@pytest.mark.parametrize(
    ("half", "segment_precision", "segment_recall", "layer_precision", "layer_recall"),
    [
        ("fresh", 0.7, 0.45, 0.81, 0.63),
        ("spent", 0.9, 0.58, 0.96, 0.66),
        ("dev", 0.93, 0.73, 0.93, 0.78),
        ("test", 0.95, 0.58, 0.96, 0.67),
    ],
)
def test_quality_on_real_firms(
    segments: pl.DataFrame,
    vocabulary: Vocabulary,
    half: str,
    segment_precision: float,
    segment_recall: float,
    layer_precision: float,
    layer_recall: float,
) -> None:
    marks = read_labels(LABELS / "fresh" if half in ("fresh", "spent") else LABELS)
    profiles = read_profiles(Path(os.environ["SIWEI_DATA"]) / "firms" / "shenzhen_profiles.csv.gz")
    texts = profiles.join(marks, left_on="id", right_on="code", how="semi")
    assert texts.height == marks.height
    report = evaluate_half(marks, classify(texts, vocabulary), vocabulary.layers, half)
    found = (report.segment.precision, report.segment.recall, report.layer.precision, report.layer.recall)
    floors = (segment_precision, segment_recall, layer_precision, layer_recall)
    assert [(share.value or 0) >= floor for share, floor in zip(found, floors, strict=True)] == [True] * 4


@pytest.mark.skipif(not os.environ.get("SIWEI_DATA"), reason="SIWEI_DATA is not set: the texts are real firms'")
def test_the_fit_gives_the_numbers_in_the_pack(vocabulary: Vocabulary) -> None:
    known = read_tuned_labels(LABELS)
    profiles = read_profiles(Path(os.environ["SIWEI_DATA"]) / "firms" / "shenzhen_profiles.csv.gz")
    candidates = find_candidates(profiles.join(known, left_on="id", right_on="code", how="semi"), vocabulary)
    intercept, coefficients = fit_confidence(mark_candidates(candidates, known), penalty=1.0)
    assert round(intercept, 3) == vocabulary.rules.intercept
    assert {name: round(value, 3) for name, value in coefficients.items()} == vocabulary.rules.coefficients


def test_no_firm_is_both_tuned_on_and_evaluated() -> None:
    tuned = read_tuned_labels(LABELS)["code"].to_list()
    assert len(set(tuned)) == len(tuned)
    assert set(tuned).isdisjoint(read_labels(LABELS / "fresh").filter(half="fresh")["code"])


def test_two_labellers_are_settled_without_a_third() -> None:
    cases = [
        ("chip board", "board chip"),
        ("chip board", "board"),
        ("chip", "none"),
        ("chip", "board"),
        ("none", "none"),
    ]
    assert [settle_labels(*case) for case in cases] == ["chip board", "board", "disputed", "disputed", "none"]


def test_the_fresh_labels_follow_the_rule() -> None:
    marks = read_labels(LABELS / "fresh")
    settled = [settle_labels(*pair) for pair in marks.select("a", "b").iter_rows()]
    assert [parse_label(text) for text in settled] == [parse_label(text) for text in marks["gold"]]


def test_a_disputed_firm_is_counted_and_left_out() -> None:
    marks = labels(("1", "s", 10, "fresh", "chip"), ("2", "s", 10, "fresh", "disputed"))
    placed = pl.DataFrame({"id": ["1", "2"], "segment": ["chip", "chip"]})
    report = evaluate_half(marks, placed, {"chip": "base"}, "fresh")
    assert (report.firms, report.disputed) == (1, 1)
    assert (report.segment.precision.hits, report.segment.precision.trials, report.segment.recall.trials) == (1, 1, 1)
