"""Many reports of one reporter at once: what is plainly new is written together, everything else by itself."""

import logging
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import DatabaseError
from django.db.models import Q

from siwei.errors import InputError, Problem, Said, SiweiError
from siwei.exchange.access import forbid_readers
from siwei.exchange.actors import Actor
from siwei.exchange.audit import Done, action, record_events
from siwei.exchange.canonical import check_storable
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementState,
    Delivery,
    Event,
    Reporter,
    Usage,
    UsageReport,
)
from siwei.exchange.trading.readings import is_signed, parse_report, report_usage, reporter_for
from siwei.exchange.trading.usage import (
    LONGEST_WINDOW,
    Window,
    begin_delivering,
    content_of,
    is_metered_by_calls,
    key_of,
    usage_of,
    window_problems,
)

logger = logging.getLogger(__name__)
MOST_REPORTS = 500
LONGEST_NAME = 160
"""Of a reading, as its column has it."""
FAR = timedelta(days=1)
"""Between two windows of a meter that have nothing to do with one another."""
ROWS_AT_ONCE = 50
"""Lines and meters asked for in a statement."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Exactly the bytes that were signed, as text, and their Ed25519 signature in hexadecimal."""

    payload: str
    signature: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """A report whose signature is good, of a window by itself in order."""

    place: int
    sent: Signed
    line: AgreementLine
    window: Window
    quantity: int
    measured: Mapping[str, object]

    @property
    def name(self) -> str:
        return self.window.name(self.line)

    @property
    def row(self) -> tuple[int, str]:
        return self.line.pk, self.window.meter


@forbid_readers
def report_usages(key_id: str, reports: Sequence[Signed], *, actor: Actor, now: datetime) -> list[Usage | SiweiError]:
    """Take each report as `report_usage` does, or tell why not, in the order they were sent.

    One that is refused keeps none of the others back. Killed in between, it is sent again: what was taken is not taken
    twice. Raises what is wrong with the reporter, and InputError for more than MOST_REPORTS.
    """
    reporter_for(key_id, actor)
    if len(reports) > MOST_REPORTS:
        told = Said(f"{len(reports)} reports at once", f"一次 {len(reports)} 份报告")
        fix = Said(f"{MOST_REPORTS} at most", f"不超过 {MOST_REPORTS} 份")
        raise InputError([Problem(told, fix, field="reports")])
    taken: dict[int, Usage | SiweiError] = {}
    try:
        taken |= _write_together(key_id, reports, actor=actor, now=now)
    except (SiweiError, DatabaseError):
        # Another writer was quicker with one of them: whose it was is told when it is taken by itself.
        logger.info("%d reports could not be written together: each is by itself", len(reports), exc_info=True)
    for place, each in enumerate(reports):
        if place not in taken:
            try:
                taken[place] = report_usage(key_id, each.payload, each.signature, actor=actor, now=now)
            except SiweiError as error:
                taken[place] = error
    return [taken[place] for place in range(len(reports))]


@action
def _write_together(key_id: str, reports: Sequence[Signed], *, actor: Actor, now: datetime) -> dict[int, Usage]:
    """Those that are plainly new, by their place: of a window that nothing was read of, of an agreement that goes on
    undisputed. What `report_usage` writes of each."""
    reporter = reporter_for(key_id, actor)
    new = _plain(reporter, reports, actor, now)
    if not new:
        return {}
    usages = Usage.objects.bulk_create(
        usage_of(each.line, None, each.name, each.quantity, each.measured, now, each.window) for each in new
    )
    UsageReport.objects.bulk_create(
        UsageReport(
            usage=usage, reporter=reporter, payload=each.sent.payload, signature=each.sent.signature.lower(),
            quantity=each.quantity, received_at=now,
        )
        for usage, each in zip(usages, new, strict=True)
    )  # fmt: skip
    for agreement in {each.line.agreement_id: each.line.agreement for each in new}.values():
        begin_delivering(agreement)
    record_events(
        "record_usage",
        [
            Done(
                key_of(each.name), f"usage:{each.name}", (each.line.consumer_id, each.line.provider_id),
                {"quantity": each.quantity, "unit": each.line.unit},
                content_of(each.line, each.quantity, each.measured, each.window),
            )
            for each in new
        ],
        actor=actor,
        now=now,
    )  # fmt: skip
    return {each.place: usage for each, usage in zip(new, usages, strict=True)}


