"""Every test of the portal gets a city of its own and the cast of `portal_city`.

They are told once for a file (`…_once`), each in a transaction around those of the tests, which are rolled back to it.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
from allauth.mfa.totp.internal import auth
from django.core.cache import cache
from django.test import override_settings
from portal_city import HALF_MINUTE, City, fill_city, settle_deal
from pytest_django import DjangoDbBlocker
from telling import told

from siwei.city.home import CityHome
from siwei.portal import directory, django_settings
from siwei.portal.assets import compile_locales
from siwei.portal.queries import chain, indicators, segments

compile_locales()  # before any test database is made: that reads the catalogues, and they are read once

KEPT = (indicators.MEASURED, chain.COUNTED, segments.CONCENTRATIONS)


@pytest.fixture(scope="module", autouse=True)
def quick_hashes() -> Iterator[None]:
    """A slow one would be most of the time."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def home(city_home: CityHome, monkeypatch: pytest.MonkeyPatch) -> Iterator[CityHome]:
    """Pages belong to the tests' own city, never to one that happens to lie in this checkout; it is one half minute."""
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: 30 * HALF_MINUTE + 15))
    # As in a demonstration; test_second_factor.py asks for one.
    home = replace(city_home, asks_second_factor=False)
    monkeypatch.setattr(django_settings, "home", home)
    for kept in KEPT:  # a test that takes minutes must not leave a thread behind that makes an old value anew
        monkeypatch.setattr(kept, "seconds", 86_400)
    forget()
    yield home
    forget()


def forget() -> None:
    """What a process keeps belongs to one city; each test has its own."""
    cache.clear()  # attempts to sign in are counted there
    directory._current = None
    for kept in KEPT:
        kept.clear()


@pytest.fixture(scope="module")
def city_once(quick_hashes: None, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[City]:
    with told(django_db_blocker, fill_city) as city:
        yield city


@pytest.fixture(scope="module")
def dealt_once(city_once: City, django_db_blocker: DjangoDbBlocker) -> Iterator[City]:
    city = deepcopy(city_once)
    with told(django_db_blocker, lambda: settle_deal(city)):
        yield city


@pytest.fixture
def city(city_once: City, db: None) -> City:
    return deepcopy(city_once)


@pytest.fixture
def dealt(dealt_once: City, db: None) -> City:
    return deepcopy(dealt_once)
