"""What an offer said when it was quoted stays with the quote and the line: a later revision changes neither."""

import django.db.models.deletion
from django.db import migrations, models


def keep_what_was_offered(apps, schema_editor):  # type: ignore[no-untyped-def]
    """What was agreed before is kept as the offer says it now: nothing older is known."""
    line, quote = apps.get_model("exchange", "AgreementLine"), apps.get_model("exchange", "Quote")
    for row in line.objects.filter(offer__isnull=False).select_related("offer").iterator():
        line.objects.filter(pk=row.pk).update(offered=row.offer.body)
    for row in quote.objects.select_related("match__offer").iterator():
        quote.objects.filter(pk=row.pk).update(offered=row.match.offer.body)


class Migration(migrations.Migration):
    dependencies = [("exchange", "0020_model_key_periods")]

    operations = [
        migrations.AddField("agreement", "quote", models.ForeignKey(
            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="agreements", to="exchange.quote",
        )),
        migrations.AddField("agreementline", "offered", models.JSONField(default=dict)),
        migrations.AddField("quote", "offered", models.JSONField(default=dict)),
        migrations.RunPython(keep_what_was_offered, migrations.RunPython.noop),
    ]
