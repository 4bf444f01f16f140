"""One way to write a value as bytes, for hashes that must be equal wherever they are computed."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any


def canonical_json(value: Any) -> str:
    """Keys sorted, no spaces, Unicode as it is, times in UTC; floats by Python's shortest form. NaN is refused."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_text)


def sha256_of(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")
