"""Timestamps and durations to the nanosecond: their text, their parts, time zones.

Texts are RFC 3339 and, for durations, a sequence of numbers with units as in `1h30m`; written as cel-cpp writes them
(no fraction, or 3, 6 or 9 digits of one).
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.language.values import Duration, EvaluationError, Timestamp

NANOSECONDS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800 * NANOSECONDS, 253_402_300_800 * NANOSECONDS - 1
"""0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z."""
LONGEST_DURATION_S = 315_576_000_000
LONGEST_TEXT = 200
"""Characters of a duration; Python itself refuses numbers of more than 4,300 digits."""
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|h|m|s))+)", re.ASCII)
_PART = re.compile(r"(\d*)\.?(\d*)(ns|us|µs|ms|h|m|s)", re.ASCII)
_OFFSET = re.compile(r"([+-]?)([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_UNITS = {
    "h": 3600 * NANOSECONDS, "m": 60 * NANOSECONDS, "s": NANOSECONDS, "ms": 1_000_000, "us": 1000, "µs": 1000, "ns": 1,
}  # fmt: skip
PARTS = (
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfYear", "getDayOfWeek", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip


def timestamp_of(nanoseconds: int) -> Timestamp:
    """Raises EvaluationError outside the years 1 to 9999."""
    if not FIRST <= nanoseconds <= LAST:
        raise EvaluationError("a timestamp outside the years 1 to 9999")
    return Timestamp(nanoseconds)


def duration_of(nanoseconds: int) -> Duration:
    """The result of arithmetic. Raises EvaluationError beyond 64 bits of nanoseconds (292 years), as cel-cpp does."""
    if not INT64_MIN <= nanoseconds <= INT64_MAX:
        raise EvaluationError("a duration of more than 292 years")
    return Duration(nanoseconds)


def parse_timestamp(text: str) -> Timestamp:
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        raise EvaluationError("not a timestamp of RFC 3339, like 2026-01-31T00:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction = int((found[7] or "").ljust(9, "0"))
    offset = (int(found[9]) * 60 + int(found[10])) * (-60 if found[8] == "-" else 60) if found[8] else 0
    if found[8] and (int(found[9]) > 23 or int(found[10]) > 59):
        raise EvaluationError("a time zone of more than a day")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise EvaluationError(f"no such moment: {error}") from None
    seconds = (moment - EPOCH) // timedelta(seconds=1) - offset
    return timestamp_of(seconds * NANOSECONDS + fraction)


def parse_duration(text: str) -> Duration:
    """Digits finer than a nanosecond are cut."""
    if text in ("0", "+0", "-0"):
        return Duration(0)
    found = _DURATION.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if not found:
        raise EvaluationError("not a duration, like 36h or 1m30s")
    total = 0
    for whole, fraction, unit in _PART.findall(found[2]):
        total += int(whole or "0") * _UNITS[unit] + int(fraction or "0") * _UNITS[unit] // 10 ** len(fraction)
    if total > LONGEST_DURATION_S * NANOSECONDS:
        raise EvaluationError("a duration of more than 10,000 years")
    return Duration(-total if found[1] == "-" else total)


def format_timestamp(moment: Timestamp) -> str:
    seconds, nanoseconds = divmod(moment.nanoseconds, NANOSECONDS)
    shown = (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{shown}{_fraction(nanoseconds)}Z"


def format_duration(duration: Duration) -> str:
    seconds, nanoseconds = divmod(abs(duration.nanoseconds), NANOSECONDS)
    return f"{'-' if duration.nanoseconds < 0 else ''}{seconds}{_fraction(nanoseconds)}s"


def _fraction(nanoseconds: int) -> str:
    if nanoseconds == 0:
        return ""
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


def timestamp_part(name: str, moment: Timestamp, zone: str = "UTC") -> int:
    """Months, days of the month and of the year count from 0 (`getDate` from 1), days of the week from Sunday."""
    seconds = moment.nanoseconds // NANOSECONDS + _offset(zone, moment)
    days, second = divmod(seconds, 86_400)
    year, month, day = _civil(days)
    match name:
        case "getFullYear":
            return year
        case "getMonth":
            return month - 1
        case "getDate":
            return day
        case "getDayOfMonth":
            return day - 1
        case "getDayOfYear":
            return days - _days(year, 1, 1)
        case "getDayOfWeek":
            return (days + 4) % 7
        case "getHours":
            return second // 3600
        case "getMinutes":
            return second // 60 % 60
        case "getSeconds":
            return second % 60
        case _:
            return moment.nanoseconds % NANOSECONDS // 1_000_000


def duration_part(name: str, duration: Duration) -> int:
    """The whole duration in hours, minutes or seconds, toward zero; of milliseconds only those beyond the second."""
    sign = -1 if duration.nanoseconds < 0 else 1
    length = abs(duration.nanoseconds)
    match name:
        case "getHours":
            return sign * (length // _UNITS["h"])
        case "getMinutes":
            return sign * (length // _UNITS["m"])
        case "getSeconds":
            return sign * (length // NANOSECONDS)
        case "getMilliseconds":
            return sign * (length % NANOSECONDS // 1_000_000)
    raise EvaluationError(f"a duration has no {name}")


def _offset(zone: str, moment: Timestamp) -> int:
    """Seconds east of UTC. Raises EvaluationError for a zone that is neither an offset nor in the IANA database."""
    if zone in ("UTC", ""):
        return 0
    found = _OFFSET.fullmatch(zone)
    if found:
        offset = int(found[2]) * 3600 + int(found[3]) * 60
        return -offset if found[1] == "-" else offset
    # A moment within a day of the ends of the calendar has no local time in Python; its offset is that of the day next.
    seconds = min(max(moment.nanoseconds, FIRST + 86_400 * NANOSECONDS), LAST - 86_400 * NANOSECONDS) // NANOSECONDS
    offset_then = (EPOCH + timedelta(seconds=seconds)).astimezone(load_zone(zone)).utcoffset()
    assert offset_then is not None
    return offset_then // timedelta(seconds=1)


def load_zone(name: str) -> ZoneInfo:
    """Raises EvaluationError."""
    # These depend on the machine, or count leap seconds.
    if name.startswith(("right/", "posix/")) or name in ("localtime", "posixrules", "Factory"):
        raise EvaluationError(f"no time zone {name!r}")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EvaluationError(f"no time zone {name!r}") from None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, in any year (datetime ends at 1 and 9999)."""
    shifted = year - (month <= 2)
    era_year = shifted % 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return shifted // 400 * 146_097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """The inverse of `_days` (Howard Hinnant's chrono algorithms)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (month <= 2), month, day
