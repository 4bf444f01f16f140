"""Parquet files as a table of text cells, read by batches within limits."""

from collections.abc import Collection

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from siwei.city.firms.delimited import check_header, check_size
from siwei.city.firms.opening import LIMITS, Limits, OpenedFile, refuse
from siwei.city.firms.shapes import normalise_column, recognise, refuse_header
from siwei.city.firms.tables import BROKEN, ROW, RawTable, name_columns, raw_schema, write_records

BATCH_ROWS = 50_000


def read_parquet(opened: OpenedFile, attributes: Collection[str], limits: Limits = LIMITS) -> RawTable:
    """Raises `ImportRefused`. Numbers, days and truth values become the text a CSV would hold."""
    opened.handle.seek(0)
    try:
        file = pyarrow.parquet.ParquetFile(opened.handle)
        header = name_columns([normalise_column(column) for column in file.schema_arrow.names])
        check_header(opened.name, header, limits)
        check_size(opened.name, file.metadata.num_rows, len(header), limits)
        if recognise(header, attributes) is None:
            raise refuse_header(opened.name, header, attributes, seen=f"columns are {', '.join(header)[:200]}")
        _refuse_nested(opened.name, file.schema_arrow)
        frames, total = [pl.DataFrame(schema=raw_schema(header))], 0
        for batch in file.iter_batches(BATCH_ROWS):
            frame = _as_text(batch, header)
            # A few bytes may stand for a long text in every row (dictionary and run lengths): count what comes out.
            total += int(frame.select(pl.all().str.len_bytes().sum()).fill_null(0).sum_horizontal().item())
            if total > limits.text_bytes:
                raise refuse(opened.name, f"more than {limits.text_bytes:,} bytes of text", "split the file")
            frames.append(frame)
    except (pa.ArrowException, OSError) as error:
        raise refuse(
            opened.name, f"the Parquet file is damaged ({str(error).splitlines()[0]})", "write it again"
        ) from None
    cells = pl.concat(frames).with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.UInt32))
    # A database cannot keep a NUL byte, and no text has one by right.
    wounded = cells.filter(pl.any_horizontal(pl.exclude(ROW).str.contains("\0", literal=True)))
    records = write_records(wounded.with_columns(pl.exclude(ROW).str.replace_all("\0", "␀", literal=True)))
    reason = pl.lit("the row holds a NUL byte")
    broken = records.select(ROW, field=pl.lit(""), reason=reason, record="record").cast(pl.Schema(BROKEN))
    return RawTable(header, cells.join(wounded.select(ROW), on=ROW, how="anti", maintain_order="left"), broken)


def _refuse_nested(name: str, schema: pa.Schema) -> None:
    nested = [field.name for field in schema if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)]
    if nested:
        raise refuse(name, f"columns of lists, structures or bytes: {', '.join(nested)}", "write them as text")


def _as_text(batch: pa.RecordBatch, header: tuple[str, ...]) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a record batch is a frame")
    frame.columns = list(raw_schema(header))
    return frame.select(_text(pl.col(column), dtype).fill_null("") for column, dtype in frame.schema.items())


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_float():
        # 600.0 is how a whole number comes through a data frame with blanks in it; 0.1 stays as written.
        whole = (column == column.round(0)) & (column.abs() < 2**53)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%d %H:%M:%S")
    return column.cast(pl.String)
