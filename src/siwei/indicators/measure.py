"""Indicators of a snapshot: the rows each one counts, and the value those rows give."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import duckdb
import polars as pl

from siwei.indicators.catalogue import INDICATORS
from siwei.indicators.definition import Indicator, Statistic
from siwei.indicators.inequality import gini, herfindahl
from siwei.indicators.snapshot import QUALIFIERS, Snapshot
from siwei.market.listing import Words

MEASURED = {
    "indicator": pl.String,
    "dimension": pl.String,
    "element": pl.String,
    "state": pl.String,  # measured | not_measured
    "value": pl.Float64,  # numerator / denominator, rounded; for showing and charting only
    "numerator": pl.Int128,  # exact; of a share or ratio as summed, not reduced, so that it can be found in the rows
    "denominator": pl.Int128,
    "unit": pl.String,
    "rows": pl.Int64,
    "coverage_zh": pl.String,
    "coverage_en": pl.String,
    "rows_query": pl.String,
}


@dataclass(frozen=True)
class Measurement:
    """`rows` are what the value was computed from; `numerator` is None when there is nothing to measure yet."""

    indicator: Indicator
    numerator: int | None
    denominator: int | None
    coverage: Words
    rows: pl.DataFrame

    @property
    def is_measured(self) -> bool:
        return self.numerator is not None

    @property
    def holds_generated(self) -> bool:
        """Whether any row counts generated organisations: its `origin`, or `generated` (yes, or how many)."""
        tests = [pl.col("origin") == "generated"] if "origin" in self.rows.columns else []
        tests += [pl.col("generated").cast(pl.Int64) > 0] if "generated" in self.rows.columns else []
        return bool(tests) and not self.rows.filter(pl.any_horizontal(tests)).is_empty()

    @property
    def value(self) -> float | None:
        if self.numerator is None or self.denominator is None:
            return None
        return float(Fraction(self.numerator, self.denominator))


def measure(snapshot: Snapshot, indicators: Iterable[Indicator] = INDICATORS) -> pl.DataFrame:
    """One row per indicator, columns `MEASURED`, in the order given."""
    return as_frame(measure_each(snapshot, indicators))


def as_frame(measurements: Iterable[Measurement]) -> pl.DataFrame:
    rows = [
        (
            entry.indicator.id, entry.indicator.dimension.value, entry.indicator.element.value,
            "measured" if entry.is_measured else "not_measured", entry.value, entry.numerator, entry.denominator,
            entry.indicator.unit, entry.rows.height, entry.coverage.zh, entry.coverage.en,
            entry.indicator.query.strip(),
        )
        for entry in measurements
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=MEASURED, orient="row")


def measure_each(snapshot: Snapshot, indicators: Iterable[Indicator] = INDICATORS) -> tuple[Measurement, ...]:
    counts = coverage_counts(snapshot)
    with database(snapshot) as connection:
        return tuple(_measure_one(connection, snapshot, entry, counts) for entry in indicators)


def rows_of(snapshot: Snapshot, indicator: Indicator) -> pl.DataFrame:
    """The rows behind one indicator, `part` and `whole` included."""
    with database(snapshot) as connection:
        return query_rows(connection, indicator.query)


@contextmanager
def database(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshot's tables (and `official`) in memory, for SQL; no file, network or extension is within reach."""
    connection = duckdb.connect(":memory:")
    try:
        for name, frame in snapshot.tables.items():
            connection.register(name, frame.to_arrow())
        connection.register("official", _official(snapshot).to_arrow())
        connection.execute("SET enable_external_access = false")
        yield connection
    finally:
        connection.close()


def query_rows(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    frame = pl.from_arrow(connection.sql(query).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col("part", "whole").cast(pl.Int64))


def coverage_counts(snapshot: Snapshot) -> dict[str, object]:
    """What the sentences about coverage may name (`{rows}` is added per indicator)."""
    placed = snapshot.placements.select("key").unique()
    districts = snapshot.districts["id"].implode()
    with_district = snapshot.organisations.filter(pl.col("district").is_in(districts)).join(
        placed, on="key", how="semi"
    )
    official = snapshot.official
    count = f"{QUALIFIERS[official.qualifier]}{official.value:,}" if official else ""
    return {
        "organisations": f"{snapshot.organisations.height:,}",
        "placed": f"{placed.height:,}",
        "placed_with_district": f"{with_district.height:,}",
        "programmes": snapshot.awards["programme"].n_unique(),
        "decisions": f"{snapshot.awards.height:,}",
        "official_zh": f"{official.year} 年官方口径 {count} 家" if official else "无官方口径",
        "official_en": f"official count of {official.year}: {count}" if official else "no official count",
    }


def _official(snapshot: Snapshot) -> pl.DataFrame:
    schema = {"firms": pl.Int64, "qualifier": pl.String, "source": pl.String, "year": pl.Int64}
    official = snapshot.official
    rows = [(official.value, QUALIFIERS[official.qualifier], official.source or "", official.year)] if official else []
    return pl.DataFrame(rows, schema=schema, orient="row")


def _measure_one(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, indicator: Indicator, counts: dict[str, object]
) -> Measurement:
    rows = query_rows(connection, indicator.query)
    sizes = {
        **{name: frame.height for name, frame in snapshot.tables.items()},
        "official": int(bool(snapshot.official)),
    }
    value = None if any(sizes[name] == 0 for name in indicator.needs) else evaluate(indicator.statistic, rows)
    if value is None:
        empty = Words(f"未测量：{indicator.empty.zh}", f"not measured: {indicator.empty.en}")
        return Measurement(indicator, None, None, empty, rows)
    named = {**counts, "rows": f"{rows.height:,}"}
    coverage = Words(indicator.coverage.zh.format(**named), indicator.coverage.en.format(**named))
    return Measurement(indicator, *value, coverage, rows)


def evaluate(statistic: Statistic, rows: pl.DataFrame) -> tuple[int, int] | None:
    """(numerator, denominator), exact; None when the rows cannot give a value."""
    if rows.is_empty():
        return None
    if statistic is Statistic.TOTAL:
        return sum(rows["part"]), 1
    if statistic in (Statistic.SHARE, Statistic.RATIO):
        part, whole = sum(rows["part"]), sum(rows["whole"])
        return (part, whole) if whole else None
    index = (gini if statistic is Statistic.GINI else herfindahl)(rows["part"].to_list())
    return None if index is None else (index.numerator, index.denominator)
