"""What the API takes and answers about calls, applications and rounds. Money is integer fen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from siwei.portal.api.dossier_schemas import Deadline
from siwei.portal.api.schemas import Named

Key = Annotated[str, Field(min_length=1, max_length=120)]
IdempotencyKey = Annotated[
    str, Field(min_length=1, max_length=80, description="The same again does nothing new; another is another act")
]
Fen = Annotated[int, Field(ge=1, le=2**53)]
LongText = Annotated[str, Field(min_length=1, max_length=5000)]


class Call(Schema):
    programme: str
    title: Named
    period: str
    is_draft: bool
    is_open: bool
    deadline: Deadline
    budget_fen: int = Field(description="What the operator put into the pot for the period")
    text_budget_fen: int | None = Field(description="What the programme's text has for a period; null: it names none")
    left_fen: int
    sharing: str
    returns: str = Field(description="Where money goes that comes back: waiting, pot or treasury")
    favours_local: list[str] = Field(description="Clauses that ask for a fair-competition review")


class NewPot(Schema):
    period: Annotated[str, Field(min_length=1, max_length=20)]
    budget_fen: Fen
    idempotency_key: IdempotencyKey


class Document(Schema):
    kind: Literal["contract", "invoice"]
    number: Annotated[str, Field(min_length=1, max_length=120)]


class NewApplication(Schema):
    programme: Annotated[str, Field(min_length=1, max_length=60)]
    subject: Annotated[str, Field(max_length=160, description="The claim's or the project's id; empty for itself")] = ""
    claim_fen: Fen
    documents: Annotated[list[Document], Field(min_length=1, max_length=200)]
    idempotency_key: IdempotencyKey


class Application(Schema):
    key: str
    organisation: str | None = Field(description="Null: a person's")
    pseudonym: str | None = Field(description="Of a person's: what the ledger calls them")
    subject: str = Field(description="The claim or project it is for; empty for the organisation itself")
    supplement_to: str | None = Field(description="The application of whose claim it is the rest, in a later round")
    programme: str
    period: str
    decision: str | None = Field(description="Of a person's null: it is sealed with the application")
    decided_fen: int | None
    claim_fen: int
    shared_fen: int | None = Field(description="Null before its round is on public notice, and once it is refused")
    bound_by: str
    score: int | None
    state: str
    round: str | None
    voucher: str | None
    applied_at: datetime
    documents: list[Document]


class Withdrawal(Schema):
    application: Key
    idempotency_key: IdempotencyKey


class Scoring(Schema):
    application: Key
    score: Annotated[int, Field(ge=0, le=1_000_000)]
    idempotency_key: IdempotencyKey


class NewRound(Schema):
    sharing: Literal["first_come", "merit", "pro_rata", "lottery"] | None = Field(
        None, description="Where the programme does not say; absent: as it says"
    )
    seed: Annotated[str, Field(max_length=200)] = ""
    idempotency_key: IdempotencyKey


class ReturnedRound(Schema):
    seed: Annotated[str, Field(max_length=200, description="Where the pot is shared by lottery")] = ""
    idempotency_key: IdempotencyKey


class WaitingShare(Schema):
    application: str = Field(description="The first one, of whose claim it is the rest")
    wanted_fen: int
    share_fen: int | None = Field(description="Null: a lottery decides")


class Returned(Schema):
    budget_fen: int
    sharing: str | None
    waiting: list[WaitingShare]
    unscored: list[str] = Field(
        description="Applications that wait too, but have no score, where it is shared by merit"
    )


class RoundSummary(Schema):
    key: str
    programme: str
    period: str
    version_sha256: str
    sharing: str
    seed: str
    budget_fen: int
    earlier: dict[str, Any] | None = Field(
        description="What earlier awards of the period's budget counted in the pot's `reserves` (by id) and `quotas` "
        "(by attribute: pairs of value and fen) when it was shared, of persons for the offices alone; null: the pot "
        "has neither"
    )
    returns: str = Field(description="Where money goes that comes back of its awards: waiting, pot or treasury")
    is_supplementary: bool = Field(description="What came back, shared among those of earlier rounds who waited for it")
    state: str
    shared_on: date
    notice_from: date | None
    notice_until: date | None
    awarded_on: date | None


class RoundLine(Schema):
    application: str
    organisation: str | None = Field(description="Null: a person")
    name: str = Field(description="Of a person the first character and a star; empty once it was erased")
    generated: bool
    claim_fen: int
    shared_fen: int | None = Field(description="Null once it is refused: nothing is left of its share")
    reserved_fen: int | None = Field(
        description="Of its share, what came out of reserves; of a person for the offices and themselves alone"
    )
    rank: int | None
    bound_by: str
    state: str
    digest: str = Field(description="By which a lottery drew it; else empty")


class Round(RoundSummary):
    is_same: bool | None = Field(
        description="Whether sharing it again just now gave the same; null: another text since"
    )
    objected: int
    upheld: int
    lines: list[RoundLine]


class NewNotice(Schema):
    round: Key
    until: date
    idempotency_key: IdempotencyKey


class Awarding(Schema):
    round: Key
    idempotency_key: IdempotencyKey


class Granting(Schema):
    round: Key


class RoundGrant(Schema):
    application: str
    payee: str = Field(description="The organisation's key, or a person's pseudonym")
    amount_fen: int
    granted_at: datetime


class NewObjection(Schema):
    application: Key
    text: LongText
    idempotency_key: IdempotencyKey


class ObjectionDecision(Schema):
    objection: Key
    upheld: bool
    reason: LongText
    idempotency_key: IdempotencyKey


class Objection(Schema):
    key: str
    application: str
    round: str | None
    text: str
    upheld: bool | None
    reason: str
    raised_at: datetime


class Duplicate(Schema):
    kind: str
    number: str
    applications: list[str]
