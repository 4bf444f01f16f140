"""The demonstration's cast enters the exchange: organisations labelled generated, and people who sign for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from siwei.exchange.actors import PLATFORM, Actor
from siwei.exchange.models import FactStatus, Organisation, Origin, Person, Project, ProjectFact
from siwei.exchange.people.registration import FactStatement, Registration, register_organisations, register_person
from siwei.exchange.trading.caps import open_project
from siwei.exchange.trading.terms import PartyTerms
from siwei.run.cast import Cast, Party
from siwei.run.stage import Job

SOURCE = "demonstration (generated)"
OPERATOR = "demo-operator"
AUDITOR = "demo-auditor"


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

    def leader_of(self, need: str) -> Actor:
        """Whoever signs for the party that leads the project of which the deal for `need` is the consortium."""
        return self.actor_for(next(each.party for each in self.cast.projects.values() if each.deal == need))

    def party_terms(self, listing: str, role: str) -> PartyTerms:
        owner = self.cast.listings[listing]
        if owner.party is not None:
            return PartyTerms(role, organisation=self.organisations[owner.party].key)
        return PartyTerms(role, person_id=self.people[owner.person or ""].pk)


def enter(job: Job, cast: Cast) -> Stage:
    """Every party is registered (origin: generated) with somebody who signs for it."""
    registrations = {name: registration(name, party, job) for name, party in cast.parties.items()}
    by_name = register_organisations(registrations.values(), origin=Origin.GENERATED, actor=PLATFORM, now=job.now())
    organisations = {name: by_name[each.name] for name, each in registrations.items()}
    people = {
        name: register_person(
            f"demo-{name}", password=None, organisation=organisation, evidence=SOURCE, actor=PLATFORM, now=job.now()
        )
        for name, organisation in organisations.items()
    }
    register_person(OPERATOR, password=None, is_operator=True, actor=PLATFORM, now=job.now())
    register_person(AUDITOR, password=None, is_auditor=True, actor=PLATFORM, now=job.now())
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


def open_projects(stage: Stage) -> dict[str, Project]:
    """Every project is opened by who leads it, with its facts; by the need whose deal is its consortium, where one is.
    What is known already is not entered twice."""
    made: dict[str, Project] = {}
    for name, spec in stage.cast.projects.items():
        leader = stage.organisations[spec.party]
        project = open_project(
            leader.key, spec.name, actor=stage.actor_for(spec.party), now=stage.job.now(),
            idempotency_key=f"demo-project-{name}",
        )  # fmt: skip
        for attribute, fact in spec.facts.items():
            ProjectFact.objects.get_or_create(
                project=project, attribute=attribute, source=SOURCE, source_ref=f"demonstration.yaml {name}",
                defaults={
                    "value": fact.value, "status": FactStatus[fact.status.upper()], "known_at": stage.job.now(),
                },
            )  # fmt: skip
        if spec.deal is not None:
            made[spec.deal] = project
    return made
