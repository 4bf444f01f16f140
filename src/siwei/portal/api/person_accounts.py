"""Accounts of people, for the offices: who can sign in; disable one and enable it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from siwei.exchange.models import Person
from siwei.exchange.people.disabling import disable_account, enable_account
from siwei.exchange.people.offices import offices_of
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, PageNumber, Text, answers, bounds, own_key
from siwei.portal.queries.person_accounts import person_account, person_accounts

router = Router()
State = Annotated[Literal["", "active", "disabled"], Query(description="Left out: all")]


class StandingMandate(Schema):
    organisation: str
    role: str


class PersonAccount(Schema):
    username: str
    is_active: bool = Field(description="False: disabled")
    offices: list[str] = Field(description="Some of operator, reviewer, auditor")
    mandates: list[StandingMandate]
    keys: int = Field(description="Access keys in force")
    last_login: datetime | None


class PersonAccountPage(Schema):
    count: int
    page: int
    items: list[PersonAccount]


class AccountDecision(Schema):
    username: Annotated[str, Field(min_length=1, max_length=150)]
    because: Annotated[
        str, Field(min_length=1, max_length=1_000, description="The person and their organisations read it")
    ]
    idempotency_key: IdempotencyKey


@router.get("/people", response=answers(PersonAccountPage))
def list_accounts(request: HttpRequest, q: Text = "", state: State = "", page: PageNumber = 1) -> Any:
    """Accounts by user name: offices, mandates, state. `q` is a part of the user name or of the name a mandate gives.
    Operator and auditor."""
    found = person_accounts(actor_of(request), q, state)
    return {"count": found.count(), "page": page, "items": [_row(each) for each in found[bounds(page)]]}


@router.post("/people/disabling", response=answers(PersonAccount))
def disable(request: HttpRequest, given: AccountDecision) -> Any:
    """Disable an account, with the reason: sessions, access keys and keys for models end at once; what was promised
    stands. For the operator, never their own nor the last operator's; asks for a second factor."""
    return _decide(disable_account, request, given)


@router.post("/people/enabling", response=answers(PersonAccount))
def enable(request: HttpRequest, given: AccountDecision) -> Any:
    """Enable a disabled account again, with the reason; keys are made anew. For the operator, never their own; asks for
    a second factor."""
    return _decide(enable_account, request, given)


def _decide(act: Any, request: HttpRequest, given: AccountDecision) -> dict[str, Any]:
    actor = actor_of(request)
    person = act(
        given.username, because=given.because, actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return _row(person_account(person.username, actor))


def _row(person: Person) -> dict[str, Any]:
    standing = person.standing  # type: ignore[attr-defined]  # read with the account
    return {
        "username": person.username,
        "is_active": person.is_active,
        "offices": offices_of(person),
        "mandates": [{"organisation": each.organisation.key, "role": each.role} for each in standing],
        "keys": person.keys,  # type: ignore[attr-defined]
        "last_login": person.last_login,
    }
