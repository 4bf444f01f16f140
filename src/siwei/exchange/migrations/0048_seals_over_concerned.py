"""Whom an event concerns never changes, and blocks cover it; earlier blocks, which do not, keep their hashes."""

from typing import Any

from django.db import migrations, models

from siwei.exchange.guards import drop_guards, install_guards, statements


def install(apps: Any, schema_editor: Any) -> None:
    install_guards(apps, schema_editor)
    for statement in statements("concerned", schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0047_document_number'),
    ]

    operations = [
        migrations.RunPython(drop_guards, elidable=False),
        migrations.AddField(
            model_name='seal',
            name='last_concerned_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='seal',
            name='concerned',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.RunPython(install, elidable=False),
    ]
