"""Sums, counts and extremes over other rows, as columns of the subjects' table: made from what a programme declares.

A row whose `where` or value is not known leaves the sum unknown and not smaller; a sum that leaves 64 bits, or a row in
error, leaves it unknown too and is told apart in `faults`. A subject no row belongs to has 0, and no greatest value.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.decide import programme_context
from siwei.policy.files.tables import reads_related
from siwei.policy.group_keys import column_of, is_year, key_of
from siwei.policy.language.compile import STATUS_SUFFIX, Plan
from siwei.policy.language.compiled import Compiled
from siwei.policy.language.tree import Expression
from siwei.policy.language.types import INT64_MAX, INT64_MIN
from siwei.policy.programmes import Aggregate, AggregateKind, FactStatus, Programme
from siwei.policy.related import Related
from siwei.policy.row_words import kind_of_rows, of_rows
from siwei.policy.sources import IS_RELATED, MEMBER, ORGANISATION, PROVIDER
from siwei.policy.subjects import ID, prepare_columns, read_dtypes

FAULTS_SCHEMA: dict[str, pl.DataType] = {
    "programme": pl.String(), "aggregate": pl.String(), ORGANISATION: pl.String(), "reason": pl.String(),
}  # fmt: skip
MOST_PAIRS = 20_000_000
"""Pairs of related organisations that are added up over."""


@dataclass(frozen=True)
class Rows:
    """What may be added up. `claims` has columns `id`, `organisation`, `provider` and the claims' attributes;
    `awards` `organisation`, `programme`, `awarded_on`, `award_fen`, `paid_fen`; `organisations` `id` and attributes;
    `members` `organisation` (a group's head) and `member`; `related` the ties that count on the day."""

    claims: pl.DataFrame | None = None
    awards: pl.DataFrame | None = None
    organisations: pl.DataFrame | None = None
    members: pl.DataFrame | None = None
    related: Related | None = None


@dataclass(frozen=True)
class Aggregated:
    """The table with a column per aggregate (Int64) and, where the rows have any, its `__status`: the least proven of
    the facts that were added up; and `is_related`, where a programme asks and the table does not say. `faults`
    (FAULTS_SCHEMA) are the sums that overflow or hold a row in error."""

    table: pl.DataFrame
    faults: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAULTS_SCHEMA))


def add_aggregates(
    programmes: Iterable[Programme], table: pl.DataFrame | pl.LazyFrame, rows: Rows, as_of: date
) -> Aggregated:
    """Work out every aggregate the programmes declare and the table does not have already.

    Raises InputError where the rows one reads are not given or lack a column, or two programmes mean different things
    by one name.
    """
    return Aggregates(programmes, rows, as_of).add(table.lazy().collect())


class Aggregates:
    """The same for a table that comes in parts: what does not depend on the subjects is added up once."""

    def __init__(self, programmes: Iterable[Programme], rows: Rows, as_of: date) -> None:
        self.rows, self.as_of = rows, as_of
        self.declared: dict[str, tuple[Aggregate, Programme]] = {}
        self.groups: dict[str, pl.DataFrame] = {}
        programmes = tuple(programmes)
        self.asks_related = reads_related(programmes)
        for programme in programmes:
            for aggregate in programme.aggregates:
                other = self.declared.setdefault(aggregate.id, (aggregate, programme))
                _check_same(other, (aggregate, programme), as_of)

    def add(self, table: pl.DataFrame) -> Aggregated:
        """Every aggregate that the table does not have already. Raises InputError."""
        faults = [pl.DataFrame(schema=FAULTS_SCHEMA)]
        given = set(table.columns)
        if self.asks_related and IS_RELATED not in given:
            _check_ties(given, self.rows)
            table = mark_related(table, self.rows.related)
        for aggregate, programme in self.declared.values():
            if aggregate.id in given:
                continue
            groups = self._groups_of(programme, aggregate, table)
            table = _join(table, aggregate, groups)
            faults.append(_faults(programme, aggregate, groups))
        return Aggregated(table, pl.concat(faults))

    def _groups_of(self, programme: Programme, aggregate: Aggregate, table: pl.DataFrame) -> pl.DataFrame:
        if aggregate.id in self.groups:
            return self.groups[aggregate.id]
        groups = _groups(programme, aggregate, rows_of(aggregate, self.rows, table), self.as_of)
        # Whom a subject is related to is found for the subjects of a part alone.
        if aggregate.of != "related":
            self.groups[aggregate.id] = groups
        return groups


def _check_ties(columns: Collection[str], rows: Rows) -> None:
    """Whether rows without `is_related` can be told to be. Raises InputError."""
    if rows.related is None:
        raise InputError([Problem(*of_rows("no_related", name=IS_RELATED), field=IS_RELATED)])
    lacking = [name for name in (ORGANISATION, PROVIDER) if name not in columns]
    if lacking:
        raise InputError([Problem(*of_rows("no_party", name=name), field=name) for name in lacking])


