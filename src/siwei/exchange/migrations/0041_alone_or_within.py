"""Guards as they are now: one transfer's rules stand in the statements that write it; no account is ever deleted."""

from django.db import migrations

from siwei.exchange.guards import drop_guards, install_guards


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0040_events_in_time'),
    ]

    operations = [
        migrations.RunPython(drop_guards, elidable=False),
        migrations.RunPython(install_guards, elidable=False),
    ]
