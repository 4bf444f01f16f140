"""Read a table of subjects from a file in batches, in bounded memory: the rows that can be used, and of the others what
is wrong with them.

A fault of the file itself (no such column, a column of another type) refuses it whole; a fault of a row is that row's.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, InputError, Problem, Said, chinese_of, said_between
from siwei.policy.files.file_words import of_file
from siwei.policy.files.reject_words import reason
from siwei.policy.files.subject_files import ROW, RawBatch, SubjectFile, open_subjects
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.programmes import FactStatus, Programme
from siwei.policy.subjects import ID, attribute_dtypes, column_problem, prepare_columns

REJECTS_SCHEMA = pl.Schema(
    {
        "row": pl.Int64,
        "id": pl.String,
        "column": pl.String,
        "value": pl.String,
        "reason": pl.String,
        "reason_zh": pl.String,
    }
)
"""`row` as a person finds it: in a CSV the header is row 1, elsewhere the first row is 1. A row stands once for every
fault."""
MOST_PROBLEMS = 20
STATUSES = {str(int(status)): int(status) for status in FactStatus} | {
    status.name.lower(): int(status) for status in FactStatus
}
_WHOLE = r"^(0|-?[1-9][0-9]{0,18})$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
UNSEEN = r"[\p{Cc}\x{2028}\x{2029}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2066}-\x{2069}]"
"""Of an id: two that look alike would not be, and one with a line's end is two lines of a list."""
SEPARATORS = {
    ";": Said("semicolons", "分号"), "\t": Said("tabs", "制表符"), "|": Said("bars", "竖线"),
    "，": Said("Chinese commas", "中文逗号"),
}  # fmt: skip
_FAULTS = {pl.Int64(): "no_integer", pl.Boolean(): "no_boolean", pl.Date(): "no_day"}


@dataclass(frozen=True, slots=True)
class Batch:
    """`good` is a table as `decide` takes it; `rejects` has REJECTS_SCHEMA; `rows` counts both, and `done` is how much
    of the file has been read, of 1."""

    good: pl.DataFrame
    rejects: pl.DataFrame
    rows: int
    done: float


def read_batches(
    source: Path,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: tuple[str, ...] | None = (),
    added: Collection[str] = (),
) -> Iterator[Batch]:
    """The rows of a CSV, CSV.GZ, Parquet or Arrow file in its order. Cells of a CSV are canonical text (whole numbers,
    ISO dates, `true`/`false`, empty = not known). `besides` names columns to keep that no programme reads, where
    the file has them; None keeps all. `added` need not be there: they are added up from other tables later.

    An id that stands more than once cannot be told apart: none of its rows is used. Raises ImportRefused where the
    file cannot be used at all.
    """
    file = open_subjects(source)
    wanted = _wanted(file, programmes, attributes, besides, added)
    repeated = _repeated_ids(file)
    for raw in file.batches(_with_statuses(file, wanted)):
        yield judge(raw, wanted, repeated)


def read_rows_of(
    source: Path,
    id: str,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: tuple[str, ...] | None = (),
    added: Collection[str] = (),
) -> list[Batch]:
    """The same of one id alone: the others are neither judged nor held in memory."""
    file = open_subjects(source)
    wanted = _wanted(file, programmes, attributes, besides, added)
    found = [*file.rows_of(id, _with_statuses(file, wanted))]
    repeated = frozenset([id] if sum(raw.frame.height for raw in found) > 1 else [])
    return [judge(raw, wanted, repeated) for raw in found]


def _with_statuses(file: SubjectFile, wanted: Mapping[str, pl.DataType]) -> list[str]:
    return [*wanted, *(name + STATUS_SUFFIX for name in wanted if name + STATUS_SUFFIX in file.columns)]


