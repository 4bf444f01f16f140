"""From text to a typed tree, or to problems with their line, column and caret.

CEL's own parser and checker come first (cel-cpp through cel-expr-python); then our table of overloads, which refuses
what the compiler cannot do exactly.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from cel_expr_python import cel

from siwei.policy.language import functions
from siwei.policy.language.overloads import TABLE, find_band, find_membership, find_overload
from siwei.policy.language.tree import (
    INFIX,
    AsOf,
    Attribute,
    Call,
    Expression,
    ListLiteral,
    Literal,
    Node,
    Parameter,
    walk,
)
from siwei.policy.language.types import (
    BOOL,
    DATE,
    DOUBLE,
    DURATION,
    EMPTY_LIST,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    CelType,
)
from siwei.policy.language.wire import decode_checked

LONGEST_EXPRESSION = 10_000
"""Code points. CEL's own parser stops at 32 levels of brackets; this bounds what it is ever given."""
_CEL_TYPES = {
    "bool": cel.Type.BOOL, "int": cel.Type.INT, "uint": cel.Type.UINT, "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING, "date": cel.Type.TIMESTAMP, "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION, "null": cel.Type.NULL,
}  # fmt: skip
_ERROR = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem inside an expression: line and column count from 1 within it."""

    message: str
    fix: str
    line: int
    column: int


class ExpressionRefused(Exception):
    """`by_cel` tells what CEL itself calls wrong from what only our compiler does not take."""

    def __init__(self, faults: tuple[Fault, ...], by_cel: bool = False) -> None:
        self.faults, self.by_cel = faults, by_cel
        super().__init__("; ".join(fault.message for fault in faults))


class _Refusal(Exception):
    def __init__(self, offset: int, message: str, fix: str) -> None:
        self.offset, self.message, self.fix = offset, message, fix
        super().__init__(message)


class Checker:
    """One environment (attributes with their types, parameters, rounding), made once and used for many
    expressions."""

    def __init__(
        self, attributes: Mapping[str, CelType], parameters: tuple[str, ...] = (), rounding: str = "down"
    ) -> None:
        self.attributes, self.parameters = dict(attributes), tuple(parameters)
        variables = {name: _CEL_TYPES[kind.kind] for name, kind in self.attributes.items()}
        variables |= {f"p.{name}": cel.Type.INT for name in self.parameters} | {"as_of": cel.Type.TIMESTAMP}
        self.environment = cel.NewEnv(variables=variables, functions=functions.declarations(rounding))

    def check(self, text: str, expected: CelType | None = None, disable_check: bool = False) -> Expression:
        """Raises `ExpressionRefused` with every fault; `disable_check` leaves out CEL's checker, never our own."""
        if len(text) > LONGEST_EXPRESSION:
            message = f"an expression of {len(text)} characters; at most {LONGEST_EXPRESSION} are read"
            raise ExpressionRefused((Fault(message, "split it into clauses", 1, 1),))
        if "\x00" in text:
            raise ExpressionRefused(
                (Fault("a NUL character in an expression", "remove it", 1, text.index("\x00") + 1),)
            )
        try:
            serialized = self.environment.compile(text, disable_check=disable_check).serialize()
        except RuntimeError as error:
            raise ExpressionRefused(self._read_errors(str(error)), by_cel=True) from None
        tree = self._convert(decode_checked(serialized), text)
        if expected is not None and tree.type != expected:
            line, column = _place(text, tree.offset)
            message = f"this is {tree.type}, {expected} is needed"
            raise ExpressionRefused(
                (Fault(message, "a clause is a yes or no, an amount an integer of fen", line, column),)
            )
        nodes = list(walk(tree))
        names = sorted({node.name for node in nodes if isinstance(node, Attribute)})
        parameters = sorted({node.name for node in nodes if isinstance(node, Parameter)})
        return Expression(text, tree, tuple(names), tuple(parameters))

    def _convert(self, checked: Any, text: str) -> Node:
        converter = _Converter(self, checked)
        try:
            return converter.convert(checked.expr)
        except _Refusal as refusal:
            line, column = _place(text, refusal.offset)
            raise ExpressionRefused((Fault(refusal.message, refusal.fix, line, column),)) from None

    def _read_errors(self, text: str) -> tuple[Fault, ...]:
        faults = tuple(
            Fault(self._translate(message), self._suggest(message), max(int(line), 1), max(int(column), 1))
            for line, column, message in _ERROR.findall(text)
        )
        if faults:
            return tuple(dict.fromkeys(faults))
        return (
            Fault(text.split(" [")[0].removeprefix("CANCELLED: "), "make it simpler, or split it into clauses", 1, 1),
        )

    def _translate(self, message: str) -> str:
        message = message.replace(" (in container '')", "").replace(" [INVALID_ARGUMENT]", "")
        return re.sub(r" expecting \{.*\}$", "", message)

    def _suggest(self, message: str) -> str:
        undeclared = re.search(r"undeclared reference to '([^']*)'", message)
        if undeclared:
            known = [*self.attributes, *(f"p.{name}" for name in self.parameters), "as_of", *function_names()]
            near = difflib.get_close_matches(undeclared.group(1), known, n=1, cutoff=0.5)
            return f"did you mean {near[0]!r}?" if near else "`siwei policy schema` lists the attributes that exist"
        if "no matching overload" in message:
            return "the two sides are of different types; convert one, or compare like with like"
        if "recursion" in message:
            return "split the expression into clauses"
        return "see the syntax of CEL (cel.dev)"


