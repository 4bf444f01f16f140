"""CEL's conversions between its types. Each raises EvaluationError where there is no answer; nothing is guessed."""

import math
import re

from siwei.policy.language import moments
from siwei.policy.language.types import INT64_MAX, INT64_MIN, UINT64_MAX
from siwei.policy.language.values import (
    Duration,
    EvaluationError,
    Timestamp,
    Uint,
    Value,
    checked_int,
    checked_uint,
    type_name,
)

_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_REAL = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
LONGEST_NUMBER = 2_000
"""Characters of a number in decimal."""
_TRUE, _FALSE = ("1", "t", "true", "TRUE", "True"), ("0", "f", "false", "FALSE", "False")


def to_int(value: Value) -> Value:
    match value:
        case bool():
            raise _no("int", value)
        case int():
            return value
        case Uint():
            return checked_int(value.value)
        case float():
            # Strictly inside the range, as in cel-cpp: its ends cannot be told from numbers beyond them.
            if not INT64_MIN < value < INT64_MAX:
                raise EvaluationError("a double outside the range of int")
            return int(value)
        case str() if _WHOLE.fullmatch(value):
            return checked_int(int(value))
        case Timestamp():
            return value.nanoseconds // moments.NANOSECONDS
    raise _no("int", value)


def to_uint(value: Value) -> Value:
    match value:
        case bool():
            raise _no("uint", value)
        case int():
            return checked_uint(value)
        case Uint():
            return value
        case float():
            if not 0 <= value < UINT64_MAX:
                raise EvaluationError("a double outside the range of uint")
            return Uint(int(value))
        case str() if _WHOLE.fullmatch(value) and not value.startswith("-"):
            return checked_uint(int(value))
    raise _no("uint", value)


def to_double(value: Value) -> Value:
    match value:
        case bool():
            raise _no("double", value)
        case int() | float():
            return float(value)
        case Uint():
            return float(value.value)
        case str() if len(value) <= LONGEST_NUMBER and _REAL.fullmatch(value):
            return float(value)
    raise _no("double", value)


def to_string(value: Value) -> Value:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Uint():
            return str(value.value)
        case float():
            return format_double(value)
        case bytes():
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                raise EvaluationError("bytes that are not UTF-8") from None
        case Timestamp():
            return moments.format_timestamp(value)
        case Duration():
            return moments.format_duration(value)
    raise _no("string", value)


def format_double(value: float) -> str:
    """The fewest digits that read back as the same number; with an exponent below 0.0001 and from a million on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, exponent = _shortest(value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    if -4 <= exponent < 6:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{mantissa}"
        whole, rest = mantissa[: exponent + 1].ljust(exponent + 1, "0"), mantissa[exponent + 1 :]
        return f"{sign}{whole}{'.' + rest if rest else ''}"
    rest = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{sign}{mantissa[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _shortest(value: float) -> tuple[str, int]:
    """The significant digits and the decimal exponent of the first of them."""
    text, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = text.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", 0
    exponent = len(whole) - 1 if whole.strip("0") else -(len(fraction) - len(fraction.lstrip("0")) + 1)
    return digits.rstrip("0"), exponent + int(power or "0")


def to_bytes(value: Value) -> Value:
    match value:
        case bytes():
            return value
        case str():
            return value.encode("utf-8")
    raise _no("bytes", value)


def to_bool(value: Value) -> Value:
    match value:
        case bool():
            return value
        case str() if value in _TRUE or value in _FALSE:
            return value in _TRUE
    raise _no("bool", value)


def to_timestamp(value: Value) -> Value:
    match value:
        case Timestamp():
            return value
        case bool():
            raise _no("timestamp", value)
        case int():
            return moments.timestamp_of(value * moments.NANOSECONDS)
        case str():
            return moments.parse_timestamp(value)
    raise _no("timestamp", value)


def to_duration(value: Value) -> Value:
    match value:
        case Duration():
            return value
        case str():
            return moments.parse_duration(value)
    raise _no("duration", value)


def _no(wanted: str, value: Value) -> EvaluationError:
    return EvaluationError(f"no {wanted} can be made of this {type_name(value)}")
