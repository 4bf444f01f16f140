"""The typed tree of one expression, and how it is written back as text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from siwei.policy.language.types import CelType

Scalar = bool | int | float | str | date | datetime | timedelta | None


@dataclass(frozen=True, slots=True)
class Literal:
    """`unit` is that of a figure from a declared table; a number written in the expression has none and adopts."""

    value: Scalar
    type: CelType
    offset: int
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """A fact of the subject, read from the column of the same name."""

    name: str
    type: CelType
    offset: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """`p.<name>`: a dated value of the programme, fixed once the day of the decision is known."""

    name: str
    type: CelType
    offset: int


@dataclass(frozen=True, slots=True)
class AsOf:
    """The day of the decision."""

    type: CelType
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`function` is CEL's own name (`_&&_`, `_+_`, `size` …) or one of ours."""

    function: str
    arguments: tuple["Node", ...]
    type: CelType
    offset: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    items: tuple["Node", ...]
    type: CelType
    offset: int


Node = Literal | Attribute | Parameter | AsOf | Call | ListLiteral


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its text, its typed tree, and the names it reads (sorted, each once)."""

    text: str
    tree: Node
    attributes: tuple[str, ...]
    parameters: tuple[str, ...]


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Call(arguments=arguments):
            return arguments
        case ListLiteral(items=items):
            return items
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Every node, children before their parent: the order in which a person would work it out."""
    for child in children(node):
        yield from walk(child)
    yield node


INFIX: Mapping[str, str] = {
    "_&&_": "&&", "_||_": "||", "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=",
    "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "@in": "in",
}  # fmt: skip


def render(node: Node) -> str:
    """CEL text of a tree; compound operands are always bracketed, so that precedence need not be known to read it."""
    match node:
        case Literal():
            return _render_literal(node.value)
        case Attribute():
            return node.name
        case Parameter():
            return node.name if node.name.startswith("t.") else f"p.{node.name}"
        case AsOf():
            return "as_of"
        case ListLiteral():
            return f"[{', '.join(render(item) for item in node.items)}]"
        case Call():
            return _render_call(node)


def _render_call(node: Call) -> str:
    if node.function in INFIX:
        return f" {INFIX[node.function]} ".join(_operand(argument) for argument in node.arguments)
    if node.function in ("!_", "-_"):
        return node.function[0] + _operand(node.arguments[0])
    if node.function == "_?_:_":
        test, then, otherwise = (_operand(argument) for argument in node.arguments)
        return f"{test} ? {then} : {otherwise}"
    if node.function == "band" and (table := _table_read(node)) is not None:
        return f"band({render(node.arguments[0])}, {table})"
    return f"{node.function}({', '.join(render(argument) for argument in node.arguments)})"


def _table_read(node: Call) -> str | None:
    """`t.<table>` where a band reads one that changes with the day."""
    limits = node.arguments[1]
    first = limits.items[0] if isinstance(limits, ListLiteral) and limits.items else None
    if isinstance(first, Parameter) and first.name.startswith("t."):
        return first.name.rpartition(".")[0]
    return None


def _operand(node: Node) -> str:
    compound = isinstance(node, Call) and (node.function in INFIX or node.function == "_?_:_")
    return f"({render(node)})" if compound else render(node)


def _render_literal(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case datetime():
            return f"timestamp('{value.isoformat()}')"
        case timedelta():
            return f"duration('{value.total_seconds()}s')"
        case _:
            return str(value)
