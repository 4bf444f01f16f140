"""Payment orders, bank statements, invoices. What is done with them is an act (`/acts/{act}`)."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Path, Query, Router, Schema

from siwei.errors import InputError, Problem, Said
from siwei.exchange.account_statements import account_statement
from siwei.exchange.invoices import find_invoice
from siwei.exchange.models import (
    BankEntry,
    Invoice,
    PaymentBatch,
    PaymentOrder,
    StatementFile,
    StatementReject,
    StatusFile,
)
from siwei.exchange.models.payments import CITY
from siwei.exchange.payments_due import cause_of_rest, payers
from siwei.exchange.statement_imports import import_statement
from siwei.exchange.status_reports import import_status_report
from siwei.portal.access import actor_of
from siwei.portal.api.answers import PageNumber, answers, bounds
from siwei.portal.queries import payments
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.settlement_papers import MEDIA_TYPES, evidence_words, invoice_file, invoice_rows, statement_file

router = Router()
Key = Annotated[str, Path(max_length=64)]
Form = Annotated[str, Query(max_length=8)]
Language = Annotated[str, Query(max_length=8, description="zh-hans, zh-hant or en")]
LARGEST_BASE64 = 12_000_000


class DueRow(Schema):
    payer: Annotated[str, Field(description="An organisation's key, or `city`")]
    payee: str
    grant: bool
    amount_fen: int
    reasons: int
    hindrance: Annotated[str, Field(description="`no-account`, `nothing-left`, or empty: it can be ordered")]


class BatchRow(Schema):
    id: str
    payer: str
    execute_on: date
    orders: int
    paid: int
    total_fen: int
    content_sha256: str
    state: str
    made_by: str | None
    approved_by: list[str]
    exported_at: datetime | None


class RestRow(Schema):
    kind: Annotated[str, Field(description="`unpaid` by the bank, or `returned` by it")]
    state: Annotated[
        str, Field(description="`due` by a further order, `asked` to be written off, `written-off`, `withdrawn`")
    ]
    amount_fen: int
    reason: str
    approvals: int


class OrderRow(Schema):
    id: str
    batch: str
    payer: str
    payee: Annotated[str, Field(description="An organisation's key, or a person's pseudonym (`p-…`)")]
    account: Annotated[str, Field(description="The last digits; of a person's nothing")]
    amount_fen: int
    paid_fen: int
    paid_on: date | None
    state: str
    reason: str
    causes: list[str]
    rests: Annotated[list[RestRow], Field(description="What was missing of it, and what became of that")]


class Batch(BatchRow):
    items: list[OrderRow]


class BatchPage(Schema):
    count: int
    page: int
    items: list[BatchRow]


class StatementGiven(Schema):
    holder: Annotated[str, Field(max_length=64, description="An organisation's key, or `city`")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(max_length=LARGEST_BASE64, description="camt.053 or CSV, as Base64")]
    columns: Annotated[
        dict[str, list[Annotated[str, Field(max_length=80)]]] | None,
        Field(description="Of a CSV: which heading means what", max_length=20),
    ] = None


class StatementRow(Schema):
    holder: str
    account: str
    name: str
    sha256: str
    read: int
    added: int
    rejected: int
    whole: bool
    imported_at: datetime


class ReportGiven(Schema):
    holder: Annotated[str, Field(max_length=64, description="An organisation's key, or `city`")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(max_length=LARGEST_BASE64, description="pain.002, as Base64")]


class ReportLine(Schema):
    order: str | None
    code: str
    reason: str
    outcome: Annotated[str, Field(description="`noted`, `rejected` (due again), `unchanged`, or `not-taken`")]


class ReportRow(Schema):
    batch: str
    name: str
    sha256: str
    whole: bool
    imported_at: datetime
    lines: list[ReportLine]


class EntryRow(Schema):
    holder: str
    account: str
    reference: str
    booked_on: date
    direction: str
    amount_fen: int
    name: str
    finding: str
    state: str
    difference_fen: int
    order: str | None
    suggestions: list[str]


class RejectRow(Schema):
    file: str
    row: int
    reason: str
    record: str


class DifferenceList(Schema):
    waiting: list[EntryRow]
    late: list[OrderRow]
    rejects: list[RejectRow]


class InvoiceRow(Schema):
    issuer: str
    number: int
    name: str
    recipient: str
    period: str
    issued_on: date
    gross_fen: int
    voucher_fen: int
    own_fen: int
    tax_number: str
    generated: bool


class InvoiceLineRow(Schema):
    position: int
    day: date
    agreement: str
    line: int
    description: str
    quantity: int | None
    unit: str
    gross_fen: int
    voucher_fen: int
    own_fen: int
    dispute: str | None
    evidence: list[str]


class InvoiceWhole(InvoiceRow):
    lines: list[InvoiceLineRow]


class InvoicePage(Schema):
    count: int
    page: int
    items: list[InvoiceRow]


class WrittenFile(Schema):
    media_type: str
    sha256: str
    content: Annotated[str, Field(description="Base64")]


@router.get("/payments/due", response=answers(list[DueRow]))
def list_due(request: HttpRequest) -> Any:
    """What is due and in no order yet, by payer and payee."""
    actor = actor_of(request)
    return [
        {
            "payer": desk.key, "payee": due.payee.key, "grant": due.is_grant, "amount_fen": due.amount_fen,
            "reasons": len(due.items), "hindrance": due.hindrance,
        }
        for desk in payments.desks_of(payers(actor), actor)
        for due in desk.due
    ]  # fmt: skip


@router.get("/payments/batches", response=answers(BatchPage))
def list_batches(request: HttpRequest, page: PageNumber = 1) -> Any:
    found = payments.batches(actor_of(request))
    return {"count": found.count(), "page": page, "items": [batch_row(each) for each in found[bounds(page)]]}


@router.get("/payments/batches/{id}", response=answers(Batch))
def get_batch(request: HttpRequest, id: Key) -> Any:
    """A batch with its orders; `content_sha256` is what an approval is of."""
    view = payments.batch_view(id, actor_of(request))
    return {**batch_row(view.batch), "items": [order_row(each, view.batch) for each in view.orders]}


@router.get("/payments/batches/{id}/file", response=answers(WrittenFile))
def get_batch_file(request: HttpRequest, id: Key, form: Form = "pain001") -> Any:
    """As it went to the bank: `pain001` or `csv`. The auditor has it without what it says of persons."""
    actor = actor_of(request)
    text = payments.file_text(payments.payment_file(id, form, actor), actor)
    return written("application/xml" if form == "pain001" else "text/csv; charset=utf-8", text.encode())


@router.get("/payments/differences", response=answers(DifferenceList))
def list_differences(request: HttpRequest) -> Any:
    """What the bank did that agrees with no order, orders that are late, rows that could not be read."""
    found = payments.differences(actor_of(request))
    return {
        "waiting": [entry_row(entry, [str(order) for order in orders]) for entry, orders in found.waiting],
        "late": [order_row(each, each.batch) for each in found.late],
        "rejects": [reject_row(each) for each in found.rejects],
    }


@router.post("/payments/statements", response=answers(StatementRow))
def give_statement(request: HttpRequest, given: StatementGiven) -> Any:
    """Import a bank statement; the same file again changes nothing."""
    holder = None if given.holder == CITY else given.holder
    file = import_statement(
        holder, bytes_of(given.content), given.name, columns=given.columns, actor=actor_of(request), now=timezone.now()
    )
    return statement_row(file)


@router.post("/payments/reports", response=answers(ReportRow))
def give_report(request: HttpRequest, given: ReportGiven) -> Any:
    """Import a bank's report on the orders of a batch (pain.002); the same file again changes nothing."""
    holder = None if given.holder == CITY else given.holder
    file = import_status_report(
        holder, bytes_of(given.content), given.name, actor=actor_of(request), now=timezone.now()
    )  # fmt: skip
    return report_row(file)


