"""Read a whole table of subjects from a file: for what compares, combines or explains rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem
from siwei.policy.programmes import Programme
from siwei.policy.sources import ORGANISATION
from siwei.policy.subject_batches import first_problems, read_batches
from siwei.policy.subjects import ID, attribute_dtypes


def required_columns(programmes: tuple[Programme, ...]) -> list[str]:
    """`id`, then every attribute the programmes read; `<attribute>__status` may stand beside each."""
    return [ID, *attribute_dtypes(programmes)]


def columns_beside(programmes: tuple[Programme, ...]) -> tuple[str, ...]:
    """What aggregates and limits group, and limits order, rows by: no expression reads it."""
    limits = [limit for programme in programmes for limit in programme.limits]
    keys = [name for limit in limits for name in (*limit.per, *limit.order)]
    aggregates = [aggregate for programme in programmes for aggregate in programme.aggregates]
    keys += [name for aggregate in aggregates for name in aggregate.per]
    return tuple(dict.fromkeys([*keys, *([ORGANISATION] if aggregates else [])]))


def aggregate_names(programmes: tuple[Programme, ...]) -> frozenset[str]:
    return frozenset(aggregate.id for programme in programmes for aggregate in programme.aggregates)


@dataclass(frozen=True)
class UsableRows:
    """`table` is what `decide` takes; `rejects` (REJECTS_SCHEMA) says of each row that cannot be used why."""

    table: pl.DataFrame
    rejects: pl.DataFrame
    rows: int

    @property
    def rejected(self) -> int:
        return self.rejects["row"].n_unique()


def read_usable_rows(
    source: Path,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: Collection[str] = (),
    added: Collection[str] = (),
) -> UsableRows:
    """The rows of a CSV, CSV.GZ, Parquet or Arrow file, judged as `decide_file` judges them, all in memory; `besides`
    and `added` as for `read_batches`. Raises ImportRefused where the file cannot be used, or no row of it can."""
    names = dict.fromkeys([*columns_beside(programmes), *besides])
    batches = list(read_batches(source, programmes, attributes, tuple(names), added))
    rows = sum(batch.rows for batch in batches)
    if batches and rows and not any(batch.good.height for batch in batches):
        message = f"none of the {rows} rows can be used"
        raise ImportRefused([Problem(message, "", str(source)), *first_problems(batches, source)])
    if not batches:
        raise ImportRefused([Problem("holds no row", "give at least one", str(source))])
    return UsableRows(
        pl.concat([batch.good for batch in batches]), pl.concat([batch.rejects for batch in batches]), rows
    )
