"""The best lawful combination beside what is held already: kept in every choice, and not cut any more.

Few subjects hold something: of these each choice is reckoned one by one (`choices`), as it is explained; of all others
`combine` says it in columns.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import polars as pl

from siwei.policy.combinations.choices import Choice, choices_of
from siwei.policy.combinations.choosing import DECLINED, bound_column, kept_column
from siwei.policy.combinations.combining import DRAFT, Combined, combine, group_limits
from siwei.policy.decide import Decisions
from siwei.policy.stacking import Linked, Stacking, linked
from siwei.policy.subjects import ID

Held = Mapping[str, Mapping[str, int]]
"""Fen by programme, of each subject by its id."""


def combine_beside(
    stacking: Stacking, decisions: Decisions, table: pl.DataFrame, held: Held, in_force: Collection[str] = ()
) -> Combined:
    """As `combine`, where subjects hold something already: the greatest total that keeps it. Raises InputError as
    `combine` does."""
    combined = combine(stacking, decisions, table, in_force)
    holders = {id: mine for id, each in held.items() if (mine := {name: fen for name, fen in each.items() if fen})}
    concerned = combined.wide[ID].is_in(pl.Series([*holders], dtype=pl.String).implode())
    if not concerned.any() or not combined.programmes:
        return combined
    theirs = Decisions(decisions.programmes, decisions.as_of, decisions.wide.filter(concerned))
    return _Beside(stacking, combined, theirs, table.filter(concerned), concerned, holders).result()


def held_by(ids: pl.Series, held: Held, programmes: Collection[str]) -> pl.Series:
    """Fen held of these programmes, of each subject."""
    sums = {id: sum(fen for name, fen in mine.items() if name in programmes) for id, mine in held.items()}
    nothing = pl.Series("held", [0], dtype=pl.Int64).new_from_index(0, ids.len())
    places = ids.is_in(pl.Series([id for id, fen in sums.items() if fen], dtype=pl.String).implode()).arg_true()
    return nothing.scatter(places, [sums[id] for id in ids.gather(places)])


class _Beside:
    def __init__(
        self, stacking: Stacking, combined: Combined, mine: Decisions, table: pl.DataFrame, concerned: pl.Series,
        holders: Held,
    ) -> None:  # fmt: skip
        """`mine` and `table` are of the rows that are `concerned` alone."""
        self.combined, self.places = combined, concerned.arg_true().to_list()
        self.entitled, self.held = combined.entitled.filter(concerned), [holders[id] for id in mine.wide[ID]]
        parts = linked(stacking)
        ruled = {name for part in parts for name in part.programmes}
        self.limits = group_limits(stacking, parts, mine, table)
        self.parts = [*parts, *(Linked((name,), (), ()) for name in combined.programmes if name not in ruled)]
        self.kept: dict[str, dict[int, int | None]] = {}
        self.bound: dict[str, dict[int, str | None]] = {}

    def result(self) -> Combined:
        for row, place in enumerate(self.places):
            for name, kept, bound in self._of(row):
                self.kept.setdefault(name, {})[place] = kept
                self.bound.setdefault(name, {})[place] = bound
        wide, height = self.combined.wide, self.combined.wide.height
        for name, amounts in self.kept.items():
            column, by = kept_column(name), bound_column(name)
            none = pl.Series(by, [None], dtype=pl.String).new_from_index(0, height)
            old = wide[by] if by in wide.columns else none
            wide = wide.with_columns(
                wide[column].clone().scatter([*amounts], [*amounts.values()]),
                old.clone().scatter([*amounts], [*self.bound[name].values()]),
            )
        nothing = pl.Series([0], dtype=pl.Int64).new_from_index(0, height)
        held = pl.DataFrame([
            nothing.clone().scatter(self.places, [each.get(name, 0) for each in self.held]).alias(name)
            for name in self.combined.programmes
        ])  # fmt: skip
        return replace(self.combined, wide=wide, held=held)

    def _of(self, row: int) -> Iterator[tuple[str, int | None, str | None]]:
        """What one subject keeps of each programme of the parts of which it holds something, and what cut it."""
        entitled: dict[str, int | None] = self.entitled.row(row, named=True)
        for part in self.parts:
            has = {name: self.held[row][name] for name in part.programmes if name in self.held[row]}
            if not has:
                continue
            drafts = self.combined.drafts
            known = {name: fen for name in part.programmes if name not in drafts and (fen := entitled.get(name))}
            limits = {group.id: int(self.limits[group.id][row]) for group in part.groups}
            choices = choices_of(part, known, limits, has)
            best = None if choices is None else max(choices, key=lambda each: each.total_fen)
            for name in part.programmes:
                if name in entitled:
                    yield name, *self._kept(name, best, entitled[name], has)

    def _kept(
        self, name: str, best: Choice | None, entitled: int | None, has: Mapping[str, int]
    ) -> tuple[int | None, str | None]:
        if name in self.combined.drafts:
            kept = has.get(name, 0)
            return kept, DRAFT if entitled is None or entitled > kept else None
        if entitled is None and name not in has:
            return None, None
        if best is None:
            return (0 if entitled == 0 and name not in has else None), None
        if name not in best.programmes:
            return 0, DECLINED if entitled else None
        return best.kept_fen[name], next((cut.group for cut in reversed(best.cuts) if cut.programme == name), None)
