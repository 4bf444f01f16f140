"""The most that the awards of several rows come to together, such as all claims of a firm in a year.

Rows under one limit are served in the declared order; each gets what is left, up to its award.
"""

import polars as pl

from siwei.errors import InputError, Problem
from siwei.policy.decide import Decisions, award_column, programme_context, verdict_column
from siwei.policy.group_keys import column_of, is_year, key_of
from siwei.policy.language.compile import Plan
from siwei.policy.money_words import of_money
from siwei.policy.programmes import FactStatus, Limit, Programme
from siwei.policy.subjects import ID, column_problem, prepare_columns, read_dtypes


def limited_column(programme: str) -> str:
    """Which limit cut an award: its id; null where none did."""
    return f"{programme}:limited_by"


def apply_limits(decisions: Decisions, table: pl.DataFrame | pl.LazyFrame) -> Decisions:
    """The decisions with every award cut by its programme's limits, and a `limited_column` for each such programme.

    `table` is the one that was decided; it holds the columns `per` and `order` too. An award that cannot be told leaves
    open those of the same limit that are served after it, and a limit that cannot be told all under it. Raises
    InputError.
    """
    wide = decisions.wide
    for programme in decisions.programmes:
        for limit in programme.limits:
            wide = _apply(wide, programme, limit, _facts(decisions, programme, limit, table))
    return Decisions(decisions.programmes, decisions.as_of, wide)


def _facts(
    decisions: Decisions, programme: Programme, limit: Limit, table: pl.DataFrame | pl.LazyFrame
) -> pl.DataFrame:
    """`:most`, and the columns that the limit groups and orders by, in the order of the decisions."""
    schema = table.lazy().collect_schema()
    names = dict.fromkeys((*map(column_of, limit.per), *limit.order))
    days = {column_of(key) for key in limit.per if is_year(key)}
    wanted_as = {name: pl.Date() if name in days else schema.get(name, pl.String()) for name in names}
    problems = [column_problem(name, dtype, schema) for name, dtype in wanted_as.items()]
    if found := [problem for problem in problems if problem is not None]:
        raise InputError(found)
    wanted = {ID: pl.String(), **{name: schema[name] for name in names}, **read_dtypes([limit.at_most])}
    subjects = prepare_columns(table, wanted)
    plan = Plan()
    context = programme_context(
        programme, decisions.as_of, FactStatus.DECLARED, frozenset(subjects.collect_schema().names())
    )
    most = plan.add(limit.at_most.tree, context).value.alias(":most")
    years = [key_of(key) for key in limit.per if is_year(key)]
    frame = plan.apply(subjects, [pl.col(ID), *(pl.col(name) for name in names), *years, most]).collect()
    if not frame[ID].equals(decisions.wide[ID]):
        raise InputError([Problem(*of_money("other_table"))])
    return frame


def left_open_by(
    decisions: Decisions, programme: Programme, table: pl.DataFrame | pl.LazyFrame, id: str
) -> tuple[Limit, tuple[str, ...]] | None:
    """The limit under which the award of a row cannot be told, though it is known by itself, and the rows served before
    it that this waits for; none where it waits for the limit's own figure, or for whose row it is. None where it is
    known what it gets."""
    wide, award = decisions.wide, pl.col(award_column(programme.id))
    mine = pl.col(ID) == id
    for limit in programme.limits:
        facts = _facts(decisions, programme, limit, table)
        after = _apply(wide, programme, limit, facts)
        if after.filter(mine & award.is_null()).height and wide.filter(mine & award.is_not_null()).height:
            per = list(limit.per)
            served = _served(wide, programme, limit, facts)
            before = served.slice(0, served[ID].to_list().index(id))
            together = before.join(served.filter(mine).select(per), on=per, how="semi")
            return limit, tuple(together.filter(":unknown")[ID].to_list())
        wide = after
    return None


def _served(wide: pl.DataFrame, programme: Programme, limit: Limit, facts: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order in which the limit serves them: what each asked for, whether that is known."""
    not_eligible = wide[verdict_column(programme.id)] == 0
    asked = wide[award_column(programme.id)].set(not_eligible, 0)
    frame = facts.with_columns(asked.alias(":asked"), pl.int_range(pl.len()).alias(":place"))
    return frame.sort([*limit.order, ID], nulls_last=True).with_columns(
        pl.col(":asked").is_null().alias(":unknown"), pl.col(":asked").fill_null(0).cast(pl.Int128).alias(":sum")
    )


def _apply(wide: pl.DataFrame, programme: Programme, limit: Limit, facts: pl.DataFrame) -> pl.DataFrame:
    award, by = award_column(programme.id), limited_column(programme.id)
    per = list(limit.per)
    frame = _served(wide, programme, limit, facts).with_columns(
        (pl.col(":sum").cum_sum() - pl.col(":sum")).over(per).alias(":before"),
        (pl.col(":unknown").cast(pl.Int64).cum_sum() - pl.col(":unknown").cast(pl.Int64)).over(per).alias(":open"),
        pl.when(~pl.col(":most").is_null().any()).then(pl.col(":most").min()).over(per).clip(0).alias(":most"),
    )
    left = pl.max_horizontal(pl.col(":most") - pl.col(":before"), pl.lit(0, dtype=pl.Int128))
    # A row that names no firm or year stands under no limit that can be told: what it gets is not known.
    known = pl.all_horizontal(pl.col(per).is_not_null()) & (pl.col(":open") == 0) & pl.col(":most").is_not_null()
    kept = pl.when(pl.col(":sum") == 0).then(pl.col(":sum")).when(known).then(pl.min_horizontal(":sum", left))
    # An award that is not known is not 0.
    final = pl.when(~pl.col(":unknown")).then(kept).cast(pl.Int64).alias(award)
    cut = pl.when(final < pl.col(":asked")).then(pl.lit(limit.id)).alias(by)
    found = frame.select(":place", final, cut).sort(":place").drop(":place")
    if by in wide.columns:
        found = found.with_columns(pl.coalesce(by, wide[by]))
    return wide.with_columns(found[award], found[by])
