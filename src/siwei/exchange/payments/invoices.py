"""Invoices (结算单) from settlements: by issuer, recipient and month, every line with what is behind it.

A settlement of a day belongs to that day's month, any other to the month in which it was settled. What a dispute took
back stands below zero on the next one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Max, Q
from django.utils import timezone

from siwei.errors import InputError, NotFound, Problem, Said
from siwei.exchange.access import can_commit_money_for, can_operate, require
from siwei.exchange.actors import Actor
from siwei.exchange.audit import money_action, record_event, repeated
from siwei.exchange.models import (
    AgreementLine,
    Delivery,
    DeliveryState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceLine,
    Organisation,
    Settlement,
    Usage,
)
from siwei.exchange.parties import find_organisation

PERIOD = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
TAX_NUMBER = re.compile(r"\d{8}|\d{20}")
"""Paper and older electronic invoices have 8 digits, fully digital ones (数电票) 20."""
DELIVERY = "delivery:"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A meter reading or a delivery. `quantity` is in the line's unit; a delivery may have none."""

    reading: str = ""
    delivery: int | None = None
    title: str = ""
    quantity: int | None = None
    at: datetime | None = None


@money_action
def issue_invoices(issuer: str, period: str, *, actor: Actor, now: datetime) -> list[Invoice]:
    """One invoice for each recipient of what the month settled and no invoice has yet; then all of that month.

    For those who keep the issuer's money, and the operator. Done again, nothing new is numbered.
    """
    owner = find_organisation(issuer)
    require(
        can_commit_money_for(actor, owner.pk) or can_operate(actor),
        actor,
        Said(f"issue invoices of {owner.name}", f"开具 {owner.name} 的对账单"),
    )
    if PERIOD.fullmatch(period) is None:
        raise InputError(
            [
                Problem(
                    Said(f"{period!r:.20} is no month", f"{period!r:.20} 不是月份"),
                    Said("such as 2026-11", "例如 2026-11"),
                    field="period",
                )
            ]
        )
    # One numbering at a time: on PostgreSQL the row, on SQLite the transaction.
    Organisation.objects.select_for_update().get(pk=owner.pk)
    by_recipient: dict[int, list[InvoiceLine]] = {}
    for line in _open_lines(owner, period):
        by_recipient.setdefault(line.line.consumer_id, []).append(line)
    for recipient_id in sorted(by_recipient):
        _issue(owner, recipient_id, period, by_recipient[recipient_id], actor, now)
    return list(Invoice.objects.filter(issuer=owner, period=period).select_related("recipient").order_by("number"))


@money_action
def enter_tax_number(
    issuer: str, number: int, tax_number: str, *, actor: Actor, now: datetime, idempotency_key: str
) -> Invoice:
    """Say which tax invoice (发票) was issued outside for this one. For those who keep the issuer's money."""
    owner = find_organisation(issuer)
    require(
        can_commit_money_for(actor, owner.pk),
        actor,
        Said(f"enter tax invoices of {owner.name}", f"录入 {owner.name} 的发票"),
    )
    content = {"issuer": issuer, "number": number, "tax_number": tax_number}
    invoice = find_invoice(issuer, number, actor)
    if repeated("enter_tax_number", idempotency_key, content):
        return invoice
    if TAX_NUMBER.fullmatch(tax_number) is None:
        raise InputError(
            [
                Problem(
                    Said(f"{tax_number!r:.40} is no number of a 发票", f"{tax_number!r:.40} 不是发票号码"),
                    Said("8 or 20 digits", "8 位或 20 位数字"),
                    field="tax_number",
                )
            ]
        )
    Invoice.objects.filter(pk=invoice.pk).update(tax_number=tax_number)
    record_event(
        "enter_tax_number", idempotency_key, content, subject=f"invoice:{issuer}:{number}", actor=actor, now=now,
        organisations=[invoice.issuer, invoice.recipient], payload={"tax_number": tax_number},
    )  # fmt: skip
    invoice.refresh_from_db()
    return invoice


def find_invoice(issuer: str, number: int, actor: Actor) -> Invoice:
    found = Invoice.objects.visible_to(actor).select_related("issuer", "recipient")
    # The column is 32 bits wide on PostgreSQL; a larger number is nobody's.
    invoice = found.filter(issuer__key=issuer, number=number).first() if 0 < number < 2**31 else None
    if invoice is None:
        raise NotFound(f"no invoice {number} of {issuer!r:.70}", f"{issuer!r:.70} 没有对账单 {number}")
    return invoice


def lines_of(invoice: Invoice) -> list[InvoiceLine]:
    found = invoice.lines.select_related(
        "line__agreement__match__offer", "line__offer", "settlement", "dispute__usage", "dispute__delivery"
    )
    return list(found.order_by("position"))


