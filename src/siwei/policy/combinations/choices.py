"""The lawful choices of one subject's awards, and what each comes to under the limits of its own rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from siwei.policy.combinations.choosing import UNKNOWN
from siwei.policy.stacking import Linked, StackingGroup, is_lawful, lawful_choices


@dataclass(frozen=True, slots=True)
class Cut:
    """What a limit takes from an award."""

    programme: str
    group: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A lawful set of awards and what it comes to."""

    programmes: tuple[str, ...]
    kept_fen: Mapping[str, int]
    total_fen: int
    cuts: tuple[Cut, ...]


def choices_of(
    part: Linked, known: Mapping[str, int], limits: Mapping[str, int], held: Mapping[str, int]
) -> list[Choice] | None:
    """Every lawful choice of awards that are known and of what is held, the preferred of equal ones first; None where a
    limit on them is not known."""
    # What is held stays held where the facts of today would give less.
    amounts = {**known, **{name: max(fen, known.get(name, 0)) for name, fen in held.items()}}
    if _is_limit_unknown(part, amounts, limits):
        return None
    return [reckon(part, choice, amounts, limits, held) for choice in _choices_beside(part, amounts, held)]


def _is_limit_unknown(part: Linked, amounts: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    return any(applies(group, list(amounts)) and limits[group.id] == UNKNOWN for group in part.groups)


def _choices_beside(part: Linked, amounts: Mapping[str, int], held: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Every lawful choice that keeps what is held. Where that itself breaks an exclusion nothing is added to the
    programmes of it."""
    broken = [rule for rule in part.either_or if not is_lawful(held, (rule,))]
    barred = {name for rule in broken for name in rule.programmes} - {*held}
    standing = [rule for rule in part.either_or if rule not in broken]
    choices = lawful_choices([name for name in amounts if name not in barred], standing)
    return [choice for choice in choices if {*held} <= {*choice}]


def reckon(
    part: Linked,
    choice: Sequence[str],
    entitled: Mapping[str, int],
    limits: Mapping[str, int],
    held: Mapping[str, int] = MappingProxyType({}),
) -> Choice:
    """What a lawful choice comes to after every limit in its order. What is `held` counts and is not cut any more."""
    kept = {name: entitled[name] for name in choice}
    cuts = []
    for group in part.groups:
        taken = [name for name in group.reduce if name in kept]
        if len(taken) < group.applies_from:
            continue
        excess = max(sum(kept[name] for name in taken) - limits[group.id], 0)
        for name in taken:
            cut = min(max(kept[name] - held.get(name, 0), 0), excess)
            if cut:
                cuts.append(Cut(name, group.id, cut))
            kept[name] -= cut
            excess -= cut
    return Choice(tuple(choice), kept, sum(kept.values()), tuple(cuts))


def applies(group: StackingGroup, choice: Sequence[str]) -> bool:
    return len(set(choice) & set(group.programmes)) >= group.applies_from
