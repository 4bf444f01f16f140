"""Write a table to a file part by part: CSV, Parquet or Arrow, which appears whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet

from siwei.errors import ImportRefused, Problem

ARROW = (".arrow", ".feather")
TARGETS = (".csv", ".parquet", *ARROW)


def check_target(target: Path) -> None:
    """Before any work is done. Raises ImportRefused."""
    if target.suffix not in TARGETS:
        message = "results are written as .csv, .parquet or .arrow"
        raise ImportRefused([Problem(message, "name the file so", str(target))])
    if not target.resolve().parent.is_dir():
        raise ImportRefused([Problem("no such folder", "make it first", str(target.parent))])
    if target.is_dir():
        raise ImportRefused([Problem("is a folder", "name a file", str(target))])


def write_table(frame: pl.DataFrame, target: Path) -> None:
    """Enums as text; in a CSV lists are joined by `;`. The file appears whole or not at all."""
    with open_table(target, frame.schema) as write:
        write(frame)


@contextmanager
def open_table(target: Path, schema: pl.Schema) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that adds rows of `schema` to the file, which is there when the block has been left in peace."""
    check_target(target)
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as file:
            yield from _writer(file, target.suffix, pl.DataFrame(schema=schema))
        draft.replace(target)
    except OSError as error:
        raise ImportRefused([Problem(f"cannot be written: {error.strerror}", "", str(target))]) from None
    finally:
        draft.unlink(missing_ok=True)


def _writer(file: BinaryIO, suffix: str, empty: pl.DataFrame) -> Iterator[Callable[[pl.DataFrame], None]]:
    if suffix == ".csv":
        _plain(empty, joined=True).write_csv(file)
        yield lambda frame: _plain(frame, joined=True).write_csv(file, include_header=False)
        return
    if suffix == ".parquet":
        # Enums go in as the dictionaries they are, which readers see as plain text; ids and amounts seldom repeat.
        schema, repeating = empty.to_arrow().schema, _repeating(empty)
        with parquet.ParquetWriter(
            file, schema, compression="zstd", store_schema=False, use_dictionary=repeating
        ) as rows:  # fmt: skip
            yield lambda frame: rows.write_table(frame.to_arrow())
    else:
        schema = _plain(empty).to_arrow().schema
        with pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as batches:
            yield lambda frame: batches.write_table(_plain(frame).to_arrow())


def _repeating(empty: pl.DataFrame) -> list[str]:
    """Parquet's paths of the columns that hold few different values."""
    paths = {pl.Enum: "{}", pl.List: "{}.list.element", pl.UInt8: "{}"}
    return [paths[type(dtype)].format(name) for name, dtype in empty.schema.items() if type(dtype) in paths]


def _plain(frame: pl.DataFrame, joined: bool = False) -> pl.DataFrame:
    enums = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum)]
    lists = [name for name, dtype in frame.schema.items() if joined and isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(enums).cast(pl.String), pl.col(lists).list.join(";"))
