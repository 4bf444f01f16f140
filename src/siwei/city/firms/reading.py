"""Files in, organisations and facts out: every row is created, merged or rejected, and nothing is dropped silently."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from siwei.city.attributes import Attribute
from siwei.city.firms.addresses import Gazetteer
from siwei.city.firms.cleaning import CleanFile, clean_file
from siwei.city.firms.delimited import read_delimited
from siwei.city.firms.merging import KNOWN, ROWS, assign_rows
from siwei.city.firms.opening import LIMITS, Limits, open_file
from siwei.city.firms.parquet import read_parquet
from siwei.city.firms.shapes import Shape, generic_shape, recognise, unread_columns
from siwei.city.firms.tables import RawTable, write_records
from siwei.city.firms.workbook import read_workbook
from siwei.errors import ImportRefused, Problem

Schema = dict[str, pl.DataType | type[pl.DataType]]

ORGANISATIONS: Schema = {
    "key": pl.String, "code": pl.String, "name": pl.String, "name_normalised": pl.String, "kind": pl.String,
    "district": pl.String, "founded_on": pl.Date, "origin": pl.String, "is_new": pl.Boolean,
}  # fmt: skip
FACTS: Schema = {
    "key": pl.String, "attribute": pl.String, "value": pl.String, "valid_from": pl.Date,
    "known_at": pl.Datetime("us", "UTC"),
    "source": pl.String, "source_ref": pl.String, "status": pl.UInt8, "is_public": pl.Boolean,
}  # fmt: skip
MERGES = {
    "file": pl.String,
    "row": pl.UInt32,
    "key": pl.String,
    "reason": pl.String,
    "name_normalised": pl.String,
    "record": pl.String,
}
REJECTS = {"file": pl.String, "row": pl.UInt32, "field": pl.String, "reason": pl.String, "record": pl.String}
WARNINGS = {"file": pl.String, "row": pl.UInt32, "field": pl.String, "message": pl.String}
FACT_SLICE_ROWS = 100_000

Progress = Callable[[str, int, int], None]
"""Stage, how many done, how many in all."""


@dataclass(frozen=True, slots=True)
class Counts:
    """`read` = `created` + `merged` + `rejected`, always."""

    read: int = 0
    created: int = 0
    merged: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        if self.read != self.created + self.merged + self.rejected:
            raise AssertionError(f"rows are not accounted for: {self}")

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.read + other.read, self.created + other.created,
            self.merged + other.merged, self.rejected + other.rejected,
        )  # fmt: skip


def reference_prefix(name: str, sha256: str) -> str:
    return f"{name[-150:]}#{sha256[:8]}"


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file as read: `rows` are the clean rows (see `CleanFile.rows`) with their organisation's `key`."""

    name: str
    sha256: str
    shape: str
    header: tuple[str, ...]
    source: str
    status: int
    rows: pl.DataFrame
    counts: Counts

    def source_refs(self) -> pl.Expr:
        """Where in which file: the hash's first digits tell two versions of a file apart."""
        return pl.format("{} row {}", pl.lit(reference_prefix(self.name, self.sha256)), pl.col("row"))


@dataclass(frozen=True, slots=True)
class Imported:
    """Frames as ORGANISATIONS, MERGES, REJECTS, WARNINGS; `adoptions` as `merging.ADOPTIONS`; facts on demand."""

    files: tuple[ReadFile, ...]
    organisations: pl.DataFrame
    adoptions: pl.DataFrame
    merges: pl.DataFrame
    rejects: pl.DataFrame
    warnings: pl.DataFrame
    attributes: Mapping[str, Attribute]
    known_at: datetime

    @property
    def counts(self) -> Counts:
        return sum((file.counts for file in self.files), Counts())

    def facts(self) -> pl.DataFrame:
        """All facts (FACTS) at once; for large imports take `fact_slices`."""
        return pl.concat([pl.DataFrame(schema=FACTS), *self.fact_slices()])

    def fact_slices(self, rows: int = FACT_SLICE_ROWS) -> Iterator[pl.DataFrame]:
        """Facts (FACTS) of up to `rows` rows at a time, so that a million firms do not unfold in memory at once."""
        for file in self.files:
            for start in range(0, file.rows.height, rows):
                yield self._unfold(file, file.rows.slice(start, rows))

    def _unfold(self, file: ReadFile, rows: pl.DataFrame) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=FACTS)]
        for column in rows.columns:
            attribute = self.attributes.get(column.removeprefix("value:")) if column.startswith("value:") else None
            if attribute is None:
                continue
            stated_status = f"status:{attribute.id}"
            status = pl.col(stated_status) if stated_status in rows.columns else pl.lit(file.status)
            frames.append(
                rows.filter(pl.col(column).is_not_null()).select(
                    "key",
                    attribute=pl.lit(attribute.id),
                    value=pl.col(column),
                    valid_from=pl.col("valid_from"),
                    known_at=pl.lit(self.known_at).cast(FACTS["known_at"]),
                    source=pl.lit(file.source),
                    source_ref=file.source_refs(),
                    status=status.cast(pl.UInt8),
                    is_public=pl.lit(attribute.public),
                )
            )
        return pl.concat(frames)


