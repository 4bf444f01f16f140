"""How values are shown, and how cells are made harmless in files that spreadsheets open."""

from decimal import Decimal

import polars as pl

from siwei.indicators.definition import Statistic
from siwei.indicators.measure import Measurement


def show_value(entry: Measurement) -> str:
    """A share in per cent, an index to three places, a ratio to two, a total in full; a dash where not measured."""
    if entry.numerator is None or entry.denominator is None:
        return "—"
    exact = Decimal(entry.numerator) / Decimal(entry.denominator)
    match entry.indicator.statistic:
        case Statistic.SHARE:
            percent = exact * 100
            # A few in a hundred thousand is not nothing.
            return (
                f"{percent:.1f} %" if percent >= 1 or percent == 0 else f"{round(percent, 1 - percent.adjusted()):f} %"
            )
        case Statistic.GINI | Statistic.HHI:
            return f"{exact:.3f}"
        case Statistic.RATIO:
            return f"{exact:.3f}" if exact < 1 else f"{exact:.2f}"
        case Statistic.TOTAL:
            return f"{entry.numerator:,}"


def show_amount(amount: int, scale: int) -> str:
    """Whole where `scale` is 1 (counts); else fen in 元 or 万元, two places."""
    return f"{amount:,}" if scale == 1 else f"{Decimal(amount) / scale:,.2f}"


def show_yuan(fen: int) -> str:
    return f"¥ {Decimal(fen) / 100:,.2f}"


def show_figure(value: float) -> str:
    """A published figure as its source writes it: no decimals that it does not have."""
    return f"{Decimal(repr(value)).normalize():,f}"


def cell(value: object) -> str:
    """One cell of a table on the page."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def neutralise(frame: pl.DataFrame) -> pl.DataFrame:
    """Text cells that a spreadsheet would run as a formula get an apostrophe before them (OWASP, CSV injection)."""
    text = pl.col(pl.String)
    dangerous = text.str.contains(r"^(\s*[=+\-@＝＋－＠]|[\t\r\n])")
    return frame.with_columns(pl.when(dangerous).then(pl.lit("'") + text).otherwise(text).name.keep())
