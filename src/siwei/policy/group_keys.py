"""By what rows belong together: a column, or the calendar year of one that holds days (`contract_signed_on.year`)."""

import polars as pl

YEAR = ".year"


def column_of(key: str) -> str:
    """The column that a key is made from."""
    return key.removesuffix(YEAR)


def is_year(key: str) -> bool:
    return key.endswith(YEAR)


def key_of(key: str) -> pl.Expr:
    """Named as the key is; null where the column is."""
    column = pl.col(column_of(key))
    return column.cast(pl.Date()).dt.year().cast(pl.Int64).alias(key) if is_year(key) else column
