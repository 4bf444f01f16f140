"""Figures as people read them: money, numbers, verdicts, facts. Pure; the templates' filters are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from siwei.market.bank.amounts import MINUS, exact_yuan

FEN_PER_YUAN = 100
FEN_PER_WAN = 1_000_000
FEN_PER_YI = 10_000_000_000
FEN_PER_MILLION = 100_000_000
"""Of a million yuan."""


def grouped(value: float) -> str:
    """`−1,234`, `1,234.50`: whole numbers whole, others with two places."""
    shown = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):,.2f}"
    return MINUS + shown if value < 0 else shown


def exact_microfen(microfen: int) -> str:
    """`¥0.000028`: a millionth of a fen is the eighth place of a yuan; no digit is left out, none is added."""
    yuan, rest = divmod(abs(microfen), FEN_PER_YUAN * 1_000_000)
    places = f"{rest:08d}".rstrip("0").ljust(2, "0")
    return f"{MINUS if microfen < 0 else ''}¥{yuan:,}.{places}"


def rounded(value: Decimal, places: int) -> str:
    return f"{value:,.{places}f}"


def money(fen: int, chinese: bool) -> str:
    """元, 万元 or 亿元 in Chinese, ¥ or ¥ million in English, with as many digits as the sum has: never rounded, so
    that what stands in a table adds up to its total. Below zero the minus sign stands before all else."""
    if fen < 0:
        return MINUS + money(-fen, chinese)
    if fen < FEN_PER_WAN:
        return f"{fen / FEN_PER_YUAN:,.{2 if fen % FEN_PER_YUAN else 0}f} 元" if chinese else exact_yuan(fen)
    if chinese:
        if fen % FEN_PER_YUAN:  # six places of a 万元 are read by nobody
            return f"{rounded(Decimal(fen) / FEN_PER_YUAN, 2)} 元"
        if fen >= FEN_PER_YI and fen % (FEN_PER_YI // 100) == 0:
            return f"{rounded(Decimal(fen) / FEN_PER_YI, 2)} 亿元"
        return f"{with_digits(Decimal(fen) / FEN_PER_WAN)} 万元"
    if fen >= FEN_PER_MILLION and fen % (FEN_PER_MILLION // 100) == 0:
        return f"¥{rounded(Decimal(fen) / FEN_PER_MILLION, 2)} m"
    return f"¥{rounded(Decimal(fen) / FEN_PER_YUAN, 2 if fen % FEN_PER_YUAN else 0)}"


def with_digits(value: Decimal, least: int = 2) -> str:
    """At least two places, more where there are more."""
    places = max(least, -int(value.normalize().as_tuple().exponent))
    return rounded(value, places)


def about(fen: int, chinese: bool) -> str:
    """A mean or another figure that is itself no sum of money: two places, exact on hover."""
    if fen < 0:
        return MINUS + about(-fen, chinese)
    if fen < FEN_PER_WAN:
        return money(fen, chinese)
    if chinese:
        wan = Decimal(fen) / FEN_PER_WAN
        return f"{rounded(wan / 10_000, 2)} 亿元" if fen >= FEN_PER_YI else f"{rounded(wan, 2)} 万元"
    yuan = Decimal(fen) / FEN_PER_YUAN
    return f"¥{rounded(yuan / 1_000_000, 2)} m" if fen >= FEN_PER_MILLION else f"¥{rounded(yuan, 0)}"


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
