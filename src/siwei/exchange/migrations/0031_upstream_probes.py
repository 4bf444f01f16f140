from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0030_ledger_speed'),
    ]

    operations = [
        migrations.AddField(
            model_name='upstream',
            name='probe_failure',
            field=models.CharField(blank=True, default='', max_length=40),
        ),
        migrations.AddField(
            model_name='upstream',
            name='probed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='upstream',
            name='seen_at',
            field=models.DateTimeField(null=True),
        ),
    ]
