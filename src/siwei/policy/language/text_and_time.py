"""Strings, dates, instants, durations and conversions. Instants are UTC, to the microsecond."""

import polars as pl

from siwei.policy.language.comparison import instant
from siwei.policy.language.compiled import Builder, Compiled, Context, strict
from siwei.policy.language.patterns import to_column_pattern
from siwei.policy.language.types import CelType

FIRST_MICROSECOND, LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999
"""0001-01-01 and 9999-12-31 in microseconds of the epoch: CEL's range of timestamps."""

MOST_MICROSECONDS = (2**63 - 1) // 1000
"""The longest duration that 64-bit nanoseconds hold."""


def string_size(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """In code points, never bytes."""
    return strict(arguments, arguments[0].value.str.len_chars().cast(pl.Int64))


def concatenation(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    left, right = (argument.value for argument in arguments)
    return strict(arguments, left + right)


def string_test(name: str) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        text, part = (argument.value for argument in arguments)
        match name:
            case "contains":
                value = text.str.contains(part, literal=True)
            case "startsWith":
                value = text.str.starts_with(part)
            case _:
                value = text.str.ends_with(part)
        return strict(arguments, value)

    return build


def matches(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """The pattern is a literal, tried at check time; the engine is linear in the text, so no pattern can explode."""
    pattern = to_column_pattern(str(arguments[1].constant))
    return strict(arguments, arguments[0].value.str.contains(pattern))


def date_part(name: str) -> Builder:
    """CEL counts months, days of the month and of the year from 0, and the days of the week from Sunday."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        moment = arguments[0].value.dt
        parts = {
            "getFullYear": lambda: moment.year(),
            "getMonth": lambda: moment.month() - 1,
            "getDate": lambda: moment.day(),
            "getDayOfMonth": lambda: moment.day() - 1,
            "getDayOfYear": lambda: moment.ordinal_day() - 1,
            "getDayOfWeek": lambda: moment.weekday() % 7,
        }
        return strict(arguments, parts[name]().cast(pl.Int64))

    return build


DATE_PARTS = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfYear", "getDayOfWeek")


def years_between(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """Whole years from one day to another; someone of 29 February is a year older on the last day of February."""
    start, end = (argument.value.dt for argument in arguments)
    last_of_february = (end.month() == 2) & (end.day() == 28) & ~end.is_leap_year()
    end_day = pl.when(last_of_february).then(pl.lit(29, dtype=pl.Int64)).otherwise(end.day().cast(pl.Int64))
    reached = end.month().cast(pl.Int64) * 100 + end_day >= start.month().cast(pl.Int64) * 100 + start.day().cast(
        pl.Int64
    )
    years = end.year().cast(pl.Int64) - start.year().cast(pl.Int64)
    return strict(arguments, pl.when(reached).then(years).otherwise(years - 1))


def shifted(left_type: CelType, sign: int) -> Builder:
    """An instant or a day plus or minus a duration; outside the years 1 to 9999 an error."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        start = instant(arguments[0].value, left_type).dt.epoch("us")
        moved = start + sign * arguments[1].value.dt.total_microseconds()
        inside = moved.is_between(FIRST_MICROSECOND, LAST_MICROSECOND)
        value = pl.when(inside).then(moved).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return strict(arguments, value, can_fail=True)

    return build


def elapsed(left_type: CelType, right_type: CelType) -> Builder:
    """Between two instants or days. cel-cpp counts it in 64-bit nanoseconds, so beyond 292 years it is an error."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        left, right = arguments
        return _bounded(arguments, instant(left.value, left_type) - instant(right.value, right_type))

    return build


def duration_sum(sign: int) -> Builder:
    """Of two durations, or their difference, in the same bounds."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        left, right = (argument.value for argument in arguments)
        return _bounded(arguments, left + right if sign > 0 else left - right)

    return build


def _bounded(arguments: tuple[Compiled, ...], duration: pl.Expr) -> Compiled:
    inside = duration.dt.total_microseconds().is_between(-MOST_MICROSECONDS, MOST_MICROSECONDS)
    return strict(arguments, pl.when(inside).then(duration), can_fail=True)


def time_part(name: str) -> Builder:
    """Of an instant in UTC."""

    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        moment = arguments[0].value.dt
        parts = {"getHours": moment.hour, "getMinutes": moment.minute, "getSeconds": moment.second}
        return strict(arguments, parts[name]().cast(pl.Int64))

    return build


TIME_PARTS = ("getHours", "getMinutes", "getSeconds")


def identity(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    return arguments[0]


def integer_as_string(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    return strict(arguments, arguments[0].value.cast(pl.String))


def as_double(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    return strict(arguments, arguments[0].value.cast(pl.Float64))


def double_as_integer(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
    """Toward zero; NaN, and what does not fit strictly inside the range, is an error (as in cel-cpp)."""
    value = arguments[0].value
    fits = (value > -(2.0**63)) & (value < 2.0**63) & ~value.is_nan()
    return strict(arguments, pl.when(fits).then(value).cast(pl.Int64, strict=False), can_fail=True)


def narrowed(dtype: type[pl.Int64] | type[pl.UInt64]) -> Builder:
    def build(arguments: tuple[Compiled, ...], _context: Context) -> Compiled:
        return strict(arguments, arguments[0].value.cast(dtype, strict=False), can_fail=True)

    return build
