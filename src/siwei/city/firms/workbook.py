"""XLSX workbooks: guarded as archives first, then read as text, from the one sheet whose columns we know."""

import re
import zipfile
from collections.abc import Collection

import fastexcel
import polars as pl

from siwei.city.firms.delimited import check_header, check_size
from siwei.city.firms.opening import BLOCK, LIMITS, Limits, OpenedFile, refuse
from siwei.city.firms.shapes import normalise_column, recognise, refuse_header
from siwei.city.firms.tables import BROKEN, ROW, RawTable, name_columns, raw_schema

TITLE_ROWS = 20
CELL_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")


def read_workbook(opened: OpenedFile, attributes: Collection[str], limits: Limits = LIMITS) -> RawTable:
    """Raises `ImportRefused`. Dates come as ISO text, formulas as the value last computed."""
    _guard_archive(opened, limits)
    opened.handle.seek(0)
    try:
        book = fastexcel.read_excel(opened.handle.read())
        sheets = {name: _load(book, name) for name in book.sheet_names}
    except fastexcel.FastExcelError as error:
        raise refuse(
            opened.name, f"the workbook cannot be read ({str(error).splitlines()[0]})", "save it again as .xlsx"
        ) from None
    filled = {name: sheet for name, sheet in sheets.items() if sheet.height}
    if not filled:
        raise refuse(opened.name, "the workbook holds no rows", "fill a sheet with a header line and rows")
    filled = {name: _from_header(sheet, attributes) for name, sheet in filled.items()}
    headers = {name: _header(sheet) for name, sheet in filled.items()}
    known = [name for name, header in headers.items() if recognise(header, attributes)]
    if not known:
        name = next(iter(headers))
        listed = ", ".join(repr(sheet) for sheet in headers)
        seen = f"sheets {listed}; first line of {name!r}: {', '.join(headers[name])[:120]}"
        raise refuse_header(opened.name, headers[name], attributes, seen=seen)
    if len(known) > 1:
        raise refuse(opened.name, f"several sheets hold firms: {', '.join(known)}", "save each as a file of its own")
    remarks = tuple(f"sheet '{name}' is not read: its columns are none of ours" for name in headers if name != known[0])
    return _table(opened.name, filled[known[0]], headers[known[0]], remarks, limits)


def _guard_archive(opened: OpenedFile, limits: Limits) -> None:
    """Unpack every part once, counting: the sizes an archive declares may lie, its checksums then do not match."""
    opened.handle.seek(0)
    total = 0
    try:
        with zipfile.ZipFile(opened.handle) as archive:
            if any(entry.flag_bits & 1 for entry in archive.infolist()):
                raise refuse(opened.name, "this archive is encrypted", "save it without a password")
            if "xl/workbook.xml" not in archive.namelist():
                raise refuse(
                    opened.name, "this is a ZIP archive, but no XLSX workbook", "unpack it, and name the files in it"
                )
            for entry in archive.infolist():
                with archive.open(entry) as part:
                    extent = Extent()
                    while block := part.read(BLOCK):
                        total += len(block)
                        _refuse_bomb(opened, total, limits)
                        if entry.filename.startswith("xl/worksheets/"):
                            extent.stretch(block)
                            check_size(opened.name, extent.rows, max(1, extent.columns), limits)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise refuse(opened.name, f"the workbook is damaged ({error})", "save it again as .xlsx") from None


def _refuse_bomb(opened: OpenedFile, total: int, limits: Limits) -> None:
    if total > limits.workbook_bytes:
        raise refuse(opened.name, f"more than {limits.workbook_bytes:,} bytes unpacked", "save it as CSV")
    if total > limits.ratio_floor_bytes and total > limits.ratio * opened.size:
        message = f"the content is over {limits.ratio} times its compressed size: refused as a decompression bomb"
        raise refuse(opened.name, message, "save it as CSV if it is honest")


class Extent:
    """How far a sheet's cells reach. The reader allots the whole rectangle: two cells in far corners would take all
    memory."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._tail = b""

    def stretch(self, block: bytes) -> None:
        for letters, digits in CELL_REFERENCE.findall(self._tail + block):
            column = 0
            for letter in letters.upper():
                column = column * 26 + letter - 64
            self.columns, self.rows = max(self.columns, column), max(self.rows, int(digits))
        self._tail = block[-64:]  # a reference may lie across two blocks


def _load(book: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    # `skip_rows=0` keeps blank rows at the top, so that row numbers are the sheet's own.
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    frame = sheet.to_polars() if sheet.height else pl.DataFrame()
    return frame.with_row_index(ROW, offset=1) if frame.width else pl.DataFrame()


def _from_header(sheet: pl.DataFrame, attributes: Collection[str]) -> pl.DataFrame:
    """From the header on: the first row we know within the first lines (titles may stand above it), or the first
    filled."""
    filled = sheet.filter(pl.any_horizontal(pl.exclude(ROW).is_not_null()))
    for position in range(min(TITLE_ROWS, filled.height)):
        if recognise(_header(filled.slice(position)), attributes):
            return filled.slice(position)
    return filled


def _header(sheet: pl.DataFrame) -> tuple[str, ...]:
    first = sheet.drop(ROW).row(0)
    return name_columns([normalise_column(str(cell or "")) for cell in first])


def _table(
    name: str, sheet: pl.DataFrame, header: tuple[str, ...], remarks: tuple[str, ...], limits: Limits
) -> RawTable:
    check_header(name, header, limits)
    check_size(name, sheet.height, len(header), limits)
    cells = sheet.slice(1)
    cells.columns = [ROW, *raw_schema(header)]
    cells = cells.with_columns(pl.col(ROW).cast(pl.UInt32), pl.exclude(ROW).cast(pl.String).fill_null(""))
    cells = cells.filter(pl.any_horizontal(pl.exclude(ROW) != ""))  # spreadsheets end in formatted, empty rows
    return RawTable(header, cells, pl.DataFrame(schema=BROKEN), remarks)
