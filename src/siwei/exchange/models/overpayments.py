"""What was paid to a provider before a dispute took it back: owed by it until it is set off or paid back."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.parties import Organisation
from siwei.exchange.models.payments import PaymentPart


class OverpaymentQuerySet(models.QuerySet["Overpayment"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who paid too much, and who owes it."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        return self.filter(Q(payer_id__in=mine) | Q(payee_id__in=mine))


class Overpayment(models.Model):
    """A part of what a dispute takes back that its payer (None: the city) had paid, or ordered, already.

    The payee owes it: on the ledger its `overpaid` account stands below zero by it. It ends by being set off against
    what the same payer orders next, or when a bank statement shows the money.
    """

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="overpayments")
    part = models.CharField(max_length=10, choices=PaymentPart)
    payer = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    payee = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="overpayments")
    amount_fen = models.BigIntegerField()
    set_off_fen = models.BigIntegerField(default=0)
    repaid_fen = models.BigIntegerField(default=0)

    objects = OverpaymentQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["dispute", "part"], name="overpayment_once_per_part"),
            models.CheckConstraint(
                condition=Q(part=PaymentPart.OWN, payer__isnull=False) | Q(part=PaymentPart.VOUCHER, payer=None),
                name="overpayment_of_its_payer",
            ),
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, set_off_fen__gte=0, repaid_fen__gte=0)
                & Q(amount_fen__gte=F("set_off_fen") + F("repaid_fen")),
                name="overpayment_ends_once",
            ),
        )

    @property
    def owed_fen(self) -> int:
        return self.amount_fen - self.set_off_fen - self.repaid_fen
