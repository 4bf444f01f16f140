"""Patterns in columns mean what they mean to RE2, or are refused."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siwei.policy.language.patterns import PatternRefused, to_column_pattern
from siwei.policy.language.standard import matches
from siwei.policy.language.values import EvaluationError

SIGNS = "ab-1_ 深٣\n\t\\&~[]{}()^$.|*+?<>é\u2028K"
TEXTS = st.text(SIGNS + "\u212a\x0b", max_size=8)
PIECES = [
    "a", "b", "1", "-", "深", "٣", ".", "^", "$", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\b", r"\.", r"\-", r"\{",
    "[a-b]", "[^a]", "[]a]", "[a&&b]", "[a--b]", "[a~~b]", "[[a]", "[[:alpha:]]", r"[\d-]", r"[\w.]", r"[^\s]", "[-a]",
    "{", "}", "]", "&", "<", r"\<", r"\x41", r"\x{6DF1}", "(a)", "(?:b)", "(?i)", "(?s).", "a|b", "(?i:k)", r"\z",
    "(?m)^",
]  # fmt: skip
PATTERNS = st.lists(
    st.tuples(st.sampled_from(PIECES), st.sampled_from(["", "", "*", "+?", "{2}", "?"])), max_size=5
).map(lambda parts: "".join(piece + quantifier for piece, quantifier in parts))


@settings(max_examples=400, deadline=None)
@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=4))
def test_a_pattern_in_columns_finds_what_re2_finds(pattern: str, texts: list[str]) -> None:
    try:
        expected = [matches(text, pattern) for text in texts]
        translated = to_column_pattern(pattern)
        # The check tries it so too.
        pl.Series([""]).str.contains(translated)
    except (EvaluationError, PatternRefused, pl.exceptions.ComputeError):
        return
    assert pl.Series(texts).str.contains(translated).to_list() == expected


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\d", "٣", False),
        (r"\w", "深", False),
        (r"\s", "\u3000", False),
        (r"a\b", "a深", True),
        ("[a&&b]", "&", True),
        ("[a~~b]", "~", True),
        ("[[a]", "[", True),
        (r"\<", "<", True),
        ("{", "{", True),
    ],
)
def test_where_the_two_engines_differ(pattern: str, text: str, found: bool) -> None:
    assert matches(text, pattern) is found
    assert pl.Series([text]).str.contains(to_column_pattern(pattern)).to_list() == [found]


@pytest.mark.parametrize("pattern", [r"\pL", r"\Qa\E", r"\B", r"\C", "(?i)é", r"[\D]", r"[\pN]", "(?U)a"])
def test_what_may_differ_is_refused(pattern: str) -> None:
    with pytest.raises(PatternRefused):
        to_column_pattern(pattern)
