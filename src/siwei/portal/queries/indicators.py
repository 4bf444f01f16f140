"""Indicators of this city, measured on its snapshot and kept until the city changes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from siwei.errors import NotFound
from siwei.indicators import Measurement, measure_each
from siwei.portal.city_pack import current_home, pack, programmes
from siwei.portal.directory import Signature, organisations_signature
from siwei.run.snapshot import city_snapshot

KEPT_S = 60


@dataclass(frozen=True, slots=True)
class Measured:
    signature: Signature
    at: float
    measurements: tuple[Measurement, ...]


_lock = threading.Lock()
_measured: Measured | None = None


def measurements() -> tuple[Measurement, ...]:
    """Measured at most once a minute: what changed since shows a minute later."""
    global _measured
    signature = organisations_signature()
    found = _measured
    if found is not None and found.signature == signature and time.monotonic() - found.at < KEPT_S:
        return found.measurements
    with _lock:
        found = _measured
        if found is None or found.signature != signature or time.monotonic() - found.at >= KEPT_S:
            found = _measured = Measured(signature, time.monotonic(), measure_city())
        return found.measurements


def measure_city() -> tuple[Measurement, ...]:
    """Nothing before the city has a home."""
    home = current_home()
    return measure_each(city_snapshot(home, pack(), programmes().values())) if home is not None else ()


def measurement_or_missing(indicator_id: str) -> Measurement:
    for measurement in measurements():
        if measurement.indicator.id == indicator_id:
            return measurement
    raise NotFound(f"no indicator {indicator_id!r}")
