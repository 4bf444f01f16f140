"""Two cities that went the same way have one digest; a difference is found in the table where it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from siwei.compute import JobPhase
from siwei.exchange.digest import LEFT_OUT, ROWS, digest
from siwei.exchange.ledger import seals
from siwei.exchange.models import Organisation


def test_every_table_is_covered_or_said_not_to_be() -> None:
    assert {model.__name__ for model in apps.get_app_config("exchange").get_models()} == ROWS.keys() | LEFT_OUT.keys()


def digest_after(way: Callable[[], None]) -> dict[str, Any]:
    """The digest at the end of a way that is then undone."""
    savepoint = transaction.savepoint()
    way()
    result = digest()
    transaction.savepoint_rollback(savepoint)
    return result


@pytest.fixture
def ways(deal: Any) -> dict[str, Callable[[], None]]:
    def straight() -> None:
        deal.signed()
        deal.submit()
        deal.finish()
        deal.settle()

    def bumpy() -> None:
        """Later, other ids, a lost attempt, another measured duration within the minute billed, steps repeated."""
        deal.now += timedelta(hours=7)
        deal.engine.wall_s = 100.5
        Organisation.objects.create(key="x", name="x", name_normalised="x", origin="pack").delete()
        deal.signed()
        deal.offer()
        deal.submit()
        deal.finish(phase=JobPhase.LOST)
        deal.submit()
        deal.finish()
        seals.seal(actor=deal.cast.olive, now=deal.now)
        deal.settle()
        deal.settle()

    def longer() -> None:
        deal.engine.wall_s = 30.0
        straight()

    return {"straight": straight, "bumpy": bumpy, "longer": longer}


def test_the_same_way_has_the_same_digest(ways: dict[str, Callable[[], None]]) -> None:
    straight, bumpy = digest_after(ways["straight"]), digest_after(ways["bumpy"])
    differing = {name for name in ROWS if straight["tables"][name] != bumpy["tables"][name]}
    assert differing == set()
    assert straight["sha256"] == bumpy["sha256"]


def test_a_difference_is_in_its_tables(ways: dict[str, Callable[[], None]]) -> None:
    straight, longer = digest_after(ways["straight"]), digest_after(ways["longer"])
    differing = {name for name in ROWS if straight["tables"][name] != longer["tables"][name]}
    assert differing == {"Usage", "Settlement", "Transfer", "Hold", "Account"}
    assert straight["sha256"] != longer["sha256"]


def test_rows_are_counted(deal: Any) -> None:
    deal.offer()
    tables = digest()["tables"]
    assert (tables["Listing"]["rows"], tables["Organisation"]["rows"], tables["Person"]["rows"]) == (1, 3, 5)


@pytest.mark.usefixtures("cast")
def test_any_change_of_a_row_shows() -> None:
    before = digest()
    Organisation.objects.filter(key="n-firm").update(name="甲公司 ")
    after = digest()
    assert [name for name in ROWS if before["tables"][name] != after["tables"][name]] == ["Organisation"]
