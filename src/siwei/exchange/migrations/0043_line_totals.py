"""Running totals of a line, so that a bill reads no settled row again; what it does read, found by an index of its own.
Indexes of foreign keys that a composite index begins with go where most rows are written: each was written for every
reading, call and fact."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q, Sum

COVERED = (
    ("exchange_usage", "line_id"),
    ("exchange_usage", "settlement_id"),
    ("exchange_usagereport", "usage_id"),
    ("exchange_settlement", "agreement_id"),
    ("exchange_modelcall", "key_id"),
    ("exchange_modelcall", "line_id"),
    ("exchange_fact", "organisation_id"),
)
NAMED = ("usage_unsettled", "usage_settled", "model_call_uncollected")
"""Over some of the rows alone: these stay."""


def add_up(apps: Any, schema_editor: Any) -> None:
    """What `charges` summed for every bill before."""
    line, settlement, dispute, usage = (
        apps.get_model("exchange", name) for name in ("AgreementLine", "Settlement", "Dispute", "Usage")
    )
    names = ("metered_fen", "voucher_fen", "own_fen")
    sums: dict[int, list[int]] = {}
    numbers = {(of, number): pk for pk, of, number in line.objects.values_list("pk", "agreement_id", "number")}
    for of, detail in settlement.objects.values_list("agreement_id", "detail").iterator():
        for each in detail:
            pk = numbers.get((of, each["line"]))
            if pk is not None:
                found = sums.setdefault(pk, [0, 0, 0])
                sums[pk] = [fen + each[name] for fen, name in zip(found, names, strict=True)]
    taken = dispute.objects.filter(Q(usage__isnull=False) | Q(delivery__line__isnull=False))
    returned = [f"returned_{name}" for name in names]
    for used, delivered, *given in taken.values_list("usage__line_id", "delivery__line_id", *returned):
        for pk in {used, delivered} & sums.keys():
            sums[pk] = [fen - back for fen, back in zip(sums[pk], given, strict=True)]
    settled = usage.objects.exclude(settlement=None).values_list("line_id")
    quantities = dict(settled.annotate(total=Sum("quantity")))
    for pk, (metered, voucher, own) in sums.items():
        line.objects.filter(pk=pk).update(
            settled_quantity=quantities.get(pk, 0), settled_metered_fen=metered, settled_voucher_fen=voucher,
            settled_own_fen=own,
        )


def drop_covered(apps: Any, schema_editor: Any) -> None:
    """By their columns: their names differ. Altering the field instead would make SQLite rebuild the table, which loses
    its triggers."""
    connection = schema_editor.connection
    for table, column in COVERED:
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        for name, each in found.items():
            plain = each["index"] and not each["unique"] and not each["foreign_key"]
            if plain and each["columns"] == [column] and name not in NAMED:
                schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def key(to: str, name: str, *, null: bool = False) -> Any:
    return models.ForeignKey(
        db_index=False, null=null, on_delete=django.db.models.deletion.PROTECT, related_name=name, to=f"exchange.{to}"
    )


class Migration(migrations.Migration):
    dependencies = [("exchange", "0042_overpayments")]
    operations = [
        *(
            migrations.AddField("agreementline", name, models.BigIntegerField(default=0))
            for name in ("settled_quantity", "settled_metered_fen", "settled_voucher_fen", "settled_own_fen")
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop),
        migrations.AddConstraint(
            "agreementline",
            models.CheckConstraint(
                condition=Q(settled_quantity__gte=0, settled_voucher_fen__gte=0, settled_own_fen__gte=0)
                & Q(settled_metered_fen__gte=F("settled_voucher_fen") + F("settled_own_fen")),
                name="line_totals_add_up",
            ),
        ),
        migrations.AddIndex(
            "usage", models.Index(fields=["line"], condition=Q(settlement=None), name="usage_unsettled")
        ),
        migrations.AddIndex(
            "usage", models.Index(fields=["settlement"], condition=Q(settlement__isnull=False), name="usage_settled")
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(drop_covered, migrations.RunPython.noop)],
            [
                migrations.AlterField("usage", "line", key("agreementline", "usages")),
                migrations.AlterField("usage", "settlement", key("settlement", "usages", null=True)),
                migrations.AlterField("usagereport", "usage", key("usage", "reports")),
                migrations.AlterField("settlement", "agreement", key("agreement", "settlements")),
                migrations.AlterField("fact", "organisation", key("organisation", "facts")),
                migrations.AlterField("modelcall", "key", key("modelkey", "calls")),
                migrations.AlterField("modelcall", "line", key("agreementline", "calls")),
            ],
        ),
    ]
