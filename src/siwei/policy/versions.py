"""Which version of a programme applies on a day, and what may not change once it is in force."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from siwei.policy.programmes import Programme, State


def file_stems(programme: str, version: str) -> tuple[str, str]:
    """The names a programme's file may have, without `.yaml`: the second tells several versions apart."""
    return programme, f"{programme}@{version}"


def version_on(versions: Iterable[Programme], day: date) -> Programme | None:
    """Of the versions of one programme, the one in force on `day`: where several are, the one that began last.

    None where none is; drafts and rehearsed versions never are. A version that has ended was in force in its period.
    """
    in_force = [each for each in versions if each.state in (State.IN_FORCE, State.ENDED) and each.period.contains(day)]
    return max(in_force, key=_began, default=None)


def latest_versions(versions: Iterable[Programme], day: date | None = None) -> tuple[Programme, ...]:
    """One version of each programme, ordered by id: the one in force on `day`; without a day or where none is, the
    last to begin of those in force, else of all."""
    chosen = []
    ordered = sorted(versions, key=lambda each: each.id)
    for _, group in groupby(ordered, key=lambda each: each.id):
        mine = list(group)
        found = version_on(mine, day) if day is not None else None
        chosen.append(found or max(mine, key=lambda each: (each.state is State.IN_FORCE, *_began(each))))
    return tuple(chosen)


def of_any_day(chosen: tuple[Programme, ...], versions: Iterable[Programme]) -> tuple[Programme, ...]:
    """`chosen`, with those of their `versions` that are in force on some other day."""
    ids, told = {each.id: each.applies_to for each in chosen}, {(each.id, each.version) for each in chosen}
    others = [
        each for each in versions
        if ids.get(each.id) == each.applies_to and each.state in (State.IN_FORCE, State.ENDED)
        and (each.id, each.version) not in told
    ]  # fmt: skip
    return (*chosen, *others)


def _began(programme: Programme) -> tuple[date, str]:
    return programme.period.start or date.min, programme.version
