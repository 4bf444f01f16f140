"""A wrong vocabulary is refused with every problem and its line; the built-in one is right."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from siwei.chain.vocabulary import FEATURES, Term, Vocabulary, load_vocabulary
from siwei.errors import PackError

Write = Callable[[str], Path]


def places(error: pytest.ExceptionInfo[PackError]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.message) for problem in error.value.problems]


def test_terms_are_folded_and_carry_their_conditions(write_vocabulary: Write, small_segments: pl.DataFrame) -> None:
    path = write_vocabulary(
        "sets: {tech: [系统, ＡＰＰ]}\n"
        "segments:\n"
        "  hospital:\n"
        "    - {weight: 0.6, terms: [医院], near: [$tech, 云], unless: [装修]}\n"
        "  chip:\n"
        "    - {weight: 1, terms: [GPU 芯片]}\n"
    )
    assert load_vocabulary(path, small_segments).terms == (
        Term("医院", "hospital", 0.6, ("系统", "app", "云"), ("装修",), 10),
        Term("gpu 芯片", "chip", 1.0, (), (), 12),
    )


def test_every_problem_is_told_with_its_line(write_vocabulary: Write, small_segments: pl.DataFrame) -> None:
    path = write_vocabulary(
        "frames:\n"
        "  customer: {factor: 2, opens: [], reach: page}\n"
        "segments:\n"
        "  chop:\n"
        "    - {weight: 0.5, terms: [x]}\n"
        "  chip:\n"
        "    - {weight: 1.5, terms: [芯片]}\n"
        "    - {weight: 0.5, terms: [芯片, '', [3]], nea: [x]}\n"
        "    - {weight: heavy, terms: 芯片, near: [$nothing]}\n"
    )
    with pytest.raises(PackError) as error:
        load_vocabulary(path, small_segments)
    assert places(error) == [
        (8, "unknown reach 'page'"),
        (8, "a frame needs words that open it or follow"),
        (8, "'2' is not a number from 0 to 1"),
        (11, "unknown segment 'chop'"),
        (13, "'1.5' is not a number from 0.01 to 1"),
        (14, "unknown field 'nea'"),
        (14, "empty or not a word"),
        (14, "empty or not a word"),
        (14, "'芯片' already on line 13"),
        (15, "'heavy' is not a number from 0.01 to 1"),
        (15, "unknown word set $nothing"),
        (15, "a list of words is expected"),
    ]
    assert {problem.file for problem in error.value.problems} == {str(path)}


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("segments: {chip: [\n", 8, "is not YAML"),
        ("segments: {}\nsegments: {}\n", 8, "key 'segments' appears twice"),
        ("sets: {a: &a [x], b: *a}\n", 7, "uses a YAML anchor or alias"),
        ("focus: [" + "x, " * 200_000 + "]\n", None, "the limit is 524,288"),
        ("segments: {}\n", 1, "no terms at all"),
        ("extra: 1\nsegments: {chip: [{weight: 1, terms: [芯片]}]}\n", 7, "unknown field 'extra'"),
    ],
)
def test_broken_files_are_refused(
    write_vocabulary: Write, small_segments: pl.DataFrame, body: str, line: int | None, message: str
) -> None:
    with pytest.raises(PackError) as error:
        load_vocabulary(write_vocabulary(body), small_segments)
    (problem,) = error.value.problems
    assert problem.line == line
    assert message in problem.message


def test_missing_rules_are_named(tmp_path: Path, small_segments: pl.DataFrame) -> None:
    path = tmp_path / "vocabulary.yaml"
    path.write_text("segments: {chip: [{weight: 1, terms: [芯片]}]}", encoding="utf-8")
    with pytest.raises(PackError) as error:
        load_vocabulary(path, small_segments)
    assert {problem.field for problem in error.value.problems} == {
        "rules.threshold",
        "rules.at_most",
        "rules.intercept",
        *(f"rules.source_factors.{source}" for source in ("name", "scope", "profile")),
        *(f"rules.coefficients.{feature}" for feature in FEATURES),
    }


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_unreadable_files_are_refused(tmp_path: Path, small_segments: pl.DataFrame, content: bytes | None) -> None:
    path = tmp_path / "vocabulary.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PackError) as error:
        load_vocabulary(path, small_segments)
    assert len(error.value.problems) == 1


def test_the_built_in_vocabulary_speaks_for_every_segment(vocabulary: Vocabulary, segments: pl.DataFrame) -> None:
    assert {term.segment for term in vocabulary.terms} == set(segments["id"])


def test_broad_names_segments(write_vocabulary: Write, small_segments: pl.DataFrame) -> None:
    path = write_vocabulary("broad: [vision, visoin]\nsegments:\n  chip:\n    - {weight: 1, terms: [芯片]}\n")
    with pytest.raises(PackError) as error:
        load_vocabulary(path, small_segments)
    assert places(error) == [(7, "unknown segment 'visoin'")]


@pytest.mark.parametrize(
    ("text", "right"), [("1", True), ("0.5", True), ("nan", False), ("1e-1", False), ("yes", False)]
)
def test_numbers_are_plain_decimals(
    write_vocabulary: Write, small_segments: pl.DataFrame, text: str, right: bool
) -> None:
    path = write_vocabulary(f"segments:\n  chip:\n    - {{weight: {text}, terms: [芯片, no, 1.10]}}\n")
    if not right:
        with pytest.raises(PackError) as error:
            load_vocabulary(path, small_segments)
        assert places(error) == [(9, f"{text!r} is not a number from 0.01 to 1")]
        return
    # What YAML 1.1 takes for a truth value or a number is a word here.
    found = load_vocabulary(path, small_segments).terms
    assert [(term.text, term.weight) for term in found] == [(word, float(text)) for word in ("芯片", "no", "1.10")]
