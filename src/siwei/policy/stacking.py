"""Which awards may stand together: limits on groups of them, and sets of which only some may be taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from siwei.policy.language.tree import Expression
from siwei.policy.programmes import Citation, Parameter, Text

ORGANISATION = "organisation"
MOST_LINKED = 12
"""Programmes linked by limits and exclusions; more would make 2^n choices too many."""


@dataclass(frozen=True, slots=True)
class StackingGroup:
    """Together at most `limit`, where at least `applies_from` of them are taken; `reduce` is cut in that order.
    `applies_to` is what the programmes of the rule are for: the limit is of one such subject (an organisation, a claim,
    a project, a person), and reads what is known of it."""

    id: str
    programmes: tuple[str, ...]
    limit: Expression
    applies_from: int
    reduce: tuple[str, ...]
    words: Text
    citation: Citation | None
    applies_to: str = ORGANISATION


@dataclass(frozen=True, slots=True)
class EitherOr:
    """At most `most` of them may be taken of one subject."""

    id: str
    programmes: tuple[str, ...]
    most: int
    words: Text
    citation: Citation | None
    applies_to: str = ORGANISATION


@dataclass(frozen=True, slots=True)
class JointLimit:
    """All awards of these programmes to an organisation, to its contracts and to its projects come to at most `limit`,
    which reads the organisation. `reduce` is cut in that order; of one programme what is served last, by `order` and
    id, first. A programme stands in one joint limit at most, so that no two cut the same award."""

    id: str
    programmes: tuple[str, ...]
    limit: Expression
    reduce: tuple[str, ...]
    order: tuple[str, ...]
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class RelatedRule:
    """From which share on one party counts as holding another; control counts always."""

    share_from_bp: int
    words: Text
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Stacking:
    """Limits are taken in the order of `groups`. Without `related_parties` nobody can be told to be related."""

    groups: tuple[StackingGroup, ...] = ()
    either_or: tuple[EitherOr, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    notes: tuple[Text, ...] = ()
    related_parties: RelatedRule | None = None
    joint: tuple[JointLimit, ...] = ()
    """Over several kinds of subjects; `rules` are of one."""

    @property
    def rules(self) -> tuple[StackingGroup | EitherOr, ...]:
        return (*self.groups, *self.either_or)

    @property
    def programmes(self) -> tuple[str, ...]:
        return tuple(sorted({name for rule in self.rules for name in rule.programmes}))

    def of(self, applies_to: str) -> "Stacking":
        """The rules that bear on one kind of subject, with all figures."""
        return replace(
            self,
            groups=tuple(each for each in self.groups if each.applies_to == applies_to),
            either_or=tuple(each for each in self.either_or if each.applies_to == applies_to),
        )

    def parameters_on(self, day: date) -> dict[str, int | None]:
        return {parameter.id: parameter.value_on(day) for parameter in self.parameters}


@dataclass(frozen=True, slots=True)
class Linked:
    """Programmes whose choices bear on one another, with the rules that link them; sorted, in file order."""

    programmes: tuple[str, ...]
    groups: tuple[StackingGroup, ...]
    either_or: tuple[EitherOr, ...]

    @property
    def rules(self) -> tuple[StackingGroup | EitherOr, ...]:
        return (*self.groups, *self.either_or)


def linked(stacking: Stacking) -> tuple[Linked, ...]:
    """The programmes in parts that do not bear on one another: each is chosen from by itself."""
    parts: list[set[str]] = []
    for rule in stacking.rules:
        touched = [part for part in parts if part & set(rule.programmes)]
        parts = [part for part in parts if part not in touched]
        parts.append(set(rule.programmes).union(*touched))
    return tuple(
        Linked(
            tuple(sorted(part)),
            tuple(group for group in stacking.groups if set(group.programmes) <= part),
            tuple(rule for rule in stacking.either_or if set(rule.programmes) <= part),
        )
        for part in sorted(parts, key=min)
    )


def is_lawful(chosen: Iterable[str], rules: Sequence[EitherOr]) -> bool:
    taken = set(chosen)
    return all(len(taken & set(rule.programmes)) <= rule.most for rule in rules)


def lawful_choices(programmes: Sequence[str], rules: Sequence[EitherOr]) -> list[tuple[str, ...]]:
    """Every lawful set of the programmes, the preferred of equal ones first: fewer awards, then by id."""
    ordered = sorted(programmes)
    sets = (chosen for size in range(len(ordered) + 1) for chosen in combinations(ordered, size))
    return [chosen for chosen in sets if is_lawful(chosen, rules)]