def _wanted(
    file: SubjectFile,
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: tuple[str, ...] | None,
    added: Collection[str],
) -> dict[str, pl.DataType]:
    """The columns to read and their types. Raises ImportRefused with every one that is missing or of another type."""
    if file.is_text and (mark := _other_separator(file.columns)) is not None:
        raise ImportRefused([Problem(*of_file("separator", mark=mark), str(file.path), 1)])
    read = {ID: pl.String(), **attribute_dtypes(programmes)}
    read = {name: dtype for name, dtype in read.items() if name in file.columns or name not in added}
    schema = file.schema
    statuses = [name + STATUS_SUFFIX for name in read]
    of_nobody = [name for name in file.columns if name not in statuses and not _of_another(name, file, attributes)]
    problems = [_nearly_a_status(name, statuses) for name in of_nobody]
    problems += _but_for_case(file.columns, [*read, *statuses])
    if file.is_text:
        assumed = pl.Schema({name: read.get(name, pl.String()) for name in file.columns})
        problems += [column_problem(name, dtype, assumed) for name, dtype in read.items()]
    else:
        try:
            prepare_columns(pl.LazyFrame(schema=schema), read)
        except InputError as error:
            problems += error.problems
    if found := [problem for problem in problems if problem is not None]:
        places = [Problem(each.message, each.fix, str(file.path), field=each.field) for each in found]
        raise ImportRefused(places)
    more = [name for name in (file.columns if besides is None else besides) if name in file.columns]
    kept = {name: attributes[name].dtype if name in attributes and file.is_text else schema[name] for name in more}
    return {**{name: dtype for name, dtype in kept.items() if not name.endswith(STATUS_SUFFIX)}, **read}


def _other_separator(columns: Collection[str]) -> Said | None:
    """What separates the columns of a CSV in place of commas: all of its header is then one name."""
    header = next(iter(columns)) if len(columns) == 1 else ""
    return next((SEPARATORS[each] for each in SEPARATORS if each in header), None)


def _but_for_case(columns: Collection[str], read: list[str]) -> Iterator[Problem]:
    """Columns that differ from one that is read in nothing but case or spaces at their ends: which is meant cannot be
    told."""
    named = {name.casefold(): name for name in read if name in columns}
    for name in columns:
        meant = named.get(name.strip().casefold(), name)
        if meant != name:
            yield Problem(*of_file("case", one=meant, other=name), field=name)


def _of_another(status: str, file: SubjectFile, attributes: Mapping[str, Attribute]) -> bool:
    """Whether it is the status of a fact that stands in the file or in the pack, though no programme reads it."""
    name = status.removesuffix(STATUS_SUFFIX)
    return name != status and (name in attributes or name in file.columns)


def _nearly_a_status(name: str, statuses: list[str]) -> Problem | None:
    """A misspelt column of statuses would make every fact one that is only declared."""
    import difflib

    near = difflib.get_close_matches(name, statuses, n=1, cutoff=0.85) if "_stat" in name else []
    if not near:
        return None
    return Problem(*of_file("status_of_nobody", name=name, near=near[0]), field=name)


def _repeated_ids(file: SubjectFile) -> frozenset[str]:
    """Ids that stand more than once. Hashes of 64 bits are kept of all of them, and only ids whose hash is not alone
    are compared."""
    hashes = [batch.frame[ID].cast(pl.String).drop_nulls().hash(7).to_numpy() for batch in file.batches([ID])]
    every = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64)
    every.sort()
    alike = np.unique(every[1:][every[1:] == every[:-1]])
    if not alike.size:
        return frozenset()
    suspects = pl.Series(alike)
    found = [
        ids.filter(ids.hash(7).is_in(suspects.implode()))
        for ids in (batch.frame[ID].cast(pl.String).drop_nulls() for batch in file.batches([ID]))
    ]
    counts = pl.concat(found).value_counts()
    return frozenset(counts.filter(pl.col("count") > 1)[ID].to_list())


