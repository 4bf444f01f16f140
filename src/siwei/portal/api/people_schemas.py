"""What the calls about people answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Field, Schema


class Key(Schema):
    identifier: str
    name: str
    person: str
    organisation: str | None
    project: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(Schema):
    key: Key
    secret: str


class Done(Schema):
    at: datetime
    action: str
    subject: str
    by: str
    organisations: list[str]
    said: dict[str, Any]


class DonePage(Schema):
    items: list[Done]
    newer: str | None = Field(description="Given as `after`, the page before this one; null where there is none")
    older: str | None = Field(description="Given as `before`, the next page; null where there is none")
