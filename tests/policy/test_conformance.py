"""The public conformance suite of CEL, the half at hand: what is accepted is right, to the value or to the error."""

import json
import os
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.compile import DTYPES, Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.evaluation import evaluate_line
from siwei.policy.language.tagged import tag, untag
from siwei.policy.language.types import BOOL, DOUBLE, INT, NULL, STRING, UINT, CelType
from siwei.policy.language.values import Uint

FILE = Path(os.environ.get("SIWEI_DATA", "")) / "cel" / "conformance_even.jsonl"


MEASURED = (
    "basic", "comparisons", "logic", "integer_math", "fp_math", "string", "conversions", "timestamps", "macros",
    "lists",
)  # fmt: skip
# The case's own expression has no backslash where its expected bytes do.
FAULTY_CASES = {"triple_double_quoted_unescaped_punctuation"}


def canonical(tagged: Any) -> Any:
    """A tagged value in which 1e3 and 1000.0 are one double, and the order of a map's entries does not matter."""
    ((tag, value),) = tagged.items()
    match tag:
        case "double":
            return tag, repr(float(value))
        case "list":
            return tag, [canonical(item) for item in value]
        case "map":
            return tag, sorted((canonical(key), canonical(item)) for key, item in value)
        case _:
            return tag, value


def same(expected: dict[str, Any], answer: dict[str, Any]) -> bool:
    if "error" in expected:
        return "error" in answer
    return "value" in answer and canonical(expected) == canonical(answer["value"])


@pytest.mark.skipif("SIWEI_DATA" not in os.environ, reason="SIWEI_DATA is not set: the conformance cases are not here")
def test_nothing_accepted_is_wrong_and_the_measured_files_are_accepted_whole() -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    wrong = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        case, answer = json.loads(line), evaluate_line(line)
        outcome = "refused" if "refused" in answer else "right" if same(case["expect"], answer) else "wrong"
        outcomes[case["file"], outcome] += 1
        wrong += [(case["name"], case["expr"], case["expect"], answer)] if outcome == "wrong" else []
    assert [each for each in wrong if each[0] not in FAULTY_CASES] == []
    cases = {file: sum(count for (each, _), count in outcomes.items() if each == file) for file in MEASURED}
    assert {file: outcomes[file, "right"] for file in MEASURED} == cases
    assert sum(cases.values()) == 385


SCALARS: dict[str, CelType] = {
    "bool": BOOL, "int64": INT, "uint64": UINT, "double": DOUBLE, "string": STRING, "null": NULL,
}  # fmt: skip


def answer_in_columns(case: dict[str, Any]) -> dict[str, Any]:
    """The same case by the compiler of programmes, each binding a column of one row."""
    kinds = {name: SCALARS.get(tag) for name, tagged in case["bindings"].items() for tag in tagged}
    if None in kinds.values() or case["container"] or any("." in name for name in kinds):
        return {"refused": "no column can hold it"}
    types = {name: kind for name, kind in kinds.items() if kind is not None}
    try:
        tree = Checker(types).check(case["expr"], disable_check=case["disable_check"]).tree
    except ExpressionRefused as refused:
        return {"error" if refused.by_cel and "undeclared" not in str(refused) else "refused": str(refused)}
    kind = tree.type
    if kind not in SCALARS.values():
        return {"refused": f"no column of {kind}"}
    values = {name: untag(tagged) for name, tagged in case["bindings"].items()}
    plain = {name: value.value if isinstance(value, Uint) else value for name, value in values.items()}
    row = {name: [True if types[name] == NULL else value] for name, value in plain.items()}
    table = pl.LazyFrame(
        {":row": [0], **row}, schema={":row": pl.Int64, **{n: DTYPES[t.kind] for n, t in types.items()}}
    )
    plan = Plan()
    result = plan.add(tree, Context(date.min))
    value = plan.apply(table, [pl.col(":row"), result.value.alias(":value")]).collect()[":value"].item()
    if value is None:
        return {"error": "in columns"}
    return {"value": tag(None if kind == NULL else Uint(value) if kind == UINT else value)}


