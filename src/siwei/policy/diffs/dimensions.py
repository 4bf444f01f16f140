"""How subjects are grouped in a comparison: by district, size, age and segment, as far as a table tells."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from siwei.city.attributes import Attribute, typed_expression

DIMENSIONS = ("by_district", "by_size", "by_age", "by_segment")
SOURCES = ("district", "segment", "size_class", "employees", "founded_on")
"""The columns they are made from, where a table has them."""
SIZES = ((10, "0–9 people"), (100, "10–99 people"), (300, "100–299 people"))
LARGEST_SIZE = "300 people and more"
"""Plain bands of employees; they are not the legal size classes, which depend on the industry and on revenue."""
AGES = ((1, "under 1 year"), (3, "1–2 years"), (6, "3–5 years"), (11, "6–10 years"))
LARGEST_AGE = "over 10 years"


def with_dimensions(table: pl.LazyFrame, attributes: Mapping[str, Attribute], as_of: date) -> pl.LazyFrame:
    """The table and, for what it has columns of, the columns of DIMENSIONS: `district`, `segment` and `size_class` as
    they stand, else `employees` and `founded_on` in bands. What cannot be read is not known."""
    schema = table.collect_schema()
    made: dict[str, pl.Expr] = {}
    for column, name in (("district", "by_district"), ("segment", "by_segment"), ("size_class", "by_size")):
        if column in schema:
            made[name] = pl.col(column).cast(pl.String)
    if "by_size" not in made and "employees" in schema:
        made["by_size"] = _bands(_typed("employees", schema, attributes), SIZES, LARGEST_SIZE)
    if "founded_on" in schema:
        founded = _typed("founded_on", schema, attributes)
        # Whole years: the anniversary of this year must have come.
        # Months and days are Int8, which 12 × 100 would wrap.
        day_of_year = founded.dt.month().cast(pl.Int32) * 100 + founded.dt.day().cast(pl.Int32)
        before = day_of_year > as_of.month * 100 + as_of.day
        years = pl.lit(as_of.year, dtype=pl.Int32) - founded.dt.year() - before.cast(pl.Int32)
        made["by_age"] = _bands(years, AGES, LARGEST_AGE)
    return table.with_columns(**made)


def _typed(column: str, schema: pl.Schema, attributes: Mapping[str, Attribute]) -> pl.Expr:
    if schema[column] == pl.String and column in attributes:
        return typed_expression(attributes[column], pl.col(column))
    return pl.col(column)


def _bands(value: pl.Expr, limits: tuple[tuple[int, str], ...], last: str) -> pl.Expr:
    named = pl.lit(last)
    for limit, name in reversed(limits):
        named = pl.when(value < limit).then(pl.lit(name)).otherwise(named)
    return pl.when(value.is_not_null()).then(named)
