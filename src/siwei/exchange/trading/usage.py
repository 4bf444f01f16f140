"""Readings of a meter, each once: told by their name or by their window, whatever order they come in."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from siwei.errors import Conflict, InputError, Problem, Said
from siwei.exchange.actors import Actor
from siwei.exchange.audit import record_event, repeated
from siwei.exchange.models import Agreement, AgreementLine, AgreementState, Job, Usage
from siwei.exchange.models.ledger import AMOUNT_LIMIT
from siwei.exchange.states import move, require_step

LONGEST_WINDOW = timedelta(days=31)
CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours a reporter's clock may be."""
OUR_NAMES = re.compile(r"model-calls:|licence:|.+/\d+/.+/\d{8}T\d{6}", re.ASCII | re.DOTALL)
"""Readings of calls, of licences, of windows (`Window.name`)."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a meter was read; the end is not part of it, so windows may follow without a gap."""

    meter: str
    start: datetime
    end: datetime

    def name(self, line: AgreementLine) -> str:
        """The same in whatever zone its beginning is told; two that begin within a second are two."""
        start = self.start.astimezone(UTC)
        fraction = f".{start:%f}" if start.microsecond else ""
        return f"{line.agreement.key}/{line.number}/{self.meter}/{start:%Y%m%dT%H%M%S}{fraction}{start:%z}"


def write_usage(
    line: AgreementLine,
    job: Job | None,
    reading: str,
    quantity: int,
    measured: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    window: Window | None = None,
) -> Usage:
    """Write a reading, or return the one already written under its name; `Conflict` where that one says otherwise, or
    where its window overlaps another of the same meter. The line's agreement is as the caller locked it."""
    content, key = content_of(line, quantity, measured, window), key_of(reading)
    if repeated("record_usage", key, content):
        return Usage.objects.get(reading=reading)
    _check(reading, quantity)
    deal = line.agreement
    require_step(deal, "meter")
    if line.deliveries.exists():
        raise Conflict(
            f"line {line.number} of {deal.key} is paid by what is accepted → submit a delivery",
            f"{deal.key} 第 {line.number} 行按验收付款 → 请提交交付",
        )
    if window is not None:
        check_window(line, window, now)
    usage = usage_of(line, job, reading, quantity, measured, now, window)
    usage.save(force_insert=True)
    begin_delivering(deal)
    record_event(
        "record_usage",
        key,
        content,
        subject=f"usage:{reading}",
        actor=actor,
        now=now,
        organisations=[line.consumer_id, line.provider_id],
        payload={"quantity": quantity, "unit": line.unit},
    )
    return usage


def content_of(
    line: AgreementLine, quantity: int, measured: Mapping[str, Any], window: Window | None
) -> dict[str, Any]:
    """What a reading says, by which the same again is told from another."""
    content: dict[str, Any] = {
        "line": [line.agreement.key, line.number], "quantity": quantity, "measured": dict(measured)
    }  # fmt: skip
    if window is not None:
        content["window"] = [window.meter, window.start, window.end]
    return content


def key_of(reading: str) -> str:
    return hashlib.sha256(reading.encode()).hexdigest()


def usage_of(
    line: AgreementLine,
    job: Job | None,
    reading: str,
    quantity: int,
    measured: Mapping[str, Any],
    now: datetime,
    window: Window | None,
) -> Usage:
    """Its row, not written yet."""
    return Usage(
        reading=reading, line=line, job=job, quantity=quantity, unit=line.unit, measured=dict(measured),
        recorded_at=now, meter=window.meter if window else "", window_start=window.start if window else None,
        window_end=window.end if window else None,
    )  # fmt: skip


def check_window(line: AgreementLine, window: Window, now: datetime) -> None:
    if problems := window_problems(line, window, now):
        raise InputError(problems)
    same_meter = Usage.objects.filter(line=line, meter=window.meter)
    other = same_meter.filter(window_start__lt=window.end, window_end__gt=window.start).first()
    if other is not None:
        raise Conflict(
            f"the window {window.start} to {window.end} of {window.meter} overlaps {other.window_start} to "
            f"{other.window_end}, which was read already → what was read stands; who disagrees opens a dispute",
            f"{window.meter} 的时段 {window.start} 至 {window.end} 与已读的 {other.window_start} "
            f"至 {other.window_end} 重叠 → 已读的有效；有异议请提出争议",
        )


def window_problems(line: AgreementLine, window: Window, now: datetime) -> list[Problem]:
    """What is wrong with it by itself, whatever was read before."""
    deal = line.agreement
    problems: list[Problem] = []
    if not 0 < len(window.meter) <= 40:
        problems.append(
            Problem(
                Said(f"a meter's name of {len(window.meter)} characters", f"计量表名称有 {len(window.meter)} 个字符"),
                Said("1 to 40", "1 至 40 个"),
                field="meter",
            )
        )
    if window.start.tzinfo is None or window.end.tzinfo is None:
        problems.append(
            Problem(
                Said("a window without a time zone", "时段没有时区"),
                Said("give aware moments", "请给带时区的时刻"),
                field="window",
            )
        )
    elif not window.start < window.end <= window.start + LONGEST_WINDOW:
        problems.append(
            Problem(
                Said(f"from {window.start} to {window.end}", f"从 {window.start} 到 {window.end}"),
                Said("an end later, by 31 days at most", "结束须更晚，且不超过 31 天"),
                field="window",
            )
        )
    elif window.end > now + CLOCK_SKEW:
        problems.append(
            Problem(
                Said(f"it ends at {window.end}, which is to come", f"它在将来的 {window.end} 结束"),
                Said("set the meter's clock", "请校准计量表的时钟"),
                field="window",
            )
        )
    elif window.end <= deal.proposed_at or window.start >= deal.ends_at:
        problems.append(
            Problem(
                Said(f"it is not within {deal.key}", f"不在 {deal.key} 的期限内"),
                Said(
                    f"until {timezone.localdate(deal.ends_at)}",
                    f"至 {timezone.localdate(deal.ends_at)}",
                ),
                field="window",
            )
        )
    return problems


def is_metered_by_calls(line: AgreementLine) -> bool:
    """What else is read on it would be added to what the gateway counted of the same calls."""
    return line.offer is not None and line.offer.kind == "model"


def is_named_by_us(reading: str, line: AgreementLine) -> bool:
    """Whether a name is one that the platform gives a reading of itself, or of another line's report: who took it
    first would keep that one from being written."""
    window_of_its_own = reading.startswith(f"{line.agreement.key}/{line.number}/")
    return OUR_NAMES.match(reading) is not None and not window_of_its_own


def begin_delivering(deal: Agreement) -> None:
    """With the first reading; later ones change nothing of the agreement."""
    if deal.state == AgreementState.SIGNED:
        move(deal, "meter", AgreementState.DELIVERING)
    elif deal.disputed_from == AgreementState.SIGNED:
        move(deal, "meter", AgreementState.DISPUTED, disputed_from=AgreementState.DELIVERING)


def _check(reading: str, quantity: int) -> None:
    if type(quantity) is not int or not 0 <= quantity <= AMOUNT_LIMIT or not 0 < len(reading) <= 160:
        fix = Said("an integer, not negative; a name up to 160", "不为负的整数；名称不超过 160 个字符")
        raise InputError(
            [
                Problem(
                    Said(f"reading {reading!r:.60} of {quantity!r}", f"读数 {reading!r:.60} 为 {quantity!r}"),
                    fix=fix,
                    field="quantity",
                )
            ]
        )
