"""Decide a pack's programmes for every row of a file, into files, in bounded memory.

Good rows go on; a row that cannot be used stands in the rejects, with its number and every reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem, Said
from siwei.policy.aggregating.aggregates import Aggregates, Rows
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.decide import VERDICTS, Decisions, award_column, decide, verdict_column
from siwei.policy.deciding.clause_rows import award_rows, clause_rows
from siwei.policy.deciding.row_parts import decide_narrowly
from siwei.policy.files.file_words import of_file
from siwei.policy.files.subject_batches import REJECTS_SCHEMA, Batch, first_problems, harmless, read_batches
from siwei.policy.files.table_files import check_target, open_table
from siwei.policy.files.tables import added_names, columns_beside
from siwei.policy.programmes import Programme
from siwei.policy.sharing import sum_exactly
from siwei.policy.subjects import ID, attribute_dtypes

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it, of how much."""
FILLED = (ID, "programme", "clause", "verdict")
"""Columns of results that hold no null."""


@dataclass(frozen=True, slots=True)
class FileDecisions:
    """`verdicts` and `award_fen` (a sum; null where no award is known) by programme; `rejects` names the file of the
    rejected rows, where there are any."""

    rows: int = 0
    rejected: int = 0
    rejects: Path | None = None
    verdicts: Mapping[str, Counter[str]] = field(default_factory=dict)
    award_fen: Mapping[str, int] = field(default_factory=dict)


def rejects_file(target: Path) -> Path:
    return target.with_name(f"{target.stem}.rejects.csv")


def decide_file(
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    source: Path,
    target: Path,
    as_of: date,
    clauses: Path | None = None,
    related_rows: Rows | None = None,
    progress: Progress | None = None,
) -> FileDecisions:
    """Awards (`id, programme, verdict, award_fen`, row by row and in each the programmes in their order) into
    `target`, every clause's verdict into `clauses`, and what cannot be decided into `rejects_file(target)`.

    Rows are decided batch by batch. Where a programme limits what several rows come to together the file is read twice:
    first for what the limits leave of each award, of which a few columns of all rows are held. Raises ImportRefused
    where the file cannot be used, or no row of it can.
    """
    rejects = rejects_file(target)
    check_places(source, [each for each in (target, clauses, rejects) if each is not None])
    job = _Job(programmes, attributes, source, as_of, related_rows, progress)
    left = _Left(job) if any(programme.limits for programme in programmes) else None
    verdicts: dict[str, Counter[str]] = {programme.id: Counter() for programme in programmes}
    sums = dict.fromkeys(verdicts, 0)
    rows, rejected = 0, 0
    with open_table(rejects, REJECTS_SCHEMA) as write_rejects:
        try:
            with _awards_and_clauses(programmes, as_of, target, clauses) as write:
                for batch in job.batches():
                    rows += batch.rows
                    rejected += batch.rejects["row"].n_unique()
                    write_rejects(harmless(batch.rejects))
                    if batch.good.height:
                        decisions = job.decide(programmes, batch.good)
                        decisions = decisions if left is None else left.cut(decisions)
                        write(decisions)
                        _count(decisions, verdicts, sums)
                if rejected == rows and rows:
                    raise _NothingUsable
        except _NothingUsable:
            pass
    if not rejected:
        rejects.unlink()
    elif rejected == rows:
        fix = Said(f"{rejects} says why", f"原因见 {rejects}")
        problem = Problem(*of_file("none_usable", rows=rows, fix=fix), str(source))
        raise ImportRefused([problem, *first_problems(job.batches(), source)])
    return FileDecisions(rows, rejected, rejects if rejected else None, verdicts, sums)


class _Job:
    """A file's rows in batches, with what is added up of other rows."""

    def __init__(
        self, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute], source: Path, as_of: date,
        related_rows: Rows | None, progress: Progress | None,
    ) -> None:  # fmt: skip
        self.programmes, self.attributes, self.source = programmes, attributes, source
        self.as_of, self.progress = as_of, progress
        self.aggregates = None if related_rows is None else Aggregates(programmes, related_rows, as_of)

    def batches(self) -> Iterator[Batch]:
        added = () if self.aggregates is None else added_names(self.programmes)
        beside = columns_beside(self.programmes)
        batches = read_batches(self.source, self.programmes, self.attributes, beside, added)
        return batches if self.progress is None else _watched(batches, self.source, self.progress)

    def table(self, good: pl.DataFrame) -> pl.DataFrame:
        return good if self.aggregates is None else self.aggregates.add(good).table

    def decide(self, programmes: tuple[Programme, ...], good: pl.DataFrame) -> Decisions:
        """Before any limit."""
        return decide(programmes, self.table(good), self.as_of)


class _Left:
    """What limits leave of every row's award, worked out over all rows and handed out batch by batch, in order."""

    def __init__(self, job: _Job) -> None:
        self.limited = tuple(programme for programme in job.programmes if programme.limits)
        parts = (job.table(batch.good) for batch in job.batches() if batch.good.height)
        decisions, table = decide_narrowly(self.limited, job.as_of, parts)
        self.place, self.awards = 0, pl.DataFrame()
        if table.height:
            found = apply_limits(decisions, table).wide
            self.awards = found.select(award_column(each.id) for each in self.limited)

    def cut(self, decisions: Decisions) -> Decisions:
        """The next rows, their awards as the limits leave them."""
        part = self.awards.slice(self.place, decisions.wide.height)
        self.place += decisions.wide.height
        return Decisions(decisions.programmes, decisions.as_of, decisions.wide.with_columns(part.get_columns()))


class _NothingUsable(Exception):
    pass


@contextmanager
def _awards_and_clauses(
    programmes: tuple[Programme, ...], as_of: date, target: Path, clauses: Path | None
) -> Iterator[Callable[[Decisions], None]]:
    """A function that writes decisions row by row."""
    nobody = decide(programmes, pl.DataFrame(schema={ID: pl.String(), **attribute_dtypes(programmes)}), as_of)
    with ExitStack() as stack:
        write_awards = stack.enter_context(open_table(target, nobody.awards.schema, FILLED))
        write_clauses = (
            None if clauses is None else stack.enter_context(open_table(clauses, nobody.clauses.schema, FILLED))
        )

        def write(decisions: Decisions) -> None:
            write_awards(award_rows(decisions))
            if write_clauses is not None:
                for rows in clause_rows(decisions):
                    write_clauses(rows)

        yield write


def check_places(source: Path, targets: list[Path]) -> None:
    """Before any work is done: no result over its own source, none over another. Raises ImportRefused."""
    for target in targets:
        check_target(target)
        if target.exists() and source.exists() and target.samefile(source):
            raise ImportRefused([Problem(*of_file("own_source"), str(source))])
    if len({target.resolve() for target in targets}) < len(targets):
        raise ImportRefused([Problem(*of_file("one_file"), str(targets[0]))])


def _watched(batches: Iterable[Batch], source: Path, progress: Progress) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        progress(source.name, round(batch.done * 100), 100)


def _count(decisions: Decisions, verdicts: Mapping[str, Counter[str]], sums: dict[str, int]) -> None:
    for programme in sums:
        found = np.bincount(decisions.wide[verdict_column(programme)].to_numpy(), minlength=len(VERDICTS))
        pairs = zip(VERDICTS, found.tolist(), strict=True)
        verdicts[programme].update({str(verdict): count for verdict, count in pairs if count})
        sums[programme] += sum_exactly(decisions.wide[award_column(programme)])
