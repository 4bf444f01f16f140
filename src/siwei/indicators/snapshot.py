"""What is measured: a city's tables at one moment, each checked once when the snapshot is made.

A table that a city does not have yet is left out (empty); an indicator that needs it then says "not measured".
Columns beyond the declared ones are kept, and appear in the rows behind an indicator where its query names them.
"""

# ruff: noqa: RUF009  (`_table` returns a dataclass field, not a shared default)
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from types import MappingProxyType
from typing import Any

import polars as pl

from siwei.city.pack import OfficialFirmCount, Pack
from siwei.errors import InputError, Problem

DataType = type[pl.DataType]
String, Int64, Float64, Boolean, Date = pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.Date

TABLES: Mapping[str, Mapping[str, DataType]] = MappingProxyType(
    {
        # the chain and who stands on it
        "organisations": {
            "key": String, "name": String, "kind": String, "district": String, "origin": String, "founded_on": Date,
        },
        "placements": {"key": String, "segment": String, "layer": String, "confidence": Float64},
        "segments": {"id": String, "layer": String, "name_zh": String, "name_en": String},
        "edges": {"from": String, "to": String, "type": String},
        "coverage": {"segment": String, "firms": Int64, "hhi": Float64},
        "districts": {"id": String, "name_zh": String, "name_en": String},
        # what programmes decided; award_fen is what a decision computes, before a pot is shared
        "programmes": {"id": String, "title_zh": String, "title_en": String, "kind": String, "draft": Boolean},
        "awards": {"id": String, "programme": String, "verdict": String, "award_fen": Int64},
        # the market: `organisation` is the publisher's key, null where a person published (never named here)
        "listings": {
            "id": String, "kind": String, "side": String, "state": String, "organisation": String, "title_zh": String,
        },
        "matches": {"need": String, "offer": String, "score": Float64},
        "agreements": {"id": String, "kind": String, "state": String},
        "parties": {"agreement": String, "organisation": String, "role": String},
        # money: minor units of `unit`; a hold is promised to one deal, a capture is paid, a release goes back;
        # `origin` is that of the organisation whose account is debited (null: the platform's own), or that consumed
        "transfers": {
            "id": String, "kind": String, "unit": String, "amount": Int64, "purpose": String, "origin": String,
        },
        "jobs": {"id": String, "agreement": String, "state": String},
        "usage": {"reading": String, "unit": String, "quantity": Int64, "origin": String},
        # people and proof; of the facts, how many are of generated organisations
        "staff": {"key": String, "employees": Int64, "research_staff": Int64},
        "facts": {"attribute": String, "status": Int64, "facts": Int64, "generated": Int64},
        "representatives": {"organisation": String},
        # what the city pack says, and how well it is sourced
        "frameworks": {"id": String},
        "accelerators": {"id": String},
        "compatibility": {"framework": String, "accelerator": String},
        "statistics": {
            "id": String, "name_zh": String, "name_en": String, "scope": String, "year": Int64, "status": String,
            "qualifier": String, "value": Float64, "unit": String, "note": String, "source": String, "as_of": Date,
            "verified": Boolean,
        },
        "facilities": {
            "facility": String, "name_zh": String, "name_en": String, "kind": String, "district": String,
            "status": String, "metric": String, "qualifier": String, "value": Float64, "unit": String,
            "precision": String, "source": String, "as_of": Date, "verified": Boolean,
        },
        "sources": {"table": String, "rows": Int64, "verified": Int64, "draft": Int64},
    }
)  # fmt: skip

# how a figure is bounded (`siwei.city.rows.QUALIFIERS`), as a sign before it
QUALIFIERS: Mapping[str, str] = MappingProxyType(
    {"exact": "", "less_than": "<", "more_than": ">", "at_least": "≥", "at_most": "≤", "about": "≈"}
)


def empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(TABLES[table]))


def _table(name: str) -> Any:
    return field(default_factory=lambda: empty(name))


@dataclass(frozen=True)
class Snapshot:
    """Every table of `TABLES`, by name, as of one day.

    Raises InputError naming every table and column that is missing or cannot be read as its declared type.
    """

    as_of: date
    official: OfficialFirmCount | None = None
    organisations: pl.DataFrame = _table("organisations")
    placements: pl.DataFrame = _table("placements")
    segments: pl.DataFrame = _table("segments")
    edges: pl.DataFrame = _table("edges")
    coverage: pl.DataFrame = _table("coverage")
    districts: pl.DataFrame = _table("districts")
    programmes: pl.DataFrame = _table("programmes")
    awards: pl.DataFrame = _table("awards")
    listings: pl.DataFrame = _table("listings")
    matches: pl.DataFrame = _table("matches")
    agreements: pl.DataFrame = _table("agreements")
    parties: pl.DataFrame = _table("parties")
    transfers: pl.DataFrame = _table("transfers")
    jobs: pl.DataFrame = _table("jobs")
    usage: pl.DataFrame = _table("usage")
    staff: pl.DataFrame = _table("staff")
    facts: pl.DataFrame = _table("facts")
    representatives: pl.DataFrame = _table("representatives")
    frameworks: pl.DataFrame = _table("frameworks")
    accelerators: pl.DataFrame = _table("accelerators")
    compatibility: pl.DataFrame = _table("compatibility")
    statistics: pl.DataFrame = _table("statistics")
    facilities: pl.DataFrame = _table("facilities")
    sources: pl.DataFrame = _table("sources")

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        for name in TABLES:
            object.__setattr__(self, name, conform(name, getattr(self, name), problems))
        if problems:
            raise InputError(problems)

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name in TABLES}

    @property
    def generated_organisations(self) -> int:
        return self.organisations.filter(pl.col("origin") == "generated").height


def pack_tables(pack: Pack) -> dict[str, pl.DataFrame]:
    """The tables of a snapshot that a city pack gives by itself."""
    own = ("segments", "edges", "districts", "frameworks", "accelerators", "compatibility", "statistics", "facilities")
    rows = [(name, frame.height, frame["verified"].sum(), frame["draft"].sum()) for name, frame in pack.tables.items()]
    sources = pl.DataFrame(rows, schema=dict(TABLES["sources"]), orient="row")
    return {**{name: pack.tables[name] for name in own}, "sources": sources}


def conform(name: str, frame: object, problems: list[Problem]) -> pl.DataFrame:
    """The frame with its declared columns in their declared types; what cannot be so is added to `problems`."""
    if not isinstance(frame, pl.DataFrame):
        problems.append(Problem(f"table {name} is a {type(frame).__name__}", fix="give a Polars DataFrame", file=name))
        return empty(name)
    for column, dtype in TABLES[name].items():
        if column not in frame.columns:
            problems.append(
                Problem(
                    f"column {column} is missing (there are: {', '.join(frame.columns) or 'none'})",
                    fix=f"add it as {dtype.__name__}", file=name, field=column,
                )
            )  # fmt: skip
            continue
        if frame.schema[column] == dtype:
            continue
        try:
            frame = frame.with_columns(pl.col(column).cast(dtype))
        except pl.exceptions.PolarsError:
            problems.append(
                Problem(
                    f"column is {frame.schema[column]} and cannot be read as {dtype.__name__}",
                    fix="mend the values or the type", file=name, field=column,
                )
            )  # fmt: skip
    return frame
