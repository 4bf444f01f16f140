"""The audit log is read newest first and by day: an index serves both."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchange", "0039_wide_ids")]
    operations = [
        migrations.AddIndex("event", models.Index(fields=["at", "id"], name="events_in_time")),
    ]
