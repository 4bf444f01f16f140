"""Who acts. Every action and every query takes an `Actor`; nothing reads a global user."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models


class Role(models.TextChoices):
    """What somebody is to an organisation; what each role may do stands in `siwei.exchange.access`."""

    OWNER = "owner"
    MANAGER = "manager"
    FINANCE = "finance"
    MEMBER = "member"


TREASURERS = frozenset({Role.OWNER, Role.FINANCE})
"""Who keeps an organisation's money."""


class Confirmation(models.TextChoices):
    """Whether whoever acts has just shown a second factor, which acts with money ask for (`money_action`)."""

    GIVEN = "given"
    NO_FACTOR = "no-factor"
    STALE = "stale"
    NOT_GRANTED = "not-granted"
    """An access key whose owner did not grant it money."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`roles` holds the organisations the person represents with an approved mandate, and as what.

    `reads_only`, `by_key` and `confirmation` are set by whoever let the person in (a session, an access key); what runs
    on the city's own machine (the command line, the main job) has confirmed itself by being there.
    """

    person_id: int | None = None
    name: str = "visitor"
    roles: Mapping[int, Role] = field(default_factory=dict, hash=False)
    is_operator: bool = False
    is_auditor: bool = False
    is_reviewer: bool = False
    reads_only: bool = False
    by_key: str = ""
    """The access key by which a program acts for the person, if one does."""
    confirmation: Confirmation = Confirmation.GIVEN

    @property
    def organisation_ids(self) -> frozenset[int]:
        return frozenset(self.roles)

    @property
    def treasury_ids(self) -> frozenset[int]:
        """The organisations whose money the person keeps."""
        return frozenset(each for each, role in self.roles.items() if role in TREASURERS)

    @property
    def sees_all(self) -> bool:
        return self.is_operator or self.is_auditor

    @property
    def may_write(self) -> bool:
        return not (self.is_auditor or self.reads_only)

    def represents(self, organisation_id: int) -> bool:
        return organisation_id in self.roles

    def role_in(self, organisation_id: int | None) -> Role | None:
        return self.roles.get(organisation_id) if organisation_id is not None else None


VISITOR = Actor()
PLATFORM = Actor(name="platform", is_operator=True)
"""The platform itself, for work that nobody asked for by hand (the main job, expiry of holds)."""
