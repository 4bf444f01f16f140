"""The tables of a new city, made at once from the models, guards with them: Django renders every model anew for each
step of a migration, and for an empty database all that comes to nothing. Whoever has tables already goes on step by
step; `tests/exchange/test_migrations.py` holds both ways together.
"""

import pkgutil
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from siwei.exchange.guards import CURRENT, SUBJECTS, statements

IN_ORDER = (CURRENT, *(subject for subject in SUBJECTS if subject != CURRENT))
"""Other subjects' triggers call a function of the ledger's."""


def lay_tables(connection: Any) -> bool:
    """All tables, guards, and the note that every migration is applied, in one transaction; False, and nothing is
    done, where a table stands already."""
    if connection.introspection.table_names():
        return False
    loader = MigrationLoader(None)
    with connection.schema_editor(atomic=True) as editor:
        # Asked again: another process may have been quicker. (SQLite's editor cannot be opened within a transaction.)
        if connection.introspection.table_names():
            return False
        for config in apps.get_app_configs():
            if config.label in loader.migrated_apps:
                for model in config.get_models():
                    if model._meta.managed and not model._meta.proxy:
                        editor.create_model(model)
        for subject in IN_ORDER:
            for statement in statements(subject, connection.vendor):
                editor.execute(statement, params=None)
        applied = MigrationRecorder(connection).Migration
        editor.create_model(applied)
        applied.objects.using(connection.alias).bulk_create(
            applied(app=app, name=name) for app, name in sorted(loader.disk_migrations)
        )
    return True


def is_laid(connection: Any) -> bool:
    """Whether the tables are those of this version. Every command asks: that all names are noted is told without
    importing a migration; only where one is not must Django say whether it is one to apply."""
    if _names() <= MigrationRecorder(connection).applied_migrations().keys():
        return True
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _names() -> set[tuple[str, str]]:
    found = set()
    for config in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(config.label)
        spec = find_spec(module) if module else None
        for each in pkgutil.iter_modules(spec.submodule_search_locations if spec else []):
            if not each.ispkg and each.name[0] not in "_~":
                found.add((config.label, each.name))
    return found
