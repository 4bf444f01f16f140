"""What is made to exhaust time or memory is refused, soon and in little of either."""

import io
import json
import resource
import time
from collections.abc import Iterator

import pytest

from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.evaluation import LONGEST_LINE, evaluate_line, evaluate_lines
from siwei.policy.language.types import BOOL, INT, STRING

CHECKER = Checker({"n": INT, "s": STRING, "b": BOOL})
MOST_SECONDS, MOST_MEBIBYTES = 20.0, 400
"""Of the processor and of memory; a refusal takes a few seconds and some 100 MiB here."""


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - started < MOST_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEBIBYTES * 1024


def nested_macros(depth: int, macro: str, inside: str) -> str:
    for level in range(depth):
        inside = f"[1, 2, 3, 4, 5, 6, 7, 8, 9, 0].{macro}(x{level}, {inside})"
    return inside


def doubled(times: int, text: str) -> str:
    for level in range(times):
        text = f"[{text}].map(x{level}, x{level} + x{level})[0]"
    return text


DEEP = {
    "brackets": "(" * 1000 + "n" + ")" * 1000,
    "lists": "[" * 1000 + "n" + "]" * 1000,
    "sums": "n" + " + 1" * 1000,
    "signs": "-(" * 1000 + "n" + ")" * 1000,
    "branches": "b ? n : " * 1000 + "n",
    "fields": "n" + ".a" * 1000,
    "calls": "size(" * 1000 + "s" + ")" * 1000,
    "indexes": "n" + "[0]" * 1000,
}


@pytest.mark.parametrize("name", DEEP)
def test_a_thousand_levels(name: str) -> None:
    with pytest.raises(ExpressionRefused):
        CHECKER.check(DEEP[name])
    line = json.dumps({"expr": DEEP[name], "bindings": {"n": {"int64": "1"}}})
    assert list(evaluate_line(line)) == ["refused"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n in [" + "1, " * 5000 + "1]", "at most 10000 are read"),
        ("s == '" + "a" * 1_000_000 + "'", "at most 10000 are read"),
        (nested_macros(9, "all", "n > x0"), "more than 2000 operations"),
        (nested_macros(9, "exists", "x0 > 20") + " && b", "more than 2000 operations"),
        ("size(" + nested_macros(9, "map", "x0") + ") > n", "this takes more than 500000 operations"),
        ("s == " + doubled(25, "'深'"), "Exceeded max recursion depth"),
        ("s.matches('" + "(" * 50 + "a" + "{30})" * 50 + "')", "not a regular expression of RE2"),
        ("s.matches('((a{100}){100}){100}')", "not a regular expression of RE2"),
        ("s.matches('" + "a" * 1001 + "')", "a pattern of more than 1000 characters"),
        ("s == '\ud800'", "half a character"),
    ],
)
def test_a_clause_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionRefused, match=message):
        CHECKER.check(text)


@pytest.mark.parametrize(
    "text",
    [
        nested_macros(9, "all", "x0 > -1"),
        nested_macros(9, "map", "x0"),
        nested_macros(5, "map", "[x0, x1, x2, x3, x4]") + " == " + nested_macros(5, "map", "[x0, x1, x2, x3, x4]"),
        "big.all(x, x in big)",
        doubled(9, "text"),
        doubled(9, "big"),
        "big.map(x, big) == big.map(x, big)",
        "big.map(x, text + text + text + text).size() > 0",
        "big.all(x, text.matches('(a|b|ab)*c') || true)",
    ],
)
def test_an_evaluation_is_stopped(text: str) -> None:
    numbers = {"list": [{"int64": str(number)} for number in range(20_000)]}
    line = json.dumps({"expr": text, "bindings": {"big": numbers, "text": {"string": "ab" * 100_000}}})
    assert list(evaluate_line(line)) == ["refused"]


