"""What the API answers about listings, agreements, claims and jobs. Money is integer fen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from siwei.portal.api.schemas import Entry, Named


class Listing(Schema):
    key: str
    kind: str
    side: str
    organisation: str | None
    title: Named
    body: dict[str, Any]
    state: str
    published_at: datetime


class ListingPage(Schema):
    count: int
    page: int
    items: list[Listing]


class Tie(Schema):
    """A step between related parties; `holder` and `held` are null where the tie is not published."""

    holder: str | None
    held: str | None
    share_bp: int | None = Field(description="Null for control")
    source: str
    words: Named


class Match(Schema):
    related_path: list[Tie] = Field(description="Why no voucher pays between the two; empty where they are not related")
    need: str
    offer: str
    rank: int
    score: float
    parts: Any
    reason: Named
    state: str


class FittingNeed(Schema):
    need: str
    organisation: str | None
    rank: int
    score: float
    parts: Any
    reason: Named
    state: str | None = Field(description="Of the match, once the two were brought together")


class UnfitNeed(Schema):
    need: str
    reason: Named = Field(description="The first requirement that fails")


class FittingNeeds(Schema):
    offer: str
    fitting_count: int
    fitting: list[FittingNeed]
    rejected_count: int
    rejected: list[UnfitNeed]


class Party(Schema):
    organisation: str | None
    role: str
    signed_at: datetime | None


class Line(Schema):
    number: int
    provider: str
    consumer: str
    description: str
    quantity: int
    unit: str
    unit_price_fen: int
    price_quantity: int
    gross_fen: int
    voucher_fen: int
    own_fen: int


class AgreementSummary(Schema):
    key: str
    kind: str
    state: str
    proposed_at: datetime
    signed_at: datetime | None
    ends_at: datetime


class Settlement(Schema):
    period: str = Field(description="`final`, a day, or `delivery:<number>`")
    metered_fen: int
    gross_fen: int
    voucher_fen: int
    own_fen: int
    released_fen: int
    settled_at: datetime


class Delivery(Schema):
    number: int
    line: int | None
    form: str = Field(description="milestone or event")
    title: str
    giver: str | None = Field(description="Organisation's key; none for a person")
    receiver: str | None
    quantity: int | None
    amount_fen: int
    due_on: date | None
    state: str
    evidence: str
    reason: str
    submitted_at: datetime | None
    decided_at: datetime | None


class CapLeft(Schema):
    cap: str
    project: str | None = Field(description="Its cap is asked only of what is ordered for this project")
    person: str | None = Field(description="Its cap is asked only where this person signs")
    unit: str
    before: int
    after: int = Field(description="Below zero where the order would pass the cap")
    is_hard: bool


class Agreement(AgreementSummary):
    terms: dict[str, Any]
    parties: list[Party]
    lines: list[Line]
    jobs: list[str]
    deliveries: list[Delivery]
    settlements: list[Settlement]
    possible: list[str] = Field(description="What may be done to it now, by whoever has the right")
    caps: list[CapLeft] = Field(
        description="What caps of one's own organisations would have left once it is signed; none where it is already"
    )
    entries: list[Entry]


class Claim(Schema):
    id: str
    agreement: str
    organisation: str
    provider: str
    explanations: list[dict[str, Any]]
    together: list[dict[str, Any]] = Field(description="What rules of stacking leave of its awards, with what is held")
    joint: list[dict[str, Any]] = Field(
        description="Limits over the organisation, its contracts and its projects that bear on it: who takes how much, "
        "and what is left"
    )
    drafts: list[dict[str, Any]] = Field(
        description="Awards of drafts, which are in no choice and in no sum: what would change were one in force"
    )
    related_path: list[Tie]


class ClaimVerdict(Schema):
    programme: str
    verdict: str
    award_fen: int | None
    limited_by: str | None


class ClaimLine(Schema):
    id: str
    agreement: str
    provider: str
    is_related: bool | None
    facts: dict[str, str | int | bool | date | None]
    verdicts: list[ClaimVerdict]


class Job(Schema):
    key: str
    agreement: str
    state: str
    attempt: int
    engine: str
    exit_code: int | None
    reason: str
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobFile(Schema):
    path: str
    bytes: int


class JobDetail(Job):
    used_fen: int | None
    metrics: dict[str, str]
    files: list[JobFile]
    readings: list[dict[str, Any]]
    entries: list[Entry]


class Log(Schema):
    text: str
    next_offset: int
    follow: bool
