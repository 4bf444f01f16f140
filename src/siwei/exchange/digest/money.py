"""Rows of the ledger, of awards and vouchers out of pots, of payments and of what the bank said."""

from collections.abc import Callable, Iterator
from typing import Any

from siwei.exchange.digest.rows import values
from siwei.exchange.models import (
    Account,
    Application,
    BankAccount,
    BankEntry,
    ClaimedDocument,
    ClawBack,
    Decision,
    Grant,
    Hold,
    Invoice,
    InvoiceLine,
    Objection,
    OrderRest,
    Overpayment,
    PaymentBatch,
    PaymentItem,
    PaymentOrder,
    Pot,
    SharingRound,
    StatementFile,
    StatementReject,
    StatusFile,
    StatusLine,
    Transfer,
    TrueUp,
    Voucher,
)


def _transfers() -> Iterator[Any]:
    fields = ("idempotency_key", "kind", "debit_account__code", "credit_account__code", "amount", "unit")
    for *rest, hold, memo, causes in Transfer.objects.values_list(
        *fields, "reverses__idempotency_key", "hold__idempotency_key", "memo", "causes"
    ).iterator():
        yield [*rest, hold, memo, causes]


MONEY: dict[str, Callable[[], Iterator[Any]]] = {
    "Account": values(Account.objects.all(), "code", "owner__key", "unit", "purpose", "floor", "balance", "held"),
    "Application": values(
        Application.objects.all(),
        *(
            "key",
            "organisation__key",
            "pseudonym__key",
            "pot__programme",
            "pot__period",
            "decision__key",
            "round__key",
            "claim_fen",
        ),
        *("score", "shared_fen", "bound_by", "reserved", "supplement_to__key", "state"),
    ),
    "BankAccount": values(
        BankAccount.objects.filter(ended_at=None), "holder", "name", "number", "bank_code", "bank_name"
    ),
    "BankEntry": values(
        BankEntry.objects.all(),
        *("account_number", "reference", "booked_on", "direction", "amount_fen", "name", "counter_account"),
        *("end_to_end_id", "remittance", "finding", "state", "order__end_to_end_id", "difference_fen", "reason"),
    ),
    "ClaimedDocument": values(ClaimedDocument.objects.all(), "application__key", "kind", "reference", "number"),
    "Overpayment": values(
        Overpayment.objects.all(),
        *("dispute__key", "part", "payer__key", "payee__key", "amount_fen", "set_off_fen", "repaid_fen"),
    ),
    "ClawBack": values(
        ClawBack.objects.all(), "key", "grant__application__key", "returned_fen", "owed_fen", "repaid_fen", "reason"
    ),
    "Decision": values(
        Decision.objects.all(),
        *("key", "organisation__key", "programme", "version_sha256", "is_draft", "as_of", "verdict", "award_fen"),
        *("subject", "inputs", "result"),
    ),
    "Grant": values(Grant.objects.all(), "application__key", "organisation__key", "pseudonym__key", "amount_fen"),
    "Hold": values(Hold.objects.all(), "transfer__idempotency_key", "amount", "captured", "released"),
    "Invoice": values(
        Invoice.objects.all(),
        *("issuer__key", "number", "recipient__key", "gross_fen", "voucher_fen", "own_fen", "tax_number"),
    ),
    "InvoiceLine": values(
        InvoiceLine.objects.all(),
        *("invoice__issuer__key", "invoice__number", "position", "line__agreement__key", "line__number"),
        *("settlement__period", "dispute__key", "quantity", "gross_fen", "voucher_fen", "own_fen"),
    ),
    "Objection": values(
        Objection.objects.all(), "key", "application__key", "person__username", "text", "upheld", "reason"
    ),
    "PaymentBatch": values(
        PaymentBatch.objects.all(),
        *("key", "payer__key", "debtor__number", "execute_on", "orders_count", "total_fen", "state", "reason"),
        *("made_by__username", "first_by__username", "second_by__username", "exported_by__username"),
    ),
    "OrderRest": values(
        OrderRest.objects.all(),
        *("order__end_to_end_id", "number", "kind", "state", "amount_fen", "entry__reference", "reason"),
        *("made_by__username", "first_by__username", "second_by__username"),
    ),
    "PaymentItem": values(
        PaymentItem.objects.all(),
        *("order__batch__key", "order__number", "part", "settlement__agreement__key", "settlement__period", "line"),
        *("dispute__key", "grant__application__key", "rest__order__end_to_end_id", "rest__number"),
        *("amount_fen", "is_live"),
    ),
    "PaymentOrder": values(
        PaymentOrder.objects.all(),
        *("batch__key", "number", "payee__key", "creditor__number", "pseudonym__key", "person_creditor__key"),
        *("amount_fen", "state", "paid_fen", "paid_on", "reason"),
    ),
    "Pot": values(
        Pot.objects.all(), "programme", "period", "version_sha256", "is_draft", "budget_fen", "returns", "account__code"
    ),
    "SharingRound": values(
        SharingRound.objects.all(),
        *("key", "pot__programme", "pot__period", "version_sha256", "sharing", "seed", "budget_fen", "state"),
        *("earlier", "returns", "is_supplementary", "shared_on", "notice_from", "notice_until", "awarded_on"),
    ),
    "StatementFile": values(
        StatementFile.objects.all(), "account_number", "sha256", "name", "form", "read", "added", "rejected", "is_whole"
    ),
    "StatementReject": values(StatementReject.objects.all(), "file__sha256", "row", "reason", "record"),
    "StatusFile": values(StatusFile.objects.all(), "batch__key", "sha256", "name", "is_whole"),
    "StatusLine": values(
        StatusLine.objects.all(),
        *("file__batch__key", "file__sha256", "position", "order__number", "code", "reason", "outcome"),
    ),
    "Transfer": _transfers,
    "TrueUp": values(
        TrueUp.objects.all(),
        *("key", "voucher__key", "decision__key", "before_fen", "after_fen", "added_fen", "returned_fen"),
        *("clawed_back_fen", "repaid_fen", "reason"),
    ),
    "Voucher": values(
        Voucher.objects.all(),
        *("key", "decision__key", "pot__programme", "pot__period", "organisation__key", "account__code", "cap_fen"),
        *("rate_bp", "kinds", "listed_providers_only", "valid_from", "valid_to"),
    ),
}
