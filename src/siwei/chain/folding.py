"""One-to-one folding of characters, so that a position in the folded text is a position in the text as given."""

from functools import lru_cache

import polars as pl
from opencc import OpenCC

_FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
_PUNCTUATION = {"，", "；", "（", "）", "！", "？", "：", "．", "～"}
# Full-width Chinese punctuation is kept: it ends clauses and sentences.
FOLDED = {wide: narrow for wide, narrow in _FULL_WIDTH.items() if wide not in _PUNCTUATION} | {
    "\u3000": " ",
    "\xa0": " ",
}
_ASCII_LOWER = {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
_TABLE = str.maketrans({**{wide: _ASCII_LOWER.get(narrow, narrow) for wide, narrow in FOLDED.items()}, **_ASCII_LOWER})
# The unified ideographs; a firm's text has hardly any others.
_IDEOGRAPHS = range(0x4E00, 0xA000)


@lru_cache(maxsize=1)
def simplified() -> dict[int, str]:
    """Traditional character to simplified, one to one: OpenCC's choice for the character standing alone.

    A line break between them keeps OpenCC from reading phrases, whose length could change.
    """
    characters = [chr(code) for code in _IDEOGRAPHS]
    converted = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    changed = {one: other for one, other in zip(characters, converted, strict=True) if one != other and len(other) == 1}
    # 薴 becomes 苧, which alone stands for another: folding twice must be folding once.
    return {ord(one): other for one, other in changed.items() if other not in changed}


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    return {code: str(other) for code, other in _TABLE.items()} | simplified()


def fold_text(text: str) -> str:
    """Full-width letters and digits to ASCII, ASCII letters to lower case, traditional characters to simplified.

    The length never changes.
    """
    return text.translate(_table())


def fold(column: pl.Expr) -> pl.Expr:
    """The same for a column."""
    table = _table()
    return column.str.replace_many([chr(key) for key in table], list(table.values()))
