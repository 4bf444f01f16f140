"""The best lawful combination over files of several kinds of subjects: organisations, their contracts and projects."""

from collections.abc import Mapping
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
from siwei.policy.joint_choices import Decided
from siwei.policy.row_parts import Added, Limited, RowParts
from siwei.policy.stacking import Stacking
from siwei.policy.table_files import open_table


@dataclass(frozen=True)
class JointlyCombined:
    """`awards` by kind (COMBINED_SCHEMA, row by row); `limits` as `Jointly` says them."""

    awards: Mapping[str, pl.DataFrame]
    limits: pl.DataFrame


def combine_files_jointly(
    stacking: Stacking,
    parts: Mapping[str, RowParts],
    as_of: date,
    *,
    given: Rows | None = None,
    target: Path | None = None,
    rejects: Mapping[str, Path] | None = None,
) -> JointlyCombined:
    """What is kept of every award into `target`, kind after kind. All rows are held, since any of an organisation may
    bear on any other of its own. Raises ImportRefused for a file, InputError as `combine_jointly`."""
    decided = {kind: _decided(each, as_of, given, (rejects or {}).get(kind)) for kind, each in parts.items()}
    found: Jointly = combine_jointly(stacking, decided, as_of)
    awards = {kind: row_by_row(combined) for kind, combined in found.combined.items()}
    with ExitStack() as stack:
        if target is not None:
            write = stack.enter_context(open_table(target, pl.Schema(COMBINED_SCHEMA)))
            for each in awards.values():
                write(each)
    return JointlyCombined(awards, found.limits)


def _decided(parts: RowParts, as_of: date, given: Rows | None, rejects: Path | None) -> Decided:
    added = Added(parts.programmes, given, as_of)
    limited = Limited(parts.programmes, as_of, lambda: (added.to(part) for part in parts.again()))
    tables, wides = [], []
    for part in parts.read(rejects):
        tables.append(added.to(part))
        wides.append(limited.decide(tables[-1]).wide)
    return Decided(Decisions(parts.programmes, as_of, pl.concat(wides)), pl.concat(tables))
