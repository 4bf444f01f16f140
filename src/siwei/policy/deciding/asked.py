"""The row of a table that was asked for, alone and among all rows of its table."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.city.attributes import Attribute
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.decide import Decisions
from siwei.policy.deciding.row_parts import Added, RowParts, decide_narrowly
from siwei.policy.deciding.subject_tables import SubjectTable, read_row
from siwei.policy.files.tables import added_names
from siwei.policy.programmes import Programme


@dataclass(frozen=True)
class Asked:
    """`given` are the rows that are added up."""

    table: SubjectTable
    attributes: Mapping[str, Attribute]
    id: str
    given: Rows | None
    day: date

    def row(self, programmes: tuple[Programme, ...], besides: Collection[str]) -> pl.DataFrame:
        """The one row. Raises NotFound where it is not there, ImportRefused where it cannot be used."""
        found = read_row(self.table, self.id, programmes, self.attributes, besides, self._added(programmes))
        return Added(programmes, self.given, self.day).to(found)

    def parts(self, programmes: tuple[Programme, ...], besides: Collection[str] = ()) -> RowParts:
        """All rows."""
        return RowParts(self.table, programmes, self.attributes, besides, self._added(programmes))

    def every_row(
        self, programmes: tuple[Programme, ...], besides: Collection[str], gone_through: list[RowParts]
    ) -> tuple[Decisions, pl.DataFrame]:
        """All rows that can be used, decided before any limit, with the few columns that are needed of them all."""
        parts, added = self.parts(programmes, besides), Added(programmes, self.given, self.day)
        found = decide_narrowly(programmes, self.day, map(added.to, parts.read()), besides)
        gone_through.append(parts)
        return found

    def _added(self, programmes: tuple[Programme, ...]) -> frozenset[str]:
        return frozenset() if self.given is None else added_names(programmes)
