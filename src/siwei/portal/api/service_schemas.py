"""What the calls about public technical services answer and are sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from ninja import Field, Schema

from siwei.portal.api.answers import IdempotencyKey
from siwei.portal.api.people import CallLimits
from siwei.portal.api.schemas import Named

Microfen = Annotated[int, Field(description="A millionth of a fen")]


class OfferedModel(Schema):
    offer: str
    title: Named
    provider: str | None
    model: str
    endpoints: list[str]
    input_fen_per_million: int
    output_fen_per_million: int
    context_tokens: int
    most_output_tokens: int
    is_served: bool = Field(description="Whether the gateway sends calls there now")


class OfferedService(Schema):
    offer: str
    title: Named
    provider: str | None
    services: list[str]
    price_fen_per_day: int
    days_per_month: int
    accredited: bool


class Offered(Schema):
    models: list[OfferedModel]
    services: list[OfferedService]


class CallBalance(Schema):
    agreement: str
    line: int
    model: str
    provider: str
    consumer: str
    limit_microfen: Microfen
    used_microfen: Microfen
    reserved_microfen: Microfen
    is_closed: bool = Field(description="No further call is admitted")
    ends_at: datetime


class ModelKey(Schema):
    identifier: str
    name: str
    organisation: str
    project: str
    models: list[str]
    endpoints: list[str]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    cap_microfen: int | None
    day_cap_microfen: int | None
    month_cap_microfen: int | None
    keeps_days: int
    spent_microfen: Microfen
    reserved_microfen: Microfen
    today_microfen: Microfen
    month_microfen: Microfen
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ModelKeys(Schema):
    keys: list[ModelKey]
    balances: list[CallBalance]


class NewLimits(CallLimits):
    idempotency_key: IdempotencyKey


class ModelUsageRow(Schema):
    day: date
    organisation: str
    project: str | None
    key: str | None = Field(description="null for the provider: a caller's keys are its own")
    model: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_microfen: Microfen


class ModelUsage(Schema):
    since: date
    until: date
    rows: list[ModelUsageRow]


class ModelCall(Schema):
    name: str = Field(description="What the gateway answers as `x-request-id`")
    agreement: str
    line: int
    consumer: str
    key: str | None = Field(description="null for the provider: a caller's keys are its own")
    model: str
    endpoint: str
    is_streamed: bool
    state: str
    outcome: str
    basis: str
    bound_input_tokens: int
    bound_output_tokens: int
    reserved_microfen: Microfen
    input_tokens: int | None
    output_tokens: int | None
    cost_microfen: int | None
    started_at: datetime
    ended_at: datetime | None


class ModelCalls(Schema):
    count: int
    page: int
    items: list[ModelCall]


class ModelCallDetail(ModelCall):
    reading: str | None = Field(description="The meter reading that it was collected into")
    request: str | None = Field(description="Kept where its key says so, for the key's organisation alone")
    answer: str | None


class Upstream(Schema):
    key: str
    offer: str
    organisation: str
    model: str
    served_as: str
    base_url: str
    credential: str = Field(description="The name of an entry of the operator's file, never what it says")
    deadline_s: int
    state: str = Field(description="waiting, serving, failing, spared or closed")
    failures: int = Field(description="In a row")
    failure: str
    failed_at: datetime | None
    spared_until: datetime | None
    calls_24h: int
    failed_24h: int
    mean_s: float | None
    answered_at: datetime | None
    probed_at: datetime | None = Field(description="When a worker last asked it, nobody having called")
    probe_failure: str = Field(description="How that failed; empty where it answered")
    seen_at: datetime | None = Field(description="When it last answered a call or a worker")
    registered_at: datetime
    approved_at: datetime | None
    closed_at: datetime | None


class NewUpstream(Schema):
    offer: Annotated[str, Field(max_length=120)]
    base_url: Annotated[str, Field(max_length=300)]
    served_as: Annotated[str, Field(max_length=120)] = ""
    credential: Annotated[str, Field(max_length=60)] = ""
    deadline_s: Annotated[int, Field(ge=1, le=3600)] = 300
    idempotency_key: IdempotencyKey


class UpstreamAct(Schema):
    upstream: Annotated[str, Field(max_length=120)]
    act: Literal["approve", "close"]
