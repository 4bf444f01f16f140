"""Of which size class an enterprise is and why: each threshold of its industry beside what is known of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from siwei.policy.language.size_classes import CLASSES, SizeClasses, SizeRow

MICRO = "micro"


@dataclass(frozen=True, slots=True)
class SizeTest:
    """One threshold: `size` needs at least `least` of `measure`; `holds` is None where the measure is not known."""

    size: str
    measure: str
    least: int
    value: int | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class SizeByIndustry:
    """The class by one industry's row; `size` is None where a measure that decides it is among `missing`."""

    row: SizeRow
    size: str | None
    tests: tuple[SizeTest, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SizeExplanation:
    """`size` is None where it cannot be told: no row for the main industry, a measure missing, or rows that differ."""

    size: str | None
    industries: tuple[SizeByIndustry, ...]

    @property
    def differs(self) -> bool:
        """Whether the rows that the main industry may stand for give different classes."""
        return self.size is None and all(each.size is not None for each in self.industries) and bool(self.industries)


def explain_size(
    classes: SizeClasses, main_industry: str | None, measured: Mapping[str, int | None]
) -> SizeExplanation:
    """By every row that the main industry may stand for; a class that all of them give is the enterprise's."""
    rows = [row for row in classes.rows.values() if main_industry in row.main_industries]
    found = tuple(size_by_industry(row, measured) for row in rows)
    sizes = {each.size for each in found}
    return SizeExplanation(sizes.pop() if len(sizes) == 1 else None, found)


def size_by_industry(row: SizeRow, measured: Mapping[str, int | None]) -> SizeByIndustry:
    """From the largest class down: it is of the first of which it reaches every threshold, else micro. With a measure
    not known, a class is ruled out where another of its thresholds is missed."""
    tests = [
        SizeTest(size, measure, least, measured.get(measure), _holds(measured.get(measure), least))
        for size in CLASSES
        for measure, least in row.thresholds[size].items()
    ]
    for size in CLASSES:
        mine = [test for test in tests if test.size == size]
        outcome = _all(test.holds for test in mine)
        if outcome is None:
            missing = dict.fromkeys(test.measure for test in tests if test.holds is None)
            return SizeByIndustry(row, None, tuple(tests), tuple(missing))
        if outcome:
            return SizeByIndustry(row, size, tuple(tests), ())
    return SizeByIndustry(row, MICRO, tuple(tests), ())


def _holds(value: int | None, least: int) -> bool | None:
    return None if value is None else value >= least


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = list(parts)
    return False if False in found else None if None in found else True
