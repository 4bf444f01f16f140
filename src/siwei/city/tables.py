"""The tables of a pack: where each lies, what its rows are, which must be there; and rows → Polars frames."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, get_args, get_origin

import polars as pl
from pydantic import ValidationError

from siwei.city.cells import Reference
from siwei.city.pack_csv import MAX_PROBLEMS, CsvRow, CsvTable, too_many_problems
from siwei.city.rows import (
    AcceleratorRow,
    AttributeRow,
    ClusterRow,
    ClusterSegmentRow,
    ClusterVersionRow,
    CompatibilityRow,
    DistrictRow,
    DocumentRow,
    EdgeRow,
    FacilityRow,
    FrameworkRow,
    InstitutionRow,
    PlaceRow,
    Row,
    SegmentRow,
    StatisticRow,
    VoucherProviderRow,
)
from siwei.city.table_words import of_cell, of_table
from siwei.errors import Problem

PROVENANCE = ("source", "as_of", "verified")
DTYPES: Mapping[type, pl.DataType] = {
    str: pl.String(), bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), date: pl.Date(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One CSV file of a pack. `key` columns together are unique; an optional table that is absent is empty."""

    id: str
    path: str
    row: type[Row]
    key: tuple[str, ...]
    required: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        own = [name for name in self.fields if name not in PROVENANCE]
        return (*own, *PROVENANCE)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Provenance may be empty in a row (a draft), never left out as a column."""
        return tuple(name for name, info in self.fields.items() if info.is_required() or name in PROVENANCE)

    @property
    def fields(self) -> dict[str, Any]:
        return {info.alias or name: info for name, info in self.row.model_fields.items()}

    @property
    def references(self) -> dict[str, str]:
        """Column → the table whose first key column it names."""
        return {
            name: each.table
            for name, info in self.fields.items()
            for each in info.metadata
            if isinstance(each, Reference)
        }

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Columns of the frame: those of the file, then `draft`."""
        schema = {name: DTYPES[_plain_type(self.fields[name].annotation)] for name in self.columns}
        return {**schema, "draft": pl.Boolean()}


TABLES: tuple[TableSchema, ...] = (
    TableSchema("attributes", "attributes.csv", AttributeRow, ("id",), required=True),
    TableSchema("segments", "chain/segments.csv", SegmentRow, ("id",), required=True),
    TableSchema("edges", "chain/edges.csv", EdgeRow, ("from", "to", "type")),
    TableSchema("accelerators", "chain/accelerators.csv", AcceleratorRow, ("id",)),
    TableSchema("frameworks", "chain/frameworks.csv", FrameworkRow, ("id",)),
    TableSchema("compatibility", "chain/compatibility.csv", CompatibilityRow, ("framework", "accelerator")),
    TableSchema("cluster_versions", "clusters/versions.csv", ClusterVersionRow, ("id",)),
    TableSchema("clusters", "clusters/clusters.csv", ClusterRow, ("version", "id")),
    TableSchema(
        "cluster_segments", "clusters/cluster_segments.csv", ClusterSegmentRow, ("version", "cluster", "segment")
    ),
    TableSchema("documents", "documents.csv", DocumentRow, ("id",)),
    TableSchema("districts", "districts.csv", DistrictRow, ("id",), required=True),
    TableSchema("places", "places.csv", PlaceRow, ("keyword",)),
    TableSchema("facilities", "facilities.csv", FacilityRow, ("facility", "metric", "as_of")),
    TableSchema("institutions", "institutions.csv", InstitutionRow, ("id",)),
    TableSchema("statistics", "statistics.csv", StatisticRow, ("id",)),
    TableSchema("voucher_providers", "voucher_providers.csv", VoucherProviderRow, ("id",)),
)
TABLES_BY_ID: Mapping[str, TableSchema] = types.MappingProxyType({table.id: table for table in TABLES})


@dataclass(frozen=True, slots=True)
class ParsedTable:
    """`lines` go with `rows`. `keys` are the raw first key cells of every row read, good or bad, so that a row with one
    wrong cell does not make every row that names it wrong too; None where rows may be missing altogether. `complete`
    says that every row was good."""

    table: TableSchema
    file: str
    rows: tuple[Row, ...]
    lines: tuple[int, ...]
    keys: frozenset[str] | None
    complete: bool


def parse_rows(table: TableSchema, csv_table: CsvTable, file: str, today: date) -> tuple[ParsedTable, list[Problem]]:
    rows: list[Row] = []
    lines: list[int] = []
    problems: list[Problem] = []
    for csv_row in csv_table.rows:
        if len(problems) >= MAX_PROBLEMS:
            problems.append(too_many_problems(file, csv_row.line))
            break
        try:
            rows.append(table.row.model_validate(csv_row.cells, context={"today": today}))
            lines.append(csv_row.line)
        except ValidationError as error:
            problems += explain_validation(error, file, csv_row)
    keys = frozenset(csv_row.cells[table.key[0]] for csv_row in csv_table.rows) if csv_table.whole else None
    return ParsedTable(table, file, tuple(rows), tuple(lines), keys, csv_table.whole and not problems), problems


def numbered(parsed: ParsedTable) -> Iterator[tuple[int, Row]]:
    return zip(parsed.lines, parsed.rows, strict=True)


def cell_of(row: Row, column: str) -> object:
    return getattr(row, "from_" if column == "from" else column)


def check_unique(parsed: ParsedTable) -> Iterator[Problem]:
    first: dict[tuple[object, ...], int] = {}
    for line, row in numbered(parsed):
        key = tuple(cell_of(row, column) for column in parsed.table.key)
        if key in first:
            words = ", ".join(f"{column} {value}" for column, value in zip(parsed.table.key, key, strict=True))
            yield Problem(
                *of_table("row_twice", words=words, line=first[key]),
                parsed.file,
                line,
                field=parsed.table.key[-1] if len(key) == 1 else "+".join(parsed.table.key),
            )
        else:
            first[key] = line


def explain_validation(error: ValidationError, file: str, csv_row: CsvRow) -> list[Problem]:
    return [explain_error(dict(each), file, csv_row.line) for each in error.errors(include_url=False)]


def explain_error(each: dict[str, Any], file: str, line: int | None, column: int | None = None) -> Problem:
    """One of pydantic's errors in our words."""
    field = ".".join(str(part) for part in each["loc"])
    context = each.get("ctx", {})
    if each["type"] == "missing":
        return Problem(*of_cell("absent"), file, line, column, field)
    if "words" in context:
        return Problem(context["words"], context["fix"], file, line, column, field)
    return Problem(*of_cell("other", message=each["msg"]), file, line, column, field)


def build_frame(table: TableSchema, rows: Sequence[Row]) -> pl.DataFrame:
    """The rows in the order of the file, typed by `TableSchema.schema`."""
    fields = {info.alias or name: name for name, info in table.row.model_fields.items()}
    columns: dict[str, list[object]] = {
        column: [getattr(row, fields[column]) for row in rows] for column in table.columns
    }
    columns["draft"] = [row.source is None or row.as_of is None for row in rows]
    return pl.DataFrame(columns, schema=table.schema)


def _plain_type(annotation: Any) -> type:
    """`Annotated[str | None, …]` → `str`."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if isinstance(annotation, types.UnionType):
        return _plain_type(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation if isinstance(annotation, type) else _plain_type(get_args(annotation)[0])
