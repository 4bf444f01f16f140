"""Who waits for what comes back to a pot, and how it would be shared among them: where the programme says `waiting`.

Those wait who were awarded less than they claimed, or nothing for want of money, in a round that the same version of
the programme shared. Whoever an objection was upheld against, or some of whose own award came back, waits for nothing.
Each waits for the rest of its claim, and for no more than the rules on stacking and the programme's limits leave now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from siwei.city.attributes import Attribute
from siwei.exchange.awards.applications import claimed_by, claimed_from
from siwei.exchange.awards.held_awards import LIVE, room_for, room_of_person
from siwei.exchange.awards.person_awards import opened_within
from siwei.exchange.awards.pot_counts import earlier_in
from siwei.exchange.awards.round_claims import claims_of, left_in
from siwei.exchange.facts.decisions import fact_from_plain
from siwei.exchange.models import (
    Application,
    ApplicationState,
    ClawBack,
    Objection,
    Pot,
    RoundState,
    SharingRound,
    Transfer,
    TrueUp,
)
from siwei.policy import Programme, Shares, Sharing, share_pot
from siwei.policy.programmes import Returns
from siwei.policy.stacking import Stacking

ANY_SEED = "any"
"""Whether a lottery would give anything does not hang on its seed."""


@dataclass(frozen=True, slots=True)
class WaitingClaim:
    """`application` is the first one; of its claim `wanted_fen` is still waited for."""

    application: Application
    wanted_fen: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came back, and how it would be shared; `shares` by the first applications' keys. Of a lottery who gets it
    hangs on the seed. `unscored` wait too, and get nothing: it is shared by merit, and an application has no score that
    was shared among in another way."""

    claims: list[WaitingClaim]
    shares: Shares
    unscored: list[WaitingClaim]

    @property
    def is_drawn(self) -> bool:
        return self.shares.sharing is Sharing.LOTTERY

    @property
    def rows(self) -> list[tuple[WaitingClaim, int]]:
        return list(zip(self.claims, self.shares.table["paid_fen"].to_list(), strict=True))


def propose(
    programme: Programme, pot: Pot, *, attributes: Mapping[str, Attribute], stacking: Stacking, as_of: date
) -> Proposal | None:
    """How what came back would be shared now among those who wait; None where nobody waits that could get any of it."""
    if pot.is_draft or programme.is_draft or not (budget := left_in(pot)):
        return None
    waiting = waiting_claims(programme, pot, attributes=attributes, stacking=stacking, as_of=as_of)
    if not waiting:
        return None
    mode = latest_sharing(programme, pot)
    unscored = [each for each in waiting if mode is Sharing.MERIT and each.application.score is None]
    claims = [each for each in waiting if each not in unscored]
    if not claims:
        return None
    table = claims_of(programme, [each.application for each in claims], attributes)
    table = table.with_columns(claim_fen=pl.Series([each.wanted_fen for each in claims], dtype=pl.Int64))
    shares = share_pot(
        programme, table, as_of, budget_fen=budget, sharing=mode, seed=ANY_SEED,
        earlier=earlier_in(programme, pot, attributes),
    )  # fmt: skip
    return Proposal(claims, shares, unscored) if shares.paid_fen else None


def count_waiting(programme: Programme, pot: Pot) -> int:
    """How many did not get all they claimed, whatever the rules leave them now: told without weighing any of them."""
    if pot.is_draft or programme.is_draft:
        return 0
    return sum(_rest_of(each) > 0 for each in _first_ones(pot, programme.sha256))


def latest_sharing(programme: Programme, pot: Pot) -> Sharing:
    """What comes back is shared the way this version of the text shared the pot last."""
    rounds = SharingRound.objects.filter(pot=pot, state=RoundState.AWARDED, version_sha256=programme.sha256)
    made = rounds.order_by("shared_on", "pk").last()
    assert made is not None
    return Sharing(made.sharing)


