"""Read a whole table of subjects from a file, strictly: for what compares or explains rows, and decides nothing."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.errors import ImportRefused, Problem
from siwei.policy.programmes import Programme
from siwei.policy.subject_batches import first_problems, read_batches
from siwei.policy.subject_files import open_subjects
from siwei.policy.subjects import ID, attribute_dtypes


def required_columns(programmes: tuple[Programme, ...]) -> list[str]:
    """`id`, then every attribute the programmes read; `<attribute>__status` may stand beside each."""
    return [ID, *attribute_dtypes(programmes)]


def read_subjects(source: Path, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> pl.LazyFrame:
    """The table `decide` takes, from CSV, CSV.GZ, Parquet or Arrow. Raises ImportRefused with the rows and columns that
    are wrong, and where an id is missing or repeated."""
    file = open_subjects(source)
    if file.is_text:
        batches = list(read_batches(source, programmes, attributes, None))
        if any(batch.rejects.height for batch in batches):
            raise ImportRefused(first_problems(batches, source))
        return pl.concat([batch.good for batch in batches]).lazy()
    frame = pl.scan_parquet(source) if source.suffix == ".parquet" else pl.scan_ipc(source)
    try:
        _check_ids(frame, source)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = f"cannot be read: {str(error).splitlines()[0]}"
        raise ImportRefused([Problem(reason, "give a whole file", str(source))]) from None
    return frame


def _check_ids(frame: pl.LazyFrame, source: Path) -> None:
    if ID not in frame.collect_schema():
        raise ImportRefused([Problem(f"no column {ID!r}", "name the column of identifiers `id`", str(source))])
    counts = frame.select(
        pl.len().alias("rows"), pl.col(ID).null_count().alias("nulls"), pl.col(ID).n_unique().alias("distinct")
    ).collect(engine="streaming")
    rows, nulls, distinct = counts.row(0)
    if nulls:
        raise ImportRefused([Problem(f"{nulls} rows have no id", "give every row one", str(source), field=ID)])
    if distinct != rows:
        twice = frame.group_by(ID).len().filter(pl.col("len") > 1).sort(ID).head(3).collect()[ID].to_list()
        message = f"{rows - distinct} rows repeat an id: {', '.join(str(each) for each in twice)} …"
        raise ImportRefused([Problem(message, "keep one row per id", str(source), field=ID)])
