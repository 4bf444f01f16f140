"""The subjects of an organisation under joint limits, each with the lawful choices its own rules leave it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from siwei.policy.combinations.choices import Choice, choices_of
from siwei.policy.combinations.choosing import DECLINED, bound_column, kept_column
from siwei.policy.combinations.combining import Combined, group_limits, within
from siwei.policy.combinations.held_combining import combine_beside
from siwei.policy.combinations.joint_shown import whose
from siwei.policy.decide import Decisions
from siwei.policy.programmes import Text
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import JointLimit, Linked, Stacking, linked
from siwei.policy.subjects import ID
from siwei.policy.titles import titles_of, told_apart

KINDS = ("organisation", "claim", "project")
"""In this order subjects are weighed."""


@dataclass(frozen=True)
class Decided:
    """The subjects of one kind: `table` is what was decided; of claims and projects it names the `organisation`.
    `names` are what subjects are called, by id, where they have names; where two have the same, ids stand beside."""

    decisions: Decisions
    table: pl.DataFrame
    names: Mapping[str, Text] = field(default_factory=dict)


Subject = tuple[str, str]
"""A kind, and the id of a row of it."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held already, fen by programme, of each subject: kept in every choice, and not cut any more. `earlier` is
    the part of it that joint limits do not count, as where it is of another year. `organisations` says whose a contract
    or a project is, where that is known without its row."""

    held: Mapping[Subject, Mapping[str, int]] = field(default_factory=dict)
    earlier: Mapping[Subject, Mapping[str, int]] = field(default_factory=dict)
    organisations: Mapping[Subject, str] = field(default_factory=dict)

    def of_kind(self, kind: str) -> dict[str, Mapping[str, int]]:
        """By id."""
        return {id: mine for (each, id), mine in self.held.items() if each == kind}

    def only(self, subjects: Collection[Subject]) -> "Holdings":
        return Holdings(
            {key: self.held[key] for key in subjects if key in self.held},
            {key: self.earlier[key] for key in subjects if key in self.earlier},
        )

    def by_organisation(self, owners: Mapping[Subject, str | None]) -> "dict[str | None, Holdings]":
        """Whose each is: an organisation's its own; of a contract or a project its row's (`owners`), and where it has
        no row, or that does not say, what is said of what is held. Of whom neither is known counts nowhere."""
        found: dict[str | None, list[Subject]] = {}
        for kind, id in self.held:
            whose = id if kind == ORGANISATION else owners.get((kind, id)) or self.organisations.get((kind, id))
            if (whose is not None or (kind, id) in owners) and self.of(kind, id):
                found.setdefault(whose, []).append((kind, id))
        return {organisation: self.only(mine) for organisation, mine in found.items()}

    def said_otherwise(self, owners: Mapping[Subject, str | None]) -> list[Subject]:
        """Of whose rows another organisation is read than what is held says: the row's counts."""
        rows = ((key, owners.get(key)) for key in self.organisations)
        return [key for key, whose in rows if whose is not None and whose != self.organisations[key]]

    def of(self, kind: str, id: str) -> Mapping[str, int]:
        return {name: fen for name, fen in self.held.get((kind, id), {}).items() if fen}

    def counted(self, kind: str, id: str, programme: str, fen: int) -> int:
        """What joint limits count of `fen` kept."""
        return fen - self.earlier.get((kind, id), {}).get(programme, 0)


NOTHING_HELD = Holdings()


@dataclass(frozen=True, slots=True)
class Option:
    """A lawful choice of one subject's awards under its own rules. `sums`: what no joint limit counts, then what each
    counts."""

    kept: Mapping[str, int]
    bound: Mapping[str, str]
    sums: tuple[int, ...]


class SubjectsOf:
    """The subjects of one kind with their own best combinations, and what joint limits make of them."""

    def __init__(
        self, rules: Stacking, kind: str, decided: Decided, joint: Sequence[JointLimit], holdings: Holdings,
        in_force: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.kind, self.decided, self.joint, self.holdings = kind, decided, joint, holdings
        self.titles = titles_of(decided.decisions.programmes)
        self.called = told_apart(decided.names)
        held = holdings.of_kind(kind)
        self.combined = combine_beside(rules, decided.decisions, decided.table, held, in_force)
        self.names, self.wide = self.combined.programmes, self.combined.wide
        self.ids = self.wide[ID].to_list()
        column = ID if kind == "organisation" else ORGANISATION
        self.organisations = decided.table[column].to_list()
        counted = {name for limit in joint for name in limit.programmes}
        parts = [within(part, self.names) for part in linked(rules)]
        self.parts = [part for part in parts if counted & {*part.programmes}]
        self.limits = group_limits(rules, self.parts, decided.decisions, decided.table)
        linked_ = {name for part in parts for name in part.programmes}
        self.parts += [Linked((name,), (), ()) for name in self.names if name in counted and name not in linked_]
        self.rows: dict[str | None, list[int]] = {}
        for place, organisation in enumerate(self.organisations):
            self.rows.setdefault(organisation, []).append(place)
        self.changed: dict[str, dict[int, tuple[int | None, str | None]]] = {}

    @property
    def places(self) -> range:
        return range(len(self.ids))

    def entitled(self, place: int) -> dict[str, int | None]:
        """By programme, nothing of drafts; a frame without columns has no rows."""
        row = self.combined.entitled.row(place, named=True) if self.names else {}
        return row | dict.fromkeys(self.combined.drafts, 0)

    def waits_as_draft(self, place: int, programme: str, kept_fen: int) -> bool:
        """Whether it would be entitled to more, were it no draft."""
        if programme not in self.combined.drafts:
            return False
        entitled = self.combined.entitled[programme][place]
        return entitled is None or entitled > kept_fen

    def told(self, place: int) -> Text:
        """What the subject is called."""
        id = self.ids[place]
        return whose(self.kind, self.called.get(id, Text(id, id)))

    def units(self, place: int) -> Iterator[tuple[Sequence[str], tuple[Option, ...]]]:
        """The awards of a subject that are chosen together, and the choices; those left out that cannot be told."""
        row = self.entitled(place)
        held = self.holdings.of(self.kind, self.ids[place])
        for part in self.parts:
            has = {name: held[name] for name in part.programmes if name in held}
            known = {name: fen for name in part.programmes if (fen := row[name])}
            if not known and not has:
                continue
            limits = {group.id: int(self.limits[group.id][place]) for group in part.groups}
            choices = choices_of(part, known, limits, has)
            if choices is not None:
                names = tuple({**known, **has})
                yield names, self._options(place, names, choices if part.rules else choices[-1:])

    def _options(self, place: int, names: Sequence[str], choices: Sequence[Choice]) -> tuple[Option, ...]:
        best = max(choices, key=lambda each: each.total_fen)
        made = []
        for each in (best, *(other for other in choices if other is not best)):
            bound = {name: DECLINED for name in names if name not in each.programmes}
            bound |= {cut.programme: cut.group for cut in each.cuts}
            made.append(self._option(place, each.kept_fen, bound))
        return tuple(made)

    def _option(self, place: int, kept: Mapping[str, int], bound: Mapping[str, str]) -> Option:
        id = self.ids[place]
        counted = [
            sum(self.holdings.counted(self.kind, id, name, kept[name]) for name in limit.programmes if name in kept)
            for limit in self.joint
        ]
        return Option(kept, bound, (sum(kept.values()) - sum(counted), *counted))

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
        return replace(self.combined, wide=wide)
