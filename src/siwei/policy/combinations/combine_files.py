"""The best lawful combination of every row of a file, into a file, part by part."""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from siwei.errors import NotFound
from siwei.policy.aggregating.aggregates import Rows
from siwei.policy.combinations.combination import CombinationExplanation, explain_combination
from siwei.policy.combinations.combining import DRAFT, Combined
from siwei.policy.combinations.held_combining import Held, combine_beside
from siwei.policy.combinations.instead import rows_schema, with_instead
from siwei.policy.deciding.row_parts import Added, Limited, RowParts
from siwei.policy.files.table_files import open_table
from siwei.policy.sharing import sum_exactly
from siwei.policy.stacking import Stacking
from siwei.policy.subjects import ID


@dataclass(frozen=True)
class CombinedFile:
    """Counts and sums over all awards of the file, those of drafts apart; `explanation` of the row that was asked
    for. `held_fen` is what is held already, of all that is kept; `without_row` are subjects that hold something and of
    which no row can be used."""

    awards: int = 0
    entitled_fen: int = 0
    kept_fen: int = 0
    cut_or_declined: int = 0
    cannot_tell: int = 0
    drafts: int = 0
    draft_fen: int = 0
    held_fen: int = 0
    without_row: tuple[str, ...] = ()
    explanation: CombinationExplanation | None = None


def combine_file(
    stacking: Stacking,
    parts: RowParts,
    as_of: date,
    *,
    given: Rows | None = None,
    target: Path | None = None,
    rejects: Path | None = None,
    id: str | None = None,
    in_force: Collection[str] = (),
    held: Held = MappingProxyType({}),
) -> CombinedFile:
    """Rows of `rows_schema` into `target`, row by row and in each the programmes in their order. `in_force` are drafts
    taken to be in force, `held` is what subjects hold already. Raises ImportRefused for the file, NotFound where no row
    that can be used is `id`."""
    added = Added(parts.programmes, given, as_of)
    limited = Limited(parts.programmes, as_of, lambda: (added.to(part) for part in parts.again()))
    done, found, missed = CombinedFile(), None, {*held}
    with nullcontext() if target is None else open_table(target, rows_schema(parts.programmes)) as write:
        for part in parts.read(rejects):
            table = added.to(part)
            decisions = limited.decide(table)
            combined = combine_beside(stacking, decisions, table, held, in_force)
            kept = row_by_row(combined, with_instead(stacking, combined, decisions, table))
            missed = missed and missed.difference(table[ID])
            if write is not None:
                write(kept)
            done = _counted(done, kept)
            if id is not None and found is None and (table[ID] == id).any():
                found = explain_combination(stacking, decisions, table, id, held.get(id, {}), in_force=in_force)
    if id is not None and found is None:
        raise NotFound(
            f"no row with id {id!r} among those that can be used → check the id",
            f"可用的行中没有 id 为 {id!r} 的 → 请检查 id",
        )
    return replace(done, explanation=found, without_row=tuple(sorted(missed)))


def row_by_row(combined: Combined, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a combination, the same however a file is cut."""
    places = combined.wide.select(ID).with_row_index(":place")
    rows = rows.join(places, on=ID, how="left", maintain_order="left")
    return rows.sort(":place", maintain_order=True).drop(":place")


def _counted(done: CombinedFile, kept: pl.DataFrame) -> CombinedFile:
    everything = kept
    kept, drafts = without_drafts(kept)
    return CombinedFile(
        done.awards + kept.height,
        done.entitled_fen + sum_exactly(kept["entitled_fen"]),
        done.kept_fen + sum_exactly(everything["kept_fen"]),
        done.cut_or_declined + kept.filter(pl.col("kept_fen") < pl.col("entitled_fen")).height,
        done.cannot_tell + kept["kept_fen"].null_count(),
        done.drafts + drafts.height,
        done.draft_fen + sum_exactly(drafts["entitled_fen"]),
        done.held_fen + sum_exactly(everything["held_fen"]),
    )


def without_drafts(kept: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of COMBINED_SCHEMA that can be paid, and those of drafts, which release no money; of them is kept what is
    held."""
    is_draft = pl.col("bound_by").eq_missing(DRAFT)
    return kept.filter(~is_draft), kept.filter(is_draft)
