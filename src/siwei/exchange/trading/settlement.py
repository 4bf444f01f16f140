"""From what was delivered to money: captures to the provider's receivable; at the end the rest is released."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from siwei.errors import Conflict, Said, SiweiError
from siwei.exchange.access import can_operate, can_sign_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import Done, action, money_action, record_event, record_events, repeated
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Delivery,
    DeliveryState,
    Hold,
    Job,
    Settlement,
    Usage,
)
from siwei.exchange.states import lock_agreement, move, require_step
from siwei.exchange.trading.call_collection import close_calls, is_calling
from siwei.exchange.trading.caps import give_back_agreement
from siwei.exchange.trading.charges import FINAL, charge_agreements, charge_lines, lines_of
from siwei.exchange.trading.disputes import EXTENSION
from siwei.exchange.trading.holds import extend_holds
from siwei.exchange.trading.jobs import ACTIVE
from siwei.market import life

logger = logging.getLogger(__name__)
METERING_GRACE = timedelta(days=7)
"""How long after an agreement's end a provider may bring readings before the consumer may close it."""

PUT_OFF_WITHIN = timedelta(days=30)
TOGETHER = 200
"""Agreements of the day's run in a transaction: they are locked as long as it takes to charge them all."""


@dataclass(frozen=True, slots=True)
class SettlementDay:
    """What one run settled. `faults` are of agreements that could not be: the others went on."""

    day: date
    charged: int = 0
    closed: int = 0
    gross_fen: int = 0
    faults: tuple[str, ...] = ()


@money_action
def settle_agreement(key: str, *, actor: Actor, now: datetime) -> Settlement:
    """Charge what was delivered, never more than was held, and release the rest. Settling again changes nothing.

    For the provider and the operator; for the consumer where an engine metered it, or once the provider has had
    METERING_GRACE after the end to do so: an earlier moment would be a lower bill. `Conflict` while a job still runs, a
    delivery waits for a word, something is disputed, or before all have signed. What expired holds no longer pay is
    written as uncollected.
    """
    agreement = lock_agreement(key, actor)
    parties = list(agreement.parties.select_related("organisation"))
    require(can_settle(actor, agreement, parties, now), actor, Said(f"settle {key} (yet)", f"（此时）结算 {key}"))
    if agreement.state == AgreementState.SETTLED:
        return Settlement.objects.get(agreement=agreement, period=FINAL)
    require_step(agreement, "settle")
    if running := Job.objects.filter(line__agreement=agreement, state__in=ACTIVE).count():
        raise Conflict(
            f"{running} job(s) under {key} have not ended → wait, or cancel them",
            f"{key} 下还有 {running} 个作业未结束 → 请等待，或取消",
        )
    if waiting := Delivery.objects.filter(agreement=agreement, state=DeliveryState.SUBMITTED).count():
        raise Conflict(
            f"{waiting} delivery(ies) under {key} wait for a word → accept or reject them, or dispute",
            f"{key} 下有 {waiting} 项交付等待答复 → 请验收、退回或提出争议",
        )
    close_calls(agreement, now=now)
    # What was collected may have been the first that was delivered.
    agreement.refresh_from_db(fields=["state"])
    settlement = charge_lines(agreement, lines_of(agreement), FINAL, now, always=True)
    assert settlement is not None
    move(agreement, "settle", AgreementState.SETTLED)
    give_back_agreement(agreement, now)
    _record("settle_agreement", agreement.key, agreement, settlement, parties, actor, now)
    return settlement


@action
def charge_period(key: str, *, as_of: date, actor: Actor, now: datetime) -> Settlement | None:
    """Charge what was metered up to now and is in no settlement yet, leaving the agreement open; once for each day.

    None where nothing new was metered. For the operator (the daily run).
    """
    require(can_operate(actor), actor, Said(f"charge a part of {key}", f"为 {key} 计收一部分"))
    agreement = lock_agreement(key, actor)
    period = as_of.isoformat()
    if earlier := Settlement.objects.filter(agreement=agreement, period=period).first():
        return earlier
    require_step(agreement, "charge")
    lines = [line for line in lines_of(agreement) if not line.deliveries.exists()]
    settlement = charge_lines(agreement, lines, period, now)
    if settlement is not None:
        parties = list(agreement.parties.select_related("organisation"))
        _record("charge_period", f"{agreement.key}:{period}", agreement, settlement, parties, actor, now)
    return settlement


