"""Facts as of a day → the wide table that policy and chain read: a row an organisation, a typed column an attribute."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import polars as pl
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast

from siwei.city.attributes import Attribute, parse_value, typed_expression
from siwei.errors import InputError
from siwei.exchange.models import Fact, KnownValue, Organisation
from siwei.policy import FactStatus, FactValue

AnyFact = TypeVar("AnyFact", bound=KnownValue)
STATUS = pl.UInt8()
FACT_COLUMNS = {
    "organisation_id": pl.Int64(),
    "attribute": pl.String(),
    "value": pl.String(),
    "status": STATUS,
    "valid_from": pl.String(),
    "known_at": pl.String(),
    "id": pl.Int64(),
}
CHUNK_ROWS = 100_000


def facts_on(as_of: date, *, known_by: datetime | None = None) -> QuerySet[Fact]:
    """Facts of organisations valid on `as_of`, known by then if asked."""
    valid = valid_on(Fact.objects.all(), as_of)
    return valid if known_by is None else valid.filter(known_at__lte=known_by)


class Stated(Protocol):
    """What a fact is chosen by, whoever it is of and wherever it is kept."""

    @property
    def attribute(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def source_ref(self) -> str: ...
    @property
    def valid_from(self) -> date | None: ...
    @property
    def known_at(self) -> datetime: ...
    @property
    def pk(self) -> int: ...


def best_values(facts: Iterable[Stated | KnownValue], attributes: Mapping[str, Attribute]) -> dict[str, FactValue]:
    """Of one subject's facts, the best of each attribute, as `subjects` chooses. What is not of its attribute's type is
    left out, as it is null there."""
    found: dict[str, FactValue] = {}
    for fact in sorted(facts, key=_standing):
        try:
            value = parse_value(attributes[fact.attribute], fact.value)
        except InputError:
            # `subjects` picks the best fact first and then finds it unreadable; a worse one does not step in.
            found.pop(fact.attribute, None)
            continue
        found[fact.attribute] = FactValue(value, FactStatus(fact.status), fact.source, fact.source_ref, fact.valid_from)
    return found


def _standing(fact: Stated | KnownValue) -> tuple[int, date, datetime, int]:
    return fact.status, fact.valid_from or date.min, fact.known_at, fact.pk


def of_subject(attributes: Mapping[str, Attribute], subject: str) -> dict[str, Attribute]:
    """The attributes that describe an organisation, a project, a person or an agreement."""
    return {name: each for name, each in attributes.items() if each.subject == subject}


def valid_on(facts: "QuerySet[AnyFact]", as_of: date) -> "QuerySet[AnyFact]":
    """Those that hold on the day (`valid_to` is the first day on which one no longer does)."""
    return facts.filter(Q(valid_from=None) | Q(valid_from__lte=as_of), Q(valid_to=None) | Q(valid_to__gt=as_of))


def subjects(
    as_of: date,
    *,
    attributes: Mapping[str, Attribute],
    organisation_ids: Collection[int] | None = None,
    known_by: datetime | None = None,
) -> pl.DataFrame:
    """`key, name`, a typed column per attribute of an organisation and `<attribute>__status` (UInt8), sorted by key.

    The best fact of an attribute wins: higher status, then later `valid_from` (none is oldest), then later known, then
    later written. A value that is not canonical text of its type is null, and so is its status. Merged organisations
    are left out; the facts they had were moved when they were merged.
    """
    wanted = of_subject(attributes, "organisation")
    organisations = _read(_organisations(organisation_ids), {"id": pl.Int64(), "key": pl.String(), "name": pl.String()})
    facts = facts_on(as_of, known_by=known_by).filter(attribute__in=list(wanted))
    if organisation_ids is not None:
        facts = facts.filter(organisation_id__in=organisation_ids)
    # As text: only their order matters here, and converting a million times in Python would take most of the time.
    # Facts of merged organisations fall out when they are joined to those that stand.
    rows = facts.annotate(valid_text=Cast("valid_from", CharField()), known_text=Cast("known_at", CharField()))
    frame = _read(
        rows.values_list("organisation_id", "attribute", "value", "status", "valid_text", "known_text", "id"),
        FACT_COLUMNS,
    )
    return widen(organisations, frame, wanted)


def widen(organisations: pl.DataFrame, facts: pl.DataFrame, attributes: Mapping[str, Attribute]) -> pl.DataFrame:
    """The pure part: long facts (FACT_COLUMNS) of `organisations` (id, key, name) → the wide table."""
    order = ["status", "valid_from", "known_at", "id"]
    subject = ["organisation_id", "attribute"]
    known = facts.filter(pl.col("attribute").is_in(list(attributes)))
    # Most facts stand alone; only those that compete are worth sorting.
    competing = known.select(subject).is_duplicated()
    chosen = (
        known.filter(competing)
        .sort(order, descending=True, nulls_last=True)
        .unique(subject, keep="first", maintain_order=True)
    )
    best = pl.concat([known.filter(~competing), chosen])
    wide = organisations
    for name, part in best.partition_by("attribute", as_dict=True, include_key=False).items():
        attribute = attributes[name[0]]
        column = part.select(
            pl.col("organisation_id").alias("id"),
            typed_expression(attribute, pl.col("value")).alias(attribute.id),
            pl.col("status").alias(f"{attribute.id}__status"),
        )
        wide = wide.join(column, on="id", how="left", validate="1:1")
    columns: list[pl.Expr] = [pl.col("key"), pl.col("name")]
    for attribute in attributes.values():
        value, status = attribute.id, f"{attribute.id}__status"
        if value in wide.columns:
            columns += [pl.col(value), pl.when(pl.col(value).is_not_null()).then(pl.col(status)).alias(status)]
        else:
            columns += [pl.lit(None, attribute.dtype).alias(value), pl.lit(None, STATUS).alias(status)]
    return wide.select(columns).sort("key")


def _organisations(organisation_ids: Collection[int] | None) -> "QuerySet[Any, Any]":
    chosen = Organisation.objects.filter(merged_into=None)
    if organisation_ids is not None:
        chosen = chosen.filter(pk__in=organisation_ids)
    return chosen.values_list("id", "key", "name")


def _read(query: "QuerySet[Any, Any]", columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A query as a frame, by a bare cursor in chunks: the ORM's own rows would take several times as long."""
    try:
        sql, parameters = query.order_by().query.sql_with_params()
    except EmptyResultSet:  # asked for nothing: no attribute, or nobody
        return pl.DataFrame(schema=dict(columns))
    chunks: list[pl.DataFrame] = []
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            chunks.append(_frame(rows, columns))
    return pl.concat(chunks) if chunks else pl.DataFrame(schema=dict(columns))


def _frame(rows: Iterable[tuple[Any, ...]], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    values = zip(*rows, strict=True)
    return pl.DataFrame(
        [pl.Series(name, value, dtype=dtype) for (name, dtype), value in zip(columns.items(), values, strict=True)]
    )
