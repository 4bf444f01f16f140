"""One CEL expression over one set of bindings, by the compiler of programmes: how its conformance is measured.

Values are tagged as in the conformance file of the checks: `{"int64": "42"}`, `{"bool": true}`, `{"double": "1.5"}` …
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from siwei.policy.language.check import Checker, ExpressionRefused
from siwei.policy.language.compile import DTYPES, Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.tree import Scalar
from siwei.policy.language.types import BOOL, DOUBLE, INT, NULL, STRING, UINT, CelType

TAGS: Mapping[str, CelType] = {
    "bool": BOOL, "int64": INT, "uint64": UINT, "double": DOUBLE, "string": STRING, "null": NULL,
}  # fmt: skip
_TAG_OF = {kind.kind: tag for tag, kind in TAGS.items()}
LONGEST_LINE = 1_000_000


def evaluate_line(line: str) -> dict[str, object]:
    """Answer one JSON line `{expr, bindings, disable_check}` by `{"value": …}`, `{"error": …}` (CEL calls it wrong, or
    it fails) or `{"refused": …}` (outside what this compiler takes)."""
    if len(line) > LONGEST_LINE:
        return {"refused": f"a line of more than {LONGEST_LINE} characters"}
    try:
        case = json.loads(line)
        bindings = {str(name): _untag(value) for name, value in case.get("bindings", {}).items()}
        return evaluate(str(case["expr"]), bindings, bool(case.get("disable_check", False)))
    except _NotTaken as reason:
        return {"refused": str(reason)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return {"refused": f"not a case: {error}"}


def evaluate(
    text: str, bindings: Mapping[str, tuple[CelType, Scalar]], disable_check: bool = False
) -> dict[str, object]:
    """The tagged value of `text`, or why there is none."""
    named = [name for name in bindings if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    if named:
        return {"refused": f"the name {named[0]!r} is not an identifier"}
    try:
        checker = Checker({name: kind for name, (kind, _) in bindings.items()})
        expression = checker.check(text, disable_check=disable_check)
    except ExpressionRefused as refused:
        # A function we do not declare may well be one of CEL's extensions: that is not for us to call wrong.
        error = refused.by_cel and not re.search(r"undeclared reference to '[^']*'", str(refused))
        return {"error" if error else "refused": str(refused)}
    except RuntimeError as error:
        return {"refused": str(error)}
    kind = expression.tree.type
    if kind.kind not in _TAG_OF:
        return {"refused": f"a result of type {kind} is not supported"}
    plan = Plan()
    result = plan.add(expression.tree, Context(date.min))
    columns = {
        name: pl.Series([True if kind == NULL else value], dtype=DTYPES[kind.kind])
        for name, (kind, value) in bindings.items()
    }
    table = pl.LazyFrame({":row": [0], **columns})
    row = plan.apply(table, [pl.col(":row"), result.value.alias(":value")]).collect()
    value = row[":value"].item()
    return (
        {"error": "the evaluation failed"} if value is None else {"value": {_TAG_OF[kind.kind]: _tagged(value, kind)}}
    )


class _NotTaken(Exception):
    pass


def _untag(tagged: dict[str, Any]) -> tuple[CelType, Scalar]:
    ((tag, value),) = tagged.items()
    if tag not in TAGS:
        raise _NotTaken(f"a binding of type {tag} is not supported")
    kind = TAGS[tag]
    return kind, int(value) if kind in (INT, UINT) else float(value) if kind == DOUBLE else value


def _tagged(value: object, kind: CelType) -> object:
    if kind == NULL:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(value)
    return str(value)
