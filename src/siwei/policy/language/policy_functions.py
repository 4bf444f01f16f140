"""What policy needs beside CEL, in columns: rounding to a multiple, shares reached, months and days between."""

import polars as pl

from siwei.policy.language.arithmetic import narrow, rounded_quotient_of, wide
from siwei.policy.language.compiled import Builder, Compiled, Context, strict


def rounded(mode: str) -> Builder:
    """`round_down(amount, multiple)` and its kin; the multiple must be above zero."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        amount, multiple = (wide(argument.value) for argument in arguments)
        value = narrow(rounded_quotient_of(amount, multiple, mode) * multiple)
        return strict(arguments, pl.when(multiple > 0).then(value), can_fail=True)

    return build


def reaches(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """`reaches(part, whole, rate)`: both products are exact in 128 bits; of nothing there is no share."""
    part, whole, rate = (wide(argument.value) for argument in arguments)
    ten_thousand = pl.lit(10_000, dtype=pl.Int128)
    return strict(arguments, pl.when(whole > 0).then(part * ten_thousand >= whole * rate), can_fail=True)


def clamp(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    value, least, most = (argument.value for argument in arguments)
    known = pl.all_horizontal([argument.value.is_not_null() for argument in arguments])
    kept = pl.when(value < least).then(least).when(value > most).then(most).otherwise(value)
    return strict(arguments, pl.when(known & (least <= most)).then(kept), can_fail=True)


def months_between(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """Whole months; a day that the month lacks counts as reached on its last day."""
    start, end = (argument.value for argument in arguments)
    next_day = (end.cast(pl.Int32) + 1).cast(pl.Date)
    reached = (end.dt.day() >= start.dt.day()) | (next_day.dt.day() == 1)
    years = end.dt.year().cast(pl.Int64) - start.dt.year().cast(pl.Int64)
    months = years * 12 + end.dt.month().cast(pl.Int64) - start.dt.month().cast(pl.Int64)
    return strict(arguments, pl.when(reached).then(months).when(~reached).then(months - 1))


def days_between(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    start, end = (argument.value.cast(pl.Int32).cast(pl.Int64) for argument in arguments)
    return strict(arguments, end - start)


def bool_as_string(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    value = arguments[0].value
    return strict(arguments, pl.when(value).then(pl.lit("true")).when(~value).then(pl.lit("false")))


def unlisted(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """An industry that is in no row of the table: always an error, once the industry is known."""
    never = pl.lit(None, dtype=pl.String)
    return strict(arguments, pl.when(arguments[0].value.is_null()).then(never).otherwise(never), can_fail=True)