def test_a_pattern_that_would_backtrack_for_ages_is_linear() -> None:
    line = json.dumps({"expr": "t.matches('^(a+)+$')", "bindings": {"t": {"string": "a" * 100_000 + "b"}}})
    assert evaluate_line(line) == {"value": {"bool": False}}


def test_a_long_list_of_literals_is_taken() -> None:
    """A clause may well name a thousand codes."""
    assert CHECKER.check("n in [" + ", ".join(map(str, range(1500))) + "]").tree.type == BOOL


@pytest.mark.parametrize(
    "line",
    [
        '{"expr": "x", "bindings": {"x": ' + '{"list": [' * 20_000 + "]}" * 20_000 + "}}",
        '{"expr": "x", "bindings": {"x": {"int64": "' + "9" * 100_000 + '"}}}',
        '{"expr": "1", "bindings": {"' + "a" * 100_000 + '-": {"null": null}}}',
        '{"expr": "1", "container": "' + "a." * 10_000 + '"}',
        '{"expr": "1"' + " " * 1_000_000 + "}",
        '{"expr": "x", "bindings": {"x": {"map": [[{"double": "1"}, {"null": null}]]}}}',
        '{"expr": "x", "bindings": {"x": {"bytes": "%%%"}}}',
        '{"expr": "x", "bindings": {"x": {"string": 5}}}',
        '{"expr": "x", "bindings": {"x": {}}}',
        '{"expr": "x", "bindings": []}',
        "\ud800",
        "null",
        "",
    ],
)
def test_a_line_that_is_no_case(line: str) -> None:
    assert list(evaluate_line(line)) == ["refused"]


@pytest.mark.parametrize(
    "text", ["int('" + "9" * 5000 + "')", "double('" + "9" * 5000 + "')", "duration('" + "9" * 5000 + "h')"]
)
def test_long_numbers_are_errors(text: str) -> None:
    assert list(evaluate_line(json.dumps({"expr": text}))) == ["error"]


def test_every_line_has_an_answer_whatever_it_is() -> None:
    cut = {"expr": "x", "bindings": {"x": {"string": "\u2028\n"}}}
    lines = [
        b"\xef\xbb\xbf" + json.dumps({"expr": "1"}).encode(),
        b"not json",
        b"[1]",
        b"\xff",
        b'{"expr": 5}',
        b'{"expr": "1", "bindings": [1]}',
        b'{"expr": "1", "bindings": {"x": {"map": [[1]]}}}',
        b'{"expr": "1", "disable_check": "no"}',
        b'{"expr": "1", "container": 5}',
        b'{"expr": "1", "pad": "' + b"x" * 5 * LONGEST_LINE + b'"}',
        b'{"expr": "1", "pad": "' + b"x" * (LONGEST_LINE + 1) + b'"}',
        json.dumps(cut).encode(),
        b'\x0b\x0c{"expr": "1"}',
        b"  ",
        b'{"expr": "2", "bindings": null, "container": null}\r',
        b'{"expr": "3"}',
    ]
    answers = list(evaluate_lines(io.BytesIO(b"\n".join(lines))))
    assert [*answers[:1], *answers[-2:]] == [{"value": {"int64": each}} for each in "123"]
    assert answers[11] == {"value": cut["bindings"]["x"]}  # type: ignore[index]
    middle = answers[1:11] + answers[12:13]
    assert [list(each) for each in middle] == [["refused"]] * 11
    assert answers[9] == answers[10] == {"refused": f"a line of more than {LONGEST_LINE} characters"}
    assert answers[4] == {"refused": "not a case: `expr` is the text of an expression"}


def test_what_is_beyond_the_parser_is_not_called_wrong() -> None:
    for text in ("{'a': 1}.?a", "[?optional.none()]", "[1].map(cel.iterVar(0, 0), 1)", " + ".join(["1"] * 200)):
        assert list(evaluate_line(json.dumps({"expr": text}))) == ["refused"], text
    assert list(evaluate_line(json.dumps({"expr": "1 +"}))) == ["error"]
