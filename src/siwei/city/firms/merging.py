"""Which rows are one organisation: by checked code, then by normalised name; never two codes in one.

The result depends on the set of rows, not on their order: a row without a code joins the one organisation whose rows
carry its name and a code; where two codes share the name it stays apart, because nobody can tell whose it is.
"""

from dataclasses import dataclass

import polars as pl

from siwei.city.firms.names import name_key

KNOWN = {"key": pl.String, "code": pl.String, "name_normalised": pl.String}
"""Organisations that exist already; one that is known by several names has a row for each."""

ROWS = {
    "file": pl.UInt32,  # position of the file
    "row": pl.UInt32,
    "code": pl.String,
    "name_normalised": pl.String,
    "rank": pl.UInt8,  # trust in the file's shape, lower first
    "sha256": pl.String,  # of the file: breaks ties, so that file order does not matter
}
ASSIGNED = {**ROWS, "key": pl.String, "reason": pl.String, "is_primary": pl.Boolean, "note": pl.String}
ADOPTIONS = {"old_key": pl.String, "key": pl.String, "code": pl.String}

BY_CODE, BY_NAME = "code", "name"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`rows` as ASSIGNED, each organisation's rows in order of trust; `reason` is null for the row that creates it.

    `adoptions`: organisations that had only a name and now learn their code, and with it their key.
    """

    rows: pl.DataFrame
    adoptions: pl.DataFrame


def assign_rows(rows: pl.DataFrame, known: pl.DataFrame) -> Assignment:
    """`rows` as ROWS, `known` as KNOWN."""
    codes_of_names = _codes_of_names(rows, known)
    keyed = rows.join(codes_of_names, on="name_normalised", how="left", maintain_order="left").with_columns(
        key=pl.coalesce("code", pl.when(pl.col("codes") == 1).then("only_code"))
    )
    keyed = _with_name_keys(keyed)
    adoptions = _adoptions(known, codes_of_names)
    existing = (
        known.unique("key", keep="any", maintain_order=True)
        .join(adoptions, left_on="key", right_on="old_key", how="left")
        .select(key=pl.coalesce("key_right", "key"), had_code="code")
    )
    keyed = keyed.join(existing.with_columns(exists=True), on="key", how="left", maintain_order="left")
    ordered = keyed.sort(pl.col("code").is_null(), "rank", "sha256", "row", maintain_order=True)
    first = pl.col("key").is_first_distinct()
    reason = (
        pl.when(first & pl.col("exists").is_null())
        .then(None)
        .when(pl.col("code").is_null())
        .then(pl.lit(BY_NAME))
        .when(first & pl.col("had_code").is_null())
        .then(pl.lit(BY_NAME))  # an organisation known by name alone learns its code from this row
        .otherwise(pl.lit(BY_CODE))
    )
    ordered = ordered.with_columns(reason=reason, is_primary=first)
    ordered = ordered.with_columns(note=_notes(codes_of_names))
    return Assignment(ordered.select(*ASSIGNED).sort("file", "row"), adoptions)


def _codes_of_names(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`name_normalised, codes` (how many codes carry the name), `only_code`."""
    pairs = pl.concat([rows.select("name_normalised", "code"), known.select("name_normalised", "code")])
    return (
        pairs.drop_nulls("code")
        .group_by("name_normalised")
        .agg(codes=pl.col("code").n_unique(), only_code=pl.col("code").min())
    )


def _with_name_keys(keyed: pl.DataFrame) -> pl.DataFrame:
    names = keyed.filter(pl.col("key").is_null()).select("name_normalised").unique()
    keys = [name_key(name) for name in names["name_normalised"]]
    named = names.with_columns(name_key=pl.Series(keys, dtype=pl.String))
    return keyed.join(named, on="name_normalised", how="left", maintain_order="left").with_columns(
        key=pl.coalesce("key", "name_key")
    )


def _adoptions(known: pl.DataFrame, codes_of_names: pl.DataFrame) -> pl.DataFrame:
    """Known organisations without a code whose name now has exactly one code that no known organisation has."""
    taken = known.drop_nulls("code").select("code")
    # Only the plain name key adopts: a key made when a merge was undone must not be merged back unasked.
    nameless = known.filter(pl.col("code").is_null()).join(codes_of_names, on="name_normalised", how="inner")
    nameless = nameless.filter(pl.col("codes") == 1)
    plain = [name_key(name) == key for key, name in nameless.select("key", "name_normalised").iter_rows()]
    return (
        nameless.filter(pl.Series(plain, dtype=pl.Boolean))
        .join(taken, left_on="only_code", right_on="code", how="anti")
        .select(old_key="key", key="only_code", code="only_code")
    )


def _notes(codes_of_names: pl.DataFrame) -> pl.Expr:
    """What a person may want to look at: one code under two names, one name under two codes."""
    name_of_primary = pl.col("name_normalised").first().over("key", order_by=pl.col("code").is_null())
    return (
        pl.when((pl.col("reason") == BY_CODE) & (pl.col("name_normalised") != name_of_primary))
        .then(pl.format("same code as '{}', another name: merged by code", name_of_primary))
        .when(pl.col("code").is_null() & (pl.col("codes") > 1))
        .then(pl.format("the name fits {} codes: kept apart, without a code", pl.col("codes")))
        .when(pl.col("codes") > 1)
        .then(pl.format("{} codes carry this name: kept apart", pl.col("codes")))
        .cast(pl.String)
    )
