"""From meter readings to money: captures to the provider's receivable, the rest released, one settlement row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from siwei.errors import Conflict
from siwei.exchange.access import can_operate, can_sign_for, require
from siwei.exchange.actors import Actor
from siwei.exchange.agreements import lock_agreement
from siwei.exchange.audit import action, record_event
from siwei.exchange.jobs import ACTIVE
from siwei.exchange.ledger import of_hold, write_transfer
from siwei.exchange.models import (
    Agreement,
    AgreementLine,
    AgreementParty,
    AgreementState,
    Hold,
    Job,
    Settlement,
    Transfer,
    TransferKind,
)
from siwei.market.kind import Price
from siwei.market.pricing import rate
from siwei.market.settlement import Held, settle

OPEN = (AgreementState.SIGNED, AgreementState.DELIVERING)
METERING_GRACE = timedelta(days=7)
"""How long after an agreement's end a provider may bring readings before the consumer may close it."""


@action
def settle_agreement(key: str, *, actor: Actor, now: datetime) -> Settlement:
    """Charge what was metered, never more than was held, and release the rest. Settling again changes nothing.

    For the provider and the operator; for the consumer where an engine metered it, or once the provider has had
    METERING_GRACE after the end to do so: an earlier moment would be a lower bill. `Conflict` while a job still runs or
    before all have signed. What expired holds no longer pay is written as uncollected.
    """
    agreement = lock_agreement(key)
    parties = list(agreement.parties.select_related("organisation"))
    require(_can_settle(actor, agreement, parties, now), actor, f"settle {key} (yet)")
    if agreement.state == AgreementState.SETTLED:
        return Settlement.objects.get(agreement=agreement)
    if agreement.state not in OPEN:
        raise Conflict(f"{key} is {agreement.state}; only a signed agreement is settled")
    if running := Job.objects.filter(line__agreement=agreement, state__in=ACTIVE).count():
        raise Conflict(f"{running} job(s) under {key} have not ended → wait, or cancel them")
    lines = agreement.lines.select_related(
        "voucher_hold__debit_account",
        "own_hold__debit_account",
        "voucher_hold__credit_account",
        "own_hold__credit_account",
    )
    detail = [_settle_line(agreement, line, now) for line in lines.order_by("number")]
    settlement = _write_settlement(agreement, detail, now)
    Agreement.objects.filter(pk=agreement.pk).update(state=AgreementState.SETTLED)
    _record(agreement, settlement, parties, actor, now)
    return settlement


def _can_settle(actor: Actor, agreement: Agreement, parties: Sequence[AgreementParty], now: datetime) -> bool:
    if can_operate(actor):
        return True
    if not any(can_sign_for(actor, party) for party in parties):
        return False
    lines = list(agreement.lines.all())
    if (
        agreement.ends_at + METERING_GRACE <= now
        or any(actor.represents(line.provider_id) for line in lines)
        or not lines
    ):
        return True
    return all(line.jobs.exists() and not line.usages.filter(job=None).exists() for line in lines)


def _live_amount(placed: Transfer, now: datetime) -> int:
    """What a hold can still pay: nothing once expired, whatever remains before."""
    progress = Hold.objects.get(pk=placed.pk)
    if progress.expires_at > now:
        return progress.remaining
    if progress.remaining:
        entry = of_hold(TransferKind.RELEASE, placed, progress.remaining, "expired")
        write_transfer(entry, key=f"expire:{placed.idempotency_key}", now=now)
    return 0


def _settle_line(agreement: Agreement, line: AgreementLine, now: datetime) -> dict[str, Any]:
    usages = list(line.usages.order_by("reading").values_list("reading", "quantity"))
    quantity = sum(amount for _, amount in usages)
    metered = rate(quantity, Price(line.unit_price_fen, line.price_quantity))
    holds: dict[str, Transfer] = {
        payer: placed
        for payer, placed in (("voucher", line.voucher_hold), ("own", line.own_hold))
        if placed is not None
    }
    result = settle(
        [
            Held(placed.idempotency_key, "voucher" if payer == "voucher" else "own", _live_amount(placed, now))
            for payer, placed in holds.items()
        ],
        metered,
    )
    causes = {"agreement": agreement.key, "line": line.number, "usages": [reading for reading, _ in usages]}
    paid = {"voucher": 0, "own": 0}
    for share in result.captures:
        placed = holds[share.payer]
        for kind, amount in ((TransferKind.CAPTURE, share.captured_fen), (TransferKind.RELEASE, share.released_fen)):
            if amount:
                entry = of_hold(kind, placed, amount, "settlement", causes)
                write_transfer(entry, key=f"settle:{agreement.key}:{line.number}:{share.payer}:{kind}", now=now)
        paid[share.payer] += share.captured_fen
    return {
        "line": line.number,
        "quantity": quantity,
        "unit": line.unit,
        "metered_fen": metered,
        "voucher_fen": paid["voucher"],
        "own_fen": paid["own"],
        "released_fen": result.released_fen,
        "uncollected_fen": result.uncollected_fen,
    }


def _write_settlement(agreement: Agreement, detail: Sequence[dict[str, Any]], now: datetime) -> Settlement:
    def total(name: str) -> int:
        return sum(line[name] for line in detail)

    return Settlement.objects.create(
        agreement=agreement,
        metered_fen=total("metered_fen"),
        gross_fen=total("voucher_fen") + total("own_fen"),
        voucher_fen=total("voucher_fen"),
        own_fen=total("own_fen"),
        released_fen=total("released_fen"),
        detail=list(detail),
        settled_at=now,
    )


def _record(
    agreement: Agreement, settlement: Settlement, parties: Sequence[AgreementParty], actor: Actor, now: datetime
) -> None:
    record_event(
        "settle_agreement",
        agreement.key,
        {},
        subject=f"agreement:{agreement.key}",
        actor=actor,
        now=now,
        organisations=[party.organisation for party in parties if party.organisation],
        payload={"gross_fen": settlement.gross_fen, "released_fen": settlement.released_fen},
    )
