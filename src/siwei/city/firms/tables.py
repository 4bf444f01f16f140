"""What a reader hands on: the file's cells as text, one row each, and the rows it could not split into cells."""

from dataclasses import dataclass

import polars as pl

ROW = "row"
"""Number of the row as a person finds it: the line in a text file, the row of the sheet, 1 + the index in Parquet."""

BROKEN: dict[str, pl.DataType | type[pl.DataType]] = {
    "row": pl.UInt32,
    "field": pl.String,
    "reason": pl.String,
    "record": pl.String,
}


@dataclass(frozen=True, slots=True)
class RawTable:
    """`cells`: `row` (UInt32) and one String column per file column, `header` in order; `broken` as `BROKEN`."""

    header: tuple[str, ...]
    cells: pl.DataFrame
    broken: pl.DataFrame
    remarks: tuple[str, ...] = ()


def raw_schema(header: tuple[str, ...]) -> dict[str, pl.DataType]:
    return {cell_column(column): pl.String() for column in header}


def cell_column(column: str) -> str:
    """File columns carry a prefix inside frames, so that a column named `row` in a file cannot collide with ours."""
    return f"cell:{column}"


def name_columns(cells: list[str]) -> tuple[str, ...]:
    """Header names; an unnamed column becomes `column_N`. Doubled names stay doubled: the caller refuses them."""
    return tuple(cell or f"column_{position}" for position, cell in enumerate(cells, start=1))


def write_records(cells: pl.DataFrame) -> pl.DataFrame:
    """`row, record`: the cells of each row as a JSON object under the file's own column names."""
    named = cells.drop(ROW).rename(lambda column: column.removeprefix("cell:"))
    record = (
        named.select(pl.struct(pl.all()).struct.json_encode()).to_series()
        if named.height
        else pl.Series([], dtype=pl.String)
    )
    return pl.DataFrame({ROW: cells[ROW], "record": record})
