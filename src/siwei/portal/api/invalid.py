"""What a request says that an operation cannot take: which field, what is wrong with it, what to do; in the asker's
language. Never the value itself: it came from the caller and may be anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from siwei.errors import InputError
from siwei.portal.languages import in_asked_language, problems_of, words_of
from siwei.schema_faults import problem_of

PARTS = frozenset({"body", "query", "path", "header", "form", "file", "cookie"})


def field_of(place: Iterable[Any]) -> str:
    """`("body", "given", "lines", 0, "amount")` → `lines[0].amount`."""
    parts = list(place)
    if parts and parts[0] in PARTS:
        # Of a body the next is the name that our own code gave it.
        parts = parts[2:] if parts[0] == "body" and len(parts) > 1 else parts[1:]
    field = ""
    for part in parts:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    return field[:200]


def answer_of(errors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """As every fault: words in `detail`; and each by itself in `problems`, for programs that mark fields. Pydantic's
    `loc` is told without the part of the request and the handler's own parameter."""
    found = list(errors)
    error = InputError([problem_of(each, field_of(each["loc"])) for each in found])
    return {
        "detail": in_asked_language(words_of(error)),
        "problems": [
            {
                "field": each.field,
                "message": in_asked_language(each.message),
                "fix": in_asked_language(each.fix),
                "type": told["type"],
            }
            for each, told in zip(problems_of(error), found, strict=True)
        ],
    }
