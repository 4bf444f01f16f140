"""The ledger's guards as they are now: one transfer has a way of its own, a hold captured at once is written once."""

from django.db import migrations

from siwei.exchange.guards import drop_guards, install_guards


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0029_evidence'),
    ]

    operations = [
        migrations.RunPython(drop_guards, elidable=False),
        migrations.RunPython(install_guards, elidable=False),
    ]
