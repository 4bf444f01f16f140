"""New cities are made by one migration, older ones go on step by step: both come to the same."""

import pytest
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

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
