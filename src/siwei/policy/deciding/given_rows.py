"""Rows given as plain values, as a program sends them: judged as the rows of a file are."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import polars as pl

from siwei.city.attributes import Attribute, canonical_text
from siwei.city.pack_yaml import KeyPath
from siwei.errors import InputError, Problem
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.documents.case_rows import CaseRowsDocument, CaseRowsReader
from siwei.policy.files.file_words import no_attribute
from siwei.policy.files.reject_words import is_halved
from siwei.policy.files.subject_batches import Batch, judge
from siwei.policy.files.subject_files import ROW, RawBatch
from siwei.policy.files.tables import columns_beside
from siwei.policy.language.compile import DTYPES, STATUS_SUFFIX
from siwei.policy.programmes import FactStatus, Programme
from siwei.policy.sources import subject_types
from siwei.policy.stacking import RelatedRule
from siwei.policy.subjects import ID, attribute_dtypes
from siwei.policy.titles import TITLE_COLUMNS

Given = Mapping[str, int | float | bool | str | None]


def judge_rows(
    rows: Sequence[Given],
    programmes: tuple[Programme, ...],
    attributes: Mapping[str, Attribute],
    besides: Mapping[str, pl.DataType] = MappingProxyType({}),
    added: Collection[str] = (),
    known: Collection[str] = (),
    place: str = "",
) -> Batch:
    """The rows as `decide` takes them, and those that cannot be used. What a row does not name is not known; a name
    that is nobody's is refused, since misspelt it would be a fact that nobody has. `besides` are columns that no
    programme reads; `added` are left out where no row names them: they are added up later; `known` are names that are
    passed over. Raises InputError with every other name, of the table that is called `place`."""
    wanted = {ID: pl.String(), **besides, **_beside(programmes, attributes), **attribute_dtypes(programmes)}
    ties = {name for each in programmes for name in subject_types(attributes, each.applies_to)}
    known = {ID, *attributes, *wanted, *known, *ties, *TITLE_COLUMNS}
    known |= {name + STATUS_SUFFIX for name in known - {ID}}
    named = dict.fromkeys(name for row in rows for name in row)
    problems = [Problem(*no_attribute(name, known), place, field=name[:80]) for name in named if name not in known]
    if problems:
        raise InputError(problems)
    wanted = {name: dtype for name, dtype in wanted.items() if name not in added or name in named}
    read = [*wanted, *(name + STATUS_SUFFIX for name in wanted if name + STATUS_SUFFIX in named)]
    texts = {name: [_text(row.get(name)) for row in rows] for name in read}
    halved = {name: pl.Series([is_halved(cell) for cell in cells], dtype=pl.Boolean) for name, cells in texts.items()}
    frame = pl.DataFrame({
        name: pl.Series([None if is_halved(cell) else cell for cell in cells], dtype=pl.String)
        for name, cells in texts.items()
    }).with_columns(pl.int_range(1, len(rows) + 1, eager=True).alias(ROW))  # fmt: skip
    counts = frame[ID].drop_nulls().value_counts()
    repeated = frozenset(counts.filter(pl.col("count") > 1)[ID].to_list())
    undecodable = {name: wrong for name, wrong in halved.items() if wrong.any()}
    return judge(
        RawBatch(frame, 1.0, is_text=True, undecodable=undecodable, undecodable_as="no_unicode"), wanted, repeated
    )


def _beside(programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> dict[str, pl.DataType]:
    """What limits group and order rows by."""
    types = {name: kind for each in programmes for name, kind in subject_types(attributes, each.applies_to).items()}
    return {name: DTYPES[types[name].kind] for name in columns_beside(programmes) if name in types}


def _text(value: int | float | bool | str | None) -> str | None:
    if value is None or value == "":
        return None
    return str(value) if isinstance(value, float) else canonical_text(value)


def other_rows(
    lists: Mapping[str, Sequence[Given]], attributes: Mapping[str, Attribute], rule: RelatedRule | None,
    proof: FactStatus, as_of: date,
) -> Rows:  # fmt: skip
    """Claims, awards, organisations, members and ties that are added up, as proven as `proof` says; a column that a row
    does not name is not known. Raises InputError with every wrong one."""
    problems: list[Problem] = []

    def complain(path: KeyPath, message: str, fix: str) -> None:
        problems.append(Problem(message, fix, field=".".join(str(part) for part in path)))

    texts: dict[str, Any] = {
        name: [{column: text for column, value in row.items() if (text := _text(value)) is not None} for row in rows]
        for name, rows in lists.items()
    }
    reader = CaseRowsReader(attributes, rule, complain)
    found = reader.read(CaseRowsDocument.model_construct(**texts), (), None, {}, proof, as_of)
    if found is None or problems:
        raise InputError(problems)
    return found
