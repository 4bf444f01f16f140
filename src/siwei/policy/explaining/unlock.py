"""Which few missing facts would decide the most: for each subject, the smallest sets worth asking for."""

from collections.abc import Iterator
from datetime import date
from itertools import combinations

import polars as pl

from siwei.policy.decide import clause_code, compile_award, compile_clause, programme_context
from siwei.policy.language.compile import Plan
from siwei.policy.language.compiled import Compiled
from siwei.policy.programmes import Kind, Programme
from siwei.policy.subjects import ID, prepare_subjects
from siwei.policy.windows import deadline_of

UNLOCK_SCHEMA: dict[str, pl.DataType] = {
    ID: pl.String(),
    "rank": pl.UInt32(),
    "facts": pl.List(pl.String()),
    "programmes": pl.List(pl.String()),
    "paid_at_most_fen": pl.Int64(),
    "tax_saving_at_most_fen": pl.Int64(),
}
MOST_COMBINED = 10
"""Up to so many open programmes every union of their needs is tried; beyond, each alone, each pair, all together."""


def unlock(
    programmes: tuple[Programme, ...],
    table: pl.DataFrame | pl.LazyFrame,
    as_of: date,
    most_facts: int = 5,
    most_sets: int = 3,
) -> pl.DataFrame:
    """For each subject of `table` (as `decide` takes it) up to `most_sets` sets of facts, best first (UNLOCK_SCHEMA).

    `facts` are what to give or to prove; `programmes` those that would then be decided, or their amount known. The
    bounds are sums of what is already computable (the amount, else the cap), money paid and tax saved apart, nothing of
    drafts; null where a programme of the set has no bound. A set has at most `most_facts`, unless even the smallest
    that decides anything is larger. Ranked by money paid that can be applied for on the day or later (a window that has
    closed gives none), then all money paid, then programmes decided, then fewest facts.
    """
    programmes = tuple(programme for programme in programmes if programme.period.contains(as_of))
    if not programmes:
        return pl.DataFrame(schema=UNLOCK_SCHEMA)
    open_ = _open_programmes(programmes, table, as_of)
    needs = [_needs(programme) for programme in programmes]
    signatures = open_.select(needs).unique(maintain_order=True)
    candidates = pl.DataFrame(
        [
            {**dict(zip(needs, signature, strict=True)), "facts": sorted(facts), "decided": decided}
            for signature in signatures.iter_rows()
            for facts, decided in _candidates(programmes, signature, most_facts)
        ],
        schema={
            **dict.fromkeys(needs, pl.UInt64()),
            "facts": pl.List(pl.String()),
            "decided": pl.List(pl.UInt32()),
        },
    )
    sets = open_.with_row_index("place").join(candidates, on=needs, how="inner", maintain_order="left")
    shut = frozenset(each.id for each in programmes if deadline_of(each, as_of).is_shut)
    return _ranked(sets, programmes, most_sets, shut)


def _needs(programme: Programme) -> str:
    return f"{programme.id}:needs"


def _bound(programme: Programme) -> str:
    return f"{programme.id}:bound"


def _open_programmes(
    programmes: tuple[Programme, ...], table: pl.DataFrame | pl.LazyFrame, as_of: date
) -> pl.DataFrame:
    """`id`; per programme what it waits for (bits over its attributes; 0 = nothing to unlock) and a bound in fen."""
    subjects = prepare_subjects(table, programmes)
    columns = frozenset(subjects.collect_schema().names())
    plan = Plan()
    keep = [pl.col(ID)]
    for programme in programmes:
        clauses = [compile_clause(plan, programme, clause, as_of, columns) for clause in programme.clauses]
        award = compile_award(plan, programme, as_of, columns)
        codes = [clause_code(clause) for clause in clauses]
        # A clause that is no, or in error, is not opened by any fact that is missing elsewhere.
        closed = pl.any_horizontal([(code == 0) | (code == 3) for code in codes])
        waits = [_waiting_bits(programme, result) for result in (*clauses, award)]
        bits = waits[0]
        for more in waits[1:]:
            bits = bits | more
        keep.append(pl.when(closed).then(pl.lit(0, dtype=pl.UInt64)).otherwise(bits).alias(_needs(programme)))
        bound = award.value
        if programme.award.cap is not None:
            context = programme_context(programme, as_of, programme.award.requires, columns)
            bound = pl.coalesce(award.value, plan.add(programme.award.cap.tree, context).value)
        keep.append(bound.alias(_bound(programme)))
    return plan.apply(subjects, keep).collect(engine="streaming")


def _waiting_bits(programme: Programme, result: Compiled) -> pl.Expr:
    bits = pl.lit(0, dtype=pl.UInt64)
    for place, name in enumerate(programme.attributes):
        if name in result.unknown:
            bits = bits | result.unknown[name].cast(pl.UInt64) * pl.lit(1 << place, dtype=pl.UInt64)
    return bits * result.is_unknown.cast(pl.UInt64)


def _candidates(
    programmes: tuple[Programme, ...], signature: tuple[int, ...], most_facts: int
) -> Iterator[tuple[frozenset[str], list[int]]]:
    """Sets of facts and the places of the programmes each decides. Unions of whole needs decide the most per fact."""
    needs = {
        place: frozenset(name for bit, name in enumerate(programmes[place].attributes) if bits >> bit & 1)
        for place, bits in enumerate(signature)
        if bits
    }
    distinct = list(dict.fromkeys(needs.values()))
    sizes = range(1, len(distinct) + 1) if len(distinct) <= MOST_COMBINED else (1, 2, len(distinct))
    unions = {frozenset().union(*chosen) for size in sizes for chosen in combinations(distinct, size)}
    if not unions:
        return
    limit = max(most_facts, min(len(union) for union in unions))
    for union in sorted(unions, key=lambda facts: (len(facts), sorted(facts))):
        if len(union) <= limit:
            yield union, [place for place, need in needs.items() if need <= union]


def _ranked(
    sets: pl.DataFrame, programmes: tuple[Programme, ...], most_sets: int, shut: frozenset[str]
) -> pl.DataFrame:
    names = pl.Series([programme.id for programme in programmes], dtype=pl.String)

    def total(kinds: tuple[Kind, ...], without: frozenset[str] = frozenset()) -> pl.Expr:
        """Over the programmes in force of these kinds that the set decides; null where one has no bound or the sum
        overflows."""
        amounts = [
            pl.when(pl.col("decided").list.contains(place)).then(pl.col(_bound(programme)).cast(pl.Int128)).otherwise(0)
            for place, programme in enumerate(programmes)
            if programme.kind in kinds and programme.id not in without and not programme.is_draft
        ]
        if not amounts:
            return pl.lit(0, dtype=pl.Int64)
        return pl.sum_horizontal(amounts, ignore_nulls=False).cast(pl.Int64, strict=False)

    ranked = sets.with_columns(
        paid_at_most_fen=total((Kind.GRANT, Kind.VOUCHER)),
        tax_saving_at_most_fen=total((Kind.TAX_SAVING,)),
        within_reach=total((Kind.GRANT, Kind.VOUCHER), shut),
        programmes=pl.col("decided").list.eval(pl.element().replace_strict(range(len(names)), names)),
    ).sort(
        "place",
        "within_reach",
        "paid_at_most_fen",
        pl.col("decided").list.len(),
        pl.col("facts").list.len(),
        descending=[False, True, True, True, False],
        nulls_last=True,
        maintain_order=True,
    )
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("place").alias("rank")
    return ranked.with_columns(rank).filter(pl.col("rank") <= most_sets).select(list(UNLOCK_SCHEMA))
