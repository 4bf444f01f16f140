"""From typed trees to a plan of Polars columns.

Every operation becomes a named column, worked out once however many clauses and programmes contain it. This is not
only for speed: a node's masks mention its value, so nested expressions that were not named would grow exponentially
with depth.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from siwei.policy.language.anniversaries import as_comparison
from siwei.policy.language.compiled import Builder, Compiled, Context
from siwei.policy.language.overloads import Overload, find_band, find_membership, find_overload
from siwei.policy.language.tree import AsOf, Attribute, Call, ListLiteral, Literal, Node, Parameter
from siwei.policy.language.types import CelType

DTYPES: dict[str, pl.DataType] = {
    "bool": pl.Boolean(), "int": pl.Int64(), "uint": pl.UInt64(), "double": pl.Float64(), "string": pl.String(),
    "date": pl.Date(), "timestamp": pl.Datetime("us", "UTC"), "duration": pl.Duration("us"), "null": pl.Boolean(),
}  # fmt: skip
STATUS_SUFFIX = "__status"
Key = tuple[object, ...]


@dataclass
class Plan:
    """Columns by level: those of one level read only the table and the levels before it."""

    levels: list[dict[str, pl.Expr]] = field(default_factory=list)
    known: dict[Key, tuple[Compiled, int]] = field(default_factory=dict)

    def add(self, node: Node, context: Context) -> Compiled:
        """The compiled node as expressions over the planned columns."""
        return self._compile(node, context)[0]

    def apply(self, frame: pl.LazyFrame, keep: Iterable[pl.Expr]) -> pl.LazyFrame:
        """Work out the plan over a table that holds a column per attribute in the type of `DTYPES`, then select
        `keep`."""
        for level in self.levels:
            frame = frame.with_columns(**level)
        return frame.select(*keep)

    def _compile(self, node: Node, context: Context) -> tuple[Compiled, int]:
        key = _key(node, context)
        if key not in self.known:
            self.known[key] = self._compile_new(node, context)
        return self.known[key]

    def _compile_new(self, node: Node, context: Context) -> tuple[Compiled, int]:
        match node:
            case Literal():
                return _constant(True if node.value is None else node.value, node.type), 0
            case Parameter():
                return _parameter(node, context), 0
            case AsOf():
                return _constant(context.as_of, node.type), 0
            case Attribute():
                return self._attribute(node, context)
            case ListLiteral():
                raise AssertionError("a list is compiled by the function that takes it")
            case Call():
                simpler = as_comparison(node, context.as_of)
                if simpler is not None:
                    return self._compile(simpler, context)
                arguments = flatten(node)
                parts = [self._compile(argument, context) for argument in arguments]
                build, compiled = _overload(node).build, tuple(part for part, _ in parts)
                if all(part.is_settled for part in compiled):
                    kinds = [DTYPES[argument.type.kind] for argument in arguments]
                    return _settle(build, compiled, kinds, context, node.type), 0
                return self._bind(build(compiled, context), max(level for _, level in parts))

    def _attribute(self, node: Attribute, context: Context) -> tuple[Compiled, int]:
        """A missing fact, or one less proven than the clause requires, is unknown."""
        if context.requires == 0:
            return self._fact(pl.col(node.name), node.name, context), 0
        status = node.name + STATUS_SUFFIX
        # Without a status column everything is only declared.
        proven = pl.col(status) >= context.requires if status in context.columns else pl.lit(False)
        bound, level = self._bind(Compiled(pl.when(proven).then(pl.col(node.name))), 0)
        return self._fact(bound.value, node.name, context), level

    def _fact(self, value: pl.Expr, name: str, context: Context) -> Compiled:
        missing = {name: value.is_null()}
        return Compiled(value, unknown=missing, bounds=context.ranges.get(name), needs=frozenset({name}))

    def _bind(self, result: Compiled, level: int) -> tuple[Compiled, int]:
        value = self._name(result.value, level)
        error = None if result.error is None else self._name(result.error, level)
        bound = Compiled(value, error, result.unknown, result.constant, bounds=result.bounds, needs=result.needs)
        return bound, level + 1

    def _name(self, expression: pl.Expr, level: int) -> pl.Expr:
        while len(self.levels) <= level:
            self.levels.append({})
        # The leading colon keeps these apart from attributes, which are identifiers.
        name = f":{level}:{len(self.levels[level])}"
        self.levels[level][name] = expression
        return pl.col(name)


def _key(node: Node, context: Context) -> Key:
    """Equal for nodes that compile to the same columns, wherever they stand and in whichever programme."""
    match node:
        case Literal():
            return ("literal", node.type, repr(node.value))
        case Parameter():
            value = context.parameters.get(node.name)
            return ("error",) if value is None else ("literal", node.type, repr(value))
        case AsOf():
            return ("as_of", context.as_of)
        case Attribute():
            return ("attribute", node.name, context.requires)
        case ListLiteral():
            return ("list", *(_key(item, context) for item in node.items))
        case Call():
            rounding = context.rounding if node.function in ("share", "basis_points") else ""
            return (node.function, rounding, *(_key(argument, context) for argument in node.arguments))


def flatten(node: Call) -> tuple[Node, ...]:
    """The arguments with a list replaced by its items, which is how `in` and `band` are compiled."""
    flat: list[Node] = []
    for argument in node.arguments:
        flat.extend(argument.items if isinstance(argument, ListLiteral) else (argument,))
    return tuple(flat)


def _overload(node: Call) -> Overload:
    match node.function, node.arguments:
        case "@in", (element, ListLiteral(items=items)):
            literal = all(isinstance(item, Literal) for item in items)
            found = find_membership(element.type, [item.type for item in items], literal)
        case "band", (subject, ListLiteral(items=limits), ListLiteral(items=results)):
            found = find_band(subject.type, [item.type for item in limits], [item.type for item in results])
        case _:
            found = find_overload(node.function, [argument.type for argument in node.arguments])
    assert found is not None, f"{node.function} passed the check without an overload"
    return found


def _constant(value: bool | int | float | str | date | datetime | timedelta, cel_type: CelType) -> Compiled:
    return Compiled(pl.lit(value, dtype=DTYPES[cel_type.kind]), constant=value)


def _parameter(node: Parameter, context: Context) -> Compiled:
    value = context.parameters.get(node.name)
    # Without a value on the day it is an error wherever it is read, not zero.
    return _failure(node.type) if value is None else _constant(value, node.type)


def _failure(cel_type: CelType) -> Compiled:
    return Compiled(pl.lit(None, dtype=DTYPES[cel_type.kind]), pl.lit(True), fails=True)


def _settle(
    build: Builder, arguments: tuple[Compiled, ...], kinds: list[pl.DataType], context: Context, cel_type: CelType
) -> Compiled:
    """An operation on the day and on parameters alone, worked out while planning. As a column it would be a scalar,
    beside which Polars is not exact (`arithmetic._spread`), and which its in-memory engine cannot compare with a
    literal."""
    # Two rows, for the same reason.
    columns = {f"{place}": pl.Series([part.constant] * 2, dtype=kind)
               for place, (part, kind) in enumerate(zip(arguments, kinds, strict=True))}  # fmt: skip
    parts = tuple(
        Compiled(pl.col(name), part.error, constant=part.constant)
        for name, part in zip(columns, arguments, strict=True)
    )
    result = build(parts, context)
    value = pl.DataFrame(columns).select(result.value.alias("value"))["value"][0]
    return _failure(cel_type) if value is None else _constant(value, cel_type)