def name_files(paths: Sequence[Path]) -> dict[str, Path]:
    """A short distinct name for each path: the file's own, with as many folders as tell two apart; doubles fall
    away."""
    distinct = list(dict.fromkeys(Path(path) for path in paths))
    names: dict[str, Path] = {}
    for path in distinct:
        absolute = path.absolute()
        alike = [other.absolute() for other in distinct if other != path and other.name == path.name]
        depth = 1
        while any(other.parts[-depth:] == absolute.parts[-depth:] for other in alike) and depth < len(absolute.parts):
            depth += 1
        names["/".join(absolute.parts[-depth:])] = path
    return names


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """One file read and cleaned, before anything is known of other files."""

    name: str
    sha256: str
    shape: Shape
    header: tuple[str, ...]
    clean: CleanFile
    remarks: tuple[str, ...]


def read_files(
    paths: Sequence[Path],
    *,
    attributes: Mapping[str, Attribute],
    gazetteer: Gazetteer,
    now: datetime,
    known: pl.DataFrame | None = None,
    origin: str = "imported",
    source: str | None = None,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> Imported:
    """Read, clean and merge `paths` together with the organisations already `known` (`merging.KNOWN`).

    `source` replaces the shape's own words for where facts come from. A file that cannot be read refuses the whole
    import, with the problems of all files at once (`ImportRefused`); single bad rows are rejects.
    """
    named = name_files(paths)
    parsed = parse_files(
        named, attributes=attributes, gazetteer=gazetteer, today=now.date(), limits=limits, progress=progress
    )
    return merge_files(parsed, attributes=attributes, now=now, known=known, origin=origin, source=source)


def parse_files(
    named: Mapping[str, Path],
    *,
    attributes: Mapping[str, Attribute],
    gazetteer: Gazetteer,
    today: date,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> list[ParsedFile]:
    """The part of `read_files` that needs no knowledge of other organisations."""
    subjects = _of_organisations(attributes)
    problems: list[Problem] = []
    parsed = []
    for position, (name, path) in enumerate(named.items()):
        try:
            parsed.append(_parse_one(path, name, subjects, gazetteer, today, limits))
        except ImportRefused as refused:
            problems += refused.problems
        if progress:
            progress("read", position + 1, len(named))
    if problems:
        raise ImportRefused(problems)
    return parsed


def _of_organisations(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name: each for name, each in attributes.items() if each.subject == "organisation"}


def _parse_one(
    path: Path, name: str, attributes: Mapping[str, Attribute], gazetteer: Gazetteer, today: date, limits: Limits
) -> ParsedFile:
    opened = open_file(path, name, limits)
    with opened.handle:
        readers = {"workbook": read_workbook, "parquet": read_parquet}
        table: RawTable = readers.get(opened.kind, read_delimited)(opened, attributes, limits)
    shape = recognise(table.header, attributes) or generic_shape(table.header, attributes)
    if table.cells.height + table.broken.height == 0:
        raise ImportRefused([Problem("the file holds a header and no rows", "export it again", name)])
    remarks = (*table.remarks, *unread_columns(shape, table.header, attributes))
    clean = clean_file(table, shape, attributes, gazetteer, today)
    return ParsedFile(name, opened.sha256, shape, table.header, clean, remarks)


def merge_files(
    parsed: Sequence[ParsedFile],
    *,
    attributes: Mapping[str, Attribute],
    now: datetime,
    known: pl.DataFrame | None = None,
    origin: str = "imported",
    source: str | None = None,
) -> Imported:
    """The second part of `read_files`: rows to organisations, in the light of those `known`."""
    known = pl.DataFrame(schema=KNOWN) if known is None else known
    slim = [
        file.clean.rows.select(
            file=pl.lit(position, dtype=pl.UInt32), row="row", code="code", name_normalised="name_normalised",
            rank=pl.lit(file.shape.rank, dtype=pl.UInt8), sha256=pl.lit(file.sha256),
        )
        for position, file in enumerate(parsed)
    ]  # fmt: skip
    assignment = assign_rows(pl.concat([pl.DataFrame(schema=ROWS), *slim]), known)
    files, merges, rejects, warnings, wide = [], [], [], [], []
    for position, file in enumerate(parsed):
        clean = file.clean
        assigned = assignment.rows.filter(pl.col("file") == position)
        rows = clean.rows.join(
            assigned.select("row", "key", "reason", "is_primary", "rank", "sha256", "note"), on="row", how="left"
        )
        merged = rows.filter(pl.col("reason").is_not_null())
        records = write_records(clean.cells.join(merged.select("row"), on="row", how="semi"))
        merges.append(
            merged.join(records, on="row", maintain_order="left").with_columns(file=pl.lit(file.name)).select(*MERGES)
        )
        rejects.append(clean.rejects.select(pl.lit(file.name).alias("file"), pl.all()))
        warnings += _warnings(file.name, rows, clean.notes, file.remarks)
        counts = Counts(clean.read, rows.height - merged.height, merged.height, clean.rejects.height)
        shape = file.shape
        words = source or shape.source
        files.append(ReadFile(file.name, file.sha256, shape.id, file.header, words, shape.status, rows, counts))
        wide.append(_organisation_columns(rows))
    return Imported(
        tuple(files),
        _organisations(
            pl.concat(wide) if wide else pl.DataFrame(schema=ORGANISATIONS), known, assignment.adoptions, origin
        ),
        assignment.adoptions,
        pl.concat([pl.DataFrame(schema=MERGES), *merges]),
        pl.concat([pl.DataFrame(schema=REJECTS), *rejects]),
        pl.concat([pl.DataFrame(schema=WARNINGS), *warnings]),
        _of_organisations(attributes),
        now,
    )


def _warnings(name: str, rows: pl.DataFrame, notes: pl.DataFrame, remarks: Sequence[str]) -> list[pl.DataFrame]:
    """Row 0 is the file as a whole."""
    whole = pl.DataFrame(
        {"row": [0] * len(remarks), "field": [""] * len(remarks), "message": list(remarks)}, schema=notes.schema
    )
    doubts = rows.filter(pl.col("note").is_not_null()).select("row", field=pl.lit("name"), message="note")
    return [frame.select(pl.lit(name).alias("file"), pl.all()) for frame in (whole, notes, doubts)]


def _organisation_columns(rows: pl.DataFrame) -> pl.DataFrame:
    district = pl.col("value:district") if "value:district" in rows.columns else pl.lit(None, dtype=pl.String)
    founded = pl.col("value:founded_on") if "value:founded_on" in rows.columns else pl.lit(None, dtype=pl.String)
    return rows.select(
        "key", "code", "name", "name_normalised", "kind", "rank", "sha256", "row",
        district=district, founded_on=founded.str.to_date("%Y-%m-%d"),
    )  # fmt: skip


def _organisations(wide: pl.DataFrame, known: pl.DataFrame, adoptions: pl.DataFrame, origin: str) -> pl.DataFrame:
    """One row each: the most trusted row's name; district and founding day from the most trusted row that states
    them."""
    existing = pl.concat([known["key"], adoptions["key"]])
    return (
        wide.sort(pl.col("code").is_null(), "rank", "sha256", "row")
        .group_by("key", maintain_order=True)
        .agg(
            pl.col("code").drop_nulls().first(),
            pl.col("name", "name_normalised", "kind").first(),
            pl.col("district", "founded_on").drop_nulls().first(),
        )
        .with_columns(origin=pl.lit(origin), is_new=~pl.col("key").is_in(existing.implode()))
        .select(*ORGANISATIONS)
        .sort("key")
    )
