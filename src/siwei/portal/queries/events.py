"""Who did what: events as one reader may see them, by action, day, what they are about and who did it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.timezone import localtime

from siwei.errors import InputError, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.models import Event, Organisation, Origin
from siwei.portal.addresses import SUBJECT_KINDS
from siwei.portal.directory import current_directory, matching
from siwei.portal.words import GROUPS, word

AMOUNTS = ("gross_fen", "amount_fen", "total_fen", "award_fen", "claim_fen", "budget_fen", "clawed_back_fen")
"""Where an event keeps the money it is about; the first that it has."""
MOST_ORGANISATIONS = 200
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)
SCHEMA: dict[str, Any] = {
    "at": pl.Datetime("us"),
    "action": pl.String,
    "action_name": pl.String,
    "subject": pl.String,
    "by": pl.String,
    "amount_fen": pl.Int64,
    "quantity": pl.Int64,
    "unit": pl.String,
    "generated": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which events are wanted; empty fields ask for nothing. Days are the city's own, both included."""

    action: str = ""
    subject: str = ""
    """As stored (`agreement:KEY`), or the bare key."""
    by: str = ""
    organisation: str = ""
    start: date | None = None
    end: date | None = None

    @property
    def is_wanted(self) -> bool:
        return any((self.action, self.subject, self.by, self.organisation, self.start, self.end))


@dataclass(frozen=True, slots=True)
class Done:
    """One event as a line; `amount` in fen where `unit` is CNY, else a metered quantity in `unit`."""

    at: datetime
    action: str
    subject: str
    by: str
    amount: int | None
    unit: str
    generated: bool


def events_of(actor: Actor, organisation: Organisation | None = None) -> QuerySet[Event]:
    """What the actor may see, of one organisation or of all; newest first. `is_generated` is whether any organisation
    it concerns is."""
    links = Event.organisations.through.objects
    found = Event.objects.visible_to(actor)
    if organisation is not None:
        found = found.filter(pk__in=links.filter(organisation_id=organisation.pk).values("event_id"))
    generated = links.filter(event_id=OuterRef("pk"), organisation__origin=Origin.GENERATED)
    return found.annotate(is_generated=Exists(generated)).order_by("-at", "-pk")


def narrowed(found: QuerySet[Event], wanted: Narrowing, actor: Actor) -> QuerySet[Event]:
    """Those of `found` that are wanted. Raises InputError where the days end before they begin."""
    start, end = wanted.start, wanted.end
    if start and end and end < start:
        raise InputError(
            [
                Problem(
                    Said(f"from {start} to {end}", f"从 {start} 到 {end}"),
                    Said("end on the day it begins or later", "结束日期不得早于开始日期"),
                    field="to",
                )
            ]
        )
    if wanted.action:
        found = found.filter(action=wanted.action)
    if wanted.subject:
        found = found.filter(subject__in=_subjects(wanted.subject))
    if wanted.by:
        found = found.filter(actor_name__in=_names_of(wanted.by))
    if wanted.organisation:
        found = found.filter(pk__in=_concerning(wanted.organisation, actor).values("event_id"))
    if start:
        found = found.filter(at__gte=_midnight(start))
    return found.filter(at__lt=_midnight(min(end, LATEST) + timedelta(days=1))) if end else found


def _subjects(text: str) -> list[str]:
    """`agreement:deal` as it is stored; a bare key may be that of anything."""
    return [text] if ":" in text else [text, *(f"{kind}:{text}" for kind in SUBJECT_KINDS)]


def _names_of(text: str) -> list[str]:
    """A user name; the platform and the bank also by the words they are shown as."""
    return [text, *(code for code in GROUPS["actor"] if word("actor", code) == text)]


def _concerning(text: str, actor: Actor) -> QuerySet[Any]:
    """What concerns an organisation, by key, code or part of the name. A member is not told which of their own
    events concern others too."""
    frame = current_directory().frame
    exact = frame.filter((pl.col("key") == text) | (pl.col("code") == text) | (pl.col("name") == text))
    hits = exact if exact.height else matching(frame, text)
    if hits.height > MOST_ORGANISATIONS:
        raise InputError(
            [
                Problem(
                    Said(f"{hits.height} organisations are called like this", f"有 {hits.height} 个机构符合"),
                    Said("type more of the name, or the code", "请输入更完整的名称或信用代码"),
                    field="organisation",
                )
            ]
        )
    ids = set(hits["id"].to_list())
    asked = ids if actor.sees_all else ids & actor.organisation_ids
    return Event.organisations.through.objects.filter(organisation_id__in=asked)


def actions_of(found: QuerySet[Event], chosen: str) -> list[tuple[str, str]]:
    """The actions there are among them, by their words; and the one chosen, so that a form shows what it asked."""
    codes = set(found.order_by().values_list("action", flat=True).distinct()) | ({chosen} if chosen else set())
    return sorted(((code, word("action", code)) for code in codes), key=lambda pair: pair[1])


def lines(events: Iterable[Event]) -> list[Done]:
    return [_line(event) for event in events]


def events_frame(events: QuerySet[Event]) -> pl.DataFrame:
    """All of them as a table, times in the city's own."""
    rows = [
        (
            localtime(line.at).replace(tzinfo=None),
            line.action,
            word("action", line.action),
            line.subject,
            line.by,
            line.amount if line.unit == "CNY" else None,
            line.amount if line.unit != "CNY" else None,
            line.unit if line.unit != "CNY" else "",
            line.generated,
        )
        for line in map(_line, events.iterator(chunk_size=2000))
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _line(event: Event) -> Done:
    said = event.payload
    amount = next((said[name] for name in AMOUNTS if isinstance(said.get(name), int)), None)
    unit = "CNY" if amount is not None else ""
    if amount is None and isinstance(said.get("quantity"), int) and said.get("unit"):
        amount, unit = said["quantity"], str(said["unit"])
    generated = bool(getattr(event, "is_generated", False))
    return Done(event.at, event.action, event.subject, event.actor_name, amount, unit, generated)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(min(max(day, EARLIEST), LATEST + timedelta(days=1)), time.min))