def evidence_of(line: InvoiceLine) -> list[Evidence]:
    """What an invoice's line is made of: the readings its settlement charged, or the delivery that was accepted."""
    if line.dispute is not None:
        usage, delivery = line.dispute.usage, line.dispute.delivery
        return [_of_usage(usage)] if usage else [_of_delivery(delivery)] if delivery else []
    assert line.settlement is not None
    usages = Usage.objects.filter(settlement=line.settlement, line=line.line).order_by("recorded_at", "pk")
    deliveries = Delivery.objects.filter(line=line.line, state=DeliveryState.ACCEPTED).order_by("number")
    if line.settlement.period.startswith(DELIVERY):
        deliveries = deliveries.filter(number=int(line.settlement.period.removeprefix(DELIVERY)))
    return [*map(_of_usage, usages), *map(_of_delivery, deliveries)]


def day_of(settlement: Settlement) -> date:
    try:
        return date.fromisoformat(settlement.period)
    except ValueError:
        return timezone.localdate(settlement.settled_at)


def _issue(
    owner: Organisation, recipient_id: int, period: str, lines: list[InvoiceLine], actor: Actor, now: datetime
) -> None:
    latest = Invoice.objects.filter(issuer=owner).aggregate(number=Max("number"))["number"] or 0
    sums = {name: sum(getattr(line, name) for line in lines) for name in ("gross_fen", "voucher_fen", "own_fen")}
    invoice = Invoice.objects.create(
        issuer=owner, number=latest + 1, recipient_id=recipient_id, period=period, issued_on=timezone.localdate(now),
        issued_by_id=actor.person_id, issued_at=now, **sums,
    )  # fmt: skip
    for position, line in enumerate(lines, 1):
        line.invoice, line.position = invoice, position
    InvoiceLine.objects.bulk_create(lines)
    record_event(
        "issue_invoice", f"{owner.key}:{invoice.number}", {}, subject=f"invoice:{owner.key}:{invoice.number}",
        actor=actor, now=now, organisations=[owner.pk, recipient_id],
        payload={"period": period, "lines": len(lines), "gross_fen": invoice.gross_fen},
    )  # fmt: skip


def _open_lines(owner: Organisation, period: str) -> Iterator[InvoiceLine]:
    """Lines of the issuer that the month settled and no invoice has, then what disputes took back of them."""
    mine = AgreementLine.objects.filter(provider=owner).exclude(consumer=owner)
    lines = {(line.agreement_id, line.number): line for line in mine}
    taken = set(InvoiceLine.objects.filter(line__provider=owner).values_list("settlement_id", "line_id"))
    counted: dict[int, int] = {}
    settlements = Settlement.objects.filter(agreement__lines__provider=owner).distinct()
    for settlement in settlements.select_related("agreement").order_by("pk"):
        for detail in settlement.detail:
            line = lines.get((settlement.agreement_id, detail["line"]))
            if line is None:
                continue
            quantity = detail["quantity"]
            if quantity is not None:
                # A settlement tells the running total of its line.
                quantity, counted[line.pk] = quantity - counted.get(line.pk, 0), quantity
            gross = detail["voucher_fen"] + detail["own_fen"]
            if gross > 0 and (settlement.pk, line.pk) not in taken and _in(day_of(settlement), period):
                yield InvoiceLine(
                    line=line, settlement=settlement, day=day_of(settlement), quantity=quantity, gross_fen=gross,
                    voucher_fen=detail["voucher_fen"], own_fen=detail["own_fen"],
                )  # fmt: skip
    returned = Dispute.objects.filter(
        Q(usage__line__provider=owner) | Q(delivery__line__provider=owner),
        Q(returned_voucher_fen__gt=0) | Q(returned_own_fen__gt=0), state=DisputeState.RESOLVED, invoiced=None,
    )  # fmt: skip
    for dispute in returned.select_related("usage__line", "delivery__line").order_by("pk"):
        part = dispute.usage.line if dispute.usage else dispute.delivery.line if dispute.delivery else None
        assert part is not None and dispute.resolved_at is not None
        day = timezone.localdate(dispute.resolved_at)
        if _in(day, period):
            voucher, own = dispute.returned_voucher_fen, dispute.returned_own_fen
            yield InvoiceLine(
                line=part, dispute=dispute, day=day, gross_fen=-voucher - own, voucher_fen=-voucher, own_fen=-own
            )


def _in(day: date, period: str) -> bool:
    return f"{day:%Y-%m}" == period


def _of_usage(usage: Usage) -> Evidence:
    return Evidence(reading=usage.reading, title=usage.meter, quantity=usage.quantity, at=usage.recorded_at)


def _of_delivery(delivery: Delivery) -> Evidence:
    return Evidence(delivery=delivery.number, title=delivery.title, quantity=delivery.quantity, at=delivery.decided_at)
