"""What an organisation, its contracts and its projects get together: limits over several kinds of subjects (`joint` of
stacking.yaml), and the best lawful combination under them, exactly.

Every subject first has the best lawful combination of its own awards (`combining`). Where these together stay within
the organisation's joint limits nothing else can come to more. Elsewhere all choices are weighed together: a choice that
is less by itself may be worth more where it gives what the limit does not count. Subjects bear on one another by sums
alone, so the sums that can be reached are kept, and of two of which one is never worth more only the other.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.combinations import joint_sums
from siwei.policy.combinations.choosing import kept_column
from siwei.policy.combinations.combining import DRAFT, Combined
from siwei.policy.combinations.joint_choices import KINDS, NOTHING_HELD, Decided, Holdings, Option, Subject, SubjectsOf
from siwei.policy.combinations.joint_shown import JointAward
from siwei.policy.combinations.joint_sums import Reached, undominated, worth_keeping
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Context
from siwei.policy.money_words import of_money
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import JointLimit, Stacking
from siwei.policy.subjects import ID, prepare_columns, read_dtypes
from siwei.policy.titles import title_of

Told = tuple[str | None, str, int | None, int | None, int | None]
"""A row of JOINT_SCHEMA."""


GREATEST_SUM = 2**63 - 1
"""Fen, of a row of JOINT_SCHEMA."""


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
"""`limit_fen` null: not known; `counted_fen` before the limit, of the best choice, and of the subjects' own best ones
where that cannot be told; `kept_fen` after it, null where it cannot be told: the limit is not known, the choices are
too many to be weighed, or what counts under it hangs on another limit that cannot be told."""


def combine_jointly(
    stacking: Stacking, decided: Mapping[str, Decided], as_of: date, holdings: Holdings = NOTHING_HELD,
    in_force: Collection[str] = (),
) -> Jointly:  # fmt: skip
    """The best lawful combination of all that each organisation, its contracts and its projects are entitled to.

    It has the greatest total of all; of equal ones that in which the fewest subjects depart from their own best, then
    the earlier choices of the earlier subjects. Drafts have no part in it but those taken to be `in_force`. Raises
    InputError where organisations are not among `decided`, or a table lacks what a rule reads.
    """
    found = _kinds(stacking, decided, holdings, in_force)
    if not stacking.joint:
        return Jointly({kind: each.combined for kind, each in found.items()}, pl.DataFrame(schema=JOINT_SCHEMA))
    limits = joint_limits(stacking, decided["organisation"].table, as_of)
    rows: list[Told] = []
    holders = _holders(found, holdings)
    for organisation, counted in _counted(stacking, found).items():
        mine = {limit.id: limits.get(organisation, {}).get(limit.id) for limit in stacking.joint}
        passed = any((most := mine[name]) is None or amount > most for name, amount in counted.items() if amount)
        if not passed and organisation not in holders:
            rows += [(organisation, name, mine[name], amount, amount) for name, amount in counted.items() if amount]
            continue
        rows += _Family(stacking.joint, organisation, mine, found, holders.get(organisation, NOTHING_HELD)).settle()
    _check_sums(rows)
    table = pl.DataFrame(rows, schema=JOINT_SCHEMA, orient="row").sort(ORGANISATION, maintain_order=True)
    return Jointly({kind: each.result() for kind, each in found.items()}, table)


def _check_sums(rows: Sequence[Told]) -> None:
    problems = [
        Problem(*of_money("sum_large", organisation=organisation, most=GREATEST_SUM), field=limit)
        for organisation, limit, _, counted, _ in rows if counted is not None and counted > GREATEST_SUM
    ]  # fmt: skip
    if problems:
        raise InputError(problems)


@dataclass(frozen=True)
class Settled:
    """One organisation. `limits` as rows of JOINT_SCHEMA, `limit_fen` of all limits, `held_fen` by limit what is held
    and counts (of subjects that are not decided any more, too); `chosen` of a subject its awards as its own rules leave
    them, of the best of all together, before joint limits cut them; `untold` those of which nothing can be told."""

    limits: tuple[Told, ...]
    limit_fen: Mapping[str, int | None]
    held_fen: Mapping[str, int]
    awards: tuple[JointAward, ...]
    chosen: Mapping[Subject, Mapping[str, int]]
    untold: Mapping[Subject, frozenset[str]]


def settle_one(
    stacking: Stacking, decided: Mapping[str, Decided], organisation: str, as_of: date,
    holdings: Holdings = NOTHING_HELD, in_force: Collection[str] = (),
) -> Settled:  # fmt: skip
    """`combine_jointly` of one organisation, told award by award. `decided` may hold others; `holdings` are its own."""
    found = _kinds(stacking, decided, holdings, in_force)
    limits = joint_limits(stacking, decided["organisation"].table, as_of).get(organisation, {})
    mine = {limit.id: limits.get(limit.id) for limit in stacking.joint}
    family = _Family(stacking.joint, organisation, mine, found, holdings)
    told = family.settle()
    held = {limit.id: fen for limit, fen in zip(stacking.joint, family.held, strict=True)}
    return Settled(tuple(told), mine, held, tuple(family.awards()), family.chosen(), family.untold())


def _kinds(
    stacking: Stacking, decided: Mapping[str, Decided], holdings: Holdings, in_force: Collection[str]
) -> dict[str, "SubjectsOf"]:
    if stacking.joint and "organisation" not in decided:
        raise InputError([Problem(*of_money("no_organisations"), field="organisation")])
    return {
        kind: SubjectsOf(stacking.of(kind), kind, decided[kind], stacking.joint, holdings, in_force)
        for kind in KINDS if kind in decided
    }  # fmt: skip


def _holders(found: Mapping[str, "SubjectsOf"], holdings: Holdings) -> dict[str | None, Holdings]:
    """By organisation, what it and all of its own hold, those that are not decided included: its best combination is
    not told by entitlements alone."""
    return holdings.by_organisation(_owners(found)) if holdings.held else {}


def _owners(found: Mapping[str, "SubjectsOf"]) -> dict[Subject, str | None]:
    return {
        (kind.kind, id): organisation
        for kind in found.values()
        for id, organisation in zip(kind.ids, kind.organisations, strict=True)
    }


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


def _counted(stacking: Stacking, found: Mapping[str, "SubjectsOf"]) -> dict[str | None, dict[str, int]]:
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


class _Family:
    """One organisation whose own best combinations pass a joint limit, or of which one is not known, or that holds
    something already."""

    def __init__(
        self, joint: Sequence[JointLimit], organisation: str | None, limits: Mapping[str, int | None],
        kinds: Mapping[str, SubjectsOf], holdings: Holdings = NOTHING_HELD,
    ) -> None:  # fmt: skip
        """`holdings` are those of this organisation alone, and only asked for where subjects that are not decided may
        hold something."""
        self.joint, self.organisation, self.limits, self.kinds = joint, organisation, limits, kinds
        self.units: list[tuple[SubjectsOf, int, Sequence[str], tuple[Option, ...]]] = []
        for kind in kinds.values():
            for place in sorted(kind.rows.get(organisation, ()), key=lambda place: kind.ids[place]):
                self.units += [(kind, place, names, options) for names, options in kind.units(place)]
        self.aside: list[tuple[SubjectsOf, int, Sequence[str], tuple[Option, ...]]] = []
        self.open: set[str] = set()
        self.best: Reached | None = None
        self.kept: dict[tuple[str, int, str], int] = {}
        self.beside = self._held_beside(holdings)
        self.held = tuple(beside + sum(self._held_of(limit)) for beside, limit in zip(self.beside, joint, strict=True))

    @property
    def counted(self) -> dict[str, int]:
        """By joint limit, of the subjects' own best combinations."""
        return {
            limit.id: self.beside[place] + sum(options[0].sums[place + 1] for *_, options in self.units)
            for place, limit in enumerate(self.joint)
        }

    def _held_of(self, limit: JointLimit) -> Iterator[int]:
        for kind, place, names, _ in self.units:
            held = kind.holdings.of(kind.kind, kind.ids[place])
            for name in names:
                if name in limit.programmes and name in held:
                    yield kind.holdings.counted(kind.kind, kind.ids[place], name, held[name])

    def _held_beside(self, holdings: Holdings) -> tuple[int, ...]:
        """By limit what is held of awards that are in no choice: of a subject that is not decided any more, or of which
        a limit is not known. It counts all the same."""
        chosen = {(kind.kind, kind.ids[place], name) for kind, place, names, _ in self.units for name in names}
        if not holdings.held:
            holdings = next((kind.holdings for kind in self.kinds.values()), NOTHING_HELD)
            mine = {(kind.kind, kind.ids[place]) for kind in self.kinds.values() if holdings.held
                    for place in kind.rows.get(self.organisation, ())}  # fmt: skip
        else:
            mine = {*holdings.held}
        return tuple(
            sum(
                holdings.counted(kind, id, name, fen)
                for kind, id in mine
                for name, fen in holdings.of(kind, id).items()
                if name in limit.programmes and (kind, id, name) not in chosen
            )
            for limit in self.joint
        )

    def settle(self) -> list[Told]:
        """A limit that is not known is first taken for none. Where the best then counts nothing under it, it is the
        best whatever the limit is; where it does, the award and all limits it may count under cannot be told, and the
        others are weighed again without them."""
        counted = self.counted
        # What is held of subjects that are not decided any more is in no choice.
        beside = zip(self.joint, self.beside, strict=True)
        self.open = {limit.id for limit, fen in beside if fen and self.limits[limit.id] is None}
        while True:
            if (found := self._search()) is None:
                self.open |= {self.joint[place].id for place in self._tight()}
            elif blamed := self._counts_in_doubt(found):
                self._set_aside(blamed)
            else:
                break
        self.best = found
        told = {row[1]: row for row in self._apply(found)}
        for kind, place, names, _ in self.aside:
            for name in names:
                kind.note(place, name, None, None)
        for limit in self.joint:
            if limit.id in self.open:
                told[limit.id] = (self.organisation, limit.id, self.limits[limit.id], counted[limit.id], None)
        return [told[limit.id] for limit in self.joint if limit.id in told]

    def _counts_in_doubt(self, found: Reached) -> set[int]:
        """Places of the units of which something is chosen that counts under a limit of which nothing can be told."""
        places = [place for place, cap in enumerate(self._caps()) if cap is None]
        return {
            unit for unit, ((*_, options), number) in enumerate(zip(self.units, found.path, strict=True))
            if any(options[number].sums[place + 1] for place in places)
        }  # fmt: skip

    def _set_aside(self, units: set[int]) -> None:
        """They are in no choice any more; what they take of any limit they may count under cannot be told."""
        names = {name for unit in units for name in self.units[unit][2]}
        self.open |= {limit.id for limit in self.joint if names & {*limit.programmes}}
        self.aside += [each for unit, each in enumerate(self.units) if unit in units]
        self.units = [each for unit, each in enumerate(self.units) if unit not in units]

    def _caps(self) -> list[int | None]:
        """None of a limit of which nothing can be told. What is held stays, also where it is more than the limit."""
        return [
            None if limit.id in self.open or (most := self.limits[limit.id]) is None else max(most, held)
            for limit, held in zip(self.joint, self.held, strict=True)
        ]

    def _tight(self) -> dict[int, int]:
        """By place, the caps that some choice passes."""
        most = [
            beside + sum(max(option.sums[place + 1] for option in each[3]) for each in self.units)
            for place, beside in enumerate(self.beside)
        ]
        return {place: cap for place, cap in enumerate(self._caps()) if cap is not None and most[place] > cap}

    def _search(self) -> Reached | None:
        """None where there are too many choices or sums to be weighed."""
        tight = self._tight()
        caps = [*tight.values()]
        reached = [Reached((0, *(self.beside[place] for place in tight)), 0)]
        for *_, options in self.units:
            sums = []
            for option in options:
                loose = sum(option.sums[place + 1] for place in range(len(self.joint)) if place not in tight)
                sums.append((option.sums[0] + loose, *(option.sums[place + 1] for place in tight)))
            wanted = undominated(sums)  # an option that one before is never worth less than is in no best
            if len(wanted) > joint_sums.MOST_SUMS or len(wanted) * len(reached) > joint_sums.MOST_TRIED:
                return None
            added = []
            for number in wanted:
                for each in reached:
                    both = (
                        each.sums[0] + sums[number][0],
                        *(min(a + b, cap) for a, b, cap in zip(each.sums[1:], sums[number][1:], caps, strict=True)),
                    )
                    added.append(Reached(both, each.departs + (number > 0), number, each))
            reached = worth_keeping(added)
            if len(reached) > joint_sums.MOST_SUMS:
                return None
        return min(reached, key=lambda each: (-sum(each.sums), each.departs, each.rank))

    def _apply(self, best: Reached) -> list[Told]:
        bound: dict[tuple[str, int, str], str | None] = {}
        kept = self.kept
        for (kind, place, names, options), number in zip(self.units, best.path, strict=True):
            for name in names:
                key = (kind.kind, place, name)
                kept[key], bound[key] = options[number].kept.get(name, 0), options[number].bound.get(name)
                if kind.waits_as_draft(place, name, kept[key]):
                    bound[key] = DRAFT
        told: list[Told] = []
        for limit, cap, beside in zip(self.joint, self._caps(), self.beside, strict=True):
            total = beside + sum(self._counts(key) for key in kept if key[2] in limit.programmes)
            if cap is None:  # nothing that is chosen counts under it
                continue
            excess = max(total - cap, 0)
            for name in limit.reduce:
                mine = [key for key in kept if key[2] == name]
                last_first = sorted(mine, key=lambda key: _served(self.kinds[key[0]], key[1], limit), reverse=True)
                for key in last_first:
                    cut = min(max(kept[key] - self._held(key), 0), excess)
                    if cut:
                        kept[key], bound[key], excess = kept[key] - cut, limit.id, excess - cut
            if total:
                told.append((self.organisation, limit.id, self.limits[limit.id], total, min(total, cap)))
        for (kind_name, place, name), amount in kept.items():
            self.kinds[kind_name].note(place, name, amount, bound[kind_name, place, name])
        return told

    def _held(self, key: tuple[str, int, str]) -> int:
        kind = self.kinds[key[0]]
        return kind.holdings.of(kind.kind, kind.ids[key[1]]).get(key[2], 0)

    def _counts(self, key: tuple[str, int, str]) -> int:
        """What joint limits count of what is kept of an award; nothing of one that is left out."""
        kind, fen = self.kinds[key[0]], self.kept[key]
        return kind.holdings.counted(kind.kind, kind.ids[key[1]], key[2], fen) if fen else 0

    def chosen(self) -> dict[Subject, dict[str, int]]:
        found: dict[Subject, dict[str, int]] = {}
        path = () if self.best is None else self.best.path
        for (kind, row, _, options), number in zip(self.units, path, strict=True):
            found.setdefault((kind.kind, kind.ids[row]), {}).update(options[number].kept)
        return found

    def untold(self) -> dict[Subject, frozenset[str]]:
        found: dict[Subject, frozenset[str]] = {}
        for kind, row, names, _ in self.aside:
            key = (kind.kind, kind.ids[row])
            found[key] = found.get(key, frozenset()) | {*names}
        return found

    def awards(self) -> Iterator[JointAward]:
        """Those of programmes under joint limits, and of what is chosen with them; what cannot be told, too."""
        own = {(kind.kind, place, name): options[0].kept.get(name, 0)
               for kind, place, names, options in (*self.units, *self.aside) for name in names}  # fmt: skip
        for kind in self.kinds.values():
            for place in sorted(kind.rows.get(self.organisation, ()), key=lambda place: kind.ids[place]):
                row, whose = kind.entitled(place), kind.told(place)
                for name in dict.fromkeys(name for part in kind.parts for name in part.programmes):
                    key = (kind.kind, place, name)
                    held = self._held(key)
                    if row[name] == 0 and not held:
                        continue
                    kept = self.kept.get(key)
                    counted = None if kept is None else self._counts(key)
                    title, id = title_of(kind.titles, name), kind.ids[place]
                    yield JointAward(kind.kind, id, whose, name, title, own.get(key), kept, held, counted)


def _served(kind: SubjectsOf, place: int, limit: JointLimit) -> tuple[tuple[bool, object], ...]:
    """By the columns of the order, what is not known last; then by id."""
    columns = () if kind.kind == "organisation" else limit.order
    values = [kind.decided.table[name][place] for name in (*columns, ID)]
    return tuple((value is None, 0 if value is None else value) for value in values)
