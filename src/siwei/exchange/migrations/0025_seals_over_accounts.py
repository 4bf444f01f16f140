"""Blocks also cover what never changes of an account; earlier blocks, which do not, keep their hashes."""

from django.db import migrations, models

from siwei.exchange.guards import drop_guards, install_guards


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0024_statements'),
    ]

    operations = [
        migrations.RunPython(drop_guards, elidable=False),
        migrations.AddField(
            model_name='seal',
            name='last_account_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='seal',
            name='accounts',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.RunPython(install_guards, elidable=False),
    ]
