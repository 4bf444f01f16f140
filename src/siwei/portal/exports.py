"""Tables to take away: CSV, XLSX, Parquet. Every row says whether it is generated; no cell can run as a formula."""

from __future__ import annotations

import io

import polars as pl
from django.http import HttpResponse

from siwei.errors import InputError, Problem, Said
from siwei.portal.directory import current_directory

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
ORGANISATION_COLUMNS = ("key", "organisation", "id")
FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
XLSX_ROWS = 1_048_575


def with_generated(frame: pl.DataFrame) -> pl.DataFrame:
    """A `generated` column: by the row's `origin`, else by the organisation it names, else by the city's whole data."""
    if "generated" in frame.columns:
        return frame
    if "origin" in frame.columns:
        return frame.with_columns((pl.col("origin") == "generated").alias("generated"))
    directory = current_directory()
    by_key = directory.frame.select("key", (pl.col("origin") == "generated").alias("generated"))
    for name in ORGANISATION_COLUMNS:
        if frame.schema.get(name) == pl.String and frame.join(by_key, left_on=name, right_on="key", how="semi").height:
            return frame.join(by_key, left_on=name, right_on="key", how="left", maintain_order="left")
    return frame.with_columns(pl.lit(directory.has_generated).alias("generated"))


def neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe (OWASP, CSV injection)."""
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.any_horizontal(pl.col(name).str.starts_with(start) for start in FORMULA_START))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in text
    )


def xlsx_bytes(frame: pl.DataFrame) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if frame.height > XLSX_ROWS:
        raise InputError(
            [
                Problem(
                    Said(f"{frame.height} rows do not fit in one sheet", f"{frame.height} 行放不进一张工作表"),
                    fix=Said("take CSV or Parquet, or filter first", "请导出 CSV 或 Parquet，或先筛选"),
                )
            ]
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("siwei")
    sheet.append(frame.columns)
    for row in frame.iter_rows():
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def export_response(frame: pl.DataFrame, name: str, form: str) -> HttpResponse:
    """`frame` as a download. Parquet keeps the text as it is (nothing there runs); CSV and XLSX are neutralised."""
    if form not in TYPES:
        raise InputError(
            [
                Problem(
                    Said(f"no export as {form!r}", f"不能导出为 {form!r}"),
                    fix=Said("ask for csv, xlsx or parquet", "请选 csv、xlsx 或 parquet"),
                    field="export",
                )
            ]
        )
    frame = with_generated(frame)
    if form == "parquet":
        file = io.BytesIO()
        frame.write_parquet(file)
        content = file.getvalue()
    elif form == "csv":
        content = b"\xef\xbb\xbf" + neutralised(frame).write_csv().encode()  # the mark lets Excel read it as UTF-8
    else:
        content = xlsx_bytes(neutralised(frame))
    response = HttpResponse(content, content_type=TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response
