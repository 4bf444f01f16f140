from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siwei.compute import Usage, billed_accelerator_seconds

START = datetime(2026, 7, 1, tzinfo=UTC)


def usage(wall_s: float, count: int = 1) -> Usage:
    return Usage(START, START + timedelta(seconds=wall_s), wall_s, 0.0, 0.0, "cpu", count, wall_s * count)


@pytest.mark.parametrize(
    ("wall_s", "count", "billed"),
    [(0.0, 1, 60), (0.001, 1, 60), (59.999, 1, 60), (60.0, 1, 60), (60.001, 1, 120), (61, 8, 960), (3600.0, 2, 7200)],
)
def test_every_started_minute_counts_for_each_accelerator(wall_s: float, count: int, billed: int) -> None:
    assert billed_accelerator_seconds(usage(wall_s, count)) == billed


def test_what_never_ran_is_not_billed() -> None:
    assert billed_accelerator_seconds(Usage(None, None, 0.0, 0.0, 0.0, "cpu", 4, 0.0)) == 0


@given(st.integers(1, 10**9), st.integers(1, 1024))
def test_billed_covers_the_raw_seconds_by_less_than_a_minute_each(milliseconds: int, count: int) -> None:
    billed = billed_accelerator_seconds(usage(milliseconds / 1000, count))
    assert billed % (60 * count) == 0
    assert 0 <= billed * 1000 - milliseconds * count < 60_000 * count
