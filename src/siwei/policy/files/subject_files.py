"""A table of subjects as a file: CSV (UTF-8 or GB18030), CSV.GZ, Parquet or Arrow, read in batches, in its own order.

What a cell means is `subject_batches`' subject.
"""

import codecs
import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from siwei.errors import ImportRefused, Problem, Said
from siwei.policy.bounded import NoPlainFile, check_plain
from siwei.policy.files.file_words import of_file
from siwei.policy.files.reject_words import reason

ROW = ":row"
"""The row's number, as a person finds it."""
ROWS_PER_BATCH = 50_000
BYTES_PER_BATCH = 8 * 1024 * 1024
"""Of a CSV; no row is longer."""
SNIFFED_BYTES = 256 * 1024
ARROW_ENDINGS = (".arrow", ".feather")
UNREADABLE = (
    pa.ArrowException, pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError,
    # Of a file that is damaged in a way Polars did not think of. No Exception.
    pl.exceptions.PanicException,
)  # fmt: skip
UNKNOWN_TYPES = (
    pa.types.is_run_end_encoded, pa.types.is_decimal256, pa.types.is_union, pa.types.is_interval,
    pa.types.is_list_view, pa.types.is_large_list_view,
)  # fmt: skip
"""What Polars ends at."""
GZIP = b"\x1f\x8b"
OTHERWISE = (
    (GZIP, Said("compressed by gzip", "经 gzip 压缩的文件"), Said("name it .csv.gz", "请命名为 .csv.gz")),
    (b"PK\x03\x04", Said("a workbook or an archive", "工作簿或压缩包"), Said("save it as CSV", "请另存为 CSV")),
    (b"PAR1", Said("Parquet", "Parquet 文件"), Said("name it .parquet", "请命名为 .parquet")),
    (b"ARROW1", Said("Arrow", "Arrow 文件"), Said("name it .arrow", "请命名为 .arrow")),
)
"""How files begin that are no CSV, whatever their names say."""
KINDS = Said(".csv, .csv.gz, .parquet nor .arrow", ".csv、.csv.gz、.parquet，也不是 .arrow")


@dataclass(frozen=True, slots=True)
class RawBatch:
    """`frame` holds ROW and the columns asked for; `broken` the rows that do not split into as many cells as the
    header, as (row, text, reason); `undecodable` by column where a cell is not UTF-8 (and null in `frame`), which is
    told `undecodable_as` (a kind of `reject_words`)."""

    frame: pl.DataFrame
    done: float
    is_text: bool
    broken: tuple[tuple[int, str, str], ...] = ()
    undecodable: Mapping[str, pl.Series] = field(default_factory=dict)
    undecodable_as: str = "no_utf8"


@dataclass(frozen=True, slots=True)
class SubjectFile:
    path: Path
    columns: tuple[str, ...]
    schema: pl.Schema
    """Of a CSV every column is text."""
    is_text: bool
    encoding: str = "utf8"

    def batches(self, names: Sequence[str]) -> Iterator[RawBatch]:
        """Raises ImportRefused where the file turns out to be damaged."""
        read = _read_csv if self.is_text else _read_parquet if self.path.suffix == ".parquet" else _read_arrow
        yield from self._orrefused_file(read(self, names))

    def _orrefused_file(self, batches: Iterator[RawBatch]) -> Iterator[RawBatch]:
        try:
            yield from batches
        except UNREADABLE as error:
            raise refused_file(self.path, error) from None

    def rows_of(self, id: str, names: Sequence[str]) -> Iterator[RawBatch]:
        """The rows of one id. Of Parquet and Arrow no more is read of the others than their ids, and of Parquet not
        even those where a group of rows says that it holds none like it. Raises ImportRefused."""
        if self.is_text:
            yield from self._orrefused_file(_read_csv(self, names, id))
            return
        scan = pl.scan_parquet if self.path.suffix == ".parquet" else pl.scan_ipc
        own = pl.col("id") if self.schema["id"] == pl.String else pl.col("id").cast(pl.String)
        try:
            frame = scan(self.path, glob=False, row_index_name=ROW).filter(own == id).select(*names, ROW).collect()
        except UNREADABLE as error:
            raise refused_file(self.path, error) from None
        if frame.height:
            yield RawBatch(frame.with_columns(pl.col(ROW).cast(pl.Int64) + 1), 1.0, is_text=False)


