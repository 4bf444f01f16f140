"""The best lawful combination over files of several kinds of subjects: organisations, their contracts and projects."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.combinations.combine_files import row_by_row
from siwei.policy.combinations.combining import COMBINED_SCHEMA
from siwei.policy.combinations.joint import Jointly, combine_jointly
from siwei.policy.combinations.joint_choices import NOTHING_HELD, Decided, Holdings, Subject
from siwei.policy.decide import Decisions
from siwei.policy.deciding.row_parts import Added, Limited, RowParts
from siwei.policy.files.table_files import open_table
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID
from siwei.policy.titles import row_titles


@dataclass(frozen=True)
class JointlyCombined:
    """`awards` by kind (COMBINED_SCHEMA, row by row); `limits` as `Jointly` says them. `without_row` are subjects that
    hold something and of which neither a row nor an organisation is known: it counts nowhere. Of `said_otherwise`
    another organisation was said to be theirs than their row names, which counts."""

    awards: Mapping[str, pl.DataFrame]
    limits: pl.DataFrame
    without_row: tuple[str, ...] = ()
    said_otherwise: tuple[str, ...] = ()


@dataclass(frozen=True)
class FamilyRows:
    """`decided` by kind, of one organisation; of subjects that were asked about, and have a row that can be used, whose
    they are (`owners`), be it another's."""

    decided: Mapping[str, Decided]
    owners: Mapping[Subject, str | None]


def combine_files_jointly(
    stacking: Stacking,
    parts: Mapping[str, RowParts],
    as_of: date,
    *,
    given: Rows | None = None,
    target: Path | None = None,
    rejects: Mapping[str, Path] | None = None,
    in_force: Collection[str] = (),
    holdings: Holdings = NOTHING_HELD,
) -> JointlyCombined:
    """What is kept of every award into `target`, kind after kind. All rows are held, since any of an organisation may
    bear on any other of its own. `in_force` are drafts taken to be in force, `holdings` what is held already. Raises
    ImportRefused for a file, InputError as `combine_jointly`."""
    decided = {kind: _decided(each, as_of, given, (rejects or {}).get(kind)) for kind, each in parts.items()}
    found: Jointly = combine_jointly(stacking, decided, as_of, holdings, in_force)
    awards = {kind: row_by_row(combined, combined.rows) for kind, combined in found.combined.items()}
    with ExitStack() as stack:
        if target is not None:
            write = stack.enter_context(open_table(target, pl.Schema(COMBINED_SCHEMA)))
            for each in awards.values():
                write(each)
    owners: dict[Subject, str | None] = {}
    for kind in decided if holdings.held else ():
        owners |= _owners_in(kind, decided[kind].table, holdings.held)
    nobody = [key for key in holdings.held if key not in owners and key not in holdings.organisations]
    otherwise = holdings.said_otherwise(owners)
    return JointlyCombined(awards, found.limits, *(tuple(sorted(id for _, id in each)) for each in (nobody, otherwise)))


def _owners_in(kind: str, table: pl.DataFrame, asked: Collection[Subject]) -> dict[Subject, str | None]:
    ids = [id for each, id in asked if each == kind]
    mine = table.filter(pl.col(ID).is_in(pl.Series(ids, dtype=pl.String).implode())) if ids else table.clear()
    owner = ID if kind == ORGANISATION else ORGANISATION
    return {(kind, id): whose for id, whose in zip(mine[ID], mine[owner], strict=True)}


def read_family(
    parts: Mapping[str, RowParts], organisation: str | None, as_of: date, given: Rows | None = None,
    holders: Collection[Subject] = (),
) -> FamilyRows:  # fmt: skip
    """Of each kind the rows of one organisation, decided, limits over several rows taken over all of them; and whose
    the `holders` are."""
    sought = {kind: _Sought(kind, organisation, holders) for kind in parts}
    decided = {kind: _decided(each, as_of, given, None, sought[kind]) for kind, each in parts.items()}
    return FamilyRows(decided, {key: whose for each in sought.values() for key, whose in each.owners.items()})


@dataclass
class _Sought:
    """The rows of one organisation, and whose the `holders` of this kind are."""

    kind: str
    organisation: str | None
    holders: Collection[Subject]
    owners: dict[Subject, str | None] = field(default_factory=dict)

    def among(self, table: pl.DataFrame) -> pl.Series:
        self.owners |= _owners_in(self.kind, table, self.holders)
        return table[ID if self.kind == ORGANISATION else ORGANISATION].eq_missing(self.organisation)


def _decided(
    parts: RowParts, as_of: date, given: Rows | None, rejects: Path | None, sought: _Sought | None = None
) -> Decided:
    """All rows that can be used, or those that are `sought` alone."""
    added = Added(parts.programmes, given, as_of)
    limited = Limited(parts.programmes, as_of, lambda: (added.to(part) for part in parts.again()))
    tables, wides = [], []
    for part in parts.read(rejects):
        table = added.to(part)
        is_mine = None if sought is None else sought.among(table)
        wide = limited.decide(table).wide
        tables.append(table if is_mine is None else table.filter(is_mine))
        wides.append(wide if is_mine is None else wide.filter(is_mine))
    held = pl.concat(tables)
    return Decided(Decisions(parts.programmes, as_of, pl.concat(wides)), held, row_titles(held) if sought else {})
