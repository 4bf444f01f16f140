"""What came in for awards taken back is kept by the claim it pays, no more by the payee alone."""

from typing import Any

from django.db import migrations, models
from django.db.models import F, Q


def by_award(apps: Any, schema_editor: Any) -> None:
    """Each repayment to the award it named, what is more than was claimed of that to the payee's oldest claims; to none
    that is younger than it while an older one is owed."""
    account, transfer, claw_back, true_up = (
        apps.get_model("exchange", name) for name in ("Account", "Transfer", "ClawBack", "TrueUp")
    )
    for owing in account.objects.filter(purpose="claw-back").order_by("pk"):
        claims = [
            [each.at, "application", each.grant.application.key, each, each.owed_fen]
            for each in claw_back.objects.filter(
                grant__organisation=owing.owner_id, grant__pseudonym=owing.pseudonym_id, owed_fen__gt=0
            ).select_related("grant__application")
        ]
        if owing.owner_id is not None:
            spent = true_up.objects.filter(voucher__organisation=owing.owner_id, clawed_back_fen__gt=0)
            claims += [
                [each.at, "voucher", each.voucher.key, each, each.clawed_back_fen]
                for each in spent.select_related("voucher")
            ]
        claims.sort(key=lambda claim: claim[0])
        for entry in transfer.objects.filter(credit_account=owing.pk, memo="repaid").order_by("pk"):
            left = entry.amount

            def later(claim: list[Any], entry: Any = entry) -> tuple[bool, bool]:
                return claim[0] > entry.at, entry.causes.get(claim[1]) != claim[2]

            for claim in sorted(claims, key=later):
                fen = min(left, claim[4] - claim[3].repaid_fen)
                claim[3].repaid_fen += fen
                left -= fen
        for *_, row, _fen in claims:
            row.save(update_fields=["repaid_fen"])


class Migration(migrations.Migration):
    dependencies = [("exchange", "0048_seals_over_concerned")]
    operations = [
        migrations.AddField("clawback", "repaid_fen", models.BigIntegerField(default=0)),
        migrations.AddField("trueup", "repaid_fen", models.BigIntegerField(default=0)),
        migrations.RunPython(by_award, migrations.RunPython.noop),
        migrations.AddConstraint(
            "clawback",
            models.CheckConstraint(
                condition=Q(repaid_fen__gte=0, repaid_fen__lte=F("owed_fen")), name="claw_back_repaid_once"
            ),
        ),
        migrations.AddConstraint(
            "trueup",
            models.CheckConstraint(
                condition=Q(repaid_fen__gte=0, repaid_fen__lte=F("clawed_back_fen")), name="true_up_repaid_once"
            ),
        ),
    ]
