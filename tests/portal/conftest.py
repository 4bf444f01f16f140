"""Every test of the portal gets a city of its own and the cast of `portal_city`."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.cache import cache
from portal_city import City, fill_city, settle_deal
from pytest_django import Settings

from siwei.city.home import CityHome
from siwei.portal import directory, django_settings
from siwei.portal.assets import compile_locales
from siwei.portal.queries import chain, indicators, segments


@pytest.fixture(scope="session", autouse=True)
def catalogues() -> None:
    compile_locales()


@pytest.fixture(autouse=True)
def home(city_home: CityHome, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[CityHome]:
    """Pages belong to the tests' own city, never to one that happens to lie in this checkout."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # a slow one would be most of the time
    # As in a demonstration; test_second_factor.py asks for one.
    home = replace(city_home, asks_second_factor=False)
    monkeypatch.setattr(django_settings, "home", home)
    forget()
    yield home
    forget()


def forget() -> None:
    """What a process keeps belongs to one city; each test has its own."""
    cache.clear()  # attempts to sign in are counted there
    directory._current = None
    for kept in (indicators.MEASURED, chain.COUNTED, segments.CONCENTRATIONS):
        kept.clear()


@pytest.fixture
def city(db: None) -> City:
    return fill_city()


@pytest.fixture
def dealt(city: City) -> City:
    settle_deal(city)
    return city
