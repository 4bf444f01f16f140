"""Indicators of this city, measured on its snapshot."""

from __future__ import annotations

from siwei.errors import NotFound
from siwei.indicators import Measurement, measure_each
from siwei.portal.city_pack import current_home, pack, programmes
from siwei.portal.kept import Kept
from siwei.run.snapshot import city_snapshot

MEASURED: Kept[str, tuple[Measurement, ...]] = Kept(seconds=60)
"""Measuring takes seconds in a large city: what changed shows about a minute later."""


def measurements() -> tuple[Measurement, ...]:
    return MEASURED.get_or_stale("city", measure_city)


def measure_city() -> tuple[Measurement, ...]:
    """Nothing before the city has a home."""
    home = current_home()
    return measure_each(city_snapshot(home, pack(), programmes().values())) if home is not None else ()


def measurement_or_missing(indicator_id: str) -> Measurement:
    for measurement in measurements():
        if measurement.indicator.id == indicator_id:
            return measurement
    raise NotFound(f"no indicator {indicator_id!r}", f"没有指标 {indicator_id!r}")
