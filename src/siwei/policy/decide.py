"""Decide every programme for every subject, in one lazy pass.

A programme is eligible where all its clauses are yes, not eligible where one is no, and cannot be told otherwise.
Outside its period it is not eligible, whatever the clauses say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import polars as pl

from siwei.policy.language.arithmetic import round_to_multiple
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Bounds, Compiled, Context, bounds_of, strict
from siwei.policy.programmes import Clause, ClauseVerdict, Programme, Verdict
from siwei.policy.subjects import ID, attribute_dtypes, prepare_subjects, whole_ranges

VERDICTS = (Verdict.NOT_ELIGIBLE, Verdict.ELIGIBLE, Verdict.CANNOT_TELL)
CLAUSE_VERDICTS = (ClauseVerdict.NO, ClauseVerdict.YES, ClauseVerdict.UNKNOWN, ClauseVerdict.ERROR)
"""Verdicts by their code in the wide frame."""
EVERY_WHOLE_NUMBER: Mapping[str, Bounds] = MappingProxyType({})
"""Ranges where nobody has looked: none is known."""
MOST_ATTRIBUTES = 64
"""What one clause may read: the bits of its `missing` column."""


def verdict_column(programme: str) -> str:
    return programme


def award_column(programme: str) -> str:
    return f"{programme}:award_fen"


def clause_column(programme: str, clause: str) -> str:
    return f"{programme}:{clause}"


def missing_column(programme: str, clause: str) -> str:
    """Bits over the sorted attributes of a clause that reads more than one."""
    return f"{programme}:{clause}:missing"


@dataclass(frozen=True)
class Decisions:
    """`wide` has one row per subject, in the table's order: `id`; per programme its verdict code (UInt8, see
    VERDICTS) and award (Int64); per clause its verdict code (UInt8, see CLAUSE_VERDICTS) and the bits of what it
    misses (UInt64)."""

    programmes: tuple[Programme, ...]
    as_of: date
    wide: pl.DataFrame

    @property
    def awards(self) -> pl.DataFrame:
        """`id, programme, verdict, award_fen`: a row per programme and subject; programme and verdict are Enums.

        The award is 0 where not eligible, and null where it cannot be told or the amount itself is not known.
        """
        programmes, verdicts = self._enum(), pl.Enum([str(verdict) for verdict in VERDICTS])
        parts = [
            self.wide.select(
                ID,
                pl.lit(programme.id, dtype=programmes).alias("programme"),
                pl.col(verdict_column(programme.id)).cat.to(verdicts).alias("verdict"),
                pl.col(award_column(programme.id)).alias("award_fen"),
            )
            for programme in self.programmes
        ]
        schema: dict[str, pl.DataType] = {ID: pl.String(), "programme": programmes, "verdict": verdicts}
        return pl.concat(parts) if parts else pl.DataFrame(schema={**schema, "award_fen": pl.Int64()})

    @property
    def clauses(self) -> pl.DataFrame:
        """`id, programme, clause, verdict, missing`: a row per clause and subject; `missing` (List of String) names
        the facts an unknown clause waits for, to be given or to be proven."""
        parts = [self.clauses_of(programme) for programme in self.programmes]
        return pl.concat(parts) if parts else pl.DataFrame(schema={**CLAUSES_SCHEMA, "programme": self._enum()})

    def clauses_of(self, programme: Programme) -> pl.DataFrame:
        """The same for one programme."""
        names = pl.Enum(sorted({clause.id for each in self.programmes for clause in each.clauses}))
        verdicts = pl.Enum([str(verdict) for verdict in CLAUSE_VERDICTS])
        parts = [
            self.wide.select(
                ID,
                pl.lit(programme.id, dtype=self._enum()).alias("programme"),
                pl.lit(clause.id, dtype=names).alias("clause"),
                pl.col(clause_column(programme.id, clause.id)).cat.to(verdicts).alias("verdict"),
                self._missing(programme, clause),
            )
            for clause in programme.clauses
        ]
        return pl.concat(parts)

    def _missing(self, programme: Programme, clause: Clause) -> pl.Series:
        attributes = clause.expression.attributes
        if len(attributes) > 1:
            bits = self.wide[missing_column(programme.id, clause.id)]
        else:
            # A clause that reads one attribute and is unknown can only be waiting for that one.
            bits = (self.wide[clause_column(programme.id, clause.id)] == 2).cast(pl.UInt8)
        return _names(bits, attributes).alias("missing")

    def _enum(self) -> pl.Enum:
        return pl.Enum([programme.id for programme in self.programmes])


CLAUSES_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(),
    "programme": pl.String(),
    "clause": pl.String(),
    "verdict": pl.String(),
    "missing": pl.List(pl.String()),
}


def _names(bits: pl.Series, attributes: tuple[str, ...]) -> pl.Series:
    """Bits → the names they stand for. Few combinations occur, so each list is made once and gathered."""
    combinations = bits.unique()
    lists = [
        [name for place, name in enumerate(attributes) if combination >> place & 1] for combination in combinations
    ]
    named = pl.DataFrame({"bits": combinations, "names": pl.Series(lists, dtype=pl.List(pl.String))})
    return bits.to_frame("bits").join(named, on="bits", how="left", maintain_order="left")["names"]


def decide(programmes: tuple[Programme, ...], table: pl.DataFrame | pl.LazyFrame, as_of: date) -> Decisions:
    """Decide over `table`: `id` (String), a typed column per attribute, and `<attribute>__status` (UInt8: 0 declared,
    1 documented, 2 verified; absent = declared). Raises InputError where a column is absent or of another type."""
    return Decisions(tuple(programmes), as_of, decide_lazily(programmes, table, as_of).collect(engine="streaming"))


def decide_lazily(programmes: tuple[Programme, ...], table: pl.DataFrame | pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """The wide frame of `Decisions` as a lazy frame: every step works row by row, so it streams in bounded memory."""
    subjects = prepare_subjects(table, programmes)
    plan = Plan()
    made, verdicts = plan_decisions(
        plan, programmes, as_of, columns_of(subjects), whole_ranges(table, attribute_dtypes(programmes))
    )
    order = [ID, *(name for programme in programmes for name in decision_columns(programme))]
    # The verdict reads the column of whether all clauses hold, and not their expressions.
    return plan.apply(subjects, [pl.col(ID), *made]).with_columns(*verdicts).select(order)


def plan_decisions(
    plan: Plan, programmes: Iterable[Programme], as_of: date, columns: frozenset[str], ranges: Mapping[str, Bounds]
) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Two layers: clauses, whether all hold and the amounts, over the plan; then verdicts and awards over those."""
    made: list[pl.Expr] = []
    verdicts: list[pl.Expr] = []
    for programme in programmes:
        made += _clause_columns(plan, programme, as_of, columns, ranges)
        verdicts += _verdict_columns(programme, as_of)
    return made, verdicts