def function_names() -> list[str]:
    """Every function an expression may name, sorted."""
    return sorted({name for name, _ in TABLE if name.isidentifier()} | {"band"})


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


class _Converter:
    """CheckedExpr → our tree. Depth is bounded by CEL's own parser."""

    def __init__(self, checker: Checker, checked: Any) -> None:
        self.checker = checker
        self.references = checked.reference_map
        self.positions = checked.source_info.positions

    def convert(self, expression: Any) -> Node:
        offset = int(self.positions.get(expression.id, 0))
        match expression.WhichOneof("variant"):
            case "const_expr":
                return _literal(expression.const_expr, offset)
            case "ident_expr" | "select_expr":
                return self._name(expression, offset)
            case "call_expr":
                return self._call(expression.call_expr, offset)
            case "list_expr":
                items = tuple(self.convert(item) for item in expression.list_expr.elements)
                element = items[0].type if items else None
                return ListLiteral(items, CelType("list", element) if element else EMPTY_LIST, offset)
            case "comprehension_expr":
                raise _Refusal(
                    offset, "macros over lists (all, exists, map, filter …) are not supported", "use && and ||"
                )
            case other:
                raise _Refusal(offset, f"{str(other).removesuffix('_expr')} is not supported", "use scalars and lists")

    def _name(self, expression: Any, offset: int) -> Node:
        reference = self.references.get(expression.id)
        # Without CEL's checker there are no references, only the name as written.
        name = reference.name if reference else expression.ident_expr.name
        if name == "as_of":
            return AsOf(DATE, offset)
        if name.startswith("p.") and name[2:] in self.checker.parameters:
            return Parameter(name[2:], INT, max(offset - 1, 0))
        if name in self.checker.attributes:
            return Attribute(name, self.checker.attributes[name], offset)
        written = name or expression.select_expr.field
        raise _Refusal(
            offset, f"{written!r} is neither an attribute nor a parameter", "read attributes, p.<parameter> or as_of"
        )

    def _call(self, call: Any, offset: int) -> Node:
        written = ([call.target] if call.HasField("target") else []) + list(call.args)
        arguments = tuple(self.convert(argument) for argument in written)
        function = str(call.function)
        if function in ("timestamp", "duration"):
            return _moment(function, arguments, offset)
        types = [argument.type for argument in arguments]
        overload = _find(function, arguments)
        if overload is None:
            shown = ", ".join(str(kind) for kind in types)
            name = INFIX.get(function, function.strip("_@"))
            raise _Refusal(offset, f"{name}({shown}) is not supported", _advice(function))
        if function == "matches":
            _try_pattern(arguments[1])
        return Call(function, arguments, overload.result, offset)