def mark_related(claims: pl.DataFrame, graph: Related | None) -> pl.DataFrame:
    """Claims with `is_related`: whether the provider is a related party of the organisation; kept where it is given,
    null (not known) where there are no ties to tell by."""
    if IS_RELATED in claims.columns or not {ORGANISATION, PROVIDER} <= set(claims.columns):
        return claims
    if graph is None:
        return claims.with_columns(pl.lit(None, dtype=pl.Boolean).alias(IS_RELATED))
    return claims.with_columns(graph.pairs(claims[PROVIDER], claims[ORGANISATION]).alias(IS_RELATED))


def _check_same(one: tuple[Aggregate, Programme], other: tuple[Aggregate, Programme], as_of: date) -> None:
    """One column cannot hold two meanings."""
    if one[1] is other[1] or meaning_of(*one, as_of) == meaning_of(*other, as_of):
        return
    words = of_rows("two_meanings", one=one[1].id, other=other[1].id, name=one[0].id)
    raise InputError([Problem(*words, field=one[0].id)])


def meaning_of(aggregate: Aggregate, programme: Programme, as_of: date) -> tuple[object, ...]:
    """Two aggregates that mean the same make the same column of the same rows."""
    texts = tuple(each.text for each in (aggregate.value, aggregate.where) if each)
    read = {name for each in (aggregate.value, aggregate.where) if each for name in each.parameters}
    values = {name: value for name, value in programme.values_on(as_of).items() if name in read}
    return aggregate.of, aggregate.kind, aggregate.per, texts, tuple(values.items()), programme.rounding.mode


def rows_of(aggregate: Aggregate, rows: Rows, subjects: pl.DataFrame) -> pl.DataFrame:
    """What it is added up of, for these subjects and perhaps others. Raises InputError where it is not given."""
    match aggregate.of:
        case "claims" if rows.claims is not None:
            return mark_related(_with_organisation(rows.claims, rows.organisations), rows.related)
        case "awards" if rows.awards is not None:
            return rows.awards
        case "members" if rows.members is not None:
            return _with_member(rows.members, rows.organisations)
        case "related" if rows.related is not None:
            return _with_member(_related_members(rows.related, subjects, rows.organisations), rows.organisations)
    raise InputError([Problem(*of_rows("not_given", aggregate=aggregate.id, rows=kind_of_rows(aggregate.of)))])


def _with_organisation(claims: pl.DataFrame, organisations: pl.DataFrame | None) -> pl.DataFrame:
    """Claims with the facts of the organisation that makes each, where the claims' own table does not have them."""
    if organisations is None or ORGANISATION not in claims.columns:
        return claims
    new = [name for name in organisations.columns if name not in claims.columns and name != ID]
    return claims.join(organisations.select(ID, *new), left_on=ORGANISATION, right_on=ID, how="left")


def _with_member(members: pl.DataFrame, organisations: pl.DataFrame | None) -> pl.DataFrame:
    if organisations is None or ID not in organisations.columns:
        raise InputError([Problem(*of_rows("no_organisations"))])
    facts = organisations.rename({ID: MEMBER})
    return members.join(facts, on=MEMBER, how="left", suffix="_of_member")


def _related_members(graph: Related, subjects: pl.DataFrame, organisations: pl.DataFrame | None) -> pl.DataFrame:
    """`organisation, member`: every organisation with each it is related to, itself among them."""
    column = ORGANISATION if ORGANISATION in subjects.columns else ID
    asked = subjects.select(pl.col(column).cast(pl.String).alias(ORGANISATION)).drop_nulls().unique()
    everyone = asked[ORGANISATION] if organisations is None else organisations[ID].cast(pl.String).unique()
    pairs = graph.members(asked[ORGANISATION], everyone, MOST_PAIRS)
    return pl.DataFrame({ORGANISATION: pairs[0], MEMBER: pairs[1]})


