"""What a table of subjects must hold."""

from collections.abc import Iterable

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
