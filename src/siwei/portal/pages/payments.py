"""Paying and being paid: the payment desk, a batch, differences with the bank, invoices and monthly statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from siwei.errors import InputError, Problem, Said
from siwei.exchange.models import Organisation, PaymentItem
from siwei.exchange.models.payments import CITY
from siwei.exchange.payments.account_statements import account_statement
from siwei.exchange.payments.invoices import find_invoice
from siwei.exchange.payments.statement_imports import import_statement
from siwei.exchange.payments.status_reports import import_status_report
from siwei.exchange.trading.payments_due import Due, DueItem, payers
from siwei.market.bank import is_pain002
from siwei.market.bank.statements import LIMIT_BYTES
from siwei.portal.access import actor_of, require_private
from siwei.portal.directory import current_directory
from siwei.portal.pages.paging import page_of, text_parameter
from siwei.portal.queries import payments
from siwei.portal.queries.organisations import organisation_or_missing
from siwei.portal.settlement_papers import MEDIA_TYPES, invoice_file, invoice_rows, notices_of, statement_file
from siwei.portal.subjects import agreement_names

FILES = {"pain001": ("xml", "application/xml"), "csv": ("csv", "text/csv; charset=utf-8")}


@login_required
@require_safe
def payments_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = page_of(request, payers(actor))
    desk = payments.payment_desk(actor, list(page.object_list))
    today = timezone.localdate()
    context = {
        "desk": desk,
        "page": page,
        "token": uuid.uuid4().hex,
        "today": today,
        "work": payments.open_work(actor),
        "agreements": agreement_names(_settled(item for due in _dues(desk) for item in due.items), actor),
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/payments/desk.html", context)


def _dues(desk: payments.Desk) -> Iterator[Due]:
    return (due for payer in desk.payers for due in payer.due)


def _settled(items: Iterable[DueItem | PaymentItem]) -> Iterator[str]:
    """The agreements whose settlements these pay."""
    return (item.settlement.agreement.key for item in items if item.settlement is not None)


@login_required
@require_safe
def batch_page(request: HttpRequest, message_id: str) -> HttpResponse:
    actor = actor_of(request)
    view = payments.batch_view(message_id, actor)
    generated = any(order.paid_to.is_generated for order in view.orders)
    agreements = agreement_names(_settled(item for order in view.orders for item in order.items.all()), actor)
    context = {"view": view, "agreements": agreements, "token": uuid.uuid4().hex, "generated": generated}
    return render(request, "portal/payments/batch.html", context)


@login_required
@require_safe
def batch_file(request: HttpRequest, message_id: str, form: str) -> HttpResponse:
    actor = actor_of(request)
    found = payments.payment_file(message_id, form, actor)
    ending, media_type = FILES[form]
    return _download(payments.file_text(found, actor).encode(), f"{message_id}.{ending}", media_type)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def differences_page(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "POST":
        given = request.FILES.get("file")
        if given is None or given.size is None or given.size > LIMIT_BYTES:
            fix = Said(f"{LIMIT_BYTES // 1024 // 1024} MB at most", f"不超过 {LIMIT_BYTES // 1024 // 1024} MB")
            raise InputError([Problem(Said("choose the bank's file", "请选择银行的文件"), fix, field="file")])
        holder = request.POST.get("holder", "")
        content, name = given.read(), (given.name or "statement")[:200]
        owner = None if holder == CITY else holder
        if is_pain002(content):
            report = import_status_report(owner, content, name, actor=actor, now=timezone.now())
            messages.success(request, _("The bank's report is read: what it says stands below."))
            return redirect("payment-batch", message_id=report.batch.message_id)
        now = timezone.now()
        file = import_statement(owner, content, name, actor=actor, now=now)
        if file.imported_at != now:
            told_before = _("This file was imported before, as %(name)s: nothing changed.")
            messages.info(request, told_before % {"name": file.name})
            return redirect("differences")
        told = {"read": file.read, "added": file.added, "rejected": file.rejected}
        messages.success(request, _("%(read)s entries read, %(added)s of them new, %(rejected)s rejected.") % told)
        return redirect("differences")
    kept = Organisation.objects.visible_to(actor).filter(pk__in=actor.treasury_ids).order_by("name", "pk")
    context = {
        "found": payments.differences(actor),
        "token": uuid.uuid4().hex,
        "organisations": kept,
        "city": CITY,
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/payments/differences.html", context)


@login_required
@require_safe
def invoice_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    own = Organisation.objects.visible_to(actor).filter(pk__in=actor.organisation_ids).order_by("name", "pk")
    context = {
        "page": page_of(request, payments.invoices(actor)),
        "organisations": own,
        "keeps": actor.treasury_ids,
        "month": f"{timezone.localdate():%Y-%m}",
        "token": uuid.uuid4().hex,
        "generated": current_directory().has_generated,
    }
    return render(request, "portal/payments/invoices.html", context)


@login_required
@require_safe
def invoice_page(request: HttpRequest, issuer: str, number: int) -> HttpResponse:
    actor = actor_of(request)
    invoice = find_invoice(issuer, number, actor)
    context = {
        "invoice": invoice,
        "rows": invoice_rows(invoice),
        "notices": notices_of(invoice),
        "is_issuer": invoice.issuer_id in actor.treasury_ids,
        "generated": invoice.issuer.is_generated or invoice.recipient.is_generated,
        "token": uuid.uuid4().hex,
    }
    return render(request, "portal/payments/invoice.html", context)


@login_required
@require_safe
def invoice_download(request: HttpRequest, issuer: str, number: int, form: str) -> HttpResponse:
    """`.pdf`, `.csv` or `.xlsx`; `?language=` zh-hans, zh-hant or en, else the reader's."""
    invoice = find_invoice(issuer, number, actor_of(request))
    content = invoice_file(invoice, form, language_of(request))
    return _download(content, f"{invoice.name}-{invoice.issuer.key}.{form}", MEDIA_TYPES[form])


@login_required
@require_safe
def statement_download(request: HttpRequest, key: str, period: str, form: str) -> HttpResponse:
    actor = actor_of(request)
    organisation = organisation_or_missing(key, actor)
    require_private(actor, organisation.pk)
    statement = account_statement(organisation, period, actor)
    content = statement_file(statement, form, language_of(request), timezone.localdate())
    return _download(content, f"statement-{period}-{organisation.key}.{form}", MEDIA_TYPES[form])


def language_of(request: HttpRequest) -> str:
    return text_parameter(request, "language") or get_language() or "zh-hans"


def _download(content: bytes, name: str, media_type: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        content,
        content_type=media_type,
        headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
    )