@router.get("/payments/batches/{id}/reports", response=answers(list[ReportRow]))
def list_reports(request: HttpRequest, id: Key) -> Any:
    """What the bank said of the orders of a batch, newest first."""
    return [report_row(each) for each in payments.batch_view(id, actor_of(request)).reports]


def report_row(file: StatusFile) -> dict[str, Any]:
    return {
        "batch": file.batch.message_id,
        "name": file.name,
        "sha256": file.sha256,
        "whole": file.is_whole,
        "imported_at": file.imported_at,
        "lines": [
            {
                "order": each.order.end_to_end_id if each.order else None, "code": each.code, "reason": each.reason,
                "outcome": each.outcome,
            }
            for each in file.lines.all()
        ],
    }  # fmt: skip


def bytes_of(content: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            [
                Problem(
                    Said("the content is no Base64", "内容不是 Base64"),
                    Said("encode the file's bytes", "请对文件的字节编码"),
                    field="content",
                )
            ]
        ) from None


@router.get("/invoices", response=answers(InvoicePage))
def list_invoices(request: HttpRequest, page: PageNumber = 1) -> Any:
    """Issued by one's organisations or to them; newest first."""
    found = payments.invoices(actor_of(request))
    return {"count": found.count(), "page": page, "items": [invoice_row(each) for each in found[bounds(page)]]}


@router.get("/invoices/{issuer}/{number}", response=answers(InvoiceWhole))
def get_invoice(request: HttpRequest, issuer: Key, number: int) -> Any:
    """An invoice with its lines, each with the readings or the delivery it is made of."""
    invoice = find_invoice(issuer, number, actor_of(request))
    lines = [
        {
            "position": row.line.position, "day": row.line.day, "agreement": row.line.line.agreement.key,
            "line": row.line.line.number, "description": row.line.line.description, "quantity": row.line.quantity,
            "unit": row.line.line.unit, "gross_fen": row.line.gross_fen, "voucher_fen": row.line.voucher_fen,
            "own_fen": row.line.own_fen, "dispute": row.line.dispute.key if row.line.dispute else None,
            "evidence": [evidence_words(each) for each in row.evidence],
        }
        for row in invoice_rows(invoice)
    ]  # fmt: skip
    return {**invoice_row(invoice), "lines": lines}


