"""Related parties: two organisations are related where somebody controls both, or one controls the other.

A tie is a share or a control of one party over another. It counts from a declared share on; along ties that count,
control reaches through any depth. So two parties are related exactly where they have a controller in common, each
counted among its own controllers. Two owners of one firm are not thereby related to each other.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from siwei.errors import InputError, NotFound, Problem
from siwei.policy.row_words import TIES, of_rows

TIES_SCHEMA: dict[str, pl.DataType] = {
    "holder": pl.String(), "held": pl.String(), "kind": pl.String(), "share_bp": pl.Int64(),
    "valid_from": pl.Date(), "valid_to": pl.Date(), "source": pl.String(),
}  # fmt: skip
"""`kind` is `share` (then `share_bp`) or `control` (contract, seats, the same persons: counts whatever the share).
Days are both included; null is open. Holder and held may be organisations or persons, by key."""
KINDS = ("share", "control")
MOST_CONTROLLERS = 1000
"""Ultimate controllers of one party. Above a quarter each there are four at most at every step; more is bad data."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A step of a path, as it is shown: `share_bp` is None for control."""

    holder: str
    held: str
    kind: str
    share_bp: int | None
    source: str


class Related:
    """The ties that count on one day, ready to be asked."""

    def __init__(self, ties: pl.DataFrame) -> None:
        self.ties = ties = ties.sort("held", "holder", "kind", "share_bp", "source")
        # Rows of one held party lie together: where they begin, and how many they are.
        blocks = ties.with_row_index("row").group_by("held").agg(pl.col("row").min(), pl.len())
        self.held_at = {held: (row, count) for held, row, count in blocks.iter_rows()}
        parties = pl.concat([ties["holder"], ties["held"]]).unique().sort()
        self.number = dict(zip(parties.to_list(), range(len(parties)), strict=True))
        count = len(parties)
        places = pl.DataFrame({"party": parties, "place": np.arange(count)})
        joined = ties.join(places.rename({"place": "from"}), left_on="holder", right_on="party", maintain_order="left")
        joined = joined.join(places.rename({"place": "to"}), left_on="held", right_on="party", maintain_order="left")
        start, end = joined["from"].to_numpy(), joined["to"].to_numpy()
        graph = csr_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(count, count))
        # Parties that control one another in a circle have the same controllers: they are one node.
        _, self.circle = connected_components(graph, directed=True, connection="strong")
        self.owners: dict[int, set[int]] = {}
        for one, other in zip(self.circle[start].tolist(), self.circle[end].tolist(), strict=True):
            if one != other:
                self.owners.setdefault(other, set()).add(one)
        self.ultimate: dict[int, frozenset[int]] = {}

    def is_related(self, one: str, other: str) -> bool:
        """Whether they are, or are the same party."""
        if one == other:
            return True
        first, second = self.number.get(one), self.number.get(other)
        if first is None or second is None:
            return False
        # Whoever controls both is itself controlled ultimately by somebody who then controls both.
        return not self._ultimate(int(self.circle[first])).isdisjoint(self._ultimate(int(self.circle[second])))

    def pairs(self, ones: pl.Series, others: pl.Series) -> pl.Series:
        """The same for a column of pairs (String); null where either is null."""
        frame = pl.DataFrame({"one": ones.cast(pl.String), "other": others.cast(pl.String)})
        distinct = frame.drop_nulls().unique()
        answers = [self.is_related(one, other) for one, other in distinct.iter_rows()]
        found = distinct.with_columns(pl.Series("is_related", answers, dtype=pl.Boolean))
        return frame.join(found, on=["one", "other"], how="left", maintain_order="left")["is_related"]

    def members(self, asked: pl.Series, everyone: pl.Series, most: int) -> tuple[pl.Series, pl.Series]:
        """Every pair of a party of `asked` and one of `everyone` that are related, sorted; each is related to itself.

        Raises InputError where there are more than `most` pairs.
        """
        one, other = self._controlled(asked, "one"), self._controlled(everyone, "other")
        sizes = one.group_by("top").len("ones").join(other.group_by("top").len("others"), on="top")
        expected = int((sizes["ones"].cast(pl.Int64) * sizes["others"].cast(pl.Int64)).sum())
        if expected > most:
            raise InputError([Problem(*of_rows("many_pairs", count=expected, most=most))])
        pairs = one.join(other, on="top").select("one", "other")
        selves = pl.DataFrame({"one": asked, "other": asked})
        made = pl.concat([pairs, selves]).unique().sort("one", "other")
        return made["one"], made["other"]

    def _controlled(self, parties: pl.Series, name: str) -> pl.DataFrame:
        """`<name>, top`: each party with each of its ultimate controllers."""
        known = [party for party in parties.to_list() if party in self.number]
        tops = [sorted(self._ultimate(int(self.circle[self.number[party]]))) for party in known]
        frame = pl.DataFrame({name: known, "top": tops}, schema={name: pl.String, "top": pl.List(pl.Int64)})
        return frame.explode("top")

    def _ultimate(self, circle: int) -> frozenset[int]:
        """The circles at the top that control it; itself where nobody does. Deep chains are walked, not recursed."""
        waiting = [circle]
        while waiting:
            current = waiting[-1]
            owners = self.owners.get(current)
            if current in self.ultimate:
                waiting.pop()
            elif not owners:
                self.ultimate[current] = frozenset((current,))
            elif open_ := [owner for owner in owners if owner not in self.ultimate]:
                waiting += open_
            else:
                found = [self.ultimate[owner] for owner in owners]
                # One set is shared along a chain and not copied.
                merged = found[0] if len(found) == 1 else frozenset().union(*found)
                if len(merged) > MOST_CONTROLLERS:
                    party = next(name for name, place in self.number.items() if self.circle[place] == current)
                    words = of_rows("many_controllers", party=party, count=len(merged), most=MOST_CONTROLLERS)
                    raise InputError([Problem(*words)])
                self.ultimate[current] = merged
        return self.ultimate[circle]

    def path(self, one: str, other: str) -> tuple[Tie, ...]:
        """The fewest ties that make them related: up from `one` to who controls both, then down to `other`; ties of one
        length by the controller's key. Empty for a party and itself. Raises NotFound where they are not related."""
        if one == other:
            return ()
        up, down = self._steps_up(one), self._steps_up(other)
        common = [(up[party][0] + down[party][0], party) for party in up.keys() & down.keys()]
        if not common:
            raise NotFound(f"{one!r} and {other!r} are not related", f"{one!r} 与 {other!r} 不是关联方")
        _, meeting = min(common)
        return (*reversed(_walk(up, meeting)), *_walk(down, meeting))

    def _steps_up(self, party: str) -> dict[str, tuple[int, Tie | None]]:
        """Every controller, with the number of ties to it and the tie by which it holds the next below it."""
        found: dict[str, tuple[int, Tie | None]] = {party: (0, None)}
        waiting = deque([party])
        while waiting:
            current = waiting.popleft()
            for tie in self._ties_on(current):
                if tie.holder not in found:
                    found[tie.holder] = (found[current][0] + 1, tie)
                    waiting.append(tie.holder)
        return found

    def _ties_on(self, party: str) -> Sequence[Tie]:
        start, length = self.held_at.get(party, (0, 0))
        shown = self.ties.slice(start, length).select("holder", "held", "kind", "share_bp", "source")
        return [Tie(**row) for row in shown.iter_rows(named=True)]


