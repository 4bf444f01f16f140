"""PostgreSQL: ids of the tables between two others, which Django's migrations made too narrow, as wide as all others."""

from typing import Any

from django.db import migrations

TABLES = ("exchange_event_organisations", "exchange_person_groups", "exchange_person_user_permissions")


def widen(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN id TYPE bigint")
            schema_editor.execute(f"ALTER SEQUENCE {table}_id_seq AS bigint")


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0038_fact_files'),
    ]

    operations = [
        migrations.RunPython(widen, migrations.RunPython.noop),
    ]
