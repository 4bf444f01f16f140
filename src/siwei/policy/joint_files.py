"""The best lawful combination over files of several kinds of subjects: organisations, their contracts and projects."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from siwei.policy.aggregates import Rows
from siwei.policy.combine_files import row_by_row
from siwei.policy.combining import COMBINED_SCHEMA
from siwei.policy.decide import Decisions
from siwei.policy.joint import Jointly, combine_jointly
from siwei.policy.joint_choices import NOTHING_HELD, Decided, Holdings
from siwei.policy.row_parts import Added, Limited, RowParts
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID
from siwei.policy.table_files import open_table
from siwei.policy.titles import row_titles


@dataclass(frozen=True)
class JointlyCombined:
    """`awards` by kind (COMBINED_SCHEMA, row by row); `limits` as `Jointly` says them. `without_row` are subjects that
    hold something and of which neither a row nor an organisation is known: it counts nowhere."""

    awards: Mapping[str, pl.DataFrame]
    limits: pl.DataFrame
    without_row: tuple[str, ...] = ()


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
    awards = {kind: row_by_row(combined) for kind, combined in found.combined.items()}
    with ExitStack() as stack:
        if target is not None:
            write = stack.enter_context(open_table(target, pl.Schema(COMBINED_SCHEMA)))
            for each in awards.values():
                write(each)
    known = {(kind, id) for kind, each in decided.items() for id in each.table[ID]} if holdings.held else frozenset()
    nobody = [key for key in holdings.held if key not in known and key not in holdings.organisations]
    return JointlyCombined(awards, found.limits, tuple(sorted(id for _, id in nobody)))


def read_family(
    parts: Mapping[str, RowParts], organisation: str | None, as_of: date, given: Rows | None = None
) -> dict[str, Decided]:
    """Of each kind the rows of one organisation, decided; limits over several rows are taken over all of them."""
    return {kind: _decided(each, as_of, given, None, kind, organisation) for kind, each in parts.items()}


def _decided(
    parts: RowParts, as_of: date, given: Rows | None, rejects: Path | None, kind: str = "",
    organisation: str | None = None,
) -> Decided:  # fmt: skip
    """With a `kind`, of the rows of that organisation alone."""
    added = Added(parts.programmes, given, as_of)
    limited = Limited(parts.programmes, as_of, lambda: (added.to(part) for part in parts.again()))
    owner = ID if kind == ORGANISATION else ORGANISATION
    tables, wides = [], []
    for part in parts.read(rejects):
        table = added.to(part)
        is_mine = table[owner].eq_missing(organisation) if kind else None
        wide = limited.decide(table).wide
        tables.append(table if is_mine is None else table.filter(is_mine))
        wides.append(wide if is_mine is None else wide.filter(is_mine))
    held = pl.concat(tables)
    return Decided(Decisions(parts.programmes, as_of, pl.concat(wides)), held, row_titles(held) if kind else {})
