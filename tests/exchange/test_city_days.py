"""A day is the city's: a moment becomes one by `localdate`, which knows the zone; `.date()` of it is UTC's."""

import re
from pathlib import Path

import siwei

ROOMS = Path(siwei.__file__).parent
UTC_DAY = re.compile(r"\.date\(\)|(?:_at|_until|now|moment|ends|end|start):%Y-%m-%d")


def test_no_day_is_taken_by_another_zone() -> None:
    found = [
        f"{path.relative_to(ROOMS)}:{number}: {line.strip()}"
        for room in ("exchange", "portal")
        for path in sorted((ROOMS / room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UTC_DAY.search(line)
    ]
    assert found == []
