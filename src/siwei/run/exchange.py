"""Stage 5: the demonstration's cast trades. One training job paid by a voucher, really run, metered and settled; one
deal each of the other wings. Every step is an action of the exchange under a fixed key, so that a stage killed
anywhere goes on where it was."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock
from typing import Any

from django.utils import timezone

from siwei.compute import LocalEngine
from siwei.compute.jobs import training_job
from siwei.errors import EnvironmentMissing
from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.agreements import PartyTerms, declare_budget, propose_agreement, sign_agreement
from siwei.exchange.jobs import refresh_job, submit_job
from siwei.exchange.listings import find_match, introduce_match, match_need, publish_listing
from siwei.exchange.models import (
    Agreement,
    AgreementState,
    FactStatus,
    Job as JobRow,
    JobState,
    Listing,
    Match,
    Organisation,
    Origin,
    Person,
    Voucher,
)
from siwei.exchange.registration import FactStatement, Registration, register_organisations, register_person
from siwei.exchange.settlement import settle_agreement
from siwei.run.cast import Cast, Deal, Party, Training, load_cast
from siwei.run.stage import Counts, Job

SOURCE = "demonstration (generated)"
POLL_S = 0.5
ENGINE = "local"


@dataclass(frozen=True, slots=True)
class Stage:
    """The cast on the exchange: organisations and people by the names of `demonstration.yaml`."""

    job: Job
    cast: Cast
    organisations: Mapping[str, Organisation]
    people: Mapping[str, Person]

    def actor_for(self, party: str) -> Actor:
        """Whoever signs for the party."""
        return self.people[party].as_actor()

    def owner_actor(self, listing: str) -> Actor:
        owner = self.cast.listings[listing]
        return self.actor_for(owner.party or owner.person or "")

    def party_terms(self, listing: str, role: str) -> PartyTerms:
        owner = self.cast.listings[listing]
        if owner.party is not None:
            return PartyTerms(role, organisation=self.organisations[owner.party].key)
        return PartyTerms(role, person_id=self.people[owner.person or ""].pk)


def trade(job: Job) -> Counts:
    cast = load_cast(job.pack.directory, job.pack.attributes)
    if cast is None:
        return {"notes": ("the pack has no demonstration: nothing was traded",)}
    stage = enter(job, cast)
    publish(stage)
    notes: list[str] = []
    if cast.training is not None:
        try:
            train(stage, cast.training)
        except EnvironmentMissing as error:
            notes.append(f"the training job was refused, never run bare: {error}")
    for deal in cast.deals:
        conclude(stage, deal)
    settled = Agreement.objects.filter(state=AgreementState.SETTLED).count()
    return {
        "parties": len(stage.organisations),
        "listings": Listing.objects.count(),
        "matches": Match.objects.count(),
        "agreements": Agreement.objects.count(),
        "jobs": JobRow.objects.count(),
        "settled": settled,
        "notes": notes,
    }


def enter(job: Job, cast: Cast) -> Stage:
    """Every party is registered (origin: generated) with somebody who signs for it."""
    registrations = {name: registration(name, party, job) for name, party in cast.parties.items()}
    by_name = register_organisations(
        registrations.values(), origin=Origin.GENERATED, actor=PLATFORM, now=job.now()
    )
    organisations = {name: by_name[each.name] for name, each in registrations.items()}
    people = {
        name: register_person(
            f"demo-{name}", password=None, organisation=organisation, evidence=SOURCE, actor=PLATFORM, now=job.now()
        )
        for name, organisation in organisations.items()
    }
    for name in cast.people:
        people[name] = register_person(f"demo-{name}", password=None, actor=PLATFORM, now=job.now())
    return Stage(job, cast, organisations, people)


def registration(name: str, party: Party, job: Job) -> Registration:
    attributes = job.pack.attributes
    return Registration(
        name=party.name, kind=party.kind, source=SOURCE, source_ref=f"demonstration.yaml {name}",
        district=party.district, founded_on=party.founded_on,
        facts=tuple(
            FactStatement(
                attribute, fact.value, FactStatus[fact.status.upper()], party.founded_on, attributes[attribute].public
            )
            for attribute, fact in party.facts.items()
        ),
    )  # fmt: skip


def publish(stage: Stage) -> None:
    for key, listing in stage.cast.listings.items():
        owner = stage.organisations[listing.party].key if listing.party is not None else None
        publish_listing(
            listing.kind, listing.side, title_zh=listing.title.zh, title_en=listing.title.en, body=listing.body,
            organisation=owner, actor=stage.owner_actor(key), now=stage.job.now(), idempotency_key=listing_key(key),
        )  # fmt: skip


def conclude(stage: Stage, deal: Deal) -> None:
    """Match, introduce, agree, sign: the same for a product, a scenario, a research topic and a position."""
    need, offer = listing_key(deal.need), listing_key(deal.offer)
    key = f"demo-{deal.need}"
    if Agreement.objects.filter(key=key).exclude(state=AgreementState.PROPOSED).exists():
        return
    actor, now, as_of = stage.owner_actor(deal.need), stage.job.now, stage.job.home.as_of
    edges = stage.job.pack.edges.rows(named=True)
    supplies = [(edge["from"], edge["to"]) for edge in edges if edge["type"] == "supplies"]
    if not Match.objects.filter(need__key=need, offer__key=offer).exists():
        match_need(need, as_of=as_of, actor=actor, now=now(), supplies=supplies)
    introduce_match(need, offer, actor=actor, now=now())
    if not Agreement.objects.filter(key=key).exists():
        propose_agreement(
            stage.cast.listings[deal.need].kind,
            [stage.party_terms(deal.need, deal.need_role), stage.party_terms(deal.offer, deal.offer_role)],
            ends_at=now() + timedelta(weeks=deal.weeks), match=find_match(need, offer), as_of=as_of,
            actor=actor, now=now(), idempotency_key=key,
        )  # fmt: skip
    for listing in (deal.need, deal.offer):
        sign_agreement(key, actor=stage.owner_actor(listing), now=now(), as_of=as_of)


def listing_key(name: str) -> str:
    return f"demo-{name}"
