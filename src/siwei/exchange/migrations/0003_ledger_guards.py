"""The triggers by which the database itself refuses a wrong transfer. To be run again when SQLite rebuilt a guarded table."""

from typing import Any

from django.db import migrations

from siwei.exchange.guards import statements


def install(apps: Any, schema_editor: Any) -> None:
    for statement in statements("ledger", schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)  # no parameters: a percent sign is a percent sign


class Migration(migrations.Migration):
    dependencies = [("exchange", "0002_ledger_deals_audit")]
    operations = [migrations.RunPython(install, elidable=False)]
