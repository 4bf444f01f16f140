"""What an organisation, its contracts and its projects get together: limits over several kinds of subjects (`joint` of
stacking.yaml), and the best lawful combination under them, exactly.

Every subject first has the best lawful combination of its own awards (`combining`). Where these together stay within
the organisation's joint limits nothing else can come to more. Elsewhere all choices are weighed together: a choice that
is less by itself may be worth more where it gives what the limit does not count. Subjects bear on one another by sums
alone, so the sums that can be reached are kept, and of two of which one is never worth more only the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

import numpy as np
import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.combination import reckon
from siwei.policy.combining import (
    DECLINED,
    Combined,
    bound_column,
    combine,
    group_limits,
    kept_column,
)
from siwei.policy.decide import Decisions
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import JointLimit, Linked, Stacking, lawful_choices, linked
from siwei.policy.subjects import ID, prepare_columns, read_dtypes

KINDS = ("organisation", "claim", "project")
"""In this order subjects are weighed."""
MOST_SUMS = 2_000
"""That are kept of one organisation at a time; where more cannot be told apart nothing is told of it."""


Told = tuple[str | None, str, int | None, int | None, int | None]
"""A row of JOINT_SCHEMA."""


@dataclass(frozen=True)
class Decided:
    """The subjects of one kind: `table` is what was decided; of claims and projects it names the `organisation`."""

    decisions: Decisions
    table: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Option:
    """A lawful choice of one subject's awards under its own rules. `sums`: what no joint limit counts, then what each
    counts."""

    kept: Mapping[str, int]
    bound: Mapping[str, str]
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """Awards of one subject that its own rules link: chosen together, and apart from all others. The first option is
    the subject's own best."""

    kind: str
    id: str
    options: tuple[_Option, ...]


@dataclass(frozen=True, slots=True)
class _Reached:
    """Sums that can be had, and how: `departs` counts choices that are not the subjects' own best."""

    sums: tuple[int, ...]
    departs: int
    path: tuple[int, ...]


@dataclass(frozen=True)
class Jointly:
    """`combined` by kind, as `combine` says it, after the joint limits: `bound_column` may name one of them. `limits`
    has a row (JOINT_SCHEMA) per organisation and joint limit that bears on it."""

    combined: Mapping[str, Combined]
    limits: pl.DataFrame


JOINT_SCHEMA: dict[str, pl.DataType] = {
    ORGANISATION: pl.String(), "limit": pl.String(), "limit_fen": pl.Int64(), "counted_fen": pl.Int64(),
    "kept_fen": pl.Int64(),
}  # fmt: skip
"""`limit_fen` null: not known, or the choices are too many to be weighed; `counted_fen` before the limit, of the best
choice; `kept_fen` after it, null where it cannot be told."""


def combine_jointly(stacking: Stacking, decided: Mapping[str, Decided], as_of: date) -> Jointly:
    """The best lawful combination of all that each organisation, its contracts and its projects are entitled to.

    It has the greatest total of all; of equal ones that in which the fewest subjects depart from their own best, then
    the earlier choices of the earlier subjects. Raises InputError where organisations are not among `decided`, or a
    table lacks what a rule reads.
    """
    if stacking.joint and "organisation" not in decided:
        fix = "give the organisations too"
        raise InputError([Problem("joint limits read facts of organisations", fix, field="organisation")])
    found = {kind: _Kind(stacking.of(kind), kind, decided[kind], stacking.joint) for kind in KINDS if kind in decided}
    if not stacking.joint:
        return Jointly({kind: each.combined for kind, each in found.items()}, pl.DataFrame(schema=JOINT_SCHEMA))
    limits = joint_limits(stacking, decided["organisation"].table, as_of)
    rows: list[Told] = []
    for organisation, counted in _counted(stacking, found).items():
        mine = {limit.id: limits.get(organisation, {}).get(limit.id) for limit in stacking.joint}
        if all((most := mine[name]) is not None and amount <= most for name, amount in counted.items() if amount):
            rows += [(organisation, name, mine[name], amount, amount) for name, amount in counted.items() if amount]
            continue
        rows += _Family(stacking.joint, organisation, mine, counted, found).settle()
    table = pl.DataFrame(rows, schema=JOINT_SCHEMA, orient="row").sort(ORGANISATION, maintain_order=True)
    return Jointly({kind: each.result() for kind, each in found.items()}, table)


def joint_limits(
    stacking: Stacking, organisations: pl.DataFrame, as_of: date
) -> dict[str | None, dict[str, int | None]]:
    """By organisation and joint limit; None where it cannot be told or fails, 0 where it is negative."""
    read = read_dtypes(limit.limit for limit in stacking.joint)
    subjects = prepare_columns(organisations, {ID: pl.String(), **read})
    plan = Plan()
    context = Context(
        as_of, stacking.parameters_on(as_of), "down", 0, frozenset(subjects.collect_schema().names())
    )  # fmt: skip
    made = [plan.add(limit.limit.tree, context).value.clip(0).alias(limit.id) for limit in stacking.joint]
    frame = plan.apply(subjects, [pl.col(ID), *made]).collect()
    return {row[ID]: {limit.id: row[limit.id] for limit in stacking.joint} for row in frame.iter_rows(named=True)}


