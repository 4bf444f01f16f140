"""What the API answers with. Money is integer fen; days and moments are ISO; names come in both languages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Schema
from pydantic import Field


class Fault(Schema):
    detail: str


class InvalidField(Schema):
    field: str = Field(description="As in `lines[0].amount`; empty: the request as a whole")
    message: str
    fix: str
    type: str = Field(description="A code for what is wrong, the same in every language")


class InvalidRequest(Fault):
    """A parameter or a field cannot be used; in the language asked for (`Accept-Language`)."""

    problems: list[InvalidField]


class Named(Schema):
    zh: str
    en: str


class City(Schema):
    id: str
    name: Named
    pack_version: str
    pack_sha256: str
    decided_on: date
    organisations: int
    has_generated: bool
    official_firms: int | None = Field(
        description="Firms of the industry in the official count, where the pack names one"
    )
    languages: list[str]


class Evidence(Schema):
    source: str
    term: str


class Placement(Schema):
    segment: str
    layer: str
    confidence: float
    evidence: list[Evidence]


class Organisation(Schema):
    key: str
    code: str | None
    name: str
    kind: str
    district: str
    founded_on: date | None
    origin: str
    generated: bool
    placements: list[Placement]


class OrganisationPage(Schema):
    count: int
    page: int
    items: list[Organisation]


class Fact(Schema):
    attribute: str
    name: Named
    unit: str | None
    value: str = Field(description="Canonical text: integers in base 10 (money in fen), ISO days, true/false")
    status: str
    source: str
    source_ref: str
    valid_from: date | None
    valid_to: date | None
    known_at: datetime
    is_public: bool


class Citation(Schema):
    document: str
    locator: str
    url: str | None


class Clause(Schema):
    id: str
    words: Named
    expression: str
    requires: str
    citation: Citation | None


class UnsourcedPart(Schema):
    part: str = Field(description="clause, award, limit, voucher, parameter or table")
    id: str = Field(description="Empty of what there is one of")
    words: Named


class Programme(Schema):
    id: str
    version: str
    sha256: str
    title: Named
    kind: str
    issuer: Named
    source_document: str
    verified: bool
    is_draft: bool
    unsourced: list[UnsourcedPart] = Field(description="What cites nothing, and so keeps it a draft")
    starts_on: date | None
    ends_on: date | None
    clauses: list[Clause]
    award_words: Named
    award_expression: str
    cap_expression: str | None
    decided: dict[str, Any] | None = Field(
        description="Count of each verdict and the sum awarded in the latest bulk decision"
    )


class Entitlements(Schema):
    paid_fen: int
    shut_fen: int = Field(description="The part of paid_fen whose window for applications has closed")
    tax_saving_fen: int
    combination: dict[str, Any] | None = Field(
        description="The best lawful combination with what is held already; null where no rule of stacking binds"
    )
    explanations: list[dict[str, Any]]


class Entry(Schema):
    kind: str
    debit_account: str
    credit_account: str
    amount: int = Field(description="Minor units of `unit`; fen where it is CNY")
    unit: str
    memo: str
    at: datetime


class Indicator(Schema):
    id: str
    dimension: str
    element: str
    name: Named
    formula: Named
    unit: str
    value: float | None
    numerator: str | None = Field(description="Exact, as text: it may pass 64 bits")
    denominator: str | None
    coverage: Named
    rows: int
    restricted: bool


class Rows(Schema):
    count: int
    page: int
    columns: list[str]
    items: list[list[Any]]


class Money(Schema):
    budget_fen: int
    granted_fen: int
    awarded_fen: int
    held_fen: int
    paid_fen: int
    returned_fen: int


class Pot(Schema):
    programme: str
    period: str
    budget_fen: int
    available_fen: int
    is_draft: bool


class PublicMoney(Schema):
    totals: Money
    pots: list[Pot]


class Account(Schema):
    code: str
    unit: str
    purpose: str
    balance: int
    held: int
    available: int


class Voucher(Schema):
    key: str
    programme: str
    cap_fen: int
    available_fen: int
    rate_bp: int
    valid_from: date
    valid_to: date


class Wallet(Schema):
    accounts: list[Account]
    vouchers: list[Voucher]
    entries: list[Entry]


class ImportedFile(Schema):
    sha256: str
    name: str
    shape: str
    read: int
    created: int
    merged: int
    rejected: int
    imported_at: datetime


class RejectedRow(Schema):
    row: int
    field: str
    reason: str
    reason_zh: str
    record: Any


class RejectedPage(Schema):
    count: int
    page: int
    items: list[RejectedRow]


class Found(Schema):
    organisations: list[str]
    organisation_count: int
    segments: list[str]
    programmes: list[str]
    jobs: list[str]
