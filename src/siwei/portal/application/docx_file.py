"""A document as DOCX. The same document gives the same bytes: a file's own clock is set to the day decided for."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import docx
from docx.document import Document as Docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.table import _Cell

from siwei.portal.application.blocks import Document, Heading, Paragraph, Table

LINE_CM = 17.0
NOTICE = RGBColor(0x7A, 0x4B, 0x00)
FACES = {"zh-hans": "宋体", "zh-hant": "PMingLiU", "en": "宋体"}
LANGUAGE_TAGS = {"zh-hans": "zh-CN", "zh-hant": "zh-HK", "en": "en-GB"}


def write_docx(document: Document, day: date) -> bytes:
    """`day` is what the file's properties and parts are dated with."""
    file = docx.Document()
    _set_up(file, document, day)
    file.add_heading(document.title, level=0)
    for block in document.blocks:
        if isinstance(block, Heading):
            file.add_heading(block.text, level=2)
        elif isinstance(block, Paragraph):
            run = file.add_paragraph().add_run(block.text)
            if block.is_notice:
                run.bold, run.font.color.rgb = True, NOTICE
        else:
            _add_table(file, block)
    buffer = io.BytesIO()
    file.save(buffer)
    return with_day(buffer.getvalue(), day)


def with_day(content: bytes, day: date) -> bytes:
    """A ZIP archive (a DOCX is one) written again with every part dated `day`, in the order it had."""
    moment = (day.year, day.month, day.day, 0, 0, 0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            part = zipfile.ZipInfo(name, moment)
            part.compress_type = zipfile.ZIP_DEFLATED
            part.external_attr = 0o644 << 16
            new.writestr(part, old.read(name))
    return buffer.getvalue()


def _set_up(file: Docx, document: Document, day: date) -> None:
    section = file.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2)
    section.footer.paragraphs[0].text = document.footer
    for name in ("Normal", "Title", "Heading 2"):
        fonts = file.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), FACES[document.language])
        for attribute in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(attribute), None)
        fonts.set(qn("w:ascii"), "Arial")
        fonts.set(qn("w:hAnsi"), "Arial")
    file.styles["Normal"].font.size = Pt(10)
    file.styles["Title"].font.size = Pt(20)
    properties = file.core_properties
    properties.title, properties.author, properties.comments = document.title, "Siwei", document.footer
    properties.language = LANGUAGE_TAGS[document.language]
    properties.created = properties.modified = datetime.combine(day, time())
    properties.last_modified_by, properties.revision = "Siwei", 1


def _add_table(file: Docx, block: Table) -> None:
    columns = len(block.widths)
    table = file.add_table(rows=0, cols=columns, style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    if block.header:
        cells = table.add_row().cells
        for cell, text in zip(cells, block.header, strict=True):
            _fill(cell, text, bold=True)
        _repeat_on_each_page(table.rows[0]._tr)
    for row in block.rows:
        cells = table.add_row().cells
        for place, (cell, text) in enumerate(zip(cells, row, strict=True)):
            _fill(cell, text, bold=not block.header and place == 0)
    whole = sum(block.widths)
    for column, width in zip(table.columns, block.widths, strict=True):
        for cell in column.cells:
            cell.width = Cm(LINE_CM * width / whole)
    file.add_paragraph()


def _fill(cell: _Cell, text: str, *, bold: bool) -> None:
    run = cell.paragraphs[0].add_run(text)
    run.bold, run.font.size = bold, Pt(9)


def _repeat_on_each_page(row: object) -> None:
    element = OxmlElement("w:tblHeader")
    element.set(qn("w:val"), "true")
    row.get_or_add_trPr().append(element)  # type: ignore[attr-defined]
