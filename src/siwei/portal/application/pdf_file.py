"""A document as PDF, by ReportLab with Adobe's standard Chinese face (STSong-Light).

The face is named in the file, not put into it: no font file is needed here, files stay small, and bytes are the same
on every machine. Whoever can read Chinese on their screen has a face that their reader puts in its place.
"""

from __future__ import annotations

import io
from functools import cache, partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, SimpleDocTemplate, Spacer
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as Grid

from siwei.portal.application.blocks import Block, Document, Heading, Table

FACE = "STSong-Light"
MARGIN = 2 * cm
ROOM_AFTER_HEADING = 4 * cm
LINE_WIDTH = A4[0] - 2 * MARGIN
NOT_IN_FACE = "〓"
"""Stands for a character beyond the basic plane: the face's encoding has none of them."""
SHAPES = {"✓": "√", "✗": "×", "–": "-", "−": "-", "…": "…", "·": "·"}
LINES = colors.HexColor("#b8c0ca")


def write_pdf(document: Document) -> bytes:
    """The same document gives the same bytes."""
    buffer = io.BytesIO()
    template = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        title=document.title, author="Siwei", subject=document.footer, invariant=1,
    )  # fmt: skip

    flow: list[Flowable] = [Text(marked(document.title), styles()["title"])]
    for block in document.blocks:
        flow += _flow(block)
    template.build(flow, canvasmaker=partial(SignedPages, in_face(document.footer)))
    return buffer.getvalue()


class SignedPages(Canvas):  # type: ignore[misc]  # ReportLab has no types
    """Keeps the pages until all are drawn, so that each can say which of how many it is."""

    def __init__(self, footer: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._footer = footer[:90] + (" …" if len(footer) > 90 else "")
        self._drawn: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._drawn.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._drawn, start=1):
            self.__dict__.update(page)
            self.setFont(FACE, 8)
            self.setFillColor(colors.HexColor("#55606f"))
            self.drawString(MARGIN, MARGIN / 2, self._footer)
            self.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"{number} / {len(self._drawn)}")
            super().showPage()
        super().save()


@cache
def styles() -> dict[str, ParagraphStyle]:
    pdfmetrics.registerFont(UnicodeCIDFont(FACE))

    def style(name: str, size: float, **more: Any) -> ParagraphStyle:
        # Breaks between any two characters: Chinese has no spaces, and a long code must not leave its cell.
        return ParagraphStyle(name, fontName=FACE, fontSize=size, leading=size * 1.45, wordWrap="CJK", **more)

    return {
        "title": style("title", 18, spaceAfter=10),
        "heading": style("heading", 12.5, spaceBefore=10, spaceAfter=4),
        "body": style("body", 9.5, spaceAfter=4),
        "notice": style(
            "notice", 9.5, spaceAfter=4, textColor=colors.HexColor("#7a4b00"), borderPadding=3, leftIndent=3
        ),
        "cell": style("cell", 8.5),
        "figure": style("figure", 8.5, alignment=TA_RIGHT),
        "label": style("label", 8.5, textColor=colors.HexColor("#3c4653")),
        "figure-label": style("figure-label", 8.5, textColor=colors.HexColor("#3c4653"), alignment=TA_RIGHT),
    }


def _flow(block: Block) -> list[Flowable]:
    if isinstance(block, Heading):
        # Not kept with all that follows: a table of several pages would begin on the next one.
        return [CondPageBreak(ROOM_AFTER_HEADING), Text(marked(block.text), styles()["heading"])]
    if isinstance(block, Table):
        return [_grid(block), Spacer(1, 6)]
    return [Text(marked(block.text), styles()["notice" if block.is_notice else "body"])]


def _grid(block: Table) -> Grid:
    whole = sum(block.widths)

    def styled(place: int, is_label: bool) -> ParagraphStyle:
        if place in block.figures:
            return styles()["figure-label" if is_label else "figure"]
        return styles()["label" if is_label else "cell"]

    rows = [[Text(marked(text), styled(place, True)) for place, text in enumerate(block.header)]]
    for row in block.rows:
        rows.append(
            [Text(marked(text), styled(place, not block.header and not place)) for place, text in enumerate(row)]
        )
    rows = rows if block.header else rows[1:]
    shades = [("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eceff3"))] if block.header else []
    return Grid(
        rows,
        colWidths=[LINE_WIDTH * width / whole for width in block.widths],
        repeatRows=1 if block.header else 0,
        splitInRow=1,
        style=[
            ("GRID", (0, 0), (-1, -1), 0.4, LINES),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            *shades,
        ],
    )


def marked(text: str) -> str:
    """Text for ReportLab's paragraphs, whose own markup it must not be."""
    return escape(in_face(text)) or "&nbsp;"


def in_face(text: str) -> str:
    shown = "".join(SHAPES.get(character, character) for character in text)
    return "".join(character if ord(character) < 0x10000 else NOT_IN_FACE for character in shown)
