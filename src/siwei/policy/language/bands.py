"""Bands by a declared table: the whole line of integers cut without gap or overlap, a result for each piece."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from siwei.errors import Said
from siwei.policy.language.types import INT64_MAX, INT64_MIN

MOST_BANDS = 16
"""Limits of one table; it has one more result."""


@dataclass(frozen=True, slots=True)
class Band:
    """Where it starts (`from_` included, or `above` excluded; neither: from minus infinity) and ends (`to` included,
    or `below` excluded; neither: to infinity)."""

    result: int
    from_: int | None = None
    above: int | None = None
    to: int | None = None
    below: int | None = None

    @property
    def first(self) -> int:
        return self.from_ if self.from_ is not None else INT64_MIN if self.above is None else self.above + 1

    @property
    def last(self) -> int:
        return self.to if self.to is not None else INT64_MAX if self.below is None else self.below - 1


@dataclass(frozen=True, slots=True)
class BandTable:
    """`limits` are the last integers of all bands but the last one, ascending; one more result than limits. Of a table
    that changes they are those of its last version, and expressions read as many names as a table may have, so that a
    version may have more bands than another: those it has not are empty (`values_on`)."""

    limits: tuple[int, ...]
    results: tuple[int, ...]
    value_unit: str | None = None
    result_unit: str | None = None
    later: tuple[tuple[date, tuple[int, ...], tuple[int, ...]], ...] = ()
    """Of a table that changes: its limits and results from their first days on, all of them, by day ascending."""

    @property
    def most_limits(self) -> int:
        """Of the version that has the most."""
        return max((len(limits) for _, limits, _ in self.later), default=len(self.limits))

    def version_on(self, day: date) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Of a table that changes: its limits and results on a day; None before the first."""
        known = [version for version in self.later if version[0] <= day]
        return known[-1][1:] if known else None

    def values_on(self, name: str, day: date) -> dict[str, int | None]:
        """The same by the names expressions read. Where there are fewer than names the last limit and the last result
        stand again: no number lies between a limit and itself."""
        version = self.version_on(day)
        limits: list[int | None] = [None] * MOST_BANDS
        results: list[int | None] = [None] * (MOST_BANDS + 1)
        if version is not None:
            lacking = MOST_BANDS - len(version[0])
            limits = [*version[0], *version[0][-1:] * lacking]
            results = [*version[1], *version[1][-1:] * lacking]
        return {limit_name(name, place): value for place, value in enumerate(limits)} | {
            result_name(name, place): value for place, value in enumerate(results)
        }


def limit_name(table: str, place: int) -> str:
    return f"t.{table}.limit{place}"


def result_name(table: str, place: int) -> str:
    return f"t.{table}.result{place}"


def find_band_problems(bands: Sequence[Band]) -> list[tuple[int, Said]]:
    """Each gap, overlap, or band that holds nothing: the place of the band, and what is wrong."""
    problems = []
    for place, band in enumerate(bands):
        if (band.from_ is not None and band.above is not None) or (band.to is not None and band.below is not None):
            problems.append(
                (
                    place,
                    Said(
                        "a band starts by `from` or `above` and ends by `to` or `below`, never both",
                        "一档由 `from` 或 `above` 起，至 `to` 或 `below` 止，不得并用",
                    ),
                )
            )
        elif band.last < band.first:
            problems.append((place, Said("this band holds no number", "此档不含任何数")))
    if problems:
        return problems
    if bands[0].first != INT64_MIN:
        problems.append(
            (
                0,
                Said(
                    f"no band holds {bands[0].first - 1} and what is below; leave out where the first starts",
                    f"没有一档含 {bands[0].first - 1} 及以下；请不写首档的起点",
                ),
            )
        )
    for place, (earlier, later) in enumerate(pairwise(bands), start=1):
        if later.first > earlier.last + 1:
            gap = f"{earlier.last + 1} to {later.first - 1}" if later.first > earlier.last + 2 else str(later.first - 1)
            problems.append((place, Said(f"no band holds {gap}", f"没有一档含 {gap.replace(' to ', ' 至 ')}")))
        elif later.first <= earlier.last:
            problems.append(
                (
                    place,
                    Said(
                        f"two bands hold {later.first} to {min(earlier.last, later.last)}",
                        f"两档都含 {later.first} 至 {min(earlier.last, later.last)}",
                    ),
                )
            )
    if bands[-1].last != INT64_MAX:
        problems.append(
            (
                len(bands) - 1,
                Said(
                    f"no band holds {bands[-1].last + 1} and more; leave out where the last ends",
                    f"没有一档含 {bands[-1].last + 1} 及以上；请不写末档的终点",
                ),
            )
        )
    return problems


def make_table(bands: Sequence[Band], value_unit: str | None = None, result_unit: str | None = None) -> BandTable:
    """Of bands in which `find_band_problems` finds nothing."""
    limits = tuple(band.last for band in bands[:-1])
    return BandTable(limits, tuple(band.result for band in bands), value_unit, result_unit)


def make_dated_table(
    versions: Sequence[tuple[date, Sequence[Band]]], value_unit: str | None = None, result_unit: str | None = None
) -> BandTable:
    """Of versions, by first day ascending."""
    made = [(start, make_table(bands)) for start, bands in versions]
    last = made[-1][1]
    later = tuple((start, table.limits, table.results) for start, table in made)
    return replace(last, value_unit=value_unit, result_unit=result_unit, later=later)