def _find(function: str, arguments: tuple[Node, ...]) -> Any:
    match function, arguments:
        case "@in", (element, ListLiteral(items=items)):
            literal = all(isinstance(item, Literal) for item in items)
            return find_membership(element.type, [item.type for item in items], literal)
        case "band", (subject, ListLiteral(items=limits), ListLiteral(items=results)):
            _ascending(limits)
            return find_band(subject.type, [item.type for item in limits], [item.type for item in results])
        case "matches", (_, pattern) if not isinstance(pattern, Literal):
            return None
    if any(isinstance(argument, ListLiteral) for argument in arguments):
        return None
    return find_overload(function, [argument.type for argument in arguments])


def _ascending(limits: tuple[Node, ...]) -> None:
    values = [item.value for item in limits if isinstance(item, Literal) and isinstance(item.value, int)]
    for earlier, later, item in zip(values, values[1:], limits[1:], strict=False):
        if later <= earlier:
            raise _Refusal(item.offset, f"the limits of a band must ascend; {later} follows {earlier}", "order them")


def _advice(function: str) -> str:
    if function == "band":
        return "band(value, [limits], [results]) takes whole numbers, one more result than limits, at most 16 limits"
    if function == "matches":
        return "write the pattern as a literal"
    return "docs/reference/programme.md lists what an expression may use"


def _literal(constant: Any, offset: int) -> Literal:
    match constant.WhichOneof("variant"):
        case "bool_value":
            return Literal(constant.bool_value, BOOL, offset)
        case "int64_value":
            return Literal(constant.int64_value, INT, offset)
        case "uint64_value":
            return Literal(constant.uint64_value, UINT, offset)
        case "double_value":
            return Literal(constant.double_value, DOUBLE, offset)
        case "string_value":
            return Literal(constant.string_value, STRING, offset)
        case "null_value":
            return Literal(None, NULL, offset)
        case _:
            raise _Refusal(offset, "bytes are not supported", "use a string")


def _moment(function: str, arguments: tuple[Node, ...], offset: int) -> Literal:
    """`timestamp('…')` and `duration('…')` of a literal become literals; CEL itself reads them."""
    if len(arguments) != 1 or not isinstance(arguments[0], Literal) or arguments[0].type != STRING:
        raise _Refusal(offset, f"{function}() of anything but a literal is not supported", f"write {function}('…')")
    written = arguments[0].value
    value = cel.NewEnv(variables={"x": cel.Type.STRING}).compile(f"{function}(x)").eval(data={"x": written})
    result = value.plain_value()
    if isinstance(written, str) and re.search(r"\.\d{7,}|ns|[0-9]*\.\d+us", written):
        raise _Refusal(offset, f"{written!r} is finer than a microsecond", "write it to the microsecond")
    if function == "timestamp" and isinstance(result, datetime):
        return Literal(
            result.replace(tzinfo=UTC) if result.tzinfo is None else result.astimezone(UTC), TIMESTAMP, offset
        )
    if function == "duration" and isinstance(result, timedelta):
        return Literal(result, DURATION, offset)
    raise _Refusal(
        offset, f"{written!r} is not a {function}", "like timestamp('2026-01-31T00:00:00Z'), duration('36h')"
    )


def _try_pattern(pattern: Node) -> None:
    assert isinstance(pattern, Literal)
    try:
        pl.Series([""]).str.contains(str(pattern.value))
    except pl.exceptions.ComputeError as error:
        raise _Refusal(
            pattern.offset, f"not a regular expression: {str(error).splitlines()[-1]}", "RE2 syntax"
        ) from None
