"""From CEL's syntax to our typed tree: what the compiler takes, or a refusal with its place.

What no column is needed for is worked out here by the exact evaluator, so `timestamp('2026-01-01T00:00:00Z')`,
`size(['a', 'b'])` or `['a', 'b'].map(x, x + 'c')` are literals to the compiler. Macros over lists of literals are
written out: `['a', 'b'].exists(x, x == district)` is `'a' == district || 'b' == district`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from siwei.errors import Said
from siwei.policy.language.bands import MOST_BANDS, BandTable, limit_name, result_name
from siwei.policy.language.expression_words import SEE, refusal
from siwei.policy.language.failure_words import failed
from siwei.policy.language.interpret import NotTaken, TooMuchWork, interpret
from siwei.policy.language.meanings import meanings
from siwei.policy.language.moments import EPOCH
from siwei.policy.language.overloads import Overload, find_band, find_membership, find_overload
from siwei.policy.language.patterns import PatternRefused, to_column_pattern
from siwei.policy.language.size_classes import SizeClasses
from siwei.policy.language.standard import matches
from siwei.policy.language.syntax import (
    Constant,
    Fold,
    Invoke,
    MakeList,
    MakeMap,
    Name,
    Select,
    Syntax,
    Unsupported,
    dotted,
)
from siwei.policy.language.tree import INFIX, AsOf, Attribute, Call, ListLiteral, Literal, Node, Parameter
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
from siwei.policy.language.values import Duration, EvaluationError, Timestamp, Uint, Value, type_name

MOST_OPERATIONS = 2_000
"""In one tree, macros written out: each may become a column."""


class Refusal(Exception):
    """`is_final` where nothing around the place can make it right; otherwise what reads no fact may still be worked
    out."""

    def __init__(self, offset: int, message: str, fix: str, is_final: bool = False) -> None:
        self.offset, self.message, self.fix, self.is_final = offset, message, fix, is_final
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Setting:
    """What names an expression may read."""

    attributes: Mapping[str, CelType]
    parameters: tuple[str, ...] = ()
    rounding: str = "down"
    tables: Mapping[str, BandTable] = field(default_factory=dict)
    size_classes: SizeClasses | None = None


class Converter:
    """Depth is bounded by CEL's own parser, breadth by `MOST_OPERATIONS`."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.variables: dict[str, Literal] = {}
        self.made = 0

    def convert(self, node: Syntax) -> Node:
        try:
            return self._convert(node)
        except Refusal as refused:
            if refused.is_final or not self._is_closed(node, frozenset()):
                raise
            return self._fold(node, refused)

    def _convert(self, node: Syntax) -> Node:
        match node:
            case Constant(value=value, offset=offset):
                return self._literal(value, offset, Refusal(offset, *refusal("bytes")))
            case Name() | Select():
                return self._name(node)
            case Invoke():
                return self._call(node)
            case MakeList(items=written, offset=offset):
                items = tuple(map(self.convert, written))
                return ListLiteral(items, CelType("list", items[0].type) if items else EMPTY_LIST, offset)
            case Fold():
                return self._macro(node)
            case MakeMap(offset=offset):
                raise Refusal(offset, *refusal("map"))
            case Unsupported(what=what, offset=offset):
                raise Refusal(offset, *refusal("unsupported", what=what))

    def _name(self, node: Name | Select) -> Node:
        name, offset = ".".join(dotted(node)), node.offset
        absolute = isinstance(node, Name) and node.absolute
        if name in self.variables and not absolute:
            found = self.variables[name]
            return Literal(found.value, found.type, offset)
        if name == "as_of":
            return AsOf(DATE, offset)
        if name.startswith("p.") and name[2:] in self.setting.parameters:
            return Parameter(name[2:], INT, max(offset - 1, 0))
        if name.startswith("t.") and name[2:] in self.setting.tables:
            raise Refusal(max(offset - 1, 0), *refusal("table", name=name))
        if name in self.setting.attributes:
            return Attribute(name, self.setting.attributes[name], offset)
        written = name or (node.field if isinstance(node, Select) else node.name)
        raise Refusal(offset, *refusal("unknown", name=written))

    def _call(self, node: Invoke) -> Node:
        written = (*(() if node.target is None else (node.target,)), *node.arguments)
        function, offset = node.function, node.offset
        self.made += 1
        if self.made > MOST_OPERATIONS:
            raise Refusal(offset, *refusal("operations", most=MOST_OPERATIONS), is_final=True)
        if function == "band" and len(written) == 2:
            return self._band(self.convert(written[0]), written[1], offset)
        arguments = tuple(map(self.convert, written))
        if function == "size_class":
            return self._size_class(arguments, offset)
        overload = _find(function, arguments)
        if overload is None:
            shown = ", ".join(str(argument.type) for argument in arguments)
            name = INFIX.get(function, function.strip("_@"))
            raise Refusal(offset, *refusal("call", call=f"{name}({shown})", see=_advice(function)))
        if function == "matches":
            _try_pattern(arguments[1])
        return Call(function, arguments, overload.result, offset)

    def _band(self, value: Node, written: Syntax, offset: int) -> Node:
        """`band(value, t.<table>)` is `band(value, [limits], [results])`, the units kept in the literals."""
        name = ".".join(dotted(written)).removeprefix("t.")
        if name not in self.setting.tables:
            raise Refusal(written.offset, *refusal("no_table", tables=", ".join(self.setting.tables)))
        table = self.setting.tables[name]
        limits, results = table.limits, table.results
        if table.later:
            limits, results = (0,) * MOST_BANDS, (0,) * (MOST_BANDS + 1)
        sides = ((limits, table.value_unit, limit_name), (results, table.result_unit, result_name))
        parts = tuple(
            ListLiteral(
                tuple(
                    # Of a table that changes, what holds is known with the day, as of a parameter.
                    Parameter(called(name, place), INT, written.offset) if table.later
                    else Literal(each, INT, written.offset, unit)
                    for place, each in enumerate(numbers)
                ),
                CelType("list", INT), offset,
            )
            for numbers, unit, called in sides
        )  # fmt: skip
        arguments = (value, *parts)
        overload = _find("band", arguments)
        if overload is None:
            raise Refusal(offset, *refusal("call", call=f"band({value.type}, t.{name})", see=_advice("band")))
        return Call("band", arguments, overload.result, offset)

    def _size_class(self, arguments: tuple[Node, ...], offset: int) -> Node:
        classes = self.setting.size_classes
        if classes is None:
            raise Refusal(offset, *refusal("no_size_classes"))
        problem = classes.problem(arguments)
        if problem is not None:
            raise Refusal(offset, *problem)
        return classes.expand(arguments, offset)

    def _macro(self, node: Fold) -> Node:
        """`all`, `exists` and `exists_one` over a list of literals, written out; CEL's rules for absorbing an unknown
        or an error are the same in both."""
        over = self.convert(node.over)
        if not isinstance(over, ListLiteral) or not all(isinstance(item, Literal) for item in over.items):
            raise Refusal(node.offset, *refusal("macro"))
        match node.step:
            case Invoke(function="_&&_" | "_||_" as joining, arguments=(_, predicate)):
                parts = self._each(node.variable, predicate, over)
                return _chain(joining, parts, Literal(joining == "_&&_", BOOL, node.offset))
            case Invoke(function="_?_:_", arguments=(predicate, counted, _)) if not isinstance(node.initial, MakeList):
                del counted
                one, zero = Literal(1, INT, node.offset), Literal(0, INT, node.offset)
                tests = self._each(node.variable, predicate, over)
                counts = [Call("_?_:_", (test, one, zero), INT, node.offset) for test in tests]
                return Call("_==_", (_chain("_+_", counts, zero), one), BOOL, node.offset)
        raise Refusal(node.offset, *refusal("map_filter"))

    def _each(self, variable: str, predicate: Syntax, over: ListLiteral) -> list[Node]:
        before = dict(self.variables)
        parts = []
        for item in over.items:
            assert isinstance(item, Literal)
            self.variables = {**before, variable: item}
            part = self.convert(predicate)
            if part.type != BOOL:
                raise Refusal(predicate.offset, *refusal("condition", type=part.type))
            parts.append(part)
        self.variables = before
        return parts

    def _is_closed(self, node: Syntax, inner: frozenset[str]) -> bool:
        """Whether a node reads nothing but literals, the variables of macros around it and within it."""
        match node:
            case Name() | Select(tests=False) if dotted(node):
                first = dotted(node)[0]
                return first in inner or first in self.variables
            case Select(operand=operand):
                return self._is_closed(operand, inner)
            case Invoke(target=target, arguments=arguments):
                parts = (*arguments, *(() if target is None else (target,)))
                return all(self._is_closed(part, inner) for part in parts)
            case MakeList(items=items):
                return all(self._is_closed(item, inner) for item in items)
            case MakeMap(entries=entries):
                return all(self._is_closed(part, inner) for entry in entries for part in entry)
            case Fold():
                within = inner | {node.variable, node.accumulator}
                parts = (node.initial, node.condition, node.step, node.result)
                return self._is_closed(node.over, inner) and all(self._is_closed(part, within) for part in parts)
            case Unsupported():
                return False
            case _:
                return True

    def _fold(self, node: Syntax, refused: Refusal) -> Node:
        bindings = {name: _value(literal) for name, literal in self.variables.items()}
        try:
            value = interpret(node, bindings, functions=meanings(self.setting.rounding))
        except EvaluationError as error:
            raise Refusal(node.offset, *failed("always_fails", error), is_final=True) from None
        except TooMuchWork as error:
            raise Refusal(node.offset, *failed("much_work", error), is_final=True) from None
        except NotTaken:
            raise refused from None
        return self._literal(value, node.offset, refused)

    def _literal(self, value: Value, offset: int, refused: Refusal) -> Node:
        match value:
            case None:
                return Literal(None, NULL, offset)
            case bool():
                return Literal(value, BOOL, offset)
            case int():
                return Literal(value, INT, offset)
            case Uint():
                return Literal(value.value, UINT, offset)
            case float():
                return Literal(value, DOUBLE, offset)
            case str():
                return Literal(value, STRING, offset)
            case Timestamp() | Duration():
                if value.nanoseconds % 1000:
                    kind = type_name(value).rpartition(".")[2].lower()
                    raise Refusal(offset, *refusal("fine_moment", type=kind))
                length = timedelta(microseconds=value.nanoseconds // 1000)
                moment = isinstance(value, Timestamp)
                return Literal(EPOCH + length, TIMESTAMP, offset) if moment else Literal(length, DURATION, offset)
            case tuple():
                items = tuple(self._literal(item, offset, refused) for item in value)
                return ListLiteral(items, CelType("list", items[0].type) if items else EMPTY_LIST, offset)
        raise refused


def _chain(joining: str, parts: Sequence[Node], empty: Literal) -> Node:
    """Joined in halves, so that a long list does not make a deep tree."""
    if len(parts) < 2:
        return parts[0] if parts else empty
    middle = len(parts) // 2
    halves = tuple(_chain(joining, part, empty) for part in (parts[:middle], parts[middle:]))
    return Call(joining, halves, empty.type, empty.offset)


def _value(literal: Literal) -> Value:
    """A literal of the tree as the evaluator has it."""
    match literal.value:
        case timedelta() as length:
            return Duration(length // timedelta(microseconds=1) * 1000)
        case bool() | float() | str() | None as plain:
            return plain
        case int() as number:
            return Uint(number) if literal.type == UINT else number
        case moment:
            return Timestamp((moment - EPOCH) // timedelta(microseconds=1) * 1000)


def _find(function: str, arguments: tuple[Node, ...]) -> Overload | None:
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
            raise Refusal(item.offset, *refusal("ascending", earlier=earlier, later=later))


def _advice(function: str) -> Said:
    match function:
        case "band":
            return Said(
                "band(value, [limits], [results]): whole numbers, one more result than limits, 16 limits at most",
                "band(值, [界限], [结果])：均为整数，结果比界限多一个，界限至多 16 个",
            )
        case "matches":
            return Said("write the pattern as a literal", "请把模式写成常数")
        case "timestamp" | "duration":
            return Said(f"write {function}('…') of a literal", f"请对常数写 {function}('…')")
        case _:
            return SEE


def _try_pattern(pattern: Node) -> None:
    assert isinstance(pattern, Literal)
    try:
        matches("", str(pattern.value))
        pl.Series([""]).str.contains(to_column_pattern(str(pattern.value)))
    except EvaluationError as error:
        raise Refusal(pattern.offset, *failed("pattern", error)) from None
    except PatternRefused as refused:
        raise Refusal(pattern.offset, *failed("pattern_in_columns", refused)) from None
    except pl.exceptions.ComputeError as error:
        last = str(error).splitlines()[-1][:200]
        raise Refusal(pattern.offset, *refusal("pattern_not_searched", error=last)) from None