@pytest.mark.skipif("SIWEI_DATA" not in os.environ, reason="SIWEI_DATA is not set: the conformance cases are not here")
def test_nothing_compiled_to_columns_is_wrong() -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        answer = answer_in_columns(case)
        outcome = "refused" if "refused" in answer else "right" if same(case["expect"], answer) else "wrong"
        outcomes[outcome] += case["file"] in MEASURED
        wrong += [(case["name"], case["expr"], case["expect"], answer)] if outcome == "wrong" else []
    assert wrong == []
    assert outcomes == {"right": 338, "refused": 47}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ('{"expr": "x + 1", "bindings": {"x": {"int64": "41"}}}', {"value": {"int64": "42"}}),
        ('{"expr": "x == null", "bindings": {"x": {"null": null}}}', {"value": {"bool": True}}),
        ('{"expr": "1.0 / 0.0"}', {"value": {"double": "inf"}}),
        ('{"expr": "9223372036854775807 + 1"}', {"error": "integer overflow"}),
        ('{"expr": "1 +"}', {"error": "Syntax error: mismatched input '<EOF>'"}),
        ('{"expr": "[1]"}', {"value": {"list": [{"int64": "1"}]}}),
        (
            '{"expr": "math.least(1, 2)"}',
            {"refused": "undeclared reference to 'math'; undeclared reference to 'least'"},
        ),
        (
            '{"expr": "x", "bindings": {"x": {"bytes": "AA=="}}}',
            {"value": {"bytes": "AA=="}},
        ),
        ('{"expr": "a.b", "bindings": {"a.b": {"bool": true}}}', {"value": {"bool": True}}),
        ('{"expr": "b", "bindings": {"a.b": {"int64": "7"}}, "container": "a"}', {"value": {"int64": "7"}}),
        ('{"expr": "x", "bindings": {"a-b": {"bool": true}}}', {"refused": "the name 'a-b' is not an identifier"}),
        ('{"expr": "x", "bindings": {"x": {"int64": "99999999999999999999"}}}', None),
        ('{"expr": "x", "bindings": {"x": {"int64": "many"}}}', None),
        ('{"expr": "x", "bindings": {"x": {"double": "1_0"}}}', None),
        ('{"expr": "x", "bindings": {"x": {"double": " 1 "}}}', None),
        ('{"expr": "x", "bindings": {"x": {"double": true}}}', None),
        ('{"expr": "x", "bindings": {"x": {"double": "-Infinity"}}}', {"value": {"double": "-inf"}}),
        ('{"expr": "x", "bindings": {"x": {"double": 1e3}}}', {"value": {"double": "1000.0"}}),
        ('{"expr": "x", "bindings": {"x": {"string": "\\ud800"}}}', None),
        ('{"expr": "1", "expr": "2"}', {"refused": "not a case: 'expr' stands twice"}),
        ('{"expr": "x", "bindings": {"x": {"int64": "1"}, "x": {"int64": "2"}}}', None),
        ('{"expr": "int", "bindings": {"int": {"bool": true}}}', None),
        ('{"expr": "google.protobuf.NullValue.NULL_VALUE"}', None),
        ('{"expr": "google.protobuf.NullValue.NULL_VALUE", "disable_check": true}', None),
        ('{"expr": "NullValue.NULL_VALUE", "container": "google.protobuf"}', None),
        ('{"expr": "math.greatest(1, 2)", "disable_check": true}', None),
        ('{"expr": "sets.contains([1], [1])", "disable_check": true}', None),
        ('{"expr": "\'abc\'.charAt(1)", "disable_check": true}', None),
        ('{"expr": "[1].all(i, v, v > 0)", "disable_check": true}', None),
        ('{"expr": "f_unknown(17)", "disable_check": true}', {"error": "no function 'f_unknown'"}),
        ('{"expr": "[1].all(v)", "disable_check": true}', {"error": "no function 'all'"}),
        (
            '{"expr": "math.x", "bindings": {"math": {"map": [[{"string": "x"}, {"bool": true}]]}}, '
            '"disable_check": true}',
            {"value": {"bool": True}},
        ),
        ('{"expr": "x.y", "disable_check": true}', {"error": "undeclared reference to 'x'"}),
        ("[1, 2", None),
        ("[1, 2]", None),
        ("{}", None),
        ("[" * 100_000, None),
    ],
)
def test_lines(line: str, answer: dict[str, object] | None) -> None:
    given = evaluate_line(line)
    assert list(given) == ["refused"] if answer is None else given == answer