def settle_day(*, as_of: date, actor: Actor, now: datetime) -> SettlementDay:
    """The day's run over everything that is complete: what was metered is charged, what has ended is closed.

    What is charged is charged TOGETHER: that many agreements in one transaction, each once a day, so a run that was
    killed goes on where it was. Where one of them is refused, all of that goes back and each is charged by itself.
    """
    require(can_operate(actor), actor, Said("run the day's settlement", "进行当日结算"))
    faults: list[str] = []
    for agreement in Agreement.objects.filter(state=AgreementState.DISPUTED).order_by("pk"):
        try:
            put_off(agreement.key, as_of=as_of, actor=actor, now=now)
        except SiweiError as error:
            faults.append(f"{agreement.key}: {error}")
    # What was signed and never begun is closed too: its caps have back what it had committed.
    forgotten = Q(state=AgreementState.SIGNED, ends_at__lte=now - METERING_GRACE)
    running = Q(state__in=(AgreementState.DELIVERING, AgreementState.COMPLETED))
    open_ones = Agreement.objects.filter(running | forgotten)
    # Most agreements have nothing new on most days: one query says which have, not one for each.
    metered = frozenset(
        Usage.objects.filter(settlement=None, is_held=False, line__agreement__in=open_ones)
        .values_list("line__agreement_id", flat=True)
        .distinct()
    )
    closed: list[Settlement] = []
    to_charge: list[str] = []
    for agreement in open_ones.order_by("pk").iterator():
        ended = agreement.state == AgreementState.COMPLETED or agreement.ends_at + METERING_GRACE <= now
        try:
            if ended and _can_close(agreement):
                closed.append(settle_agreement(agreement.key, actor=actor, now=now))
            elif agreement.pk in metered:
                to_charge.append(agreement.key)
        except SiweiError as error:
            faults.append(f"{agreement.key}: {error}")
    charged: list[Settlement] = []
    for start in range(0, len(to_charge), TOGETHER):
        keys = to_charge[start : start + TOGETHER]
        charged += _charge_day(keys, faults, as_of=as_of, actor=actor, now=now)
    gross_fen = sum(each.gross_fen for each in (*closed, *charged))
    return SettlementDay(as_of, len(charged), len(closed), gross_fen, tuple(faults))


def _charge_day(
    keys: Sequence[str], faults: list[str], *, as_of: date, actor: Actor, now: datetime
) -> list[Settlement]:
    """Charge these agreements for the day: together; those that cannot be, or all where one was refused, one by one."""
    try:
        with transaction.atomic():
            together = _charge_together(keys, as_of=as_of, actor=actor, now=now)
        done = together  # only what was committed
    except SiweiError:
        done = {}  # whose it was is told when it is charged by itself
    except DatabaseError:
        logger.warning("%d agreements could not be charged together: each is by itself", len(keys), exc_info=True)
        done = {}
    for key in keys:
        if key not in done:
            try:
                done[key] = charge_period(key, as_of=as_of, actor=actor, now=now)
            except SiweiError as error:
                faults.append(f"{key}: {error}")
    return [each for each in done.values() if each is not None]


def _charge_together(keys: Sequence[str], *, as_of: date, actor: Actor, now: datetime) -> dict[str, Settlement | None]:
    """`charge_period` of many, read and written as one; without those charged for that day before, or that may not be
    charged (any more)."""
    period = as_of.isoformat()
    locked = list(Agreement.objects.select_for_update().filter(key__in=keys).order_by("pk"))
    before = set(Settlement.objects.filter(agreement__in=locked, period=period).values_list("agreement_id", flat=True))
    plain = [each for each in locked if each.pk not in before and not life.refusal("charge", each.state)]
    delivered = set(Delivery.objects.filter(agreement__in=plain, line__isnull=False).values_list("line_id", flat=True))
    lines: dict[int, list[AgreementLine]] = {each.pk: [] for each in plain}
    for line in lines_of(*plain):
        if line.pk not in delivered:
            lines[line.agreement_id].append(line)
    made = charge_agreements([(each, lines[each.pk]) for each in plain], period, now)
    parties: dict[int, list[int]] = {each.pk: [] for each in plain}
    for agreement_id, organisation_id in (
        AgreementParty.objects.filter(agreement__in=plain, organisation__isnull=False)
        .order_by("pk").values_list("agreement_id", "organisation_id")
    ):  # fmt: skip
        parties[agreement_id].append(organisation_id)
    record_events(
        "charge_period",
        [
            Done(f"{each.key}:{period}", f"agreement:{each.key}", parties[each.pk], _payload(settlement))
            for each, settlement in zip(plain, made, strict=True)
            if settlement is not None
        ],
        actor=actor,
        now=now,
    )
    return {each.key: settlement for each, settlement in zip(plain, made, strict=True)}


