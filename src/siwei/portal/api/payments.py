"""Payment orders, bank statements, reports. What is done with them is an act (`/acts/{act}`)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router

from siwei.errors import InputError, Problem, Said
from siwei.exchange.models import (
    BankEntry,
    Overpayment,
    PaymentBatch,
    PaymentOrder,
    StatementFile,
    StatementReject,
    StatusFile,
)
from siwei.exchange.models.payments import CITY
from siwei.exchange.payments.repayments import OwedAward
from siwei.exchange.payments.statement_imports import import_statement
from siwei.exchange.payments.status_reports import import_status_report
from siwei.exchange.trading.payments_due import cause_of_rest, payers
from siwei.portal.access import actor_of
from siwei.portal.api.answers import PageNumber, answers, bounds
from siwei.portal.api.payment_schemas import (
    Batch,
    BatchPage,
    DifferenceList,
    DueRow,
    ReportGiven,
    ReportRow,
    StatementGiven,
    StatementRow,
)
from siwei.portal.api.written_files import WrittenFile, written
from siwei.portal.queries import payments

router = Router()
Key = Annotated[str, Path(max_length=64)]
Form = Annotated[str, Query(max_length=8)]


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
        "waiting": [entry_row(*each) for each in found.waiting],
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


def entry_row(
    entry: BankEntry, orders: list[PaymentOrder], overpayments: list[Overpayment], awards: list[OwedAward]
) -> dict[str, Any]:
    names = ("reference", "booked_on", "direction", "amount_fen", "name", "finding", "state", "difference_fen")
    return {
        "holder": entry.organisation.key if entry.organisation else CITY,
        "account": entry.account_number,
        **{name: getattr(entry, name) for name in names},
        "order": entry.order.end_to_end_id if entry.order else None,
        "suggestions": [str(order) for order in orders],
        "overpayments": [each.dispute.key for each in overpayments],
        "awards": [award_row(each) for each in awards],
    }


def award_row(owed: OwedAward) -> dict[str, Any]:
    names = ("owed_fen", "in_all_fen", "programme", "application", "voucher")
    return {"payee": owed.payee.key, **{name: getattr(owed, name) for name in names}}


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
