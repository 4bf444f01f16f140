"""Who acts. Every action and every query takes an `Actor`; nothing reads a global user."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Actor:
    """`organisation_ids` are those the person represents with an approved mandate."""

    person_id: int | None = None
    name: str = "visitor"
    organisation_ids: frozenset[int] = field(default_factory=frozenset)
    is_operator: bool = False
    is_auditor: bool = False

    @property
    def sees_all(self) -> bool:
        return self.is_operator or self.is_auditor

    def represents(self, organisation_id: int) -> bool:
        return organisation_id in self.organisation_ids


VISITOR = Actor()
PLATFORM = Actor(name="platform", is_operator=True)
"""The platform itself, for work that nobody asked for by hand (the main job, expiry of holds)."""
