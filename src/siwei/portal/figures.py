"""Figures as people read them: money, numbers, verdicts, facts. Pure; the templates' filters are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

FEN_PER_YUAN = 100
FEN_PER_WAN = 1_000_000


def exact_yuan(fen: int) -> str:
    """`¥1,234.50`, to the fen; a minus sign before the currency mark."""
    sign = "−" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{sign}¥{yuan:,}.{rest:02d}"


def exact_microfen(microfen: int) -> str:
    """`¥0.000028`: a millionth of a fen is the eighth place of a yuan; no digit is left out, none is added."""
    yuan, rest = divmod(abs(microfen), FEN_PER_YUAN * 1_000_000)
    places = f"{rest:08d}".rstrip("0").ljust(2, "0")
    return f"{'−' if microfen < 0 else ''}¥{yuan:,}.{places}"


def rounded(value: Decimal, places: int) -> str:
    return f"{value:,.{places}f}"


def money(fen: int, chinese: bool) -> str:
    """万元 in Chinese, ¥ or ¥ million in English; below one 万元 the exact figure."""
    if abs(fen) < FEN_PER_WAN:
        return exact_yuan(fen) if fen % FEN_PER_YUAN or not chinese else f"{fen // FEN_PER_YUAN:,} 元"
    if chinese:
        wan = Decimal(fen) / FEN_PER_WAN
        return f"{rounded(wan / 10_000, 2)} 亿元" if abs(wan) >= 10_000 else f"{rounded(wan, 2)} 万元"
    yuan = Decimal(fen) / FEN_PER_YUAN
    return f"¥{rounded(yuan / 1_000_000, 2)} m" if abs(yuan) >= 1_000_000 else f"¥{rounded(yuan, 0)}"


def is_exact(fen: int, chinese: bool = True) -> bool:
    """Whether what `money` shows leaves nothing out."""
    if abs(fen) < FEN_PER_WAN:
        return True
    if chinese:
        return fen % (FEN_PER_WAN if abs(fen) >= FEN_PER_WAN * 10_000 else FEN_PER_WAN // 100) == 0
    return fen % (FEN_PER_WAN if abs(fen) >= FEN_PER_YUAN * 1_000_000 else FEN_PER_YUAN) == 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict by shape, word and colour together, so that no one of them is needed."""

    mark: str
    word_zh: str
    word_en: str
    tone: str


VERDICTS = {
    "eligible": Verdict("✓", "符合", "eligible", "yes"),
    "not_eligible": Verdict("✗", "不符合", "not eligible", "no"),
    "cannot_tell": Verdict("?", "待补材料", "cannot tell", "unknown"),
    "yes": Verdict("✓", "符合", "met", "yes"),
    "no": Verdict("✗", "不符合", "not met", "no"),
    "unknown": Verdict("?", "待补材料", "cannot tell", "unknown"),
    "error": Verdict("!", "计算出错", "error", "error"),
}
UNSEEN = Verdict("–", "未判定", "not decided", "none")


def verdict_of(name: str) -> Verdict:
    return VERDICTS.get(str(name), UNSEEN)
