"""What organisations, their contracts and their projects keep together under joint limits, under two texts: what it
costs, which organisation gains and which loses, and which change did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from siwei.policy.combinations.choosing import kept_column
from siwei.policy.combinations.held_combining import held_by
from siwei.policy.combinations.joint import Jointly, combine_jointly
from siwei.policy.combinations.joint_choices import KINDS, NOTHING_HELD, Decided, Holdings, Subject
from siwei.policy.diffs.changes import Change
from siwei.policy.diffs.diff import Side, Subjects
from siwei.policy.diffs.diff_stacking import (
    KeptDifference,
    compare_kept,
    kept_as_dict,
    stacking_changes,
)
from siwei.policy.programmes import Kind
from siwei.policy.sources import ORGANISATION
from siwei.policy.stacking import linked
from siwei.policy.subjects import ID


@dataclass(frozen=True, slots=True)
class LimitOutcome:
    """One joint limit over all organisations: how many it cuts and by how much in all, and of how many what it leaves
    cannot be told."""

    organisations: int
    cut: int
    cut_fen: int
    cannot_tell: int

    def as_dict(self) -> dict[str, int]:
        return {
            "organisations": self.organisations, "cut": self.cut, "cut_fen": self.cut_fen,
            "cannot_tell": self.cannot_tell,
        }  # fmt: skip


@dataclass(frozen=True)
class JointDifference:
    """`kept` counts organisations, each with all that it, its contracts and its projects keep of `programmes`. `limits`
    by id, before and after; None where that side has no such limit. `left_out` by kind: rows of organisations that are
    not among those compared. `held_without_row` are subjects that hold something, and of which neither a row nor an
    organisation is known; `held_said_otherwise` those whose row names another organisation than the holdings."""

    changes: tuple[Change, ...]
    kept: tuple[KeptDifference, ...]
    limits: Mapping[str, tuple[LimitOutcome | None, LimitOutcome | None]]
    left_out: Mapping[str, int]
    held_without_row: tuple[str, ...] = ()
    held_said_otherwise: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {
            "changes": [change.as_dict() for change in self.changes],
            "kept": [kept_as_dict(each) for each in self.kept],
            "limits": [
                {"id": id, "before": before and before.as_dict(), "after": after and after.as_dict()}
                for id, (before, after) in self.limits.items()
            ],
            "left_out": dict(self.left_out),
            "held_said_otherwise": list(self.held_said_otherwise),
        }


def diff_jointly(
    before: Side, after: Side, tables: Mapping[str, pl.DataFrame], as_of: date, holdings: Holdings = NOTHING_HELD
) -> JointDifference:
    """`tables` by kind, organisations among them with columns of DIMENSIONS beside, as `decide` takes them for both
    sides, with what rules and joint limits read; those of contracts and projects name their `organisation`. A kind that
    is not there is taken to have no row: say so. Both sides hold programmes of all kinds. What is held already is kept
    on both sides; of a subject that has no row it takes its part of the limits."""
    return _Joint(before, after, tables, as_of, holdings).difference()


def programmes_under_joint_limits(*sides: Side) -> frozenset[str]:
    """On either side, with what is chosen together with them on any side: what one side brings in may have a rival on
    another, and what changes is exchanged between them."""
    limited = [{*limit.programmes} for side in sides for limit in side.stacking.joint]
    sets = [*limited, *({*part.programmes} for side in sides for part in linked(side.stacking))]
    names = {name for each in limited for name in each}
    while more := {name for each in sets if each & names for name in each} - names:
        names |= more
    return frozenset(names)


class _Joint:
    def __init__(
        self, before: Side, after: Side, tables: Mapping[str, pl.DataFrame], as_of: date, holdings: Holdings
    ) -> None:
        self.before, self.after, self.as_of, self.holdings = before, after, as_of, holdings
        self.names = programmes_under_joint_limits(before, after)
        self.organisations = tables[ORGANISATION]
        ids = self.organisations[ID].implode()
        self.left_out: dict[str, int] = {}
        self.subjects: dict[str, Subjects] = {}
        for kind in KINDS:
            if kind not in tables:
                continue
            table = tables[kind]
            if kind != ORGANISATION:
                known = table.filter(pl.col(ORGANISATION).is_in(ids))
                self.left_out[kind], table = table.height - known.height, known
            self.subjects[kind] = Subjects(table, as_of)
        self.changes = stacking_changes(before.stacking, after.stacking, as_of)

    def difference(self) -> JointDifference:
        sides = [self._combined(side, None) for side in (self.before, self.after)]
        known = {each.id: each for each in (*self.before.programmes, *self.after.programmes) if each.id in self.names}
        kept = []
        for kind, is_saving in (("paid", False), ("tax_saving", True)):
            names = tuple(name for name in sorted(known) if (known[name].kind is Kind.TAX_SAVING) is is_saving)
            if names:
                kept.append(self._of_kind(kind, names, [self._sums(each, names, None) for each in sides]))
        limits = {limit.id: limit for side in (self.before, self.after) for limit in side.stacking.joint}
        outcomes = {
            id: (_outcome(sides[0], id, self.before), _outcome(sides[1], id, self.after)) for id in limits
        }  # fmt: skip
        return JointDifference(self.changes, tuple(kept), outcomes, self.left_out, *self._odd())

    def _odd(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Holdings that count nowhere, and those that say of their subjects what the rows do not."""
        owners = dict[Subject, str | None]()
        for kind, subjects in self.subjects.items() if self.holdings.held else ():
            table = subjects.table
            owners |= zip(
                ((kind, id) for id in table[ID]), table[ID if kind == ORGANISATION else ORGANISATION], strict=True
            )
        nowhere = [
            id for kind, id in self.holdings.held
            if kind in self.subjects and (kind, id) not in owners and (kind, id) not in self.holdings.organisations
        ]  # fmt: skip
        otherwise = [id for _, id in self.holdings.said_otherwise(owners)]
        return tuple(sorted(nowhere)), tuple(sorted(otherwise))

    def _of_kind(self, kind: str, names: tuple[str, ...], sums: list[pl.DataFrame]) -> KeptDifference:
        return compare_kept(
            kind, names, self.organisations, sums, (self.before, self.after), self.changes,
            lambda side, keep: self._kept(side, names, keep), self._held(names),
        )  # fmt: skip

    def _held(self, names: tuple[str, ...]) -> pl.Series:
        """Of each organisation, by all its subjects that are compared."""
        sums: dict[str, int] = {}
        for kind, subjects in self.subjects.items():
            owner = subjects.table[ID if kind == ORGANISATION else ORGANISATION]
            for whose, fen in zip(owner, held_by(subjects.table[ID], self.holdings.of_kind(kind), names), strict=True):
                sums[whose] = sums.get(whose, 0) + fen
        return pl.Series([sums.get(id, 0) for id in self.organisations[ID]], dtype=pl.Int64)

    def _kept(self, side: Side, names: tuple[str, ...], keep: pl.Series) -> pl.DataFrame:
        return self._sums(self._combined(side, keep), names, keep)

    def _combined(self, side: Side, keep: pl.Series | None) -> Jointly:
        decided = {}
        ids = self.organisations[ID] if keep is None else self.organisations[ID].filter(keep)
        for kind, subjects in self.subjects.items():
            mine = tuple(each for each in side.programmes if each.id in self.names and each.applies_to == kind)
            of_others = kind != ORGANISATION and keep is not None
            wanted = subjects.table[ORGANISATION].is_in(ids.implode()) if of_others else keep
            decided[kind] = Decided(*subjects.decisions(mine, side.rows, wanted))
        return combine_jointly(side.stacking, decided, self.as_of, self.holdings, side.in_force)

    def _sums(self, found: Jointly, names: tuple[str, ...], keep: pl.Series | None) -> pl.DataFrame:
        """Of each organisation `verdict` (1 where anything is kept, 2 where it cannot be told) and `award`, the sum of
        what it and all its subjects keep."""
        parts = [pl.DataFrame(schema={ORGANISATION: pl.String(), "kept": pl.Int128()})]
        for kind, combined in found.combined.items():
            mine = [pl.col(kept_column(name)).cast(pl.Int128) for name in combined.programmes if name in names]
            # What is held of a programme that this side has not stays all the same.
            if gone := {*names} - {*combined.programmes}:
                mine.append(pl.lit(held_by(combined.wide[ID], self.holdings.of_kind(kind), gone)).cast(pl.Int128))
            total = pl.sum_horizontal([pl.lit(0, dtype=pl.Int128), *mine], ignore_nulls=False).alias("kept")
            wide = combined.wide.with_columns(total)
            owner = wide[ID] if kind == ORGANISATION else self._owners(kind, wide)
            parts.append(pl.DataFrame({ORGANISATION: owner, "kept": wide["kept"]}))
        told = pl.when(pl.col("kept").is_null().any()).then(None).otherwise(pl.col("kept").sum())
        sums = pl.concat(parts).group_by(ORGANISATION).agg(told.cast(pl.Int64, strict=False).alias("award"))
        ids = self.organisations[ID] if keep is None else self.organisations[ID].filter(keep)
        frame = pl.DataFrame({ORGANISATION: ids}).join(sums, on=ORGANISATION, how="left", maintain_order="left")
        return frame.select((pl.col("award") > 0).cast(pl.UInt8).fill_null(2).alias("verdict"), "award")

    def _owners(self, kind: str, wide: pl.DataFrame) -> pl.Series:
        table = self.subjects[kind].table.select(ID, ORGANISATION)
        return wide.select(ID).join(table, on=ID, how="left", maintain_order="left")[ORGANISATION]


def _outcome(found: Jointly, limit: str, side: Side) -> LimitOutcome | None:
    if all(each.id != limit for each in side.stacking.joint):
        return None
    mine = found.limits.filter(pl.col("limit") == limit)
    cut = mine.filter(pl.col("kept_fen") < pl.col("counted_fen"))
    less = cut.select((pl.col("counted_fen").cast(pl.Int128) - pl.col("kept_fen")).alias("less"))["less"]
    return LimitOutcome(mine.height, cut.height, int(less.sum() or 0), mine["kept_fen"].null_count())
