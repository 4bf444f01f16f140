"""Read a table of subjects from a file, strictly, and write decisions to one."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute, typed_expression
from siwei.errors import ImportRefused, Problem
from siwei.policy.language.compile import STATUS_SUFFIX
from siwei.policy.programmes import FactStatus, Programme
from siwei.policy.subjects import ID, attribute_dtypes

MOST_PROBLEMS = 20
TARGETS = (".csv", ".parquet")


def required_columns(programmes: tuple[Programme, ...]) -> list[str]:
    """`id`, then every attribute the programmes read; `<attribute>__status` may stand beside each."""
    return [ID, *attribute_dtypes(programmes)]


def read_subjects(source: Path, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]) -> pl.LazyFrame:
    """The table `decide` takes, from CSV, CSV.GZ or Parquet. Cells of a CSV are canonical text (whole numbers, ISO
    dates, `true`/`false`, empty = not known). Raises ImportRefused with the rows and columns that are wrong, and where
    an id is missing or repeated."""
    name = source.name.lower()
    try:
        if name.endswith(".parquet"):
            frame = pl.scan_parquet(source)
            _check_ids(frame, source)
            return frame
        if name.endswith((".csv", ".csv.gz")):
            # No inference: a column of digits may be an id, and what is not canonical must be refused and not guessed.
            text = pl.read_csv(source, infer_schema=False, encoding="utf8", raise_if_empty=True)
            frame = _typed(text, source, programmes, attributes)
            _check_ids(frame, source)
            return frame
    except FileNotFoundError:
        raise ImportRefused([Problem("no such file", "check the path", str(source))]) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ImportRefused(
            [Problem(f"cannot be read: {reason}", "give a UTF-8 CSV or Parquet", str(source))]
        ) from None
    raise ImportRefused([Problem("is neither .csv, .csv.gz nor .parquet", "convert it", str(source))])


def _typed(
    text: pl.DataFrame, source: Path, programmes: tuple[Programme, ...], attributes: Mapping[str, Attribute]
) -> pl.LazyFrame:
    wanted = {name: dtype for name, dtype in attribute_dtypes(programmes).items() if name in text.columns}
    statuses = [name + STATUS_SUFFIX for name in wanted if name + STATUS_SUFFIX in text.columns]
    names = {str(int(status)): int(status) for status in FactStatus}
    names |= {status.name.lower(): int(status) for status in FactStatus}
    columns = [_read_as(name, dtype, attributes).alias(name) for name, dtype in wanted.items()]
    columns += [
        pl.col(name).replace_strict(names, default=None, return_dtype=pl.UInt8).alias(name) for name in statuses
    ]
    typed = text.with_columns(columns)
    problems: list[Problem] = []
    for name in [*wanted, *statuses]:
        wrong = text[name].is_not_null() & typed[name].is_null()
        for row in wrong.arg_true()[: MOST_PROBLEMS - len(problems)]:
            expected = (
                _expected(name, wanted[name], attributes)
                if name in wanted
                else "0, 1, 2 or declared, documented, verified"
            )
            # The header is line 1.
            problems.append(
                Problem(f"{text[name][row]!r} is not {expected}", "mend it", str(source), row + 2, field=name)
            )
    if problems:
        raise ImportRefused(problems)
    return typed.lazy()


def _read_as(name: str, dtype: pl.DataType, attributes: Mapping[str, Attribute]) -> pl.Expr:
    """Canonical text → the attribute's type; aggregates, and what ties rows together, are no attributes of the pack."""
    if name in attributes:
        return typed_expression(attributes[name], pl.col(name))
    if dtype == pl.Boolean():
        return pl.col(name).replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    return pl.col(name).cast(dtype, strict=False)


def _expected(name: str, dtype: pl.DataType, attributes: Mapping[str, Attribute]) -> str:
    return attributes[name].type if name in attributes else str(dtype)


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


def check_target(target: Path) -> None:
    """Before any work is done. Raises ImportRefused."""
    if target.suffix not in TARGETS:
        raise ImportRefused([Problem("results are written as .csv or .parquet", "name the file so", str(target))])
    if not target.resolve().parent.is_dir():
        raise ImportRefused([Problem("no such folder", "make it first", str(target.parent))])


def write_table(frame: pl.DataFrame, target: Path) -> None:
    """Enums as text; in a CSV lists are joined by `;`. The file appears whole or not at all."""
    check_target(target)
    enums = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum)]
    draft = target.with_name(f".{target.name}.part")
    if target.suffix == ".parquet":
        frame.with_columns(pl.col(enums).cast(pl.String)).write_parquet(draft)
    else:
        lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
        frame.with_columns(pl.col(enums).cast(pl.String), pl.col(lists).list.join(";")).write_csv(draft)
    draft.replace(target)