def judge(raw: RawBatch, wanted: Mapping[str, pl.DataType], repeated: frozenset[str]) -> Batch:
    frame, texts = raw.frame, raw.is_text
    ids = frame[ID].cast(pl.String)
    columns: list[pl.Series] = []
    faults: list[pl.DataFrame] = []

    def reject(name: str, wrong: pl.Series, kind: str) -> None:
        if wrong.any():
            words = reason(kind)
            told = {"reason": pl.lit(str(words)), "reason_zh": pl.lit(words.zh)}
            rows = pl.DataFrame({ROW: frame[ROW], "id": ids, "value": frame[name]}).filter(wrong)
            value = pl.col("value").cast(pl.String, strict=False)
            faults.append(rows.select(pl.col(ROW).alias("row"), "id", column=pl.lit(name), value=value, **told))

    blank = ids.is_null() | (ids.str.strip_chars() == "").fill_null(True)
    reject(ID, blank, "no_id")
    reject(ID, ids.str.contains(UNSEEN).fill_null(False), "control_in_id")
    if repeated:
        reject(ID, ids.is_in(pl.Series(list(repeated)).implode()).fill_null(False), "repeated_id")
    for name in frame.columns:
        if name == ROW:
            continue
        given = frame[name]
        is_status = name.endswith(STATUS_SUFFIX) and name.removesuffix(STATUS_SUFFIX) in wanted
        dtype = pl.UInt8() if is_status else wanted[name]
        typed = _status(given) if is_status else _typed(given, dtype) if texts else _in_range(given, dtype)
        kind = "no_status" if is_status else _FAULTS.get(dtype, "no_text")
        reject(name, given.is_not_null() & typed.is_null(), kind)
        columns.append(typed.alias(name))
    for name, wrong in raw.undecodable.items():
        reject(name, wrong, raw.undecodable_as)
    broken = pl.DataFrame(
        [(number, None, None, text, str(words), chinese_of(words)) for number, text, words in raw.broken],
        REJECTS_SCHEMA,
        orient="row",
    )
    rejects = pl.concat([broken, *(each.cast(REJECTS_SCHEMA) for each in faults)]).sort("row", maintain_order=True)
    good = pl.DataFrame(columns).filter(~frame[ROW].is_in(rejects["row"].implode())) if columns else frame
    return Batch(good, rejects, frame.height + len(raw.broken), raw.done)


def _status(given: pl.Series) -> pl.Series:
    """Null where it is none."""
    return given.cast(pl.String).replace_strict(STATUSES, default=None, return_dtype=pl.UInt8)


def _typed(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Canonical text → the type; null where it is not canonical."""
    if dtype == pl.Int64():
        return given.set(~given.str.contains(_WHOLE), None).cast(pl.Int64, strict=False)
    if dtype == pl.Boolean():
        return given.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    if dtype == pl.Date():
        days = given.set(~given.str.contains(_DAY), None).str.to_date("%Y-%m-%d", strict=False)
        return _in_range(days, dtype)
    return given.cast(dtype, strict=False)


def _in_range(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    typed = given.cast(dtype, strict=False)
    if dtype != pl.Date():
        return typed
    return typed.set(~typed.dt.year().is_between(1, 9999), None)


def first_problems(batches: Iterable[Batch], source: Path) -> list[Problem]:
    """Of the rejected rows, up to MOST_PROBLEMS."""
    problems: list[Problem] = []
    for batch in batches:
        for row in batch.rejects.iter_rows(named=True):
            problems.append(reject_problem(row, source))
            if len(problems) == MOST_PROBLEMS:
                return problems
    return problems


def reject_problem(row: Mapping[str, Any], source: Path) -> Problem:
    """A row of REJECTS_SCHEMA."""
    value, words = row["value"], Said(row["reason"], row["reason_zh"])
    shown = words if value is None else said_between(f"{value[:80]!r}: ", words)
    return Problem(shown, Said("mend it", "请改正"), str(source), row["row"], field=row["column"] or "")


def harmless(rejects: pl.DataFrame) -> pl.DataFrame:
    """A cell that a spreadsheet would take for a formula is marked as text."""
    from siwei.city.firms import neutralise_formulas

    def mark(name: str) -> pl.Series:
        cells = [None if cell is None else neutralise_formulas(cell) for cell in rejects[name]]
        return pl.Series(name, cells, dtype=pl.String)

    return rejects.with_columns(mark("id"), mark("value"))
