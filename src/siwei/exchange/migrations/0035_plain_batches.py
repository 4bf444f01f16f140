"""Batches are written as they are and judged once: the guards of today; only what is still held is indexed by its end."""

from django.db import migrations, models

from siwei.exchange.guards import drop_guards, install_guards


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0034_order_rests'),
    ]

    operations = [
        migrations.RunPython(drop_guards, elidable=False),
        migrations.AlterField(
            model_name='hold',
            name='expires_at',
            field=models.DateTimeField(),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('amount__gt', models.F('captured') + models.F('released'))), fields=['expires_at'], name='hold_open_by_end'),
        ),
        migrations.RunPython(install_guards, elidable=False),
    ]
