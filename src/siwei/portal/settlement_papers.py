"""结算单 and 对账单: invoices and monthly statements as PDF, CSV and XLSX, in the reader's language."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from siwei.errors import InputError, Problem, Said
from siwei.exchange.models import Invoice, InvoiceLine, Organisation
from siwei.exchange.payments.account_statements import AccountStatement
from siwei.exchange.payments.invoices import Evidence, evidence_of, lines_of
from siwei.market.bank import exact_yuan
from siwei.portal.application.blocks import Block, Document, Heading, Paragraph, Table, plain
from siwei.portal.application.docx_file import with_day
from siwei.portal.application.pdf_file import write_pdf
from siwei.portal.exports import neutralised, xlsx_bytes
from siwei.portal.figures import exact_microfen
from siwei.portal.languages import TRADITIONAL
from siwei.portal.subjects import shortened
from siwei.portal.words import quantity as quantity_of
from siwei.portal.words import word
from siwei.traditional import traditional

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
LANGUAGES = ("zh-hans", "zh-hant", "en")
EVIDENCE_SHOWN = 200
"""In the PDF, for each line; the tables have all of it."""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    line: InvoiceLine
    evidence: tuple[Evidence, ...]


def invoice_rows(invoice: Invoice) -> list[InvoiceRow]:
    return [InvoiceRow(line, tuple(evidence_of(line))) for line in lines_of(invoice)]


def invoice_file(invoice: Invoice, form: str, language: str) -> bytes:
    """Raises InputError for a form or language there is none of. The same invoice gives the same bytes."""
    _check(form, language)
    rows = invoice_rows(invoice)
    with override("zh-hans" if language == TRADITIONAL else language):
        if form == "pdf":
            return write_pdf(_converted(_invoice_document(invoice, rows, language), language))
        return _table_file(_invoice_frame(invoice, rows), form, invoice.issued_on, language)


def statement_file(statement: AccountStatement, form: str, language: str, day: date) -> bytes:
    """As `invoice_file`; `day` is when it was asked for."""
    _check(form, language)
    with override("zh-hans" if language == TRADITIONAL else language):
        if form == "pdf":
            return write_pdf(_converted(_statement_document(statement, language, day), language))
        return _table_file(_statement_frame(statement), form, day, language)


def notices_of(invoice: Invoice) -> list[str]:
    """What a reader must know before anything else, in the active language."""
    told = [_("This is a settlement statement (结算单) and not a tax invoice (发票).")]
    if invoice.tax_number:
        told = [_("Settlement statement (结算单) to the tax invoice (发票) no. %(n)s.") % {"n": invoice.tax_number}]
    return told + _generated((invoice.issuer, invoice.recipient))


def quantity_words(quantity: int | None, unit: str) -> str:
    """As pages show it: what calls of a model cost is money, charged finer than a fen."""
    if quantity is None:
        return "–"
    return exact_microfen(quantity) if unit == "microfen" else quantity_of(quantity, unit)


def what_words(line: InvoiceLine, *, whole: bool = False) -> str:
    """Of what a line is: the agreement's line, and the part of it that was settled. `whole`: with keys uncut."""
    if line.dispute is not None:
        return _("%(line)s: taken back by dispute %(dispute)s") % {
            "line": plain(line.line.description), "dispute": line.dispute.key if whole else shortened(line.dispute.key)
        }  # fmt: skip
    return plain(line.line.description)


def evidence_words(evidence: Evidence) -> str:
    if evidence.delivery is not None:
        return _("delivery %(number)s: %(title)s") % {"number": evidence.delivery, "title": plain(evidence.title)}
    return _("reading %(name)s") % {"name": plain(evidence.reading)}