def is_due(now: datetime) -> bool:
    """Whether a day's run finds anything: readings of days that are over, agreements complete, over or disputed."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    open_ones = Usage.objects.filter(settlement=None, is_held=False, line__agreement__state=AgreementState.DELIVERING)
    metered = open_ones.filter(recorded_at__lt=today)
    waiting = Agreement.objects.filter(state__in=(AgreementState.COMPLETED, AgreementState.DISPUTED))
    unfinished = (AgreementState.SIGNED, AgreementState.DELIVERING)
    over = Agreement.objects.filter(state__in=unfinished, ends_at__lte=now - METERING_GRACE)
    return metered.exists() or waiting.exists() or over.exists()


@action
def put_off(key: str, *, as_of: date, actor: Actor, now: datetime) -> None:
    """Keep the holds of a disputed agreement from running out, where they would within a month. For the operator.

    Once a day; nothing is written where nothing is left of them, or they ran out already.
    """
    require(can_operate(actor), actor, Said(f"put off the holds of {key}", f"推迟 {key} 的冻结期限"))
    agreement = lock_agreement(key, actor)
    soon = Hold.objects.filter(
        transfer__in=[
            hold for line in agreement.lines.all() for hold in (line.voucher_hold_id, line.own_hold_id) if hold
        ],
        amount__gt=F("captured") + F("released"),
        expires_at__gt=now,
        expires_at__lt=now + PUT_OFF_WITHIN,
    )
    if agreement.state != AgreementState.DISPUTED or repeated("put_off", f"{key}:{as_of}", {}) or not soon.exists():
        return
    if extend_holds(agreement, now + EXTENSION, f"{as_of}:{key}", now):
        parties = agreement.parties.filter(organisation__isnull=False).values_list("organisation_id", flat=True)
        record_event(
            "put_off", f"{key}:{as_of}", {}, subject=f"agreement:{key}", actor=actor, now=now,
            organisations=list(parties), payload={"until": (now + EXTENSION).isoformat()},
        )  # fmt: skip


def _can_close(agreement: Agreement) -> bool:
    waiting = Delivery.objects.filter(agreement=agreement, state=DeliveryState.SUBMITTED).exists()
    if waiting or is_calling(agreement):
        return False
    return not Job.objects.filter(line__agreement=agreement, state__in=ACTIVE).exists()


def can_settle(actor: Actor, agreement: Agreement, parties: Sequence[AgreementParty], now: datetime) -> bool:
    lines = list(agreement.lines.all())
    # The office does not choose the moment of a bill that is its own to pay.
    if can_operate(actor) and not any(actor.represents(line.consumer_id) for line in lines):
        return True
    if not any(can_sign_for(actor, party) for party in parties):
        return False
    if (
        agreement.state in (AgreementState.COMPLETED, AgreementState.SETTLED)
        or agreement.ends_at + METERING_GRACE <= now
        or any(actor.represents(line.provider_id) for line in lines)
        or not lines
    ):
        return True
    return all(line.jobs.exists() and not line.usages.filter(job=None).exists() for line in lines)


def _record(
    name: str,
    key: str,
    agreement: Agreement,
    settlement: Settlement,
    parties: Sequence[AgreementParty],
    actor: Actor,
    now: datetime,
) -> None:
    record_event(
        name,
        key,
        {},
        subject=f"agreement:{agreement.key}",
        actor=actor,
        now=now,
        organisations=[party.organisation for party in parties if party.organisation],
        payload=_payload(settlement),
    )


def _payload(settlement: Settlement) -> dict[str, int]:
    return {"gross_fen": settlement.gross_fen, "released_fen": settlement.released_fen}
