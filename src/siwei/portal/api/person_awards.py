"""One's own awards as a person. By the session alone: no key of a program applies for anybody's award."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.awards.person_awards import apply_as_person
from siwei.exchange.payments.person_bank_accounts import enter_person_account
from siwei.exchange.people.consents import PERSON_AWARD, give_consent, withdraw_consent
from siwei.market import bank
from siwei.portal.access import actor_of
from siwei.portal.api.answers import IdempotencyKey, answers, explained_row, named, own_key
from siwei.portal.api.call_schemas import Application, Call, Fen
from siwei.portal.api.calls import application_row, call_row
from siwei.portal.api.schemas import Named
from siwei.portal.city_pack import decided_on, pack, stacking
from siwei.portal.queries.calls import current_call
from siwei.portal.queries.person_awards import person_awards
from siwei.portal.queries.programmes import programme_or_missing

router = Router()


class PersonCallRow(Schema):
    call: Call
    explanation: dict[str, Any]
    most_fen: int = Field(description="What can be claimed now, beside what is held already")
    rule: str = Field(description="The rule that leaves less than was decided; else empty")


class PersonAwardsRow(Schema):
    consent: Named = Field(description="To what one consents")
    consented_at: datetime | None
    calls: list[PersonCallRow]
    applications: list[Application]
    account: str = Field(description="The last digits of where one is paid; empty: none is known")
    pseudonym: str = Field(description="What the ledger calls one; empty before one applied")
    kept_until: date | None = Field(description="Until when records that went to a bank are kept after a withdrawal")
    retention_years: int


class NewPersonApplication(Schema):
    idempotency_key: IdempotencyKey
    programme: Annotated[str, Field(min_length=1, max_length=60)]
    name: Annotated[str, Field(min_length=1, max_length=60, description="As on the identity document")]
    claim_fen: Fen


class NewPersonAccount(Schema):
    idempotency_key: IdempotencyKey
    name: Annotated[str, Field(min_length=1, max_length=140)]
    number: Annotated[str, Field(min_length=1, max_length=40)]
    bank_code: Annotated[str, Field(min_length=1, max_length=14, description="The branch's CNAPS number (联行号)")]
    bank_name: Annotated[str, Field(max_length=140)] = ""


@router.get("", response=answers(PersonAwardsRow))
def get_own_awards(request: HttpRequest) -> Any:
    """Calls for persons with what one may claim, one's applications, where one is paid. Of whoever is signed in."""
    return awards_row(actor_of(request))


@router.post("/consent", response=answers(PersonAwardsRow))
def consent_to_awards(request: HttpRequest) -> Any:
    """Consent to what `consent` says: without it nobody applies or is paid."""
    actor = actor_of(request)
    give_consent(PERSON_AWARD, actor=actor, now=timezone.now())
    return awards_row(actor)


@router.post("/withdrawal", response=answers(PersonAwardsRow))
def withdraw_from_awards(request: HttpRequest) -> Any:
    """Withdraw that consent: what is not awarded is given up, what went to no bank is erased, the rest kept as law
    asks."""
    actor = actor_of(request)
    withdraw_consent(PERSON_AWARD, actor=actor, now=timezone.now())
    return awards_row(actor)


@router.post("/applications", response=answers(Application))
def apply_for_oneself(request: HttpRequest, given: NewPersonApplication) -> Any:
    """Apply for a programme for persons: it is decided for oneself now, and the application stands on that."""
    actor = actor_of(request)
    programme = programme_or_missing(given.programme)
    call = current_call(programme, actor)
    if call is None:
        raise NotFound(
            f"{programme.id} takes no applications: no pot is open for it",
            f"{programme.id} 不受理申报：没有已设的资金池",
        )
    application = apply_as_person(
        programme, call.pot, name=given.name, claim_fen=given.claim_fen, attributes=pack().attributes,
        stacking=stacking(), as_of=decided_on(), actor=actor, now=timezone.now(),
        idempotency_key=own_key(actor, given.idempotency_key),
    )  # fmt: skip
    return application_row(application, actor)


@router.post("/account", response=answers(PersonAwardsRow))
def enter_own_account(request: HttpRequest, given: NewPersonAccount) -> Any:
    """Say where one is paid, once something is awarded; right after a second factor. The account before ends."""
    actor = actor_of(request)
    account = bank.BankAccount(given.name, given.number, given.bank_code, given.bank_name)
    enter_person_account(
        account, actor=actor, now=timezone.now(), idempotency_key=own_key(actor, given.idempotency_key)
    )
    return awards_row(actor)


def awards_row(actor: Actor) -> dict[str, Any]:
    found = person_awards(actor)
    return {
        "consent": named(found.purpose),
        "consented_at": found.consented_at,
        "calls": [
            {
                "call": call_row(each.call),
                "explanation": explained_row(each.claimable.explanation),
                "most_fen": each.claimable.most_fen if each.is_claimable else 0,
                "rule": each.claimable.room.rule,
            }
            for each in found.calls
        ],
        "applications": [application_row(each, actor) for each in found.applications],
        "account": found.account,
        "pseudonym": found.pseudonym,
        "kept_until": found.kept_until,
        "retention_years": found.years,
    }
