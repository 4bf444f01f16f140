"""Settlement statements of organisations, and their monthly statements, as rows and as files."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema

from siwei.exchange.models import Invoice
from siwei.exchange.payments.account_statements import account_statement
from siwei.exchange.payments.invoices import find_invoice
from siwei.portal.access import actor_of
from siwei.portal.api.answers import PageNumber, answers, bounds
from siwei.portal.api.written_files import WrittenFile, written
from siwei.portal.queries import payments
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.settlement_papers import MEDIA_TYPES, evidence_words, invoice_file, invoice_rows, statement_file

router = Router()
Key = Annotated[str, Path(max_length=64)]
Form = Annotated[str, Query(max_length=8)]
Language = Annotated[str, Query(max_length=8, description="zh-hans, zh-hant or en")]


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


def invoice_row(invoice: Invoice) -> dict[str, Any]:
    names = ("number", "name", "period", "issued_on", "gross_fen", "voucher_fen", "own_fen", "tax_number")
    return {
        "issuer": invoice.issuer.key,
        "recipient": invoice.recipient.key,
        **{name: getattr(invoice, name) for name in names},
        "generated": invoice.issuer.is_generated or invoice.recipient.is_generated,
    }
