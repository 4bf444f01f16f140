"""`siwei people`: a new city gets its first people and its offices on its own machine."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import forking
import pytest
from forking import SIWEI

ACCEPT = """
import sys
import django; django.setup()
from django.utils import timezone
from siwei.exchange.actors import Actor
from siwei.exchange.people.invitations import accept_as_new
accept_as_new(sys.argv[1], "rita", "wr8-long-enough", consents=["account"], actor=Actor(), now=timezone.now())
"""


@pytest.fixture
def city(tmp_path: Path, lay_city: Callable[[Path], None]) -> dict[str, str]:
    lay_city(tmp_path / "city")
    kept = {key: value for key, value in os.environ.items() if key != "SIWEI_DATABASE_URL"}
    return kept | {"SIWEI_CITY": str(tmp_path / "city"), "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings"}


def run(city: dict[str, str], *arguments: str, expected: int = 0, anew: bool = False) -> str:
    done = forking.run([*SIWEI, "people", *arguments], env=city, anew=anew)
    assert done.returncode == expected, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if expected == 0 else done.stderr


def test_from_an_empty_city_to_an_operator(city: dict[str, str]) -> None:
    assert json.loads(run(city, "list", "--json", anew=True)) == []
    because = ("--because", "founding of the city")
    assert "siwei people invite" in run(city, "appoint", "rita", "operator", *because, expected=4)
    link = json.loads(run(city, "invite", "Rita", "--json"))["path"]
    forking.run([sys.executable, "-c", ACCEPT, link.rpartition("/")[2]], env=city, check=True)
    given = json.loads(run(city, "appoint", "rita", "operator", *because, "--json"))
    assert given == {"person": "rita", "offices": ["operator"]}
    assert json.loads(run(city, "list", "--json")) == [{"person": "rita", "offices": ["operator"], "can_sign_in": True}]
    assert "last operator" in run(city, "dismiss", "rita", "operator", *because, expected=6)
    assert "reviewer" in run(city, "appoint", "rita", "reviewr", *because, expected=2)
