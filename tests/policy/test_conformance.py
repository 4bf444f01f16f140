"""The public conformance suite of CEL, the half at hand: what is accepted is right, to the value or to the error."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from siwei.policy.language.evaluation import evaluate_line

FILE = Path(os.environ.get("SIWEI_DATA", "")) / "cel" / "conformance_even.jsonl"


def same(expected: dict[str, object], answer: dict[str, object]) -> bool:
    if "error" in expected:
        return "error" in answer
    if "value" not in answer:
        return False
    ((tag, wanted),), ((given_tag, given),) = expected.items(), answer["value"].items()  # type: ignore[attr-defined]
    if tag != given_tag:
        return False
    return float(str(wanted)) == float(str(given)) if tag == "double" and wanted != given else wanted == given


@pytest.mark.skipif("SIWEI_DATA" not in os.environ, reason="SIWEI_DATA is not set: the conformance cases are not here")
def test_nothing_accepted_is_wrong() -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        case, answer = json.loads(line), evaluate_line(line)
        outcome = "refused" if "refused" in answer else "right" if same(case["expect"], answer) else "wrong"
        counts[outcome] += 1
        wrong += [(case["expr"], case["expect"], answer)] if outcome == "wrong" else []
    assert wrong == []
    assert counts["right"] >= 309
    assert counts["right"] + counts["refused"] == 758


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('{"expr": "x + 1", "bindings": {"x": {"int64": "41"}}}', {"value": {"int64": "42"}}),
        ('{"expr": "x == null", "bindings": {"x": {"null": null}}}', {"value": {"bool": True}}),
        ('{"expr": "1.0 / 0.0"}', {"value": {"double": "inf"}}),
        ('{"expr": "9223372036854775807 + 1"}', {"error": "the evaluation failed"}),
        ('{"expr": "1 +"}', {"error": "Syntax error: mismatched input '<EOF>'"}),
        ('{"expr": "[1]"}', {"refused": "a result of type list(int) is not supported"}),
        (
            '{"expr": "math.least(1, 2)"}',
            {"refused": "undeclared reference to 'math'; undeclared reference to 'least'"},
        ),
        (
            '{"expr": "x", "bindings": {"x": {"bytes": "AA=="}}}',
            {"refused": "a binding of type bytes is not supported"},
        ),
        ('{"expr": "a.b", "bindings": {"a.b": {"bool": true}}}', {"refused": "the name 'a.b' is not an identifier"}),
        ('{"expr": "x", "bindings": {"x": {"int64": "99999999999999999999"}}}', None),
        ('{"expr": "x", "bindings": {"x": {"int64": "many"}}}', None),
        ("[1, 2", None),
        ("[1, 2]", None),
        ("{}", None),
        ("[" * 100_000, None),
    ],
)
def test_lines(line: str, answer: dict[str, object] | None) -> None:
    given = evaluate_line(line)
    assert list(given) == ["refused"] if answer is None else given == answer