def waiting_claims(
    programme: Programme, pot: Pot, *, attributes: Mapping[str, Attribute], stacking: Stacking, as_of: date
) -> list[WaitingClaim]:
    """By their key, those with a score first. What several of one organisation wait for counts together in what the
    rules leave it."""
    found: list[WaitingClaim] = []
    given: dict[tuple[int | None, int | None, str], int] = {}
    rooms: dict[tuple[object, ...], int] = {}
    for application in sorted(_first_ones(pot, programme.sha256), key=lambda each: each.score is None):
        if (rest := _rest_of(application)) <= 0:
            continue
        decision = application.decision
        who = (application.organisation_id, application.pseudonym_id, decision.subject if decision else "")
        # Of an organisation's applications the room is one and the same; of a person's each saw facts of its own.
        seen = (*who, decision.award_fen) if decision else (application.key,)
        if seen not in rooms:
            rooms[seen] = _room(programme, application, attributes, stacking, as_of)
        wanted = min(rest, rooms[seen] - given.get(who, 0))
        if wanted > 0:
            given[who] = given.get(who, 0) + wanted
            found.append(WaitingClaim(application, wanted))
    return found


def _rest_of(application: Application) -> int:
    """What of its claim neither it got nor a supplement to it."""
    had = (application.shared_fen or 0) if application.state == ApplicationState.AWARDED else 0
    had += sum(each.shared_fen or 0 for each in application.supplements.all() if each.state in LIVE)
    return application.claim_fen - had


def _first_ones(pot: Pot, version_sha256: str) -> QuerySet[Application]:
    def of_family(field: str) -> Q:
        return Q(**{field: OuterRef("pk")}) | Q(**{f"{field}__supplement_to": OuterRef("pk")})

    came_back = Transfer.objects.filter(
        of_family("debit_account__voucher__decision__application"), credit_account=pot.account_id
    )
    barred = (
        Exists(Objection.objects.filter(of_family("application"), upheld=True)),
        Exists(ClawBack.objects.filter(of_family("grant__application"))),
        Exists(TrueUp.objects.filter(of_family("voucher__decision__application"))),
        Exists(came_back),
    )
    short = Q(state=ApplicationState.AWARDED, shared_fen__lt=F("claim_fen"))
    short |= Q(state=ApplicationState.REFUSED, shared_fen=0)
    # Of persons who withdrew their consent nothing is put to any use.
    readable = Q(organisation__isnull=False) | Q(
        sealed__isnull=False, pseudonym__secret__isnull=False, pseudonym__kept_until=None
    )
    found = Application.objects.filter(
        short, readable, *(~each for each in barred), pot=pot, supplement_to=None, round__state=RoundState.AWARDED,
        round__returns=str(Returns.WAITING), round__version_sha256=version_sha256,
    )  # fmt: skip
    related = ("organisation", "pseudonym", "pot", "decision")
    return found.select_related(*related).prefetch_related("supplements").order_by("key")


def _room(
    programme: Programme, application: Application, attributes: Mapping[str, Attribute], stacking: Stacking,
    as_of: date,
) -> int:  # fmt: skip
    """What the rules leave beside all that the applicant holds, of this pot and of others."""
    pot, decision = application.pot, application.decision
    if decision is not None:
        organisation = decision.organisation
        room = room_for(
            programme, pot, organisation, decision.award_fen or 0, subject=decision.subject, stacking=stacking,
            as_of=as_of, attributes=attributes,
        )  # fmt: skip
        return (room.most_fen or 0) - claimed_from(pot, organisation, decision.subject)
    pseudonym = application.pseudonym
    assert pseudonym is not None
    opened = opened_within(application)
    facts = {
        name: fact_from_plain(attributes[name], fact) for name, fact in opened.inputs.items() if name in attributes
    }
    award = opened.result["award"]["award_fen"] or 0
    room = room_of_person(
        programme, pot, pseudonym, award, facts, stacking=stacking, as_of=as_of, attributes=attributes
    )
    return (room.most_fen or 0) - claimed_by(pot, pseudonym)
