"""Tables of firms for the tests of the chain."""

import polars as pl


def firms(*rows: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    """id, name, scope, profile."""
    return pl.DataFrame(
        rows, schema={"id": pl.String, "name": pl.String, "scope": pl.String, "profile": pl.String}, orient="row"
    )
