"""One-to-one folding of characters, so that a position in the folded text is a position in the text as given."""

import polars as pl

_FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
_PUNCTUATION = {"，", "；", "（", "）", "！", "？", "：", "．", "～"}
# Full-width Chinese punctuation is kept: it ends clauses and sentences.
FOLDED = {wide: narrow for wide, narrow in _FULL_WIDTH.items() if wide not in _PUNCTUATION} | {
    "\u3000": " ",
    "\xa0": " ",
}
_ASCII_LOWER = {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
_TABLE = str.maketrans({**{wide: _ASCII_LOWER.get(narrow, narrow) for wide, narrow in FOLDED.items()}, **_ASCII_LOWER})


def fold_text(text: str) -> str:
    """Full-width letters and digits to ASCII, ASCII letters to lower case; the length never changes."""
    return text.translate(_TABLE)


def fold(column: pl.Expr) -> pl.Expr:
    """The same for a column."""
    keys = [chr(key) for key in _TABLE]
    return column.str.replace_many(keys, [str(_TABLE[ord(key)]) for key in keys])
