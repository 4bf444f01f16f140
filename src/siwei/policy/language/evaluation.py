"""One CEL expression over one set of bindings, by the exact evaluator: how our CEL is measured.

Values are tagged as in the conformance cases: `{"int64": "42"}`, `{"bool": true}`, `{"double": "1.5"}` …
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from cel_expr_python import cel

from siwei.policy.language.functions import declarations
from siwei.policy.language.interpret import NotTaken, TooMuchWork, interpret
from siwei.policy.language.meanings import meanings
from siwei.policy.language.parsing import ExpressionRefused, Parser
from siwei.policy.language.standard import GLOBAL, MEMBER
from siwei.policy.language.tagged import tag, untag
from siwei.policy.language.values import CelMap, Duration, EvaluationError, Timestamp, Uint, Value

LONGEST_LINE = 1_000_000
"""Characters. In bytes, a line is never held beyond four times that, whatever its length."""
_BEYOND_THE_PARSER = (
    "unsupported syntax", "variable name must be a simple identifier", "recursion", "declared multiple times",
)  # fmt: skip
"""What cel-cpp says of the syntax of extensions that are not switched on, such as `a.?b`, of what is too deep for it,
and of a variable that has the name of a type: not for us to call wrong."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_ROUNDING = "down"


def evaluate_lines(source: BinaryIO) -> Iterator[dict[str, Any]]:
    """An answer to every line of `source` that is not blank, in order and in bounded memory; a line ends with a line
    feed and with nothing else."""
    most_bytes = 4 * LONGEST_LINE
    mark = b"\xef\xbb\xbf"
    while line := source.readline(most_bytes + 1):
        whole = line.endswith(b"\n") or len(line) <= most_bytes
        while not whole and (rest := source.readline(most_bytes)):
            whole = rest.endswith(b"\n")
        line, mark = line.removeprefix(mark).strip(b" \t\r\n"), b""
        if not line:
            continue
        try:
            yield evaluate_line(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            long = len(line) > LONGEST_LINE
            yield {"refused": _too_long() if long else f"byte {error.start + 1} of the line is not UTF-8"}


def evaluate_line(line: str) -> dict[str, Any]:
    """Answer one JSON line `{expr, bindings, container, disable_check}` by `{"value": …}`, `{"error": …}` (CEL calls
    it wrong, or it fails) or `{"refused": …}` (outside what is taken)."""
    if len(line) > LONGEST_LINE:
        return {"refused": _too_long()}
    try:
        case = json.loads(line, object_pairs_hook=_named_once)
        if problem := _problem(case):
            return {"refused": f"not a case: {problem}"}
        bindings = {name: untag(value) for name, value in (case.get("bindings") or {}).items()}
    except (ValueError, TypeError, RecursionError) as error:
        return {"refused": f"not a case: {str(error)[:200]}"}
    return evaluate(case["expr"], bindings, bool(case.get("disable_check")), case.get("container") or "")


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two values of one name is meant cannot be told. Raises ValueError."""
    named = dict(pairs)
    if len(named) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice[:80]!r} stands twice")
    return named


def _too_long() -> str:
    return f"a line of more than {LONGEST_LINE} characters"


def _problem(case: object) -> str:
    """What is wrong with the shape of a case; empty where nothing is."""
    if not isinstance(case, dict):
        return "a line is an object {expr, bindings, container, disable_check}"
    if not isinstance(case.get("expr"), str):
        return "`expr` is the text of an expression"
    if not isinstance(case.get("bindings"), dict | None):
        return "`bindings` is an object of names and tagged values"
    if not isinstance(case.get("disable_check"), bool | None):
        return "`disable_check` is true or false"
    if not isinstance(case.get("container"), str | None):
        return "`container` is a name"
    return ""


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
        beyond = any(part in str(refused) for part in _BEYOND_THE_PARSER)
        error = refused.by_cel and not beyond and all(name in GLOBAL or name in MEMBER for name in undeclared)
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
