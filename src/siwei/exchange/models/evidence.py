"""What shows that something was delivered, or is not right: files attached to deliveries and disputes."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, AgreementParty, of_visible_agreements
from siwei.exchange.models.delivery import Delivery
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.people import StoredFile


class EvidenceFileQuerySet(models.QuerySet["EvidenceFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """The agreement's parties, the operator and the auditor."""
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class EvidenceFile(models.Model):
    """A file that a party attached to a delivery or a dispute. It is never taken away again."""

    key = models.CharField(max_length=120, unique=True)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="evidence_files")
    number = models.PositiveIntegerField()
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.PROTECT, related_name="files")
    dispute = models.ForeignKey(Dispute, null=True, on_delete=models.PROTECT, related_name="files")
    party = models.ForeignKey(AgreementParty, on_delete=models.PROTECT, related_name="+")
    """Whose word it is; `file` says which person gave it."""
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="evidence")
    name = models.CharField(max_length=120)
    at = models.DateTimeField()

    objects = EvidenceFileQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["agreement", "number"], name="one_evidence_file_per_number"),
            models.UniqueConstraint(fields=["delivery", "file"], name="evidence_of_delivery_once"),
            models.UniqueConstraint(fields=["dispute", "file"], name="evidence_of_dispute_once"),
            models.CheckConstraint(
                condition=Q(delivery__isnull=False, dispute=None) | Q(delivery=None, dispute__isnull=False),
                name="evidence_of_one",
            ),
        )

    def __str__(self) -> str:
        return self.name
