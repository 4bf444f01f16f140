"""Tables of subjects, of a file or as a program sends them: what is told of one row among others reads either."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, NotFound, Problem
from siwei.policy.deciding.given_rows import Given, judge_rows
from siwei.policy.files.file_words import of_file
from siwei.policy.files.subject_batches import Batch, read_batches, read_rows_of, reject_problem
from siwei.policy.files.subject_files import open_subjects
from siwei.policy.files.tables import columns_beside
from siwei.policy.language.compile import DTYPES
from siwei.policy.programmes import Programme
from siwei.policy.sources import subject_types
from siwei.policy.subjects import attribute_dtypes


class SubjectTable(Protocol):
    @property
    def place(self) -> Path:
        """What it is called where something of it is wrong."""
        ...

    @property
    def may_be_empty(self) -> bool: ...

    def lacking(self, names: Collection[str]) -> list[str]:
        """Columns that are not there, so that nothing that reads them can be told."""
        ...

    def having(self, names: Collection[str]) -> list[str]:
        """Those of the columns that are there."""
        ...

    def batches(
        self, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute], besides: tuple[str, ...],
        added: Collection[str],
    ) -> Iterable[Batch]:  # fmt: skip
        """As `read_batches`."""
        ...

    def batches_of(
        self, id: str, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute],
        besides: tuple[str, ...], added: Collection[str],
    ) -> list[Batch]:  # fmt: skip
        """The same of one id alone; none where there is no such row."""
        ...


@dataclass(frozen=True)
class FileTable:
    place: Path

    @property
    def may_be_empty(self) -> bool:
        """A file without rows is a mistake."""
        return False

    def lacking(self, names: Collection[str]) -> list[str]:
        return sorted({*names} - {*open_subjects(self.place).columns})

    def having(self, names: Collection[str]) -> list[str]:
        columns = open_subjects(self.place).columns
        return [name for name in names if name in columns]

    def batches(
        self, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute], besides: tuple[str, ...],
        added: Collection[str],
    ) -> Iterable[Batch]:  # fmt: skip
        return read_batches(self.place, programmes, attributes, besides, added)

    def batches_of(
        self, id: str, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute],
        besides: tuple[str, ...], added: Collection[str],
    ) -> list[Batch]:  # fmt: skip
        return read_rows_of(self.place, id, programmes, attributes, besides, added)


@dataclass(frozen=True)
class GivenTable:
    """Rows of one kind of subject, an `id` each; what a row does not name is not known. `pack` are all programmes: what
    any of that kind reads may stand in a row, a title, and columns `beside` that no expression reads."""

    place: Path
    kind: str
    rows: Sequence[Given]
    pack: tuple[Programme, ...]
    beside: tuple[str, ...] = ()

    @property
    def may_be_empty(self) -> bool:
        """A program says so that there are none."""
        return True

    def lacking(self, names: Collection[str]) -> list[str]:
        return []

    def having(self, names: Collection[str]) -> list[str]:
        return [name for name in names if any(name in row for row in self.rows)]

    def batches(
        self, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute], besides: tuple[str, ...],
        added: Collection[str],
    ) -> Iterable[Batch]:  # fmt: skip
        return [self._judged(programmes, attributes, besides, added)]

    def batches_of(
        self, id: str, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute],
        besides: tuple[str, ...], added: Collection[str],
    ) -> list[Batch]:  # fmt: skip
        batch = self._judged(programmes, attributes, besides, added)
        good, rejects = (each.filter(pl.col("id") == id) for each in (batch.good, batch.rejects))
        rows = good.height + rejects["row"].n_unique()
        return [Batch(good, rejects, rows, 1.0)] if rows else []

    def _judged(
        self, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute], besides: tuple[str, ...],
        added: Collection[str],
    ) -> Batch:  # fmt: skip
        mine = tuple(each for each in self.pack if each.applies_to == self.kind)
        types = {name: DTYPES[each.kind] for name, each in subject_types(attributes, self.kind).items()}
        named = {name for row in self.rows for name in row}
        # A fact that no row names is not known; a column of another sort is not there.
        read = {name: types.get(name, pl.String()) for name in besides if name in types or name in named}
        known = {*types, *attribute_dtypes(mine), *columns_beside(mine), *self.beside}
        return judge_rows(self.rows, programmes, attributes, read, added, known, str(self.place))


def read_row(
    table: SubjectTable,
    id: str,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: Collection[str] = (),
    added: Collection[str] = (),
) -> pl.DataFrame:
    """The one row `id`, as `decide` takes it. Raises ImportRefused where the table or the row cannot be used, NotFound
    where there is none."""
    names = dict.fromkeys([*columns_beside(programmes), *besides])
    batches = table.batches_of(id, programmes, attributes, tuple(names), added)
    good = [batch.good for batch in batches if batch.good.height]
    if good:
        return pl.concat(good)
    if batches:
        faults = [row for batch in batches for row in batch.rejects.iter_rows(named=True)]
        raise ImportRefused([reject_problem(row, table.place) for row in faults])
    problem = Problem(*of_file("no_id", id=id), str(table.place))
    raise NotFound(str(problem), str(problem.in_chinese()))
