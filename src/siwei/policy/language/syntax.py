"""The tree of an expression as CEL's parser gives it, macros expanded: what the exact evaluator walks and what the
check makes typed trees from. Nothing but this file and `wire` knows CEL's protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siwei.policy.language.values import Uint, Value


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    """`resolved` is the checker's answer to what a name means, where the checker ran; `absolute` was written with a
    leading dot, and no variable of a macro hides it."""

    name: str
    offset: int
    resolved: bool = False
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or, where `tests`, `has(operand.field)`."""

    operand: "Syntax"
    field: str
    tests: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Invoke:
    function: str
    target: "Syntax | None"
    arguments: tuple["Syntax", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MakeList:
    items: tuple["Syntax", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MakeMap:
    entries: tuple[tuple["Syntax", "Syntax"], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Fold:
    """A macro: `accumulator` starts at `initial`; for each item of `over`, while `condition`, it becomes `step`; then
    `result`."""

    variable: str
    over: "Syntax"
    accumulator: str
    initial: "Syntax"
    condition: "Syntax"
    step: "Syntax"
    result: "Syntax"
    offset: int


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something of CEL that is not taken at all (messages, optional entries)."""

    what: str
    offset: int


Syntax = Constant | Name | Select | Invoke | MakeList | MakeMap | Fold | Unsupported


def read_syntax(checked: Any) -> Syntax:
    """From the decoded message of `wire.decode_checked`. Depth is bounded there."""
    return _Reader(checked.reference_map, checked.source_info.positions).read(checked.expr)


def dotted(node: Syntax) -> tuple[str, ...]:
    """The parts of a name written with dots (`a.b.c`); empty where the node is something else."""
    match node:
        case Name(name=name):
            return tuple(name.split("."))
        case Select(operand=operand, field=field, tests=False):
            before = dotted(operand)
            return (*before, field) if before else ()
        case _:
            return ()


class _Reader:
    def __init__(self, references: Mapping[int, Any], positions: Mapping[int, int]) -> None:
        self.references, self.positions = references, positions

    def read(self, expression: Any) -> Syntax:
        offset = int(self.positions.get(expression.id, 0))
        match expression.WhichOneof("variant"):
            case "const_expr":
                return _constant(expression.const_expr, offset)
            case "ident_expr":
                written = str(expression.ident_expr.name)
                return self._resolved(expression.id, offset, written.startswith(".")) or Name(
                    written.removeprefix("."), offset, absolute=written.startswith(".")
                )
            case "select_expr":
                select = expression.select_expr
                known = None if select.test_only else self._resolved(expression.id, offset, False)
                return known or Select(self.read(select.operand), str(select.field), bool(select.test_only), offset)
            case "call_expr":
                call = expression.call_expr
                target = self.read(call.target) if call.HasField("target") else None
                return Invoke(str(call.function), target, tuple(map(self.read, call.args)), offset)
            case "list_expr":
                if expression.list_expr.optional_indices:
                    return Unsupported("an optional entry", offset)
                return MakeList(tuple(map(self.read, expression.list_expr.elements)), offset)
            case "struct_expr":
                return self._struct(expression.struct_expr, offset)
            case "comprehension_expr":
                return self._fold(expression.comprehension_expr, offset)
            case other:
                return Unsupported(str(other), offset)

    def _resolved(self, identifier: int, offset: int, absolute: bool) -> Name | None:
        # Looking up a key in a protobuf map would add it.
        name = str(self.references[identifier].name) if identifier in self.references else ""
        return Name(name.removeprefix("."), offset, resolved=True, absolute=absolute) if name else None

    def _struct(self, struct: Any, offset: int) -> Syntax:
        if struct.message_name:
            return Unsupported(f"a message ({struct.message_name})", offset)
        if any(entry.optional_entry or entry.WhichOneof("variant") != "map_key" for entry in struct.entries):
            return Unsupported("an optional entry", offset)
        return MakeMap(tuple((self.read(entry.map_key), self.read(entry.value)) for entry in struct.entries), offset)

    def _fold(self, fold: Any, offset: int) -> Syntax:
        if fold.iter_var2:
            return Unsupported("a macro of two variables", offset)
        return Fold(
            str(fold.iter_var),
            self.read(fold.iter_range),
            str(fold.accu_var),
            self.read(fold.accu_init),
            self.read(fold.loop_condition),
            self.read(fold.loop_step),
            self.read(fold.result),
            offset,
        )


def _constant(constant: Any, offset: int) -> Syntax:
    match constant.WhichOneof("variant"):
        case "bool_value":
            return Constant(bool(constant.bool_value), offset)
        case "int64_value":
            return Constant(int(constant.int64_value), offset)
        case "uint64_value":
            return Constant(Uint(int(constant.uint64_value)), offset)
        case "double_value":
            return Constant(float(constant.double_value), offset)
        case "string_value":
            return Constant(str(constant.string_value), offset)
        case "bytes_value":
            return Constant(bytes(constant.bytes_value), offset)
        case "null_value":
            return Constant(None, offset)
        case other:
            return Unsupported(f"a constant ({other})", offset)