def _invoice_document(invoice: Invoice, rows: list[InvoiceRow], language: str) -> Document:
    title = _("Settlement statement %(name)s") % {"name": invoice.name}
    footer = f"{plain(invoice.issuer.name)} · {invoice.name} · {invoice.issued_on.isoformat()}"
    who = (
        (_("Number"), invoice.name),
        (_("Period"), invoice.period),
        (_("Issued"), invoice.issued_on.isoformat()),
        (_("Issued by"), _party(invoice.issuer)),
        (_("Recipient"), _party(invoice.recipient)),
    )
    sums = (
        (_("Total"), exact_yuan(invoice.gross_fen)),
        (_("Paid by vouchers (public money)"), exact_yuan(invoice.voucher_fen)),
        (_("To be paid by the recipient"), exact_yuan(invoice.own_fen)),
    )
    header = (_("No."), _("Day"), _("What"), _("Quantity"), _("Total"), _("Voucher"), _("Own share"))
    told = tuple(
        (
            str(row.line.position), row.line.day.isoformat(),
            f"{what_words(row.line)} ({shortened(row.line.line.agreement.key)})",
            quantity_words(row.line.quantity, row.line.line.unit), exact_yuan(row.line.gross_fen),
            exact_yuan(row.line.voucher_fen), exact_yuan(row.line.own_fen),
        )
        for row in rows
    )  # fmt: skip
    blocks: list[Block] = [Paragraph(text, is_notice=True) for text in notices_of(invoice)]
    blocks += [Table((), who, (1, 3)), Heading(_("Lines")), Table(header, told, (3, 5, 11, 8, 6, 5, 6), (4, 5, 6))]
    blocks += [Table((), sums, (2, 1), (1,)), Heading(_("What the lines are made of")), _evidence_table(rows)]
    return Document(title, language, footer, tuple(blocks))


def _evidence_table(rows: list[InvoiceRow]) -> Block:
    told = []
    for row in rows:
        for each in row.evidence[:EVIDENCE_SHOWN]:
            at = timezone.localdate(each.at).isoformat() if each.at else ""
            told.append(
                (str(row.line.position), evidence_words(each), quantity_words(each.quantity, row.line.line.unit), at)
            )
        if len(row.evidence) > EVIDENCE_SHOWN:
            more = _("and %(n)s more: see the CSV") % {"n": len(row.evidence) - EVIDENCE_SHOWN}
            told.append((str(row.line.position), more, "", ""))
    header = (_("Line"), _("Reading or delivery"), _("Quantity"), _("Day"))
    return Table(header, tuple(told), (1, 6, 3, 2)) if told else Paragraph(_("None."))


def _invoice_frame(invoice: Invoice, rows: list[InvoiceRow]) -> pl.DataFrame:
    """A row for each reading or delivery of each line; the line's amounts stand in its first row."""
    data = []
    for row in rows:
        line = row.line
        head = (invoice.name, invoice.period, invoice.issuer.name, invoice.recipient.name, line.position,
                line.day.isoformat(), what_words(line, whole=True), line.line.agreement.key,
                line.line.number)  # fmt: skip
        money = (line.quantity, line.line.unit, *map(_yuan, (line.gross_fen, line.voucher_fen, line.own_fen)))
        for number, each in enumerate(row.evidence or (Evidence(),)):
            shown = money if number == 0 else (None, line.line.unit, None, None, None)
            source = evidence_words(each) if each.reading or each.delivery is not None else ""
            data.append((*head, *shown, source, each.quantity))
    names = (
        _("Number"), _("Period"), _("Issued by"), _("Recipient"), _("No."), _("Day"), _("What"), _("Agreement"),
        _("Line of the agreement"), _("Quantity"), _("Unit"), _("In all (yuan)"), _("Voucher (yuan)"),
        _("Own share (yuan)"), _("Reading or delivery"), _("Its quantity"),
    )  # fmt: skip
    return _frame(names, data, _is_generated((invoice.issuer, invoice.recipient)))


