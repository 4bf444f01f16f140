"""What the calls about representing an organisation take and answer: people, invitations, claims, consents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Field, Schema

from siwei.portal.api.answers import IdempotencyKey
from siwei.portal.api.schemas import Named

RoleName = Literal["owner", "manager", "finance", "member"]
UserName = Annotated[str, Field(min_length=1, max_length=150)]
OrganisationKey = Annotated[str, Field(min_length=1, max_length=64)]
ClaimKey = Annotated[str, Field(min_length=1, max_length=120)]
Secret = Annotated[str, Field(min_length=1, max_length=120, description="The end of the link")]
Because = Annotated[str, Field(max_length=1_000)]


class Representative(Schema):
    username: str
    name: str
    contact: str
    role: RoleName
    since: datetime
    may_grant: list[RoleName] = Field(description="What whoever asks may make of this person; empty: nothing")


class NewRole(Schema):
    username: UserName
    role: RoleName
    idempotency_key: IdempotencyKey


class EndOfMandate(Schema):
    username: UserName
    because: Because = ""
    idempotency_key: IdempotencyKey


class Invitation(Schema):
    identifier: str
    organisation: str | None
    role: RoleName | None
    invitee: str
    invited_by: str | None
    invited_at: datetime
    expires_at: datetime
    accepted_by: str | None
    accepted_at: datetime | None
    revoked_at: datetime | None


class NewInvitation(Schema):
    invitee: Annotated[str, Field(min_length=1, max_length=80, description="For whom, in words")]
    organisation: Annotated[OrganisationKey | None, Field(description="Left out: to the city, by the operator")] = None
    role: RoleName | None = None
    idempotency_key: IdempotencyKey


class MadeInvitation(Schema):
    invitation: Invitation
    secret: str


class Invited(Schema):
    """What a link invites to, as whoever holds it reads it."""

    invitee: str
    organisation: str | None
    organisation_name: str | None
    role: RoleName | None
    expires_at: datetime


class InvitationSecret(Schema):
    secret: Secret


class NewAccount(Schema):
    secret: Secret
    username: Annotated[str, Field(max_length=150)]
    password: Annotated[str, Field(max_length=200)]
    consents: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class MadeAccount(Schema):
    username: str


class OrganisationClaim(Schema):
    key: str
    organisation: str
    person: str
    code: str
    representative_name: str
    contact: str
    note: str
    file: str | None = Field(description="SHA-256 of what was shown")
    state: str
    reason: str
    asked_at: datetime
    decided_at: datetime | None


class EvidenceFile(Schema):
    name: Annotated[str, Field(max_length=200)] = ""
    base64: Annotated[str, Field(min_length=1, max_length=4_000_000, description="PDF, PNG or JPEG")]


class NewClaim(Schema):
    organisation: OrganisationKey
    code: Annotated[str, Field(max_length=40, description="Unified social credit code, as on the licence")]
    representative_name: Annotated[str, Field(max_length=80, description="经办人")]
    contact: Annotated[str, Field(max_length=120)]
    note: Annotated[str, Field(max_length=2_000)] = ""
    file: EvidenceFile | None = None
    idempotency_key: IdempotencyKey


class ClaimWithdrawal(Schema):
    claim: ClaimKey


class ClaimDecision(Schema):
    claim: ClaimKey
    approve: bool
    because: Because
    role: Annotated[RoleName | None, Field(description="Where it has an owner already; left out: member")] = None


class LostFactor(Schema):
    username: UserName
    because: Because
    idempotency_key: IdempotencyKey


class ClaimEvidence(Schema):
    name: str
    media_type: str
    sha256: str
    base64: str


class Consent(Schema):
    purpose: str
    text: Named = Field(description="What one consents to")
    is_needed: bool = Field(description="There is no account without it")
    given_at: datetime | None = Field(description="Null: not given, withdrawn, or to words that were changed since")


class ToConsent(Schema):
    purpose: Annotated[str, Field(min_length=1, max_length=40)]
