"""Rows of a table, as a digest reads them."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet


def values(query: "QuerySet[Any]", *fields: str) -> Callable[[], Iterator[Any]]:
    def rows() -> Iterator[Any]:
        # Cloned: a query set at the module's level would remember what it read.
        return iter(query.all().order_by().values_list(*fields).iterator(chunk_size=10_000))

    return rows