def open_subjects(path: Path) -> SubjectFile:
    """Raises ImportRefused where there is no such file, or none of these kinds, or it cannot be read."""
    name = path.name.lower()
    try:
        check_plain(path)
        if name.endswith((".csv", ".csv.gz")):
            return _open_csv(path)
        check_columns(path)
        if name.endswith(".parquet"):
            schema = pl.read_parquet_schema(path)
        elif name.endswith(ARROW_ENDINGS):
            schema = pl.read_ipc_schema(path)
        else:
            raise ImportRefused([Problem(*of_file("kind", kinds=KINDS), str(path))])
    except FileNotFoundError:
        raise ImportRefused([Problem(*of_file("no_file"), str(path))]) from None
    except IsADirectoryError:
        raise ImportRefused([Problem(*of_file("folder"), str(path))]) from None
    except UNREADABLE as error:
        raise refused_file(path, error) from None
    return SubjectFile(path, tuple(schema), pl.Schema(schema), is_text=False)


def check_columns(path: Path) -> None:
    """Of a Parquet or Arrow file. Polars drops all rows where a column stands twice in an Arrow file, and ends where it
    meets types that it does not know. Raises ImportRefused, and what Arrow raises."""
    if path.suffix.lower() == ".parquet":
        schema = parquet.read_schema(path)
    elif path.suffix.lower() in ARROW_ENDINGS:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as batches:
            schema = batches.schema
    else:
        return
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    problems = [Problem(*of_file("twice", name=name), str(path), field=name) for name in twice]
    problems += [
        Problem(*of_file("type", name=each.name, type=str(each.type)[:60]), str(path), field=each.name)
        for each in schema
        if any(is_unknown(each.type) for is_unknown in UNKNOWN_TYPES)
    ]
    if problems:
        raise ImportRefused(problems)


def refused_file(path: Path, error: BaseException) -> ImportRefused:
    """For what was raised by whatever reads it."""
    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    if isinstance(error, NoPlainFile):
        return ImportRefused([Problem(*of_file("special"), str(path))])
    if isinstance(error, gzip.BadGzipFile) and not _begins(path, GZIP):
        return ImportRefused([Problem(*of_file("no_gzip"), str(path))])
    return ImportRefused([Problem(*of_file("unreadable", why=reason), str(path))])


def _begins(path: Path, begins: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(begins)) == begins


def _open_csv(path: Path) -> SubjectFile:
    with path.open("rb") as raw:
        zipped = path.name.lower().endswith(".gz")
        head = (gzip.GzipFile(fileobj=raw) if zipped else raw).read(SNIFFED_BYTES)
    if not head.strip():
        raise ImportRefused([Problem(*of_file("empty"), str(path))])
    for begins, what, fix in OTHERWISE:
        if head.startswith(begins):
            raise ImportRefused([Problem(*of_file("really", what=what, fix=fix), str(path))])
    encoding = _encoding(head)
    if encoding is None:
        raise ImportRefused([Problem(*of_file("encoding"), str(path))])
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    try:
        header = next(csv.reader(io.StringIO(text)))
    except (csv.Error, StopIteration) as error:
        raise refused_file(path, error) from None
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ImportRefused([Problem(*of_file("twice", name=name), str(path)) for name in twice])
    return SubjectFile(path, tuple(header), pl.Schema(dict.fromkeys(header, pl.String())), True, encoding)


def _encoding(head: bytes) -> str | None:
    """By the beginning of the file. A few whole characters before the first bad byte: UTF-8 with a wound, of which
    GB18030 would make nonsense; the row it stands in is rejected."""
    if b"\x00" in head[:4] or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError as error:
            before = head[: error.start].decode(encoding)
            if encoding == "utf-8" and sum(not each.isascii() for each in before) >= 4:
                return "utf-8"
        else:
            return encoding
    return "utf-8" if _ascii_share(head) > 0.5 else None


