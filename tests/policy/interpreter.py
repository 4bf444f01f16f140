"""The oracle: cel-cpp's own interpreter through cel-expr-python, one row at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import polars as pl
from cel_expr_python import cel

from siwei.policy.language.check import Checker
from siwei.policy.language.compile import DTYPES, Plan
from siwei.policy.language.compiled import Context
from siwei.policy.language.types import CelType
from siwei.policy.subjects import whole_ranges, widened

AS_OF = date(2026, 11, 23)


@dataclass(frozen=True)
class Answer:
    """`status` is ok, unknown or error; `value` is text in which NaN equals NaN and 1 differs from 1.0."""

    status: str
    value: str | None = None
    missing: tuple[str, ...] = ()


def _bound(value: object) -> object:
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else value


def interpret(checker: Checker, text: str, row: Mapping[str, object]) -> Answer:
    """A fact that is None is left unbound, which cel-cpp calls an error: absorbed exactly as an unknown is."""
    data = {name: _bound(value) for name, value in row.items() if value is not None} | {"as_of": _bound(AS_OF)}
    value = checker.environment.compile(text).eval(data=data)
    return Answer("error") if value.type() == cel.Type.ERROR else Answer("ok", repr(value.plain_value()))


def compute(
    checker: Checker,
    text: str,
    rows: list[dict[str, object]],
    attributes: Mapping[str, CelType],
    rounding: str = "down",
) -> list[Answer]:
    """What the compiled expression gives for each row: the same whether the table was looked at beforehand or not."""
    table = pl.DataFrame(rows, schema={name: DTYPES[kind.kind] for name, kind in attributes.items()})
    read = {name: table.schema[name] for name in attributes}
    ranges = {name: widened(*ends) for name, ends in whole_ranges(table, read).items()}
    checked = _compute(checker, text, table, Context(AS_OF, rounding=rounding))
    assert _compute(checker, text, table, Context(AS_OF, rounding=rounding, ranges=ranges)) == checked
    return checked


def _compute(checker: Checker, text: str, table: pl.DataFrame, context: Context) -> list[Answer]:
    plan = Plan()
    result = plan.add(checker.check(text).tree, context)
    error = pl.lit(False) if result.error is None else result.error
    keep = [result.value.alias(":value"), error.alias(":error"), result.is_unknown.alias(":unknown")]
    waits = [mask.alias(name) for name, mask in result.unknown.items()]
    frame = plan.apply(table.lazy().with_columns(pl.lit(1).alias(":row")), [pl.col(":row"), *keep, *waits]).collect()
    return [_answer(row, tuple(result.unknown)) for row in frame.iter_rows(named=True)]


def _answer(row: dict[str, object], names: tuple[str, ...]) -> Answer:
    assert (row[":value"] is None) == (bool(row[":error"]) or bool(row[":unknown"]))
    missing = tuple(sorted(name for name in names if row[name]))
    if row[":unknown"]:
        return Answer("unknown", None, missing)
    assert missing == ()
    return Answer("error") if row[":error"] else Answer("ok", repr(row[":value"]))
