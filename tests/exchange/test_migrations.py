"""New cities are laid at once, older ones go on step by step: both come to the same."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from exchange_schema import __file__ as by_migrations
from exchange_schema import schema

from siwei.exchange.laying import _names, is_laid, lay_tables

LAST, AT_ONCE = ("exchange", "0029_evidence"), ("exchange", "0001_squashed_0029")


def test_made_at_once_or_step_by_step_the_tables_are_the_same() -> None:
    loader = MigrationLoader(None, load=False, replace_migrations=False)
    loader.build_graph()
    stepwise, at_once = loader.project_state([LAST]), loader.project_state([AT_ONCE])
    assert len(at_once.models) > 60
    assert MigrationAutodetector(stepwise, at_once).changes(graph=loader.graph) == {}
    assert set(loader.disk_migrations[AT_ONCE].replaces) == {
        (app, name) for app, name in loader.disk_migrations if app == "exchange" and name[:4] <= LAST[1][:4]
    } - {AT_ONCE}


@pytest.mark.django_db
def test_a_city_that_has_some_of_the_steps_goes_on_with_the_next() -> None:
    recorder = MigrationRecorder(connection)
    later = sorted(each for each in MigrationLoader(None).disk_migrations if each[0] == "exchange" and each >= LAST)
    for app, name in (*later, AT_ONCE):
        recorder.record_unapplied(app, name)
    executor = MigrationExecutor(connection)
    planned = [(each.app_label, each.name) for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    assert planned == later


@pytest.mark.django_db
def test_a_city_that_has_all_steps_needs_none() -> None:
    MigrationRecorder(connection).record_unapplied(*AT_ONCE)
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A city of its own for the migrations; on PostgreSQL a database of its own on the same server."""
    values = os.environ | {"SIWEI_CITY": str(tmp_path), "DJANGO_SETTINGS_MODULE": "siwei.portal.django_settings"}
    url = os.environ.get("SIWEI_DATABASE_URL", "")
    if not url:
        yield values
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE DATABASE siwei_steps")
        yield values | {"SIWEI_DATABASE_URL": url.rsplit("/", 1)[0] + "/siwei_steps"}
        server.execute("DROP DATABASE siwei_steps WITH (FORCE)")


@pytest.mark.django_db
def test_laid_at_once_or_by_migrations_a_database_is_the_same(environment: dict[str, str]) -> None:
    """The tests' own database was laid: every column, constraint, index, guard, function and note of a migration."""
    made = subprocess.run([sys.executable, by_migrations], env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    wanted, found = json.loads(made.stdout), schema(connection)
    assert found.keys() == wanted.keys()
    for what, rows in wanted.items():
        assert len(rows) > 10
        assert found[what] == rows


@pytest.mark.django_db
def test_where_tables_stand_nothing_is_laid() -> None:
    before = schema(connection)
    assert lay_tables(connection) is False
    assert schema(connection) == before


def test_the_names_of_migrations_are_those_that_django_finds() -> None:
    assert _names() == MigrationLoader(None).disk_migrations.keys()


@pytest.mark.django_db
def test_a_city_is_of_this_version_unless_a_migration_is_to_be_applied() -> None:
    assert is_laid(connection)
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied(*AT_ONCE)  # all its steps are noted: nothing is to be done
    assert is_laid(connection)
    [last] = MigrationLoader(None).graph.leaf_nodes("exchange")
    recorder.record_unapplied(*last)
    assert not is_laid(connection)