def _plain(reporter: Reporter, reports: Sequence[Signed], actor: Actor, now: datetime) -> list[_Reading]:
    parsed = []
    for place, sent in enumerate(reports):
        try:
            report = parse_report(sent.payload)
            check_storable([sent.payload, report.agreement, report.meter, report.measured])
        except InputError:
            continue
        if report.job is None and is_signed(reporter, sent.payload, sent.signature):
            parsed.append((place, sent, report))
    lines = _lines({report.agreement for _, _, report in parsed}, reporter, actor)
    found = []
    for place, sent, report in parsed:
        line = lines.get((report.agreement, report.line))
        if line is not None:
            window = Window(report.meter, report.start, report.end)
            each = _Reading(place, sent, line, window, report.quantity, report.measured)
            if len(each.name) <= LONGEST_NAME and not window_problems(line, window, now):
                found.append(each)
    return _unread(_near(found))


def _lines(keys: Iterable[str], reporter: Reporter, actor: Actor) -> dict[tuple[str, int], AgreementLine]:
    """What the reporter meters of these agreements, locked, as far as their first or next reading may simply come."""
    going_on = (AgreementState.SIGNED, AgreementState.DELIVERING)
    visible = Agreement.objects.visible_to(actor).select_for_update().filter(key__in=keys).order_by("pk")
    locked = {each.pk: each for each in visible if each.state in going_on}
    metered = AgreementLine.objects.select_related("offer").filter(
        agreement__in=locked, provider_id=reporter.organisation_id
    )
    delivered = set(Delivery.objects.filter(line__in=metered).values_list("line_id", flat=True))
    lines = {}
    for line in metered:
        if line.pk not in delivered and not is_metered_by_calls(line):
            line.agreement = locked[line.agreement_id]
            lines[line.agreement.key, line.number] = line
    return lines


def _unread(readings: Sequence[_Reading]) -> list[_Reading]:
    """Those of whose window, or a part of it, nothing was read: neither before nor earlier in this batch."""
    if not readings:
        return []
    told = set(
        Event.objects.filter(action="record_usage", key__in=[key_of(each.name) for each in readings])
        .values_list("key", flat=True)
    )  # fmt: skip
    read = _read_windows(readings)
    found = []
    for each in readings:
        windows = read[each.row]
        start, end = each.window.start, each.window.end
        # They do not overlap one another: the one that ends last before `end` is the only one that may reach into it.
        place = bisect_left(windows, (end, end))
        overlaps = place > 0 and windows[place - 1][1] > start
        if not overlaps and key_of(each.name) not in told:
            windows.insert(place, (start, end))
            found.append(each)
    return found


def _near(readings: Sequence[_Reading]) -> list[_Reading]:
    """Of each line and meter those that lie together; what lies far from them is taken by itself, so that no more of
    what was read before is looked at than lies about as long as a window may be."""
    kept: set[int] = set()
    rows: dict[tuple[int, str], list[_Reading]] = defaultdict(list)
    for each in sorted(readings, key=lambda each: each.window.start):
        rows[each.row].append(each)
    for row in rows.values():
        runs: list[list[_Reading]] = []
        first = last = row[0].window.start
        for each in row:
            start, end = each.window.start, each.window.end
            # Two that overlap stay together: the one that was sent first is the one that is taken.
            is_apart = start >= last and (start - last > FAR or end - first > LONGEST_WINDOW)
            if not runs or is_apart:
                runs.append([])
                first = last = start
            runs[-1].append(each)
            last = max(last, end)
        short = [each for each in runs if _end(each) - each[0].window.start <= LONGEST_WINDOW]
        kept |= {each.place for each in max(short, key=len, default=[])}
    return [each for each in readings if each.place in kept]


def _end(readings: Sequence[_Reading]) -> datetime:
    return max(each.window.end for each in readings)


def _read_windows(readings: Sequence[_Reading]) -> dict[tuple[int, str], list[tuple[datetime, datetime]]]:
    """By line and meter, in order: the windows between the first and the last moment of its own readings."""
    rows: dict[tuple[int, str], list[_Reading]] = defaultdict(list)
    for each in readings:
        rows[each.row].append(each)
    bounds = [
        Q(line=line, meter=meter, window_start__lt=_end(row), window_end__gt=min(each.window.start for each in row))
        for (line, meter), row in rows.items()
    ]
    found: dict[tuple[int, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for place in range(0, len(bounds), ROWS_AT_ONCE):
        before = Usage.objects.filter(reduce(or_, bounds[place : place + ROWS_AT_ONCE]))
        for line, meter, start, end in before.order_by("window_start").values_list(
            "line_id", "meter", "window_start", "window_end"
        ):
            assert start is not None and end is not None  # of a meter's readings
            found[line, meter].append((start, end))
    return found
