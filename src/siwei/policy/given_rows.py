"""Rows given as plain values, as a program sends them: judged as the rows of a file are."""

import difflib
from collections.abc import Mapping, Sequence

import polars as pl

from siwei.city.attributes import Attribute, canonical_text
from siwei.errors import InputError, Problem
from siwei.policy.language.compile import DTYPES, STATUS_SUFFIX
from siwei.policy.programmes import Programme
from siwei.policy.sources import subject_types
from siwei.policy.subject_batches import Batch, judge
from siwei.policy.subject_files import ROW, RawBatch
from siwei.policy.subjects import ID, attribute_dtypes
from siwei.policy.tables import columns_beside

Given = Mapping[str, int | float | bool | str | None]


def judge_rows(rows: Sequence[Given], programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> Batch:
    """The rows as `decide` takes them, and those that cannot be used. What a row does not name is not known; a name
    that is nobody's is refused, since misspelt it would be a fact that nobody has. Raises InputError with
    every such name."""
    wanted = {ID: pl.String(), **_beside(programmes, attributes), **attribute_dtypes(programmes)}
    known = {ID, *attributes, *wanted}
    known |= {name + STATUS_SUFFIX for name in known - {ID}}
    named = dict.fromkeys(name for row in rows for name in row)
    problems = [_unknown(name, known) for name in named if name not in known]
    if problems:
        raise InputError(problems)
    read = [*wanted, *(name + STATUS_SUFFIX for name in wanted if name + STATUS_SUFFIX in named)]
    frame = pl.DataFrame(
        {name: pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String) for name in read}
    ).with_columns(pl.int_range(1, len(rows) + 1, eager=True).alias(ROW))
    counts = frame[ID].drop_nulls().value_counts()
    repeated = frozenset(counts.filter(pl.col("count") > 1)[ID].to_list())
    return judge(RawBatch(frame, 1.0, is_text=True), wanted, repeated)


def _beside(programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> dict[str, pl.DataType]:
    """What limits group and order rows by."""
    types = {name: kind for each in programmes for name, kind in subject_types(attributes, each.applies_to).items()}
    return {name: DTYPES[types[name].kind] for name in columns_beside(programmes) if name in types}


def _unknown(name: str, known: set[str]) -> Problem:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    fix = f"did you mean {near[0]!r}?" if near else "`siwei policy schema` lists what is read"
    return Problem(f"no attribute {name[:80]!r}", fix, field=name[:80])


def _text(value: int | float | bool | str | None) -> str | None:
    if value is None or value == "":
        return None
    return str(value) if isinstance(value, float) else canonical_text(value)
