"""Fen as a bank writes them, and back; by integers alone."""

import re

MINUS = "−"
LARGEST_FEN = 10**16
"""The ledger's bound of one transfer."""
WRITTEN = re.compile(r"([+-]?)(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?")


def yuan_text(amount_fen: int) -> str:
    """`1234.05` of 123405 fen."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{yuan}.{fen:02d}"


def exact_yuan(amount_fen: object) -> str:
    """`¥1,234.05` of 123405 fen, as people read it in either language; what is no whole number as it was given."""
    if type(amount_fen) is not int:
        return f"{amount_fen!r:.40}"
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{MINUS if amount_fen < 0 else ''}¥{yuan:,}.{fen:02d}"


def fen_of(text: str) -> int:
    """Fen of an amount in yuan as banks write it (`1,234.05`, `￥100`, `100.500`).

    Raises ValueError, in words, for what is no number, has a fraction of a fen, or passes the ledger's bound.
    """
    plain = text.strip().translate(FULL_WIDTH).lstrip("¥￥").strip()
    found = WRITTEN.fullmatch(plain) if plain.isascii() and len(plain) <= 40 else None
    if found is None:
        raise ValueError(f"{text.strip()!r:.40} is not an amount")
    sign, whole, decimals = found[1], found[2].replace(",", "").lstrip("0"), found[3] or ""
    if decimals[2:].strip("0"):
        raise ValueError(f"{text.strip()!r:.40} has a fraction of a fen")
    fen = int(whole or "0") * 100 + int(decimals[:2].ljust(2, "0"))
    if fen > LARGEST_FEN:
        raise ValueError(f"{text.strip()!r:.40} is larger than any amount here")
    return -fen if sign == "-" else fen


FULL_WIDTH = str.maketrans("０１２３４５６７８９．，－＋", "0123456789.,-+")
