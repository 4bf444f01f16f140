"""Which facts of which other rows a sum waits for: what must be supplied before it can be added up."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from siwei.city.attributes import Attribute
from siwei.policy.aggregating.aggregates import Rows, compile_aggregate, is_doubtful, rows_of
from siwei.policy.group_keys import column_of, key_of
from siwei.policy.language.compiled import merge_unknown
from siwei.policy.programmes import Aggregate, Programme, Text
from siwei.policy.sources import MEMBER
from siwei.policy.subjects import ID, prepare_columns, read_dtypes

MOST_GAPS = 20
"""Rows told of one sum."""


@dataclass(frozen=True, slots=True)
class Gap:
    """`row` names the row of `of` (a claim's id, an organisation's, a programme awarded by) and `attributes` what is
    not known of it. `more` counts rows beyond those that are told, on the last of them."""

    aggregate: str
    of: str
    row: str
    attributes: tuple[str, ...]
    more: int
    sentence: Text


def aggregate_gaps(
    programme: Programme, subject: pl.DataFrame, rows: Rows | None, as_of: date, attributes: Mapping[str, Attribute]
) -> tuple[Gap, ...]:
    """Of the one row `subject`, its aggregates added: everything that those wait for which are not known. Supplied, the
    sums are known."""
    if rows is None:
        return ()
    waiting = [each for each in programme.aggregates if each.id in subject.columns and subject[each.id][0] is None]
    return tuple(gap for each in waiting for gap in _gaps(programme, each, subject, rows, as_of, attributes))


def _gaps(
    programme: Programme, aggregate: Aggregate, subject: pl.DataFrame, rows: Rows, as_of: date,
    attributes: Mapping[str, Attribute],
) -> Iterator[Gap]:  # fmt: skip
    source = rows_of(aggregate, rows, subject)
    expressions = [each for each in (aggregate.value, aggregate.where) if each is not None]
    name = {"claims": ID, "awards": "programme"}.get(aggregate.of, MEMBER)
    keys = {column_of(key) for key in aggregate.per} | ({name} if name in source.columns else set())
    frame = prepare_columns(source, {**{key: source.schema[key] for key in keys}, **read_dtypes(expressions)})
    plan, keep, value = compile_aggregate(programme, aggregate, frozenset(frame.collect_schema().names()), as_of)
    waits = merge_unknown(keep.unknown, value.unknown)
    masks = [(is_doubtful(keep, value) & mask).alias(f"?{each}") for each, mask in waits.items()]
    named = pl.col(name).cast(pl.String) if name in source.columns else pl.lit("?")
    of_keys = [key_of(key).alias(f":{key}") for key in aggregate.per]
    made = plan.apply(frame, [named.alias(":row"), *of_keys, *masks]).collect()
    mine = made.filter(reduce(and_, (pl.col(f":{key}") == _value(subject, key) for key in aggregate.per)))
    open_ = [
        (row[":row"] or "?", tuple(each for each in sorted(waits) if row[f"?{each}"]))
        for row in mine.sort(":row").iter_rows(named=True)
    ]
    open_ = [(row, missing) for row, missing in open_ if missing]
    for place, (row, missing) in enumerate(open_[:MOST_GAPS], 1):
        more = max(len(open_) - MOST_GAPS, 0) if place == MOST_GAPS else 0
        yield Gap(aggregate.id, aggregate.of, row, missing, more, _sentence(aggregate, row, missing, more, attributes))


def _value(subject: pl.DataFrame, key: str) -> Any:
    return subject.select(key_of(key if column_of(key) in subject.columns else ID)).item()


def _sentence(
    aggregate: Aggregate, row: str, missing: Collection[str], more: int, attributes: Mapping[str, Attribute]
) -> Text:
    zh = "、".join(attributes[each].name_zh if each in attributes else each for each in missing)
    en = ", ".join(attributes[each].name_en if each in attributes else each for each in missing)
    rest_zh, rest_en = (f"，另有 {more} 行", f", and {more} rows more") if more else ("", "")
    return Text(
        f"“{aggregate.words.zh}”尚不能合计：需提供 {row} 的{zh}{rest_zh}。",
        f"“{aggregate.words.en}” cannot be added up yet; to be given: {en} of {row}{rest_en}.",
    )
