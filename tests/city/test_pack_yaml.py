"""YAML without its traps: no anchors, no tags, no second meaning of a word, every value with its place."""

import random
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from siwei.city.home import PACKS
from siwei.city.pack_yaml import MAX_DEPTH, QUICK, _read, is_left_to_libyaml, read_yaml
from siwei.city.yaml_words import yaml_in_both
from siwei.errors import Problem, Said


def only_problem(text: str) -> Problem:
    (problem,) = read_yaml(text, "p.yaml").problems
    return problem


def test_scalars_stay_text() -> None:
    document = read_yaml("country: NO\nversion: 1.10\ndate: 2026-01-02\non: yes\nempty:\n", "p.yaml")
    assert document.value == {"country": "NO", "version": "1.10", "date": "2026-01-02", "on": "yes", "empty": ""}
    assert document.problems == ()


def test_places_of_nested_values() -> None:
    document = read_yaml("a:\n  - b: 1\n    c: [x, y]\n", "p.yaml")
    assert document.value == {"a": [{"b": "1", "c": ["x", "y"]}]}
    assert document.places[("a", 0, "c", 1)] == (3, 12)


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: &x [1]\nb: *x\n", "uses a YAML anchor or alias", 1, 4),
        ("a: !!python/object/apply:os.system [ls]\n",
         "uses the YAML tag 'tag:yaml.org,2002:python/object/apply:os.system'", 1, 4),
        ("a: 1\n---\nb: 2\n", "holds a second YAML document", 2, 1),
        ("a: " + "[" * (MAX_DEPTH + 1), f"is nested deeper than {MAX_DEPTH} levels", 1, 23),
        ("a: 1\nb: 2\na: 3\n", "key 'a' appears twice", 3, 1),
        ("? [a]\n: 1\n", "a key must be plain text", 1, 3),
        ("a: 'open\n", "is not YAML: found unexpected end of stream", 2, 1),
        ("a: 1\nb: c\ud800\n", "is not YAML: holds the character U+D800", 2, 5),
        ("a: 1\nb: \x00\n", "is not YAML: holds the character U+0000", 2, 4),
        ("\x07", "is not YAML: holds the character U+0007", 1, 1),
        ("a: 1\n\tb: 2\n", "is not YAML: found character '\\t' that cannot start any token", 2, 1),
    ],
)  # fmt: skip
def test_traps_are_refused_with_their_place(text: str, message: str, line: int, column: int) -> None:
    problem = only_problem(text)
    assert (problem.message, problem.line, problem.column) == (message, line, column)


def test_an_empty_document_is_refused() -> None:
    assert only_problem("# nothing\n") == Problem("is empty", "write at least one key: value", "p.yaml", 1)


def test_laughter_is_refused_at_once() -> None:
    """The billion-laughs document: nine lines that would expand to 10^9 values."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert only_problem("\n".join(lines)).message == "uses a YAML anchor or alias"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    document = read_yaml(text, "p.yaml")
    assert document.problems or document.places[()] == (1, 1) or document.places


@pytest.mark.parametrize("text", [f"a: {sign}{more}#x\n  b\n" for sign in "|>" for more in ("", "-", "+", "2", "2-")])
def test_a_comment_right_after_the_sign_of_a_block_is_refused(text: str) -> None:
    """As without libyaml, which takes it."""
    problem = only_problem(text)
    assert (problem.message.startswith("is not YAML: expected"), problem.line) == (True, 1)
    assert read_yaml(text.replace("#", " #"), "p.yaml").value in ({"a": "b"}, {"a": "b\n"})


def test_libyaml_is_there() -> None:
    assert QUICK is yaml.CSafeLoader


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ('expr: "a ? b : c"', True),
        ('list:\n  - expr: "size(x) > 0 ? 1 : 2"', True),
        ("expr: a ? b : c", False),
        ("[a ? b]", False),
        ('{expr: "a ? b"}', False),
        ('expr: "a ? b" # [c ? d]', False),
        ('expr: "a \\" ? b"', False),
        ('expr: "a\n  ? b"', False),
        ('expr: "a\t? b"', False),
        ('expr: "a\ufeff? b"', False),
    ],
)
def test_a_quoted_question_mark_is_left_to_libyaml(text: str, is_taken: bool) -> None:
    """It is ten times as quick, and most conditions in CEL hold one."""
    assert is_left_to_libyaml(text) is is_taken
    assert read_yaml(text, "p.yaml") == _read(text, "p.yaml", yaml.SafeLoader)


PACKED = [path.read_text(encoding="utf-8") for path in sorted(PACKS.rglob("*.yaml"))]


def test_what_is_packed_reads_the_same_by_both_parsers() -> None:
    assert len(PACKED) > 40
    for text in PACKED:
        assert _read(text, "p.yaml", QUICK) == _read(text, "p.yaml", yaml.SafeLoader)


@given(
    st.sampled_from([text for text in PACKED if len(text) < 6_000]),
    st.integers(0, 6_000),
    st.lists(
        st.tuples(st.integers(0, 599), st.sampled_from(list(":-?#&*!|>'\"%@`{}[],\n\t \\~0aé中\u2028\x85\ufeff"))),
        max_size=3,
    ),
)
def test_what_is_taken_is_taken_alike_by_the_slower_parser(text: str, start: int, marks: list[tuple[int, str]]) -> None:
    """A part of what is packed, with a few signs changed: the same values at the same places, or refused."""
    part = text[min(start, len(text) // 2) :][:600]
    for place, mark in marks:
        part = part[:place] + mark + part[place + 1 :]
    read = read_yaml(part, "p.yaml")
    assert read == _read(part, "p.yaml", yaml.SafeLoader)


TOKENS = [
    "a", "b: 1", ":", "-", "[", "]", "{", "}", "\n", "\n  ", "\n    ", "'", '"', "|", ">", "%", "@", "`", "\t", "#",
    "?", ",", "\\q", "\\x1", "---", "...", "&", "*x", "!x", "!<", "\x01", "%YAML 2.0", "%TAG !x! y", "|0",
]  # fmt: skip


@pytest.mark.parametrize("loader", [QUICK, yaml.SafeLoader])
def test_whatever_the_parsers_say_is_said_in_chinese_too(loader: type[yaml.SafeLoader]) -> None:
    chance, refused = random.Random(3), 0
    for _ in range(3_000):
        text = "".join(chance.choices(TOKENS, k=chance.randint(1, 9)))
        for problem in _read(text, "p.yaml", loader).problems:
            refused += problem.message.startswith("is not YAML")
            assert isinstance(problem.message, Said)
            assert re.search("[\u4e00-\u9fff]", problem.message.zh), problem.message
            assert f"`{problem.message.removeprefix('is not YAML: ')}`" not in problem.message.zh, text
    assert refused > 1_000
    assert yaml_in_both("something new").zh == "语法错误（`something new`）"
