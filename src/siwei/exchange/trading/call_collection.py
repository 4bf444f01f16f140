"""Ended calls become usage: an hour of them, or what is left when an agreement is settled, is one meter reading."""

import hashlib
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Sum

from siwei.errors import Conflict, Said, SiweiError
from siwei.exchange.access import can_act_for, can_operate, require
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.audit import action, record_event
from siwei.exchange.canonical import canonical_json
from siwei.exchange.models import Agreement, AgreementLine, CallState, KeptCall, ModelCall
from siwei.exchange.states import lock_agreement
from siwei.exchange.trading.call_meters import close_meters
from siwei.exchange.trading.usage import write_usage

logger = logging.getLogger(__name__)
COLLECT_AFTER = timedelta(hours=1)
"""Ended calls wait this long, so that an hour of them is one reading."""


def collect_due_calls(*, actor: Actor, now: datetime) -> int:
    """Collect the lines whose oldest uncollected call ended an hour ago, and throw away what was kept long enough.

    A line that cannot be collected keeps none of the others back: its fault is logged, and it is tried again.
    """
    require(can_operate(actor), actor, Said("collect calls", "汇总调用"))
    KeptCall.objects.filter(expires_at__lte=now).delete()
    waiting = _uncollected().values("line").annotate(oldest=Min("ended_at")).filter(oldest__lte=now - COLLECT_AFTER)
    lines = AgreementLine.objects.filter(pk__in=waiting.values("line")).select_related("agreement").order_by("pk")
    collected = 0
    for line in lines:
        try:
            collected += collect_calls(line, now=now) > 0
        except SiweiError as error:
            logger.error("calls not collected: %s line %d: %s", line.agreement.key, line.number, error)
    return collected


@action
def collect_calls(line: AgreementLine, *, now: datetime) -> int:
    """One meter reading over all ended calls of the line that none covers yet; how many it covers.

    The reading and the mark on its calls are one transaction, so that no call is in two readings or in none. It is the
    platform's own meter: whatever else was read on the line, what was called is charged.
    """
    line.agreement = lock_agreement(line.agreement.key, PLATFORM)
    calls = _uncollected().filter(line=line)
    ids = list(calls.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    covered = ModelCall.objects.filter(pk__in=ids)
    by_model = covered.values("model").order_by("model")
    totals = list(
        by_model.annotate(
            input_tokens=Sum("input_tokens"), output_tokens=Sum("output_tokens"), cost_microfen=Sum("cost_microfen")
        )
    )
    span = covered.aggregate(first=Min("ended_at"), last=Max("ended_at"))
    digest = hashlib.sha256()
    for row in covered.order_by("pk").values_list("name", "cost_microfen"):
        digest.update(canonical_json(list(row)).encode())
    usage = write_usage(
        line,
        None,
        reading=f"model-calls:{line.agreement.key}:{line.number}:{ids[-1]}",
        quantity=sum(row["cost_microfen"] for row in totals),
        measured={
            "calls": len(ids),
            "models": totals,
            "from": span["first"].isoformat(),
            "until": span["last"].isoformat(),
            "sha256": digest.hexdigest(),
        },
        actor=PLATFORM,
        now=now,
    )
    covered.update(usage=usage)
    return len(ids)


@action
def stop_calls(agreement: str, *, actor: Actor, now: datetime) -> None:
    """Admit no further call under an agreement, so that it can be settled once those under way have ended.

    For its parties and the operator. Stopping again changes nothing.
    """
    deal = lock_agreement(agreement, actor)
    parties = deal.parties.values_list("organisation_id", flat=True)
    require(
        any(can_act_for(actor, each) for each in parties),
        actor,
        Said(f"stop calls under {agreement}", f"停止 {agreement} 下的调用"),
    )
    was_open = deal.lines.filter(offer__kind="model", meter__closed_at=None).exists()
    with suppress(Conflict):
        close_meters(deal, now=now)
    if was_open:
        record_event(
            "stop_calls",
            agreement,
            {},
            subject=f"agreement:{agreement}",
            actor=actor,
            now=now,
            organisations=[each for each in parties if each is not None],
        )


def is_calling(agreement: Agreement) -> bool:
    return ModelCall.objects.filter(line__agreement=agreement, state=CallState.OPEN).exists()


def has_due_calls(now: datetime) -> bool:
    """Whether `collect_due_calls` would find anything to do."""
    return (
        _uncollected().filter(ended_at__lte=now - COLLECT_AFTER).exists()
        or KeptCall.objects.filter(expires_at__lte=now).exists()
    )


def close_calls(agreement: Agreement, *, now: datetime) -> None:
    """Admit no further call and collect those that ended; part of settling. Conflict while one is under way."""
    close_meters(agreement, now=now)
    for line in agreement.lines.filter(meter__isnull=False).select_related("agreement").order_by("number"):
        collect_calls(line, now=now)


def _uncollected() -> Any:
    return ModelCall.objects.filter(usage=None, cost_microfen__gt=0)
