"""Makes the people and organisations of the exchange's tests."""

from datetime import UTC, datetime

from siwei.exchange.actors import Role
from siwei.exchange.models import Organisation, OrganisationKind, Origin, Person, Representative

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def make_organisation(key: str, name: str, kind: str = OrganisationKind.FIRM) -> Organisation:
    return Organisation.objects.create(key=key, name=name, name_normalised=name, kind=kind, origin=Origin.GENERATED)


def make_person(
    username: str, organisation: Organisation | None = None, role: Role = Role.OWNER, **rights: bool
) -> Person:
    person = Person.objects.create(username=username, **rights)
    if organisation is not None:
        Representative.objects.create(person=person, organisation=organisation, role=role, approved_at=NOW)
    return person
