"""One CEL expression over one set of bindings, by the exact evaluator: how our CEL is measured.

Values are tagged as in the conformance cases: `{"int64": "42"}`, `{"bool": true}`, `{"double": "1.5"}` …
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cel_expr_python import cel

from siwei.policy.language.functions import declarations
from siwei.policy.language.interpret import NotTaken, TooMuchWork, interpret
from siwei.policy.language.meanings import meanings
from siwei.policy.language.parsing import ExpressionRefused, Parser
from siwei.policy.language.standard import GLOBAL, MEMBER
from siwei.policy.language.tagged import tag, untag
from siwei.policy.language.values import CelMap, Duration, EvaluationError, Timestamp, Uint, Value

LONGEST_LINE = 1_000_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_ROUNDING = "down"


def evaluate_line(line: str) -> dict[str, object]:
    """Answer one JSON line `{expr, bindings, container, disable_check}` by `{"value": …}`, `{"error": …}` (CEL calls
    it wrong, or it fails) or `{"refused": …}` (outside what is taken)."""
    if len(line) > LONGEST_LINE:
        return {"refused": f"a line of more than {LONGEST_LINE} characters"}
    try:
        case = json.loads(line)
        bindings = {str(name): untag(value) for name, value in case.get("bindings", {}).items()}
        container = str(case.get("container") or "")
        return evaluate(str(case["expr"]), bindings, bool(case.get("disable_check", False)), container)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return {"refused": f"not a case: {str(error)[:200]}"}


def evaluate(
    text: str, bindings: Mapping[str, Value], disable_check: bool = False, container: str = ""
) -> dict[str, Any]:
    """The tagged value of `text`, or why there is none."""
    wrong = [name for name in (*bindings, *([container] if container else [])) if not _NAME.fullmatch(name)]
    if wrong:
        return {"refused": f"the name {wrong[0][:80]!r} is not an identifier"}
    try:
        variables = {name: _cel_type(value) for name, value in bindings.items()}
        parser = Parser(variables, declarations(_ROUNDING), container=container or None)
        tree = parser.parse(text, disable_check)
        return {"value": tag(interpret(tree, bindings, container, meanings(_ROUNDING)))}
    except ExpressionRefused as refused:
        # A function we do not declare may well be one of CEL's extensions: that is not for us to call wrong. With too
        # many or too few arguments, cel-cpp calls one that is declared undeclared too.
        undeclared = re.findall(r"undeclared reference to '([^']*)'", str(refused))
        error = refused.by_cel and all(name in GLOBAL or name in MEMBER for name in undeclared)
        return {"error" if error else "refused": str(refused)}
    except EvaluationError as error:
        return {"error": str(error)}
    except (TooMuchWork, NotTaken, RuntimeError, RecursionError) as error:
        return {"refused": str(error)}


def _cel_type(value: Value) -> cel.Type:
    match value:
        case None:
            return cel.Type.NULL
        case bool():
            return cel.Type.BOOL
        case int():
            return cel.Type.INT
        case Uint():
            return cel.Type.UINT
        case float():
            return cel.Type.DOUBLE
        case str():
            return cel.Type.STRING
        case bytes():
            return cel.Type.BYTES
        case Timestamp():
            return cel.Type.TIMESTAMP
        case Duration():
            return cel.Type.DURATION
        case tuple():
            return cel.Type.List(cel.Type.DYN)
        case CelMap():
            return cel.Type.Map(cel.Type.DYN, cel.Type.DYN)
        case _:
            return cel.Type.DYN
