"""Write a table to a file part by part: CSV, Parquet or Arrow, which appears whole or not at all."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet

from siwei.errors import ImportRefused, Problem
from siwei.policy.files.file_words import of_file

ARROW = (".arrow", ".feather")
TARGETS = (".csv", ".parquet", *ARROW)
VALUES_AT_ONCE = 16_384
"""That Arrow works on: with 1,024, as it comes, it takes a twentieth longer."""
Write = Callable[[pl.DataFrame], None]


def check_target(target: Path) -> None:
    """Before any work is done. Raises ImportRefused."""
    if target.suffix not in TARGETS:
        raise ImportRefused([Problem(*of_file("target_kind"), str(target))])
    if not target.resolve().parent.is_dir():
        raise ImportRefused([Problem(*of_file("target_folder"), str(target.parent))])
    if target.is_dir():
        raise ImportRefused([Problem(*of_file("folder"), str(target))])
    if target.exists() and not target.is_file():
        raise ImportRefused([Problem(*of_file("special"), str(target))])


def write_table(frame: pl.DataFrame, target: Path) -> None:
    """Enums as text; in a CSV lists are joined by `;`. The file appears whole or not at all."""
    with open_table(target, frame.schema) as write:
        write(frame)


@contextmanager
def open_table(target: Path, schema: pl.Schema, filled: Collection[str] = ()) -> Iterator[Write]:
    """A function that adds rows of `schema` (by its names, in its order) to the file, which is there when the block has
    been left in peace; `filled` names the columns that hold no null. Rows are written in a thread of their own while
    the next are made, so a fault of writing is raised at the next rows or at the end."""
    check_target(target)
    draft = target.with_name(f".{target.name}.part")
    of_others: OSError | None = None

    def tell(rows: pl.DataFrame) -> None:
        try:
            write(rows)
        except OSError as error:
            raise _unwritten(target, error) from None

    try:
        with draft.open("wb") as file, _writer(file, target.suffix, schema, filled) as write, beside(tell) as add:
            try:
                yield add
            except OSError as error:
                of_others = error
                raise
        draft.replace(target)
    except OSError as error:
        if error is of_others:
            raise
        raise _unwritten(target, error) from None
    finally:
        draft.unlink(missing_ok=True)


def _unwritten(target: Path, error: OSError) -> ImportRefused:
    # Polars' own has no `strerror`.
    return ImportRefused([Problem(*of_file("unwritten", why=error.strerror or error), str(target))])


@contextmanager
def beside(write: Write) -> Iterator[Write]:
    """The same function in a thread of its own, in order; at most one frame waits to be written."""
    with ThreadPoolExecutor(1) as thread:
        under_way: Future[None] | None = None

        def add(frame: pl.DataFrame) -> None:
            nonlocal under_way
            if under_way is not None:
                under_way.result()
            under_way = thread.submit(write, frame)

        yield add
        if under_way is not None:
            under_way.result()


@contextmanager
def open_parquet(file: BinaryIO, schema: pl.Schema, filled: Collection[str] = ()) -> Iterator[Write]:
    """A function that adds its rows as one group. Enums go in as the dictionaries they are, which readers see as plain
    text. Numbers are not looked up in a dictionary, which takes most of the time of Polars' own writer: amounts seldom
    repeat, and codes of one byte are split into the bytes of Parquet's smallest integer, three of which are 0."""
    empty = pl.DataFrame(schema=schema).to_arrow().schema
    arrow = pa.schema([each.with_nullable(each.name not in filled) for each in empty])
    repeating = _repeating(schema)
    codes = {name: "BYTE_STREAM_SPLIT" for name, dtype in schema.items() if dtype == pl.UInt8}
    with parquet.ParquetWriter(
        file, arrow, compression="zstd", compression_level=1, store_schema=False, use_dictionary=repeating,
        # Of a dictionary Arrow would compare every word.
        column_encoding=codes, write_statistics=[name for name in schema if not isinstance(schema[name], pl.Enum)],
        write_batch_size=VALUES_AT_ONCE,
    ) as rows:  # fmt: skip
        yield lambda frame: rows.write_table(
            pa.Table.from_arrays(frame.select(arrow.names).to_arrow().columns, schema=arrow)
        )


@contextmanager
def _writer(file: BinaryIO, suffix: str, schema: pl.Schema, filled: Collection[str]) -> Iterator[Write]:
    empty = pl.DataFrame(schema=schema)
    if suffix == ".csv":
        _plain(empty, joined=True).write_csv(file)
        yield lambda frame: _plain(frame.select(empty.columns), joined=True).write_csv(file, include_header=False)
    elif suffix == ".parquet":
        with open_parquet(file, schema, filled) as write:
            yield write
    else:
        plain = _plain(empty).to_arrow().schema
        with pa.ipc.new_file(file, plain, options=pa.ipc.IpcWriteOptions(compression="zstd")) as batches:
            yield lambda frame: batches.write_table(_plain(frame.select(empty.columns)).to_arrow())


def _repeating(schema: pl.Schema) -> list[str]:
    """Parquet's paths of the columns that hold few different words."""
    paths = {pl.Enum: "{}", pl.List: "{}.list.element"}
    return [paths[type(dtype)].format(name) for name, dtype in schema.items() if type(dtype) in paths]


def _plain(frame: pl.DataFrame, joined: bool = False) -> pl.DataFrame:
    enums = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum)]
    lists = [name for name, dtype in frame.schema.items() if joined and isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(enums).cast(pl.String), pl.col(lists).list.join(";"))
