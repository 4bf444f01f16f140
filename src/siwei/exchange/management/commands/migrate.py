"""Django's own `migrate`, but the tables of an empty database are made at once (`siwei.exchange.laying`)."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from siwei.exchange.laying import lay_tables

OTHERWISE = ("app_label", "migration_name", "fake", "fake_initial", "plan", "check_unapplied", "prune")
"""Who asks for one of these wants the steps."""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if not any(options.get(each) for each in OTHERWISE):
            connection = connections[options["database"]]
            connection.prepare_database()
            lay_tables(connection)
        super().handle(*args, **options)
