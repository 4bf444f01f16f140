from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0046_supplements'),
    ]

    operations = [
        migrations.AddField(
            model_name='claimeddocument',
            name='number',
            field=models.CharField(default='', max_length=200),
        ),
    ]
