"""The rows of a table in parts of bounded size, judged as `decide_file` judges them: for what compares or combines more
rows than memory holds.

What stands under limits over all rows is gone through twice (`Limited`): of those programmes a few columns of every row
are held.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem, Said
from siwei.policy.aggregating.aggregates import Aggregates, Rows
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.decide import Decisions, award_column, decide, decide_lazily, verdict_column
from siwei.policy.deciding.subject_tables import FileTable, SubjectTable
from siwei.policy.files.file_words import of_file
from siwei.policy.files.subject_batches import REJECTS_SCHEMA, Batch, first_problems, harmless
from siwei.policy.files.table_files import open_table
from siwei.policy.files.tables import columns_beside
from siwei.policy.group_keys import column_of
from siwei.policy.programmes import Programme
from siwei.policy.subjects import ID, read_dtypes

ROWS_PER_PART = 50_000
MOST_TOLD = 20


class RowParts:
    """`besides` and `added` as for `read_batches`. `rows` and `rejected` count what `read` has gone through, `told`
    holds the first of the rejected, and of rows that a program sends all."""

    def __init__(
        self, source: Path | SubjectTable, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute],
        besides: Collection[str] = (), added: Collection[str] = (), rows_per_part: int = ROWS_PER_PART,
    ) -> None:  # fmt: skip
        self.table = FileTable(source) if isinstance(source, Path) else source
        self.programmes, self.attributes = programmes, attributes
        self.names = tuple(dict.fromkeys([*columns_beside(programmes), *besides]))
        self.added, self.rows_per_part = added, rows_per_part
        self.rows = self.rejected = 0
        self.told = pl.DataFrame(schema=REJECTS_SCHEMA)
        self.most_told = MOST_TOLD if isinstance(self.table, FileTable) else None

    @property
    def source(self) -> Path:
        return self.table.place

    def _batches(self) -> Iterable[Batch]:
        return self.table.batches(self.programmes, self.attributes, self.names, self.added)

    def read(self, rejects: Path | None = None) -> Iterator[pl.DataFrame]:
        """The rows that can be used, part by part; the others into the file `rejects`, where there are any. Raises
        ImportRefused where the file cannot be used, or no row of it can."""
        with nullcontext() if rejects is None else open_table(rejects, REJECTS_SCHEMA) as write:
            yield from self._parts(self._noted(write))
        if rejects is not None and not self.rejected:
            rejects.unlink()
        if not self.rows and not self.table.may_be_empty:
            raise ImportRefused([Problem(*of_file("no_row"), str(self.source))])
        if self.rows and self.rejected == self.rows:
            words = of_file("none_usable", rows=self.rows, fix=Said("mend them", "请改正"))
            raise ImportRefused([Problem(*words, str(self.source)), *first_problems(self._batches(), self.source)])

    def again(self) -> Iterator[pl.DataFrame]:
        """The same parts, of which everything was told."""
        return self._parts(self._batches())

    def _noted(self, write: Callable[[pl.DataFrame], None] | None) -> Iterator[Batch]:
        for batch in self._batches():
            self.rows += batch.rows
            if batch.rejects.height:
                self.rejected += batch.rejects["row"].n_unique()
                if self.most_told is None or self.told.height < self.most_told:
                    told = pl.concat([self.told, batch.rejects])
                    self.told = told if self.most_told is None else told.head(self.most_told)
                if write is not None:
                    write(harmless(batch.rejects))
            yield batch

    def _parts(self, batches: Iterable[Batch]) -> Iterator[pl.DataFrame]:
        held: list[pl.DataFrame] = []
        for batch in batches:
            if batch.good.height or not batch.rows:  # of no row at all the columns go on
                held.append(batch.good)
            if sum(each.height for each in held) < self.rows_per_part:
                continue
            whole, size = pl.concat(held), self.rows_per_part
            last = whole.height - whole.height % size
            for first in range(0, last, size):
                yield whole.slice(first, size)
            held = [whole.slice(last)] if last < whole.height else []
        if held:
            yield pl.concat(held)


class Added:
    """Parts with what programmes add up of other rows."""

    def __init__(self, programmes: tuple[Programme, ...], rows: Rows | None, as_of: date) -> None:
        self.aggregates = None if rows is None else Aggregates(programmes, rows, as_of)

    def to(self, part: pl.DataFrame) -> pl.DataFrame:
        return part if self.aggregates is None else self.aggregates.add(part).table


class Limited:
    """Decisions part by part, each award as the programmes' own limits over all rows leave it."""

    def __init__(
        self, programmes: tuple[Programme, ...], as_of: date, parts: Callable[[], Iterator[pl.DataFrame]]
    ) -> None:
        """`parts` gives the parts, with what is added up, anew at each call; it is not called where nothing is
        limited."""
        self.programmes, self.as_of, self.place = programmes, as_of, 0
        limited = tuple(programme for programme in programmes if programme.limits)
        self.awards = _awards_under_limits(limited, as_of, parts()) if limited else None

    def decide(self, part: pl.DataFrame) -> Decisions:
        """Of the next part."""
        found = decide(self.programmes, part, self.as_of)
        if self.awards is None:
            return found
        left = self.awards.slice(self.place, part.height)
        self.place += part.height
        return Decisions(found.programmes, found.as_of, found.wide.with_columns(left.get_columns()))


def decide_narrowly(
    programmes: tuple[Programme, ...], as_of: date, parts: Iterable[pl.DataFrame], besides: Collection[str] = ()
) -> tuple[Decisions, pl.DataFrame]:
    """Every row's verdicts and awards, not its clauses, and of its facts those that limits group, order and reckon by
    and `besides`: what must be held of all rows where one bears on another."""
    limits = [limit for programme in programmes for limit in programme.limits]
    names = dict.fromkeys(name for limit in limits for name in (*map(column_of, limit.per), *limit.order))
    names |= dict.fromkeys([*read_dtypes(limit.at_most for limit in limits), *besides])
    amounts = [name for each in programmes for name in (verdict_column(each.id), award_column(each.id))]
    tables, wides = [], []
    for part in parts:
        tables.append(part.select(ID, *(name for name in names if name in part.columns and name != ID)))
        wides.append(decide_lazily(programmes, part, as_of).select(ID, *amounts).collect(engine="streaming"))
    if not tables:
        return Decisions(programmes, as_of, pl.DataFrame()), pl.DataFrame()
    return Decisions(programmes, as_of, pl.concat(wides)), pl.concat(tables)


def _awards_under_limits(limited: tuple[Programme, ...], as_of: date, parts: Iterator[pl.DataFrame]) -> pl.DataFrame:
    decisions, table = decide_narrowly(limited, as_of, parts)
    if table.is_empty():
        return pl.DataFrame(schema={award_column(each.id): pl.Int64() for each in limited})
    return apply_limits(decisions, table).wide.select(award_column(each.id) for each in limited)