def _statement_document(statement: AccountStatement, language: str, day: date) -> Document:
    organisation = statement.organisation
    title = _("Statement of account %(period)s") % {"period": statement.period}
    footer = f"{plain(organisation.name)} · {statement.period} · {day.isoformat()}"
    sums = (
        (_("To be paid to it, at the beginning"), exact_yuan(statement.opening_fen)),
        (_("Provided"), exact_yuan(statement.total_fen("provided"))),
        (_("Received"), exact_yuan(statement.total_fen("received"))),
        (_("To be paid to it, at the end"), exact_yuan(statement.closing_fen)),
        (_("Consumed"), exact_yuan(statement.total_fen("consumed"))),
        (_("Paid by it"), exact_yuan(statement.total_fen("paid"))),
    )
    header = (_("Day"), _("Kind"), _("With whom"), _("What"), _("Total"), _("Voucher"), _("Own share"))
    rows = tuple(
        (
            row.day.isoformat(), word("statement", row.kind), plain(row.counterparty) or _("the city"),
            f"{plain(row.description)} ({shortened(row.reference)})",
            *map(exact_yuan, (row.gross_fen, row.voucher_fen, row.own_fen)),
        )
        for row in statement.rows
    )  # fmt: skip
    notices = [_("A statement of account of the exchange, and no tax invoice (发票)."), *_generated((organisation,))]
    blocks: list[Block] = [Paragraph(text, is_notice=True) for text in notices]
    blocks += [Table((), ((_("Organisation"), _party(organisation)), (_("Period"), statement.period)), (1, 3))]
    blocks += [Table((), sums, (2, 1), (1,)), Heading(_("Movements"))]
    blocks.append(Table(header, rows, (4, 3, 6, 9, 5, 4, 5), (4, 5, 6)) if rows else Paragraph(_("None.")))
    return Document(title, language, footer, tuple(blocks))


def _statement_frame(statement: AccountStatement) -> pl.DataFrame:
    data = [
        (
            statement.period, statement.organisation.name, row.day.isoformat(), word("statement", row.kind),
            row.counterparty or _("the city"), row.description, row.reference,
            *map(_yuan, (row.gross_fen, row.voucher_fen, row.own_fen)),
        )
        for row in statement.rows
    ]  # fmt: skip
    names = (
        _("Period"), _("Organisation"), _("Day"), _("Kind"), _("With whom"), _("What"), _("Agreement or order"),
        _("In all (yuan)"), _("Voucher (yuan)"), _("Own share (yuan)"),
    )  # fmt: skip
    return _frame(names, data, _is_generated((statement.organisation,)))


def _frame(names: tuple[str, ...], data: Sequence[tuple[object, ...]], is_generated: bool) -> pl.DataFrame:
    columns = {name: [row[index] for row in data] for index, name in enumerate(names)}
    frame = pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in columns.items()})
    return frame.with_columns(pl.lit(is_generated).alias(_("Generated data")))


def _table_file(frame: pl.DataFrame, form: str, day: date, language: str) -> bytes:
    # Numbers, exact ones: a sheet adds them up, and what is below zero is no formula.
    amounts = (_("In all (yuan)"), _("Voucher (yuan)"), _("Own share (yuan)"))
    frame = frame.with_columns(pl.col(name).cast(pl.Decimal(38, 2)) for name in amounts)
    if language == TRADITIONAL:
        texts = pl.col(pl.String).map_elements(traditional, return_dtype=pl.String)
        frame = frame.with_columns(texts).rename(traditional)
    if form == "csv":
        text = io.BytesIO()
        neutralised(frame).write_csv(text)
        return b"\xef\xbb\xbf" + text.getvalue()
    return with_day(xlsx_bytes(neutralised(frame)), day)


def _yuan(fen: int) -> str:
    """Exactly, as plain digits: a table is for programs."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _party(organisation: Organisation) -> str:
    code = organisation.code or _("no credit code")
    return plain(f"{organisation.name} · {code}")


def _is_generated(organisations: Iterable[Organisation]) -> bool:
    return any(each.is_generated for each in organisations)


def _generated(organisations: Iterable[Organisation]) -> list[str]:
    told = _("Generated data: this organisation is made up, and no real firm is meant.")
    return [told] if _is_generated(organisations) else []


def _converted(document: Document, language: str) -> Document:
    return document.converted(traditional) if language == TRADITIONAL else document


def _check(form: str, language: str) -> None:
    if form not in MEDIA_TYPES:
        raise InputError(
            [
                Problem(
                    Said(f"no form {form!r:.20}", f"没有格式 {form!r:.20}"),
                    fix=Said(f"one of {', '.join(MEDIA_TYPES)}", f"{'、'.join(MEDIA_TYPES)} 之一"),
                    field="form",
                )
            ]
        )
    if language not in LANGUAGES:
        fix = Said(f"one of {', '.join(LANGUAGES)}", f"{'、'.join(LANGUAGES)} 之一")
        raise InputError(
            [Problem(Said(f"no language {language!r:.20}", f"没有语言 {language!r:.20}"), fix=fix, field="language")]
        )