def _ascii_share(head: bytes) -> float:
    return sum(byte < 128 for byte in head) / len(head)


def _read_csv(file: SubjectFile, names: Sequence[str], id: str | None = None) -> Iterator[RawBatch]:
    """Whole, or the rows of one id alone."""
    broken: list[tuple[int, str, str]] = []

    def put_aside(row: arrow_csv.InvalidRow) -> str:
        words = reason("cells", found=row.actual_columns, expected=row.expected_columns)
        broken.append((row.number or 0, row.text[:1_000], words))
        return "skip"

    size = max(1, file.path.stat().st_size)
    with file.path.open("rb") as raw:
        compressed = file.path.name.lower().endswith(".gz")
        stream = pa.CompressedInputStream(raw, "gzip") if compressed else pa.PythonFile(raw, mode="r")
        reader = arrow_csv.open_csv(
            stream,
            # One thread: the number of a broken row is known then.
            arrow_csv.ReadOptions(use_threads=False, block_size=BYTES_PER_BATCH, encoding=file.encoding),
            arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=put_aside),
            arrow_csv.ConvertOptions(
                column_types={name: pa.binary() for name in file.columns}, include_columns=list(names),
                strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""], check_utf8=False,
            ),
        )  # fmt: skip
        after = 1
        for part in reader:
            cells = pl.DataFrame(part)
            aside, broken[:] = sorted(broken), []
            numbers = _numbers(after, cells.height, [number for number, _, _ in aside])
            after += cells.height + len(aside)
            if id is not None:
                same = cells.select(pl.col("id").eq_missing(pl.lit(id.encode())))["id"]
                if not same.any():
                    continue
                cells, numbers, aside = cells.filter(same), numbers.filter(same), []
            frame, undecodable = _decoded(cells)
            yield RawBatch(
                frame.with_columns(numbers.alias(ROW)), min(1.0, raw.tell() / size), True, tuple(aside), undecodable
            )
        if broken and id is None:
            empty = pl.DataFrame(schema={**dict.fromkeys(names, pl.String()), ROW: pl.Int64()})
            yield RawBatch(empty, 1.0, True, tuple(sorted(broken)))


def _numbers(after: int, rows: int, broken: list[int]) -> pl.Series:
    """The numbers of the rows that follow row `after`, those of broken rows left out."""
    every = pl.int_range(after + 1, after + 1 + rows + len(broken), eager=True)
    return every.filter(~every.is_in(pl.Series(broken, dtype=pl.Int64).implode()))[:rows]


def _decoded(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """As text, and by column which cells are not UTF-8."""
    undecodable: dict[str, pl.Series] = {}
    columns = []
    for column in frame.get_columns():
        try:
            text = column.cast(pl.String)
        except pl.exceptions.ComputeError:
            # Polars refuses the column for one cell of it.
            text = pl.Series(column.name, [_decode(cell) for cell in column], dtype=pl.String)
            undecodable[column.name] = column.is_not_null() & text.is_null()
        columns.append(text)
    return pl.DataFrame(columns), undecodable


def _decode(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _read_parquet(file: SubjectFile, names: Sequence[str]) -> Iterator[RawBatch]:
    rows = parquet.read_metadata(file.path).num_rows
    yield from _numbered(_parts(pl.scan_parquet(file.path, glob=False), names), max(1, rows))


def _read_arrow(file: SubjectFile, names: Sequence[str]) -> Iterator[RawBatch]:
    frame = pl.scan_ipc(file.path)
    rows = frame.select(pl.len()).collect().item()
    yield from _numbered(_parts(frame, names), max(1, rows))


def _parts(frame: pl.LazyFrame, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Polars reads the next while one is worked on."""
    return iter(frame.select(names).collect_batches(chunk_size=ROWS_PER_BATCH, maintain_order=True))


def _numbered(parts: Iterator[pl.DataFrame], rows: int) -> Iterator[RawBatch]:
    done = 0
    for part in parts:
        numbers = pl.int_range(done + 1, done + 1 + part.height, eager=True)
        done += part.height
        yield RawBatch(part.with_columns(numbers.alias(ROW)), done / rows, is_text=False)
