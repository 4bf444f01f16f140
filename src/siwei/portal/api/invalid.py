"""What a request says that an operation cannot take: which field, what is wrong with it, what to do; in the asker's
language. Never the value itself: it came from the caller and may be anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from siwei.errors import Problem
from siwei.portal.languages import TRADITIONAL, comma, to_traditional
from siwei.portal.words_of_faults import FAULTS, OTHERS

PARTS = frozenset({"body", "query", "path", "header", "form", "file", "cookie"})
MOST_CHOICES = 20


def problems_of(errors: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Pydantic's errors as problems; `loc` without the part of the request and the handler's own parameter names it."""
    return [_problem(each) for each in errors]


def _problem(error: Mapping[str, Any]) -> Problem:
    message, fix = FAULTS.get(error["type"], OTHERS)
    told = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    if "expected" in told:
        told["expected"] = _choices(told["expected"])
    return Problem(_said(message, told), _said(fix, told), field=field_of(error["loc"]))


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


def _plain(value: object) -> str:
    return str(value)[:200]


def _choices(expected: str) -> str:
    """`'owner', 'manager' or 'member'` → owner, manager, member; the first of many."""
    choices = [each.strip().strip("'") for each in expected.replace(" or ", ", ").split(", ")]
    return comma().join(choices[:MOST_CHOICES]) + ("…" if len(choices) > MOST_CHOICES else "")


def _said(message: str, told: Mapping[str, str]) -> str:
    text = _(message) if message else ""
    try:
        return text % told if told else text
    except (KeyError, ValueError):
        return text


def in_asked_language(text: str) -> str:
    """JSON is not converted on its way out, as pages are."""
    return to_traditional().convert(text) if get_language() == TRADITIONAL else text


def answer_of(errors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """As every fault: words in `detail`; and each by itself in `problems`, for programs that mark fields."""
    found = list(errors)
    problems = problems_of(found)
    return {
        "detail": in_asked_language("\n".join(str(each) for each in problems)),
        "problems": [
            {
                "field": each.field,
                "message": in_asked_language(each.message),
                "fix": in_asked_language(each.fix),
                "type": error["type"],
            }
            for each, error in zip(problems, found, strict=True)
        ],
    }