def _counted(stacking: Stacking, found: Mapping[str, "_Kind"]) -> dict[str | None, dict[str, int]]:
    """By organisation what each joint limit counts of the subjects' own best combinations."""
    sums: dict[str | None, dict[str, int]] = {}
    for kind in found.values():
        for limit in stacking.joint:
            names = [name for name in limit.programmes if name in kind.names]
            if not names:
                continue
            kept = (pl.col(kept_column(name)).fill_null(0).cast(pl.Int128) for name in names)
            frame = kind.wide.select(pl.Series(ORGANISATION, kind.organisations), pl.sum_horizontal(kept).alias("sum"))
            for organisation, total in frame.group_by(ORGANISATION).agg(pl.col("sum").sum()).iter_rows():
                mine = sums.setdefault(organisation, dict.fromkeys((each.id for each in stacking.joint), 0))
                mine[limit.id] += int(total)
    return sums


class _Kind:
    """The subjects of one kind with their own best combinations, and what joint limits make of them."""

    def __init__(self, rules: Stacking, kind: str, decided: Decided, joint: Sequence[JointLimit]) -> None:
        self.kind, self.decided, self.joint = kind, decided, joint
        self.combined = combine(rules, decided.decisions, decided.table)
        self.names, self.wide = self.combined.programmes, self.combined.wide
        column = ID if kind == "organisation" else ORGANISATION
        self.organisations = decided.table[column].to_list()
        counted = {name for limit in joint for name in limit.programmes}
        parts = [_within(part, self.names) for part in linked(rules)]
        self.parts = [part for part in parts if counted & {*part.programmes}]
        self.limits = group_limits(rules, self.parts, decided.decisions, decided.table)
        linked_ = {name for part in parts for name in part.programmes}
        self.alone = [name for name in self.names if name in counted and name not in linked_]
        self.rows: dict[str | None, list[int]] = {}
        for place, organisation in enumerate(self.organisations):
            self.rows.setdefault(organisation, []).append(place)
        self.changed: dict[str, dict[int, tuple[int | None, str | None]]] = {}

    def units(self, place: int) -> Iterator[tuple[Sequence[str], tuple[_Option, ...]]]:
        """The awards of a subject that are chosen together, and the choices; those left out that cannot be told."""
        row = self.combined.entitled.row(place, named=True)
        for part in self.parts:
            names = [name for name in part.programmes if row[name]]
            if names and all(self.wide[kept_column(name)][place] is not None for name in names):
                limits = {group.id: int(self.limits[group.id][place]) for group in part.groups}
                yield names, self._options(part, {name: row[name] for name in names}, limits)
        for name in self.alone:
            if row[name]:
                yield [name], (self._option({name: row[name]}, {}),)

    def _options(self, part: Linked, amounts: Mapping[str, int], limits: Mapping[str, int]) -> tuple[_Option, ...]:
        reckoned = [reckon(part, choice, amounts, limits) for choice in lawful_choices([*amounts], part.either_or)]
        best = max(reckoned, key=lambda each: each.total_fen)
        made = []
        for each in (best, *(other for other in reckoned if other is not best)):
            bound = {name: DECLINED for name in amounts if name not in each.programmes}
            bound |= {cut.programme: cut.group for cut in each.cuts}
            made.append(self._option(each.kept_fen, bound))
        return tuple(made)

    def _option(self, kept: Mapping[str, int], bound: Mapping[str, str]) -> _Option:
        counted = [sum(kept.get(name, 0) for name in limit.programmes) for limit in self.joint]
        return _Option(kept, bound, (sum(kept.values()) - sum(counted), *counted))

    def note(self, place: int, programme: str, kept: int | None, bound: str | None) -> None:
        self.changed.setdefault(programme, {})[place] = (kept, bound)

    def result(self) -> Combined:
        wide = self.wide
        for programme, changes in self.changed.items():
            places = list(changes)
            by = bound_column(programme)
            old = (
                wide[by]
                if by in wide.columns
                else pl.Series(by, [None], dtype=pl.String).new_from_index(0, wide.height)
            )
            wide = wide.with_columns(
                wide[kept_column(programme)].clone().scatter(places, [kept for kept, _ in changes.values()]),
                old.clone().scatter(places, [bound for _, bound in changes.values()]),
            )
        return Combined(self.combined.programmes, wide, self.combined.entitled)


