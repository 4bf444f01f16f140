"""Files that show something: that it was delivered, or is not right, or that a fact is so."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, AgreementParty, of_visible_agreements
from siwei.exchange.models.delivery import Delivery
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.facts import Fact, KnownValue, ProjectFact
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


class FactFileQuerySet(models.QuerySet["FactFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Its own people, the operator and the auditor: the paper behind a public fact is not public."""
        if actor.sees_all:
            return self
        mine = list(actor.organisation_ids)
        return self.filter(
            Q(fact__organisation_id__in=mine) | Q(project_fact__project__organisation_id__in=mine)
        )  # fmt: skip


class FactFile(models.Model):
    """A file that shows what an organisation declared of itself or of its project. It is never taken away again."""

    key = models.CharField(max_length=120, unique=True)
    fact = models.ForeignKey(Fact, null=True, on_delete=models.PROTECT, related_name="files")
    project_fact = models.ForeignKey(ProjectFact, null=True, on_delete=models.PROTECT, related_name="files")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="facts")
    name = models.CharField(max_length=120)
    at = models.DateTimeField()

    objects = FactFileQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["fact", "file"], name="file_of_fact_once"),
            models.UniqueConstraint(fields=["project_fact", "file"], name="file_of_project_fact_once"),
            models.CheckConstraint(
                condition=Q(fact__isnull=False, project_fact=None) | Q(fact=None, project_fact__isnull=False),
                name="file_of_one_fact",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def shows(self) -> KnownValue:
        found = self.fact or self.project_fact
        assert found is not None
        return found
