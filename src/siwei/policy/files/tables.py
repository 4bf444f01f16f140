"""What a table of subjects must hold, and one row of it read alone."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, NotFound, Problem
from siwei.policy.files.file_words import of_file
from siwei.policy.files.subject_batches import read_rows_of, reject_problem
from siwei.policy.group_keys import column_of
from siwei.policy.programmes import Programme
from siwei.policy.sources import IS_RELATED, ORGANISATION, PROVIDER
from siwei.policy.subjects import ID, attribute_dtypes


def reads_related(programmes: Iterable[Programme]) -> bool:
    """Whether one asks of a claim if its provider is a related party."""
    return any(IS_RELATED in programme.attributes for programme in programmes)


def required_columns(programmes: tuple[Programme, ...]) -> list[str]:
    """`id`, then every attribute the programmes read; `<attribute>__status` may stand beside each."""
    return [ID, *attribute_dtypes(programmes)]


def columns_beside(programmes: tuple[Programme, ...]) -> tuple[str, ...]:
    """What aggregates and limits group, and limits order, rows by, and by which ties tell who is related: no expression
    need read it."""
    limits = [limit for programme in programmes for limit in programme.limits]
    keys = [name for limit in limits for name in (*map(column_of, limit.per), *limit.order)]
    aggregates = [aggregate for programme in programmes for aggregate in programme.aggregates]
    keys += [column_of(key) for aggregate in aggregates for key in aggregate.per]
    if aggregates or reads_related(programmes):
        keys.append(ORGANISATION)
    if reads_related(programmes):
        keys.append(PROVIDER)
    return tuple(dict.fromkeys(keys))


def added_names(programmes: tuple[Programme, ...]) -> frozenset[str]:
    """What a table may lack where rows to add up are given: every aggregate, and whether the provider is a related
    party, which ties tell."""
    aggregates = {aggregate.id for programme in programmes for aggregate in programme.aggregates}
    return frozenset(aggregates | ({IS_RELATED} if reads_related(programmes) else set()))


def read_row(
    source: Path,
    id: str,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: Collection[str] = (),
    added: Collection[str] = (),
) -> pl.DataFrame:
    """The one row `id`, as `decide` takes it. Raises ImportRefused where the file or the row cannot be used, NotFound
    where there is none."""
    names = dict.fromkeys([*columns_beside(programmes), *besides])
    batches = read_rows_of(source, id, programmes, attributes, tuple(names), added)
    good = [batch.good for batch in batches if batch.good.height]
    if good:
        return pl.concat(good)
    if batches:
        faults = [row for batch in batches for row in batch.rejects.iter_rows(named=True)]
        raise ImportRefused([reject_problem(row, source) for row in faults])
    problem = Problem(*of_file("no_id", id=id), str(source))
    raise NotFound(str(problem), str(problem.in_chinese()))
