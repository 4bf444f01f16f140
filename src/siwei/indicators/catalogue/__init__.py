"""Every indicator, by dimension. The order is the order of pages and reports."""

from siwei.indicators.catalogue import base, evolve, road, source, wing
from siwei.indicators.definition import Indicator

INDICATORS: tuple[Indicator, ...] = (
    *source.INDICATORS, *road.INDICATORS, *base.INDICATORS, *wing.INDICATORS, *evolve.INDICATORS,
)  # fmt: skip


def indicator(identifier: str) -> Indicator:
    """Raises KeyError."""
    return {entry.id: entry for entry in INDICATORS}[identifier]