def _walk(steps: dict[str, tuple[int, Tie | None]], start: str) -> list[Tie]:
    """The ties from a controller down."""
    walked = []
    tie = steps[start][1]
    while tie is not None:
        walked.append(tie)
        tie = steps[tie.held][1]
    return walked


def related(ties: pl.DataFrame, as_of: date, share_from_bp: int) -> Related:
    """The ties (TIES_SCHEMA) that hold on the day and count: control, and shares of at least `share_from_bp`.

    Raises InputError with every problem: a share outside 0 to 10,000, an unknown kind, a party that holds itself.
    """
    _check(ties, share_from_bp)
    holds = (pl.col("valid_from").is_null() | (pl.col("valid_from") <= as_of)) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= as_of)
    )
    counts = (pl.col("kind") == "control") | (pl.col("share_bp") >= share_from_bp)
    return Related(ties.select(TIES_SCHEMA.keys()).filter(holds & counts))


def _check(ties: pl.DataFrame, share_from_bp: int) -> None:
    missing = [name for name in TIES_SCHEMA if name not in ties.columns]
    if missing:
        raise InputError([Problem(*of_rows("no_tie_column", name=name), field=name) for name in missing])
    problems = []
    if not 0 < share_from_bp <= 10_000:
        problems.append(Problem(*of_rows("share_from", share=share_from_bp), field="share_from_bp"))
    faults = {
        "nobody": pl.col("holder").is_null() | pl.col("held").is_null(),
        "kind": ~pl.col("kind").is_in(KINDS).fill_null(False),
        "share": (pl.col("kind") == "share") & ~pl.col("share_bp").is_between(0, 10_000).fill_null(False),
        "itself": pl.col("holder") == pl.col("held"),
        "days": pl.col("valid_to") < pl.col("valid_from"),
    }
    for what, fault in faults.items():
        rows = ties.select(fault.fill_null(False)).to_series().arg_true()
        if len(rows):
            example = ties.row(int(rows[0]), named=True)
            where = f"{example['holder']} → {example['held']}"
            problems.append(Problem(*of_rows("ties", count=len(rows), what=TIES[what], where=where)))
    if problems:
        raise InputError(problems)
