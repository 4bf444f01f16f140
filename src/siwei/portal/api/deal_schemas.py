"""What the calls about quotes, proposals, spending, deliveries, disputes and meters take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from ninja import Field, Schema

from siwei.portal.api.answers import IdempotencyKey
from siwei.portal.api.market_schemas import CapLeft, Tie
from siwei.portal.api.schemas import Named

Key = Annotated[str, Field(min_length=1, max_length=120)]
Fen = Annotated[int, Field(ge=0, le=10**16)]
Count = Annotated[int, Field(ge=1, le=10**16)]
Sentence = Annotated[str, Field(max_length=4000)]
Words = dict[Annotated[str, Field(max_length=80)], Sentence]


class NewListing(Schema):
    kind: Annotated[str, Field(max_length=20)]
    side: Annotated[str, Field(max_length=5, description="offer or need")]
    organisation: Annotated[str | None, Field(max_length=64, description="None: in one's own name")] = None
    title_zh: Annotated[str, Field(max_length=200)]
    title_en: Annotated[str, Field(max_length=200)]
    body: Annotated[dict[str, Any], Field(description="As the kind's schema has it: GET /api/kinds")]
    idempotency_key: IdempotencyKey


class Revision(Schema):
    listing: Key
    body: dict[str, Any]
    idempotency_key: IdempotencyKey


class Kind(Schema):
    id: str
    dimension: str
    name: Named
    unit: str
    delivered_by: str
    is_priced: bool
    offer: dict[str, Any] = Field(description="JSON Schema of an offer's body")
    need: dict[str, Any] = Field(description="JSON Schema of a need's body")


class NewQuote(Schema):
    need: Key
    offer: Key
    voucher: Annotated[str | None, Field(max_length=120)] = None
    idempotency_key: IdempotencyKey


class ApprovalRule(Schema):
    organisation: str
    role: str
    from_fen: int


class QuoteSummary(Schema):
    key: str
    need: str
    offer: str
    voucher: str | None
    as_of: date
    valid_until: datetime
    is_valid: bool
    quantity: int
    unit: str
    unit_price_fen: int
    price_quantity: int
    gross_fen: int
    voucher_fen: int
    own_fen: int
    bound: str = Field(description="What held the voucher's share down, or why there is none")
    bound_words: Named


class Quote(QuoteSummary):
    """Why this price, whole."""

    offered: dict[str, Any] = Field(description="What the offer said then")
    decision: str | None = Field(description="Key of the decision the voucher stands on")
    related_path: list[Tie]
    caps: list[CapLeft]
    approvals: list[ApprovalRule]
    budget_fen: int | None = Field(description="What may still be committed of own money; none where none was declared")
    agreements: list[str]


class QuotePage(Schema):
    count: int
    page: int
    items: list[QuoteSummary]


class NewParty(Schema):
    role: Annotated[str, Field(min_length=1, max_length=40)]
    organisation: Annotated[str, Field(min_length=1, max_length=64)]


class NewLine(Schema):
    provider: Annotated[str, Field(max_length=64)]
    consumer: Annotated[str, Field(max_length=64)]
    description: Annotated[str, Field(max_length=200)]
    quantity: Count
    unit: Annotated[str, Field(min_length=1, max_length=80)]
    unit_price_fen: Fen
    price_quantity: Count = 1


class NewDelivery(Schema):
    """Of a `line` (1, 2 …; one quoted is the first), or from party `giver` to party `receiver` (1, 2 …)."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    line: Annotated[int | None, Field(ge=1, le=1000)] = None
    amount_fen: Fen = 0
    due_on: date | None = None
    giver: Annotated[int | None, Field(ge=1, le=1000)] = None
    receiver: Annotated[int | None, Field(ge=1, le=1000)] = None


class Proposal(Schema):
    """From a `quote`, from a match (`need` and `offer`), or among `parties` alone. With the first two the parties may
    be left out."""

    kind: Annotated[str, Field(max_length=20)]
    ends_at: datetime
    quote: Annotated[str | None, Field(max_length=120)] = None
    need: Annotated[str | None, Field(max_length=120)] = None
    offer: Annotated[str | None, Field(max_length=120)] = None
    voucher: Annotated[str | None, Field(max_length=120)] = None
    parties: Annotated[tuple[NewParty, ...], Field(max_length=50)] = ()
    lines: Annotated[tuple[NewLine, ...], Field(max_length=200)] = ()
    deliveries: Annotated[tuple[NewDelivery, ...], Field(max_length=200)] = ()
    terms: Words = Field(default_factory=dict, max_length=100)
    organisation: Annotated[str, Field(max_length=64, description="Whose `project` it is")] = ""
    project: Annotated[str, Field(max_length=80)] = ""
    contract: Annotated[str, Field(max_length=80)] = ""
    idempotency_key: IdempotencyKey


class Cap(Schema):
    key: str
    organisation: str
    project: str | None
    person: str | None
    unit: str
    amount: int
    used: int
    left: int
    is_hard: bool
    starts_on: date
    ends_on: date
    alerts: list[int] = Field(description="Per cent of it that were passed, as it stands now")