@router.get("/invoices/{issuer}/{number}/file", response=answers(WrittenFile))
def get_invoice_file(
    request: HttpRequest, issuer: Key, number: int, form: Form = "pdf", language: Language = "zh-hans"
) -> Any:
    """The invoice as `pdf`, `csv` or `xlsx`; the same invoice, the same bytes."""
    content = invoice_file(find_invoice(issuer, number, actor_of(request)), form, language)
    return written(MEDIA_TYPES[form], content)


@router.get("/organisations/{key}/statements/{period}", response=answers(WrittenFile))
def get_statement_file(
    request: HttpRequest, key: Key, period: str, form: Form = "pdf", language: Language = "zh-hans"
) -> Any:
    """What an organisation provided, consumed, was paid and paid in a month (2026-11)."""
    actor = actor_of(request)
    statement = account_statement(organisation_or_missing(key, actor), period, actor)
    content = statement_file(statement, form, language, timezone.localdate())
    return written(MEDIA_TYPES[form], content)


def written(media_type: str, content: bytes) -> dict[str, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"media_type": media_type, "sha256": sha256, "content": b64encode(content).decode()}


def batch_row(batch: PaymentBatch) -> dict[str, Any]:
    return {
        "id": batch.message_id,
        "payer": batch.payer.key if batch.payer else CITY,
        "execute_on": batch.execute_on,
        "orders": batch.orders_count,
        "paid": batch.paid_count,  # type: ignore[attr-defined]  # annotated by `payments.batches`
        "total_fen": batch.total_fen,
        "content_sha256": batch.content_sha256,
        "state": batch.state,
        "made_by": batch.made_by.username if batch.made_by else None,
        "approved_by": [each.username for each in (batch.first_by, batch.second_by) if each],
        "exported_at": batch.exported_at,
    }


def order_row(order: PaymentOrder, batch: PaymentBatch) -> dict[str, Any]:
    return {
        "id": order.end_to_end_id,
        "batch": batch.message_id,
        "payer": batch.payer.key if batch.payer else CITY,
        "payee": order.paid_to.key,
        "account": order.creditor.masked if order.creditor else "",
        "amount_fen": order.amount_fen,
        "paid_fen": order.paid_fen,
        "paid_on": order.paid_on,
        "state": order.state,
        "reason": order.reason,
        "causes": [cause_of(each) for each in order.items.all()],
        "rests": [
            {
                "kind": rest.kind, "state": rest.state, "amount_fen": rest.amount_fen, "reason": rest.reason,
                "approvals": sum(by is not None for by in (rest.first_by_id, rest.second_by_id)),
            }
            for rest in order.rests.all()
        ],
    }  # fmt: skip


def cause_of(item: Any) -> str:
    if item.settlement is not None:
        return f"settlement:{item.settlement.agreement.key}:{item.settlement.period}:{item.line}"
    if item.rest is not None:
        return cause_of_rest(item.rest)
    return f"dispute:{item.dispute.key}" if item.dispute else f"grant:{item.grant.application.key}"


def entry_row(entry: BankEntry, suggested: list[str]) -> dict[str, Any]:
    names = ("reference", "booked_on", "direction", "amount_fen", "name", "finding", "state", "difference_fen")
    return {
        "holder": entry.organisation.key if entry.organisation else CITY,
        "account": entry.account_number,
        **{name: getattr(entry, name) for name in names},
        "order": entry.order.end_to_end_id if entry.order else None,
        "suggestions": suggested,
    }


def reject_row(reject: StatementReject) -> dict[str, Any]:
    return {"file": reject.file.name, "row": reject.row, "reason": reject.reason, "record": reject.record}


def statement_row(file: StatementFile) -> dict[str, Any]:
    return {
        "holder": file.organisation.key if file.organisation else CITY,
        "account": file.account_number,
        "name": file.name,
        "sha256": file.sha256,
        "read": file.read,
        "added": file.added,
        "rejected": file.rejected,
        "whole": file.is_whole,
        "imported_at": file.imported_at,
    }


def invoice_row(invoice: Invoice) -> dict[str, Any]:
    names = ("number", "name", "period", "issued_on", "gross_fen", "voucher_fen", "own_fen", "tax_number")
    return {
        "issuer": invoice.issuer.key,
        "recipient": invoice.recipient.key,
        **{name: getattr(invoice, name) for name in names},
        "generated": invoice.issuer.is_generated or invoice.recipient.is_generated,
    }
