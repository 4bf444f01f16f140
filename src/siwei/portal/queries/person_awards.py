"""A person's own awards: calls for persons, what they may claim, what they applied for, where they are paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from siwei.errors import Said
from siwei.exchange.actors import Actor
from siwei.exchange.awards.person_awards import Claimable, claimable
from siwei.exchange.facts.person_facts import require_oneself
from siwei.exchange.models import Application, ApplicationState
from siwei.exchange.models.pseudonyms import is_own
from siwei.exchange.payments.person_bank_accounts import own_account
from siwei.exchange.people.consents import PERSON_AWARD, PERSON_FACTS, Purpose, has_consented
from siwei.exchange.people.pseudonyms import pseudonym_of
from siwei.exchange.people.retention import retention_years
from siwei.policy.programmes import Kind, Verdict
from siwei.portal.city_pack import decided_on, pack, stacking
from siwei.portal.queries.calls import Call, applications, current_calls
from siwei.portal.queries.person import consented_at, person_programmes, purpose_of


@dataclass(frozen=True, slots=True)
class PersonCall:
    """A call for persons, and what whoever asks may claim from it."""

    call: Call
    claimable: Claimable

    @property
    def is_claimable(self) -> bool:
        return (
            self.call.is_open
            and self.claimable.explanation.verdict is Verdict.ELIGIBLE
            and self.claimable.most_fen > 0
            and self.call.programme.kind is not Kind.VOUCHER
        )


@dataclass(frozen=True, slots=True)
class PersonAwards:
    purpose: Purpose
    consented_at: datetime | None
    has_facts: bool
    """Whether the consent to keep facts of oneself stands, without which nothing is decided."""
    calls: list[PersonCall]
    applications: list[Application]
    account: str
    """The last digits of the number; empty where none was given."""
    is_awarded: bool
    pseudonym: str
    kept_until: date | None
    """Of records that went to a bank, once the consent is withdrawn."""
    years: int


def person_awards(actor: Actor) -> PersonAwards:
    """Raises NotAllowed for a visitor, and for a program that acts by a key."""
    person_id = require_oneself(actor, Said("see awards of oneself", "查看本人的扶持"))
    mine = list(applications(actor).filter(is_own(actor)))
    account, pseudonym = own_account(actor), pseudonym_of(person_id)
    return PersonAwards(
        purpose_of(PERSON_AWARD),
        consented_at(person_id, PERSON_AWARD),
        has_consented(person_id, PERSON_FACTS),
        person_calls(actor),
        mine,
        account.number[-4:] if account else "",
        any(each.state == ApplicationState.AWARDED for each in mine),
        pseudonym.key if pseudonym else "",
        pseudonym.kept_until if pseudonym else None,
        retention_years(),
    )


def person_calls(actor: Actor) -> list[PersonCall]:
    """Calls of programmes for persons; those open now first."""
    calls = current_calls([each for each in person_programmes() if each.kind is not Kind.VOUCHER], actor)
    found = [
        PersonCall(
            call,
            claimable(
                call.programme, call.pot, stacking=stacking(), as_of=decided_on(), attributes=pack().attributes,
                actor=actor,
            ),
        )
        for call in calls.values()
    ]  # fmt: skip
    return sorted(found, key=lambda each: not each.call.is_open)
