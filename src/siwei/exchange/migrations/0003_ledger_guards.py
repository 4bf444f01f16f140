"""The triggers that make the database itself refuse a wrong transfer. Run again whenever SQLite rebuilt a guarded table."""

from django.db import migrations

from siwei.exchange.guards import statements


def install(apps, schema_editor):
    for statement in statements("ledger", schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)  # no parameters: a percent sign is a percent sign


class Migration(migrations.Migration):
    dependencies = [("exchange", "0002_ledger_deals_audit")]
    operations = [migrations.RunPython(install, elidable=False)]
