"""What is measured, by dimension and by element; every value is computed from rows that can be shown."""

from siwei.indicators.catalogue import INDICATORS, indicator
from siwei.indicators.definition import Dimension, Element, Indicator, Statistic
from siwei.indicators.measure import MEASURED, Measurement, as_frame, measure, measure_each, rows_of
from siwei.indicators.snapshot import TABLES, Snapshot, pack_tables

__all__ = [
    "INDICATORS", "MEASURED", "TABLES", "Dimension", "Element", "Indicator", "Measurement", "Snapshot",
    "Statistic", "as_frame", "indicator", "measure", "measure_each", "pack_tables", "rows_of",
]  # fmt: skip
