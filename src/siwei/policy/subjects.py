"""The table programmes are decided over: what it must hold, and bringing it to the declared types."""

import difflib
from collections.abc import Iterable, Mapping

import polars as pl

from siwei.errors import InputError, Problem, Said
from siwei.policy.language.compile import DTYPES, STATUS_SUFFIX
from siwei.policy.language.tree import Attribute, Expression, walk
from siwei.policy.language.types import INT64_MIN
from siwei.policy.programmes import Programme

ID = "id"
FEW_ROWS = 1_000
RoughRanges = tuple[tuple[str, tuple[int, int]], ...]
WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
"""Every integer that fits in 64 bits with a sign, whatever its value."""


def attribute_dtypes(programmes: Iterable[Programme]) -> dict[str, pl.DataType]:
    """Every attribute the programmes read, with the dtype its column must have; sorted by name."""
    return read_dtypes(expression for programme in programmes for expression in programme.expressions)


def read_dtypes(expressions: Iterable[Expression]) -> dict[str, pl.DataType]:
    """The same for expressions."""
    nodes = (node for expression in expressions for node in walk(expression.tree))
    found = {node.name: DTYPES[node.type.kind] for node in nodes if isinstance(node, Attribute)}
    return dict(sorted(found.items()))


def prepare_subjects(table: pl.DataFrame | pl.LazyFrame, programmes: Iterable[Programme]) -> pl.LazyFrame:
    """`id`, the attributes the programmes read and their status columns, where there are any.

    A column that is absent is refused, since a misspelt one would read as a fact that nobody has. Without
    `<attribute>__status` the attribute is only declared. Raises InputError with every problem.
    """
    return prepare_columns(table, {ID: pl.String(), **attribute_dtypes(programmes)})


def prepare_columns(table: pl.DataFrame | pl.LazyFrame, wanted: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The same for any columns."""
    frame = table.lazy()
    schema = frame.collect_schema()
    problems = [column_problem(name, dtype, schema) for name, dtype in wanted.items()]
    found = [problem for problem in problems if problem is not None]
    statuses = [name + STATUS_SUFFIX for name in wanted if name + STATUS_SUFFIX in schema]
    found += [
        Problem(
            Said(f"column {name} is {schema[name]}", f"列 {name} 的类型是 {schema[name]}"),
            Said("0 declared, 1 documented, 2 verified", "应为 0 已声明、1 有文件、2 已核验"),
            field=name,
        )
        for name in statuses
        if not schema[name].is_integer() and schema[name] != pl.Null
    ]
    if found:
        raise InputError(found)
    columns = [pl.col(name).cast(dtype) for name, dtype in wanted.items()]
    return frame.select(*columns, *(pl.col(name).cast(pl.UInt8) for name in statuses))


def whole_ranges(table: pl.DataFrame | pl.LazyFrame, read: Mapping[str, pl.DataType]) -> dict[str, tuple[int, int]]:
    """The least and the greatest of every whole number that is read, of a table in memory. A lazy one is not read twice
    for it: nothing is known of that, and its arithmetic is checked row by row."""
    if isinstance(table, pl.LazyFrame):
        return {}
    found = {}
    for name, dtype in read.items():
        if dtype == pl.Int64 and table[name].dtype in WHOLE:
            least, most = table[name].min(), table[name].max()
            if isinstance(least, int) and isinstance(most, int):
                found[name] = (least, most)
    return found


def rough_ranges(table: pl.DataFrame | pl.LazyFrame, read: Mapping[str, pl.DataType]) -> RoughRanges:
    """The same, widened, so that the next part of a table has the same; of a table so small that checking its
    arithmetic takes no time, nothing."""
    if isinstance(table, pl.LazyFrame) or table.height < FEW_ROWS:
        return ()
    return tuple((name, widened(*ends)) for name, ends in whole_ranges(table, read).items())


def widened(least: int, most: int) -> tuple[int, int]:
    """To whole bytes, or to 0, within 64 bits. To the next power of two nearly every part of a table of amounts, which
    few rows stretch, had a plan of its own."""
    return (
        max(-(1 << _bits(-least)), INT64_MIN) if least < 0 else 0,
        (1 << min(_bits(most), 63)) - 1 if most >= 0 else -1,
    )


def _bits(number: int) -> int:
    return -(-number.bit_length() // 8) * 8


def column_problem(name: str, dtype: pl.DataType, schema: pl.Schema) -> Problem | None:
    """What is wrong with a table's column `name` that must hold `dtype`; None where nothing is."""
    if name not in schema:
        alike = [each for each in schema.names() if each.strip().casefold() == name.casefold()]
        near = alike or difflib.get_close_matches(name, schema.names(), n=1, cutoff=0.6)
        if near:
            fix = Said(f"rename column {near[0]!r}?", f"是否应把列 {near[0]!r} 改名？")
        elif name == ID:
            fix = Said("add it, a name for each row, no two alike", "请补上：每行一个标识，不得重复")
        else:
            fix = Said("add it, empty where it is not known", "请补上，不详处留空")
        where = Said(" (`siwei policy schema` lists the columns)", "（`siwei policy schema` 列出各列）")
        return Problem(
            Said(f"no column {name!r}", f"缺少列 {name!r}"), Said(f"{fix}{where}", fix.zh + where.zh), field=name
        )
    given = schema[name]
    if given == dtype or given == pl.Null or (dtype == pl.Int64 and given in WHOLE):
        return None
    if dtype == pl.String and isinstance(given, pl.Categorical | pl.Enum):
        return None
    message = Said(f"column {name} is {given}, not {dtype}", f"列 {name} 的类型是 {given}，应为 {dtype}")
    return Problem(message, Said("convert it", "请转换类型"), field=name)