def columns_of(subjects: pl.LazyFrame) -> frozenset[str]:
    return frozenset(subjects.collect_schema().names())


def decision_columns(programme: Programme) -> list[str]:
    """The columns of one programme in the wide frame."""
    names = [verdict_column(programme.id), award_column(programme.id)]
    for clause in programme.clauses:
        names.append(clause_column(programme.id, clause.id))
        if len(clause.expression.attributes) > 1:
            names.append(missing_column(programme.id, clause.id))
    return names


def programme_context(
    programme: Programme,
    as_of: date,
    requires: int,
    columns: frozenset[str],
    ranges: Mapping[str, Bounds] = EVERY_WHOLE_NUMBER,
) -> Context:
    return Context(as_of, programme.values_on(as_of), programme.rounding.mode, requires, columns, ranges)


def compile_clause(
    plan: Plan,
    programme: Programme,
    clause: Clause,
    as_of: date,
    columns: frozenset[str],
    ranges: Mapping[str, Bounds] = EVERY_WHOLE_NUMBER,
) -> Compiled:
    return plan.add(clause.expression.tree, programme_context(programme, as_of, clause.requires, columns, ranges))


def compile_award(
    plan: Plan,
    programme: Programme,
    as_of: date,
    columns: frozenset[str],
    ranges: Mapping[str, Bounds] = EVERY_WHOLE_NUMBER,
) -> Compiled:
    """The award under its cap, rounded; a negative amount is an error. What it waits for includes the cap."""
    context = programme_context(programme, as_of, programme.award.requires, columns, ranges)
    amount = plan.add(programme.award.expression.tree, context)
    parts: tuple[Compiled, ...] = (amount,)
    value = amount.value
    if programme.award.cap is not None:
        cap = plan.add(programme.award.cap.tree, context)
        parts, value = (amount, cap), _lesser(amount, cap)
    rounded = round_to_multiple(value, programme.rounding.multiple_fen, programme.rounding.mode)
    lowest = [bounds[0] for part in parts if (bounds := bounds_of(part)) is not None]
    if programme.rounding.multiple_fen == 1 and len(lowest) == len(parts) and min(lowest) >= 0:
        return strict(parts, rounded)
    return strict(parts, pl.when(rounded >= 0).then(rounded), can_fail=True)


