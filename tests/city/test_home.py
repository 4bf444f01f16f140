"""Which day a city decides for, and that its file says so."""

from datetime import date
from pathlib import Path

import pytest

from siwei.city.home import CityHome, create_home, open_home

BUILT, BEFORE, AFTER = date(2026, 11, 23), date(2026, 11, 1), date(2027, 1, 2)


def made(folder: Path, *, follows_calendar: bool) -> CityHome:
    return create_home(folder, "shenzhen", BUILT, follows_calendar=follows_calendar)


@pytest.mark.parametrize(
    ("follows_calendar", "today", "day"),
    [(True, AFTER, AFTER), (True, BUILT, BUILT), (True, BEFORE, BUILT), (False, AFTER, BUILT), (False, BEFORE, BUILT)],
)
def test_a_city_goes_with_the_calendar_or_stands_still(
    tmp_path: Path, follows_calendar: bool, today: date, day: date
) -> None:
    home = made(tmp_path / "city", follows_calendar=follows_calendar)
    assert (home.as_of, home.day_on(today)) == (BUILT, day)
    assert open_home(home.directory) == home


def test_one_made_before_there_was_a_choice_stands_still(tmp_path: Path) -> None:
    home = made(tmp_path, follows_calendar=True)
    path = home.directory / "city.toml"
    path.write_text(path.read_text().replace("follows_calendar = true\n", ""))
    assert open_home(home.directory).day_on(AFTER) == BUILT
