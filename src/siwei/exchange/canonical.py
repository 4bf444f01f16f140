"""One way to write a value as bytes, for hashes that must be equal wherever they are computed."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from siwei.errors import InputError, Problem, Said

DEEPEST = 30
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def canonical_json(value: Any) -> str:
    """Keys sorted, no spaces, Unicode as it is, times in UTC; floats by Python's shortest form. NaN is refused."""
    return _CANONICAL.encode(value)


def sha256_of(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def check_storable(value: Any, place: str = "") -> None:
    """`InputError` for what one of our databases could not give back as it was: NUL, lone surrogates in texts, numbers
    that are none, nesting deeper than DEEPEST, what is not data at all."""
    problem = _unstorable(value, DEEPEST)
    if problem:
        raise InputError([Problem(problem, fix=Said("leave it out", "请去掉"), field=place)])


def _unstorable(value: Any, depth: int) -> str:
    if depth == 0:
        return Said(f"nested more than {DEEPEST} levels deep", f"嵌套超过 {DEEPEST} 层")
    if isinstance(value, str):
        return (
            Said("a text holds NUL or half a character", "文字中有 NUL 或半个字符") if UNSTORABLE.search(value) else ""
        )
    if value is None or isinstance(value, int):
        return ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else Said(f"{value} is not a number", f"{value} 不是数字")
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    else:
        return (
            ""
            if isinstance(value, date)
            else Said(f"{type(value).__name__} is not data", f"{type(value).__name__} 不是数据")
        )
    return next((problem for part in parts if (problem := _unstorable(part, depth - 1))), "")


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_text)
"""Made once: `json.dumps` would make it anew for every value."""