class _Family:
    """One organisation whose own best combinations pass a joint limit, or of which one is not known."""

    def __init__(
        self, joint: Sequence[JointLimit], organisation: str | None, limits: Mapping[str, int | None],
        counted: Mapping[str, int], kinds: Mapping[str, _Kind],
    ) -> None:  # fmt: skip
        self.joint, self.organisation, self.limits, self.counted = joint, organisation, limits, counted
        self.units: list[tuple[_Kind, int, Sequence[str], tuple[_Option, ...]]] = []
        for kind in kinds.values():
            for place in sorted(kind.rows.get(organisation, ()), key=lambda place: kind.wide[ID][place]):
                self.units += [(kind, place, names, options) for names, options in kind.units(place)]

    def settle(self) -> list[Told]:
        unknown = {limit.id for limit in self.joint if self.limits[limit.id] is None and self.counted[limit.id]}
        best = None if unknown else self._search()
        if best is None:
            bearing = unknown or {limit.id for limit in self.joint}
            counted = {name for limit in self.joint if limit.id in bearing for name in limit.programmes}
            for kind, place, names, _ in self.units:
                for name in names if counted & {*names} else ():
                    kind.note(place, name, None, None)
            return [
                (self.organisation, limit.id, self.limits[limit.id], self.counted[limit.id], None)
                for limit in self.joint
                if self.counted[limit.id]
            ]
        return self._apply(best)

    def _search(self) -> _Reached | None:
        """None where there are too many sums to be weighed."""
        most = [sum(max(option.sums[place + 1] for option in each[3]) for each in self.units)
                for place in range(len(self.joint))]  # fmt: skip
        tight = [place for place, limit in enumerate(self.joint) if most[place] > (self.limits[limit.id] or 0)]
        caps = [self.limits[self.joint[place].id] or 0 for place in tight]
        reached = [_Reached((0,) * (len(tight) + 1), 0, ())]
        for _, _, _, options in self.units:
            added = []
            for number, option in enumerate(options):
                loose = sum(option.sums[place + 1] for place in range(len(self.joint)) if place not in tight)
                own = (option.sums[0] + loose, *(option.sums[place + 1] for place in tight))
                for each in reached:
                    sums = (
                        each.sums[0] + own[0],
                        *(min(a + b, cap) for a, b, cap in zip(each.sums[1:], own[1:], caps, strict=True)),
                    )
                    added.append(_Reached(sums, each.departs + (number > 0), (*each.path, number)))
            reached = _worth_keeping(added)
            if len(reached) > MOST_SUMS:
                return None
        return min(reached, key=lambda each: (-sum(each.sums), each.departs, each.path))

    def _apply(self, best: _Reached) -> list[Told]:
        kept: dict[tuple[str, int, str], int] = {}
        bound: dict[tuple[str, int, str], str | None] = {}
        kinds = {kind.kind: kind for kind, *_ in self.units}
        for (kind, place, names, options), number in zip(self.units, best.path, strict=True):
            for name in names:
                key = (kind.kind, place, name)
                kept[key], bound[key] = options[number].kept.get(name, 0), options[number].bound.get(name)
        told: list[Told] = []
        for limit in self.joint:
            most = self.limits[limit.id] or 0
            total = sum(amount for (_, _, name), amount in kept.items() if name in limit.programmes)
            excess = max(total - most, 0)
            for name in limit.reduce:
                mine = [key for key in kept if key[2] == name]
                last_first = sorted(mine, key=lambda key: _served(kinds[key[0]], key[1], limit), reverse=True)
                for key in last_first:
                    cut = min(kept[key], excess)
                    if cut:
                        kept[key], bound[key], excess = kept[key] - cut, limit.id, excess - cut
            if total:
                told.append((self.organisation, limit.id, most, total, min(total, most)))
        for (kind_name, place, name), amount in kept.items():
            kinds[kind_name].note(place, name, amount, bound[kind_name, place, name])
        return told


def _served(kind: _Kind, place: int, limit: JointLimit) -> tuple[tuple[bool, object], ...]:
    """By the columns of the order, what is not known last; then by id."""
    columns = () if kind.kind == "organisation" else limit.order
    values = [kind.decided.table[name][place] for name in (*columns, ID)]
    return tuple((value is None, 0 if value is None else value) for value in values)


def _worth_keeping(reached: Sequence[_Reached]) -> list[_Reached]:
    """Without those of which another is never worth less, whatever comes after, and departs no more.

    What is had in the end is, over every set of the limits, the least of what they do not count together with their
    limits: so one is never worth less than another where for every set of the limits the sum of what that set counts
    and what nothing counts is no less.
    """
    ordered = sorted(reached, key=lambda each: (each.departs, each.path))
    signs = np.array([(1, *chosen) for chosen in product((0, 1), repeat=len(ordered[0].sums) - 1)], dtype=object)
    values = np.array([each.sums for each in ordered], dtype=object) @ signs.T
    kept: list[int] = []
    for place in range(len(ordered)):
        if not any((values[other] >= values[place]).all() for other in kept):
            kept.append(place)
        if len(kept) > MOST_SUMS:
            break
    return [ordered[place] for place in kept]


def _within(part: Linked, names: Sequence[str]) -> Linked:
    return Linked(tuple(name for name in part.programmes if name in names), part.groups, part.either_or)