def _groups(programme: Programme, aggregate: Aggregate, source: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """By the columns `per`: `total` (Int128, null where not known), `failed`, and `proof` where statuses are given."""
    expressions = [each for each in (aggregate.value, aggregate.where) if each is not None]
    _check_per(aggregate, source)
    wanted = {column_of(key): source.schema[column_of(key)] for key in aggregate.per}
    frame = prepare_columns(source, {**wanted, **read_dtypes(expressions)})
    columns = frozenset(frame.collect_schema().names())
    plan, keep, value = compile_aggregate(programme, aggregate, columns, as_of)
    failed = _error(keep) | (keep.value.fill_null(False) & _error(value))
    kept = pl.when(keep.value).then(value.value)
    doubtful = is_doubtful(keep, value)
    proof = _proof(expressions, columns)
    named = [kept.cast(pl.Int128).alias(":kept"), doubtful.alias(":doubtful"), failed.alias(":failed")]
    named += [] if proof is None else [pl.when(keep.value.fill_null(True)).then(proof).alias(":proof")]
    made = plan.apply(frame, [*map(key_of, aggregate.per), *named])
    total = pl.col(":kept").max() if aggregate.kind is AggregateKind.GREATEST else pl.col(":kept").sum()
    results = [
        pl.when(~pl.col(":doubtful").any()).then(total).alias("total"),
        pl.col(":failed").any().alias("failed"),
        *([] if proof is None else [pl.col(":proof").min().alias("proof")]),
    ]
    return made.drop_nulls(list(aggregate.per)).group_by(aggregate.per).agg(results).collect()


def compile_aggregate(
    programme: Programme, aggregate: Aggregate, columns: frozenset[str], as_of: date
) -> tuple[Plan, Compiled, Compiled]:
    """Whether a row counts, and what it counts for."""
    plan = Plan()
    context = programme_context(programme, as_of, FactStatus.DECLARED, columns)
    keep = Compiled(pl.lit(True)) if aggregate.where is None else plan.add(aggregate.where.tree, context)
    value = Compiled(pl.lit(1, dtype=pl.Int64)) if aggregate.value is None else plan.add(aggregate.value.tree, context)
    return plan, keep, value


def is_doubtful(keep: Compiled, value: Compiled) -> pl.Expr:
    """A row that is known not to count is never in doubt, whatever its value."""
    return keep.value.is_null() | (keep.value & value.value.is_null())


def _check_per(aggregate: Aggregate, source: pl.DataFrame) -> None:
    missing = [column_of(key) for key in aggregate.per if column_of(key) not in source.columns]
    if missing:
        rows = kind_of_rows(aggregate.of)
        raise InputError([Problem(*of_rows("no_key", name=name, rows=rows), field=name) for name in missing])


def _error(part: Compiled) -> pl.Expr:
    return pl.lit(False) if part.error is None else part.error


def _proof(expressions: Iterable[Expression], columns: frozenset[str]) -> pl.Expr | None:
    """The least proven of the facts read in a row; None where the rows carry no proof at all."""
    statuses = [name + STATUS_SUFFIX for name in read_dtypes(expressions)]
    if not any(status in columns for status in statuses):
        return None
    known = (pl.col(each) if each in columns else pl.lit(None, dtype=pl.UInt8) for each in statuses)
    return pl.min_horizontal([status.fill_null(0) for status in known])


def _fits() -> pl.Expr:
    return pl.col("total").is_between(pl.lit(INT64_MIN, dtype=pl.Int128), pl.lit(INT64_MAX, dtype=pl.Int128))


def _join(frame: pl.DataFrame, aggregate: Aggregate, groups: pl.DataFrame) -> pl.DataFrame:
    # Of an organisation the key is its id; of a claim, a project or a person the organisation it names.
    keys = [name if name in frame.columns or name != ORGANISATION else ID for name in aggregate.per]
    missing = [column_of(key) for key in keys if column_of(key) not in frame.columns]
    if missing:
        words = of_rows("no_key_of_subject", name=missing[0], aggregate=aggregate.id)
        raise InputError([Problem(*words, field=missing[0])])
    amount = pl.when(_fits()).then(pl.col("total")).cast(pl.Int64).alias(aggregate.id)
    statuses = [pl.col("proof").alias(aggregate.id + STATUS_SUFFIX)] if "proof" in groups.columns else []
    right = groups.select(*aggregate.per, amount, *statuses, pl.lit(True).alias(":found"))
    years = [key for key in keys if is_year(key)]
    frame = frame.with_columns(key_of(key) for key in years)
    types = {name: frame.schema[key] for name, key in zip(aggregate.per, keys, strict=True)}
    joined = frame.join(right.cast(types), left_on=keys, right_on=list(aggregate.per), how="left")  # type: ignore[arg-type]
    none = pl.col(":found").is_null() & pl.all_horizontal(pl.col(keys).is_not_null())
    if aggregate.kind is not AggregateKind.GREATEST:
        joined = joined.with_columns(pl.when(none).then(0).otherwise(pl.col(aggregate.id)).alias(aggregate.id))
    if statuses:
        # That there are no rows is nobody's proof of anything.
        status = pl.col(aggregate.id + STATUS_SUFFIX)
        joined = joined.with_columns(pl.when(pl.col(aggregate.id).is_not_null()).then(status.fill_null(0)))
    return joined.drop(":found", *years)


def _faults(programme: Programme, aggregate: Aggregate, groups: pl.DataFrame) -> pl.DataFrame:
    reason = pl.when("failed").then(pl.lit("a row in error")).when(~_fits()).then(pl.lit("beyond 64 bits"))
    return (
        groups.with_columns(reason.alias("reason"))
        .drop_nulls("reason")
        .select(
            pl.lit(programme.id).alias("programme"),
            pl.lit(aggregate.id).alias("aggregate"),
            pl.col(ORGANISATION).cast(pl.String),
            "reason",
        )
        .sort(ORGANISATION)
    )


def organisation_columns(programmes: Iterable[Programme]) -> Mapping[str, pl.DataType]:
    """What the aggregates over members and related parties read of an organisation."""
    wanted = [
        expression
        for programme in programmes
        for aggregate in programme.aggregates
        if aggregate.of in ("members", "related")
        for expression in (aggregate.value, aggregate.where)
        if expression is not None
    ]
    return {name: dtype for name, dtype in read_dtypes(wanted).items() if name not in (ORGANISATION, MEMBER)}
