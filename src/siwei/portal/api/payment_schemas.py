"""What the API takes and answers about payment orders, bank statements and reports. Money is integer fen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from ninja import Field, Schema

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


class OwedAwardRow(Schema):
    payee: str
    owed_fen: int = Field(description="Of this award")
    in_all_fen: int = Field(description="Of all its awards; it may pay what is more than this one's")
    programme: str
    application: str = Field(description="Or empty, where a voucher was taken back")
    voucher: str


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
    suggestions: list[str] = Field(description="Orders that it may be, or of what came in be a part of")
    overpayments: list[str] = Field(description="Disputes that found that too much was paid, which it may pay back")
    awards: list[OwedAwardRow] = Field(description="Awards taken back after they were paid, which it may pay back")


class RejectRow(Schema):
    file: str
    row: int
    reason: str
    record: str


class DifferenceList(Schema):
    waiting: list[EntryRow]
    late: list[OrderRow]
    rejects: list[RejectRow]
