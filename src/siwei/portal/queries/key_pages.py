"""Pages of what only grows, cut by key: where a page begins does not move while rows are added, and no page costs more
than the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from siwei.errors import InputError, Problem, Said
from siwei.exchange.models import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 2**63 - 1
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Newest first. `newer` and `older` are the places where the next pages begin; empty where there is none."""

    rows: list[Event]
    newer: str
    older: str


def key_page(found: QuerySet[Event], *, before: str = "", after: str = "", size: int = PAGE_SIZE) -> KeyPage:
    """The `size` newest of `found`; of those older than the place `before`; or, of those newer than `after`, the ones
    next to it. Raises InputError for what is no place."""
    if after:
        at, number = _read(after, "after")
        newer = found.filter(at__gte=at).filter(Q(at__gt=at) | Q(pk__gt=number)).order_by("at", "pk")
        rows = list(newer[: size + 1])
        return _cut(rows[:size][::-1], newer=len(rows) > size, older=True)
    if before:
        at, number = _read(before, "before")
        found = found.filter(at__lte=at).filter(Q(at__lt=at) | Q(pk__lt=number))
    rows = list(found.order_by("-at", "-pk")[: size + 1])
    return _cut(rows[:size], newer=bool(before), older=len(rows) > size)


def _cut(rows: list[Event], *, newer: bool, older: bool) -> KeyPage:
    return KeyPage(rows, _place(rows[0]) if rows and newer else "", _place(rows[-1]) if rows and older else "")


def _place(event: Event) -> str:
    return f"{(event.at - EPOCH) // timedelta(microseconds=1)}-{event.pk}"


def _read(text: str, field: str) -> tuple[datetime, int]:
    moment, _dash, number = text.partition("-")
    try:
        if not (text.isascii() and moment.isdigit() and number.isdigit() and int(number) <= MOST):
            raise ValueError
        return EPOCH + timedelta(microseconds=int(moment)), int(number)
    except (ValueError, OverflowError):
        raise InputError(
            [
                Problem(
                    Said(f"{text[:60]!r} is no place in the log", f"{text[:60]!r} 不是日志中的位置"),
                    Said("take it from the page before, or begin without it", "请用上一页给出的位置，或从头开始"),
                    field=field,
                )
            ]
        ) from None
