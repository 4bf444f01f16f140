"""A city pack as one value: its identity, its attributes, and one Polars frame per table.

A pack is a folder: `pack.yaml` and the CSV tables of `siwei.city.tables`. A wrong pack is refused whole, with every
problem found. The programmes of a pack (`programmes/*.yaml`) belong to `siwei.policy`, which is above this room.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
from pydantic import ValidationError

from siwei.city.attributes import Attribute, attributes_of
from siwei.city.check import check_tables
from siwei.city.pack_csv import nearest_name, read_csv_table
from siwei.city.pack_files import MAX_CSV_BYTES, MAX_YAML_BYTES, read_pack_file
from siwei.city.pack_yaml import YamlDocument, read_yaml
from siwei.city.rows import PackIdentity
from siwei.city.table_words import of_pack
from siwei.city.tables import TABLES, ParsedTable, TableSchema, build_frame, explain_error, parse_rows
from siwei.errors import PackError, Problem, Said

IDENTITY = "pack.yaml"


@dataclass(frozen=True, slots=True)
class OfficialFirmCount:
    """How many AI firms an official source counts in the city; what coverage is stated against."""

    statistic: str
    value: int
    qualifier: str
    year: int
    source: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Pack:
    """Every frame has its table's columns (`TableSchema.schema`), among them source, as_of, verified, and last `draft`.

    `sha256` is over the files read: the same pack gives the same digest.
    """

    directory: Path
    identity: PackIdentity
    attributes: Mapping[str, Attribute]
    tables: Mapping[str, pl.DataFrame]
    sha256: str

    @property
    def segments(self) -> pl.DataFrame:
        return self.tables["segments"]

    @property
    def edges(self) -> pl.DataFrame:
        return self.tables["edges"]

    @property
    def accelerators(self) -> pl.DataFrame:
        return self.tables["accelerators"]

    @property
    def frameworks(self) -> pl.DataFrame:
        return self.tables["frameworks"]

    @property
    def compatibility(self) -> pl.DataFrame:
        return self.tables["compatibility"]

    @property
    def cluster_versions(self) -> pl.DataFrame:
        return self.tables["cluster_versions"]

    @property
    def clusters(self) -> pl.DataFrame:
        return self.tables["clusters"]

    @property
    def cluster_segments(self) -> pl.DataFrame:
        return self.tables["cluster_segments"]

    @property
    def documents(self) -> pl.DataFrame:
        return self.tables["documents"]

    @property
    def districts(self) -> pl.DataFrame:
        return self.tables["districts"]

    @property
    def places(self) -> pl.DataFrame:
        return self.tables["places"]

    @property
    def facilities(self) -> pl.DataFrame:
        return self.tables["facilities"]

    @property
    def institutions(self) -> pl.DataFrame:
        return self.tables["institutions"]

    @property
    def statistics(self) -> pl.DataFrame:
        return self.tables["statistics"]

    @property
    def voucher_providers(self) -> pl.DataFrame:
        return self.tables["voucher_providers"]

    @property
    def official_firm_count(self) -> OfficialFirmCount | None:
        """None where the pack names no such figure."""
        name = self.identity.official_firm_count
        if name is None:
            return None
        row = self.statistics.row(by_predicate=pl.col("id") == name, named=True)
        return OfficialFirmCount(name, int(row["value"]), row["qualifier"], row["year"], row["source"], row["note"])


def load_pack(directory: Path, *, today: date | None = None) -> Pack:
    """Read and check the pack in `directory`. Raises PackError with all problems; dates after `today` are refused."""
    directory = Path(directory)
    day = today or date.today()  # noqa: DTZ011  (the reader's own calendar day)
    if not directory.is_dir():
        raise PackError([Problem(*of_pack("no_folder"), str(directory))])
    digest = hashlib.sha256()
    document, identity, problems = _read_identity(directory, digest, day)
    parsed: dict[str, ParsedTable] = {}
    for table in TABLES:
        result, found = _read_table(directory, table, digest, day)
        parsed[table.id] = result
        problems += found
    problems += check_tables(parsed)
    problems += _check_firm_count(directory, document, parsed["statistics"])
    if problems or identity is None:
        raise PackError(sorted(set(problems), key=_reading_order))
    tables = {table.id: build_frame(table, parsed[table.id].rows) for table in TABLES}
    return Pack(
        directory,
        identity,
        MappingProxyType(attributes_of(parsed["attributes"].rows)),
        MappingProxyType(tables),
        digest.hexdigest(),
    )


def _reading_order(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line or 0, problem.column or 0, problem.field, problem.message)


def _feed(digest: "hashlib._Hash", name: str, raw: bytes) -> None:
    # Lengths keep two files from being taken for one another's continuation.
    digest.update(f"{name}\0{len(raw)}\0".encode())
    digest.update(raw)


def _read_identity(
    directory: Path, digest: "hashlib._Hash", today: date
) -> tuple[YamlDocument, PackIdentity | None, list[Problem]]:
    file = read_pack_file(directory, IDENTITY, MAX_YAML_BYTES)
    empty = YamlDocument({})
    if file.text is None:
        return empty, None, list(file.problems)
    _feed(digest, IDENTITY, file.raw)
    document = read_yaml(file.text, file.name)
    if document.problems:
        return empty, None, list(document.problems)
    if not isinstance(document.value, dict):
        return empty, None, [Problem(*of_pack("no_mapping"), file.name, 1)]
    try:
        return document, PackIdentity.model_validate(document.value, context={"today": today}), []
    except ValidationError as error:
        found: list[dict[str, Any]] = [dict(each) for each in error.errors(include_url=False)]
        unknown = [str(each["loc"][-1]) for each in found if each["type"] == "extra_forbidden"]
        # A misspelt key is a missing one too: told once.
        meant = {(nearest_name(key, list(PackIdentity.model_fields)),) for key in unknown}
        told = [each for each in found if not (each["type"] == "missing" and each["loc"] in meant)]
        return document, None, [_explain_identity(each, document, file.name) for each in told]


def _explain_identity(each: dict[str, Any], document: YamlDocument, name: str) -> Problem:
    path = each["loc"]
    line, column = document.places.get(path, (1, 1))
    if each["type"] == "extra_forbidden":
        known = list(PackIdentity.model_fields)
        nearest = nearest_name(str(path[-1]), known)
        words = of_pack("unknown_key", name=path[-1], known=", ".join(known))
        if nearest:
            words = of_pack("misspelt_key", name=path[-1], near=nearest)
        return Problem(*words, name, line, column, str(path[-1]))
    return explain_error(each, name, line, column)


def _read_table(
    directory: Path, table: TableSchema, digest: "hashlib._Hash", today: date
) -> tuple[ParsedTable, list[Problem]]:
    file = read_pack_file(directory, table.path, MAX_CSV_BYTES)
    if file.absent and not table.required:
        return ParsedTable(table, file.name, (), (), frozenset(), True), []
    if file.text is None:
        return ParsedTable(table, file.name, (), (), None, False), list(file.problems)
    _feed(digest, table.path, file.raw)
    csv_table = read_csv_table(file.text, file.name, table.columns, table.required_columns)
    parsed, problems = parse_rows(table, csv_table, file.name, today)
    return parsed, [*csv_table.problems, *problems]


def _check_firm_count(directory: Path, document: YamlDocument, statistics: ParsedTable) -> Iterable[Problem]:
    name = document.value.get("official_firm_count") if isinstance(document.value, dict) else None
    if not isinstance(name, str) or not name or statistics.keys is None or name in statistics.keys:
        return []
    line, column = document.places[("official_firm_count",)]
    nearest = nearest_name(str(name), sorted(statistics.keys))
    return [
        Problem(
            *_no_statistic(name, statistics.table.path, nearest),
            str(directory / IDENTITY),
            line,
            column,
            "official_firm_count",
        )
    ]


def _no_statistic(name: str, table: str, nearest: str) -> tuple[Said, Said]:
    if nearest:
        return of_pack("misspelt", name=repr(name), table=table, near=nearest)
    return of_pack("no_statistic", name=name, table=table)