def _lesser(amount: Compiled, cap: Compiled) -> pl.Expr:
    """Null where either is."""
    if type(cap.constant) is int:
        return amount.value.clip(upper_bound=cap.constant)
    return pl.when(amount.value <= cap.value).then(amount.value).when(amount.value > cap.value).then(cap.value)


def _clause_columns(
    plan: Plan, programme: Programme, as_of: date, columns: frozenset[str], ranges: Mapping[str, Bounds]
) -> list[pl.Expr]:
    made: list[pl.Expr] = []
    results = [compile_clause(plan, programme, clause, as_of, columns, ranges) for clause in programme.clauses]
    for clause, result in zip(programme.clauses, results, strict=True):
        made.append(clause_code(result).alias(clause_column(programme.id, clause.id)))
        if len(clause.expression.attributes) > 1:
            bits = _bits(result, clause.expression.attributes)
            made.append(bits.alias(missing_column(programme.id, clause.id)))
    # Kleene's and over the clauses: false where one is no, null where none is no but one is not known or in error.
    all_hold = pl.all_horizontal([result.value for result in results])
    award = compile_award(plan, programme, as_of, columns, ranges)
    return [*made, all_hold.alias(verdict_column(programme.id)), award.value.alias(award_column(programme.id))]


def _verdict_columns(programme: Programme, as_of: date) -> list[pl.Expr]:
    all_hold = pl.col(verdict_column(programme.id)) if programme.period.contains(as_of) else pl.lit(False)
    amount = pl.when(all_hold).then(pl.col(award_column(programme.id))).when(~all_hold).then(pl.lit(0, dtype=pl.Int64))
    verdict = all_hold.cast(pl.UInt8).fill_null(2)
    return [verdict.alias(verdict_column(programme.id)), amount.alias(award_column(programme.id))]


def clause_code(result: Compiled) -> pl.Expr:
    """0 no, 1 yes, 2 unknown, 3 error."""
    known = result.value.cast(pl.UInt8)
    if result.error is None:
        return known.fill_null(2)
    return pl.coalesce(known, result.error.cast(pl.UInt8) + 2)


def award_attributes(programme: Programme) -> tuple[str, ...]:
    """What the award and its cap read, sorted."""
    cap = programme.award.cap
    return tuple(sorted({*programme.award.expression.attributes, *(cap.attributes if cap else ())}))


def bits_dtype(attributes: tuple[str, ...]) -> type[pl.UInt8] | type[pl.UInt64]:
    return pl.UInt8 if len(attributes) <= 8 else pl.UInt64


def _bits(result: Compiled, attributes: tuple[str, ...]) -> pl.Expr:
    """Which attributes an unknown result waits for; 0 in every other row."""
    dtype = bits_dtype(attributes)
    bits = pl.lit(0, dtype=dtype)
    for place, name in enumerate(attributes):
        if name in result.unknown:
            bits = bits + result.unknown[name].cast(dtype) * pl.lit(1 << place, dtype=dtype)
    return bits * result.is_unknown.cast(dtype)