class Approval(Schema):
    agreement: str
    organisation: str
    role: str
    amount_fen: int
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str


class DeliveryRow(Schema):
    agreement: str
    number: int
    form: str
    title: str
    giver: str | None
    receiver: str | None
    waits_for: str | None = Field(
        description="Organisation whose word or deed it waits for; none for a person, or nobody"
    )
    quantity: int | None
    amount_fen: int
    due_on: date | None
    state: str
    evidence: str
    reason: str


class DeliveryPage(Schema):
    count: int
    page: int
    items: list[DeliveryRow]


class Dispute(Schema):
    key: str
    agreement: str
    reading: str | None
    delivery: int | None
    opened_by: str | None = Field(description="Organisation; none for a person, or where two sources disagreed")
    reason: str
    evidence: str
    claimed: int | None
    state: str
    opened_at: datetime
    answer: str
    proposed: int | None
    outcome: int | None
    resolution: str
    returned_voucher_fen: int
    returned_own_fen: int
    owed_fen: int = Field(description="Of what was taken back: paid before, and not yet set off or paid back")


class Reading(Schema):
    reading: str
    agreement: str
    line: int
    quantity: int
    unit: str
    measured: dict[str, Any]
    meter: str
    window_start: datetime | None
    window_end: datetime | None
    recorded_at: datetime
    is_held: bool = Field(description="Disputed: not settled before that is resolved")
    is_settled: bool
    reporters: list[str] = Field(description="Keys that signed for it")
    counter_quantity: int | None = Field(description="What the consumer read")


class ReadingPage(Schema):
    count: int
    page: int
    items: list[Reading]


class Report(Schema):
    """Exactly the bytes that were signed, as text, and their Ed25519 signature in hexadecimal."""

    reporter: Annotated[str, Field(min_length=1, max_length=16)]
    payload: Annotated[str, Field(max_length=64 * 1024)]
    signature: Annotated[str, Field(max_length=128)]


class SignedPayload(Schema):
    """Exactly the bytes that were signed, as text, and their Ed25519 signature in hexadecimal."""

    payload: Annotated[str, Field(max_length=64 * 1024)]
    signature: Annotated[str, Field(max_length=128)]


class ReportBatch(Schema):
    reporter: Annotated[str, Field(min_length=1, max_length=16)]
    reports: Annotated[list[SignedPayload], Field(min_length=1, max_length=500)]


class TakenReport(Schema):
    reading: Reading | None = Field(description="As it was taken, now or before; null where it was refused")
    refused: str | None = Field(description="Why it was not taken")


class CounterReading(Schema):
    reading: Annotated[str, Field(min_length=1, max_length=160)]
    quantity: Fen
    measured: Words = Field(default_factory=dict, max_length=50)


class NewReporter(Schema):
    organisation: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=80)]
    public_key: Annotated[str, Field(max_length=64, description="Ed25519, 32 bytes in hexadecimal")]
    idempotency_key: IdempotencyKey


class Reporter(Schema):
    key_id: str
    organisation: str
    name: str
    public_key: str
    registered_at: datetime
    revoked_at: datetime | None


class NewTrueUp(Schema):
    voucher: Key
    decision: Key
    because: Annotated[str, Field(max_length=1000)]
    idempotency_key: IdempotencyKey


class TrueUp(Schema):
    key: str
    voucher: str
    decision: str
    before_fen: int
    after_fen: int
    added_fen: int
    returned_fen: int
    clawed_back_fen: int
    repaid_fen: int = Field(description="What came in of what was clawed back")
    reason: str
    at: datetime


class AskedJob(Schema):
    """What to run, on what, for how long."""

    organisation: Annotated[str, Field(min_length=1, max_length=64)]
    accelerator: Annotated[str, Field(min_length=1, max_length=60)] = "cpu"
    count: Annotated[int, Field(ge=1, le=1024)] = 1
    minutes: Annotated[int, Field(ge=1, le=30 * 24 * 60)] = 10


class Place(Schema):
    rank: int
    offer: str
    organisation: str
    voucher: str | None
    gross_fen: int
    voucher_fen: int
    own_fen: int
    starts_at: datetime
    ahead: int
    reason: Named


class NotConsidered(Schema):
    offer: str
    because: Named


class StandingAgreement(Schema):
    agreement: str
    line: int
    left: int
    caps: list[CapLeft] = Field(description="What one's own caps would have left, once the job ran there")


class Places(Schema):
    standing: list[StandingAgreement] = Field(description="Signed agreements with room for it")
    ranked: list[Place]
    rejected: list[NotConsidered]


class NewJob(Schema):
    agreement: Key
    line: Annotated[int, Field(ge=1, le=1000)] = 1
    specification: Annotated[dict[str, Any], Field(description="command, files, accelerator, count, limits")]
    project: Annotated[str, Field(max_length=80)] = ""
    idempotency_key: IdempotencyKey
