"""What a document is made of before it is DOCX or PDF: headings, paragraphs, tables of plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

LONGEST_CELL = 600


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    is_notice: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`widths` are shares of the line, one per column; a table without a header has label and value. The columns in
    `figures` are set to the right, so that amounts stand under each other."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    figures: tuple[int, ...] = ()


Block = Heading | Paragraph | Table


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    language: str
    footer: str
    blocks: tuple[Block, ...]

    def converted(self, convert: Callable[[str], str]) -> Document:
        """The same with every text through `convert`."""

        def of(block: Block) -> Block:
            if isinstance(block, Table):
                rows = tuple(tuple(map(convert, row)) for row in block.rows)
                return replace(block, header=tuple(map(convert, block.header)), rows=rows)
            return replace(block, text=convert(block.text))

        return Document(convert(self.title), self.language, convert(self.footer), tuple(map(of, self.blocks)))


def plain(text: str) -> str:
    """Text as a file can hold it: no control or direction characters (a name could turn a line around), not endless."""
    kept = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    ).strip()
    return kept if len(kept) <= LONGEST_CELL else kept[:LONGEST_CELL] + " …"
