"""What an organisation provided, consumed, was paid and paid in a month, and what it is still to be paid."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from siwei.errors import InputError, NotAllowed, Problem, Said
from siwei.exchange.access import can_see
from siwei.exchange.actors import Actor
from siwei.exchange.ledger.units import CNY
from siwei.exchange.models import (
    Account,
    AgreementLine,
    Organisation,
    PaymentOrder,
    RestKind,
    Settlement,
    Transfer,
    TransferKind,
)
from siwei.exchange.payments.invoices import PERIOD, day_of

MOVES = (TransferKind.POST, TransferKind.CAPTURE, TransferKind.REVERSE)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """`kind`: provided, consumed, received (paid to it) or paid (by it). Of payments `gross_fen` alone is told."""

    day: date
    kind: str
    reference: str
    """An agreement's key, or an order's identifier."""
    counterparty: str
    description: str
    gross_fen: int
    voucher_fen: int = 0
    own_fen: int = 0


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """`opening_fen` and `closing_fen` are of what the organisation is to be paid (its receivable), less what it was
    paid too much."""

    organisation: Organisation
    period: str
    opening_fen: int
    closing_fen: int
    rows: tuple[StatementRow, ...]

    def total_fen(self, kind: str) -> int:
        return sum(row.gross_fen for row in self.rows if row.kind == kind)


def account_statement(organisation: Organisation, period: str, actor: Actor) -> AccountStatement:
    """For the organisation's own people and the offices. Raises NotAllowed, InputError."""
    if not can_see(actor, organisation.pk):
        raise NotAllowed(
            "only the organisation's own people, the operator and the auditor may see this",
            "只有该机构自己的人、运营方和审计可以查看",
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
    year, month = map(int, period.split("-"))
    begins, ends = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    rows = [*_settled(organisation, period), *_payments(organisation, begins, ends)]
    rows.sort(key=lambda row: (row.day, row.kind, row.reference))
    return AccountStatement(
        organisation, period, _receivable(organisation, begins), _receivable(organisation, ends), tuple(rows)
    )


def _settled(organisation: Organisation, period: str) -> Iterator[StatementRow]:
    mine = AgreementLine.objects.filter(Q(provider=organisation) | Q(consumer=organisation))
    lines = {
        (line.agreement_id, line.number): line for line in mine.select_related("agreement", "provider", "consumer")
    }
    settlements = Settlement.objects.filter(agreement_id__in={agreement for agreement, _ in lines}).order_by("pk")
    for settlement in settlements:
        day = day_of(settlement)
        if f"{day:%Y-%m}" != period:
            continue
        for detail in settlement.detail:
            line = lines.get((settlement.agreement_id, detail["line"]))
            gross = detail["voucher_fen"] + detail["own_fen"]
            if line is None or not gross:
                continue
            provides = line.provider_id == organisation.pk
            yield StatementRow(
                day, "provided" if provides else "consumed", line.agreement.key,
                (line.consumer if provides else line.provider).name, line.description, gross, detail["voucher_fen"],
                detail["own_fen"],
            )  # fmt: skip


def _payments(organisation: Organisation, begins: date, ends: date) -> Iterator[StatementRow]:
    found = PaymentOrder.objects.filter(
        Q(payee=organisation) | Q(batch__payer=organisation), paid_fen__gt=0, paid_on__gte=begins, paid_on__lt=ends
    )
    back = Coalesce(Sum("rests__amount_fen", filter=Q(rests__kind=RestKind.RETURNED)), 0)
    kept = found.annotate(kept_fen=F("paid_fen") - back).filter(kept_fen__gt=0)
    for order in kept.select_related("payee", "pseudonym", "batch__payer").order_by("pk"):
        assert order.paid_on is not None
        received = order.payee_id == organisation.pk
        other = order.batch.payer.name if order.batch.payer else ""
        yield StatementRow(
            order.paid_on, "received" if received else "paid", order.end_to_end_id,
            other if received else order.paid_to.name, order.remittance, order.kept_fen,
        )  # fmt: skip


def _receivable(organisation: Organisation, before: date) -> int:
    """What it is to be paid less what it owes, at the beginning of a day: balances proven from their entries."""
    accounts = Account.objects.filter(owner=organisation, purpose__in=("receivable", "overpaid"), unit=CNY)
    moment = timezone.make_aware(datetime.combine(before, time.min))
    moved = Transfer.objects.filter(kind__in=MOVES, at__lt=moment)
    credited = moved.filter(credit_account__in=accounts).aggregate(fen=Sum("amount"))["fen"] or 0
    debited = moved.filter(debit_account__in=accounts).aggregate(fen=Sum("amount"))["fen"] or 0
    return credited - debited
