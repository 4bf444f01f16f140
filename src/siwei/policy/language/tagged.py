"""Values as the conformance cases write them: one tag each, `{"int64": "42"}`, whole numbers and doubles as text,
bytes in base64, a list of tagged values, a map as a list of pairs."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any

from siwei.policy.language.moments import format_duration, format_timestamp, parse_duration, parse_timestamp
from siwei.policy.language.values import (
    CelMap,
    Duration,
    EvaluationError,
    Timestamp,
    TypeName,
    Uint,
    Value,
    checked_int,
    checked_uint,
    type_name,
)

_WHOLE = re.compile(r"-?\d{1,30}", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)


def untag(tagged: Mapping[str, Any]) -> Value:
    """Raises ValueError for what is no tagged value. Nesting is bounded by the JSON reader."""
    if not isinstance(tagged, dict) or len(tagged) != 1:
        raise ValueError(f"{str(tagged)[:80]} is not one tagged value")
    ((tag, written),) = tagged.items()
    try:
        return _untag(tag, written)
    except (EvaluationError, binascii.Error) as error:
        raise ValueError(f"{tag}: {error}") from None


def _untag(tag: str, written: Any) -> Value:
    match tag, written:
        case ("null", None):
            return None
        case ("bool", bool()):
            return written
        case ("string", str()):
            try:
                written.encode("utf-8")
            except UnicodeEncodeError:
                raise ValueError("half a character in a string") from None
            return written
        case ("int64", str() | int()) if _WHOLE.fullmatch(str(written)):
            return checked_int(int(written))
        case ("uint64", str() | int()) if _WHOLE.fullmatch(str(written)):
            return checked_uint(int(written))
        case ("double", str() | int() | float()) if _DOUBLE.fullmatch(str(written)):
            return float(written)
        case ("bytes", str()):
            return base64.b64decode(written, validate=True)
        case ("list", list()):
            return tuple(untag(item) for item in written)
        case ("map", list()) if all(isinstance(pair, list) and len(pair) == 2 for pair in written):
            return CelMap(tuple((untag(key), untag(value)) for key, value in written))
        case ("timestamp", str()):
            return parse_timestamp(written)
        case ("duration", str()):
            return parse_duration(written)
    raise ValueError(f"{str(written)[:80]!r} cannot be tagged {str(tag)[:40]!r}")


def tag(value: Value) -> dict[str, Any]:
    match value:
        case None:
            return {"null": None}
        case bool():
            return {"bool": value}
        case int():
            return {"int64": str(value)}
        case Uint():
            return {"uint64": str(value.value)}
        case float():
            return {"double": "NaN" if math.isnan(value) else repr(value)}
        case str():
            return {"string": value}
        case bytes():
            return {"bytes": base64.b64encode(value).decode("ascii")}
        case tuple():
            return {"list": [tag(item) for item in value]}
        case CelMap():
            entries = sorted(value.items(), key=lambda entry: _key_order(entry[0]))
            return {"map": [[tag(key), tag(item)] for key, item in entries]}
        case Timestamp():
            return {"timestamp": format_timestamp(value)}
        case Duration():
            return {"duration": format_duration(value)}
        case TypeName():
            return {"type": value.name}


def _key_order(key: Value) -> tuple[str, int, str]:
    """A map has no order of its own: it is written by the kind of its keys, then by the keys."""
    number = key.value if isinstance(key, Uint) else key if isinstance(key, int) else 0
    return type_name(key), number, key if isinstance(key, str) else ""
