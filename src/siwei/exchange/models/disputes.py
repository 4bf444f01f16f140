"""Who may report a meter with a signature, what other sources say of a reading, and what is disputed."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, AgreementParty, of_visible_agreements
from siwei.exchange.models.delivery import Delivery, Usage
from siwei.exchange.models.parties import Organisation, Person


class ReporterQuerySet(models.QuerySet["Reporter"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public keys are public: whoever was billed can check a signature."""
        return self


class Reporter(models.Model):
    """A key by which an organisation signs its meter readings. Rotation is a new key beside the old, then revocation;
    what was signed before stays verifiable, a key is never deleted."""

    key_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="reporters")
    name = models.CharField(max_length=80)
    public_key = models.CharField(max_length=64, unique=True)
    """Ed25519, 32 bytes as hexadecimal."""
    registered_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = ReporterQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"


class UsageReportQuerySet(models.QuerySet["UsageReport"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "usage__line__agreement_id"))


class UsageReport(models.Model):
    """The signed words a reading came with, byte for byte, so that the signature can be checked at any later time."""

    usage = models.ForeignKey(Usage, on_delete=models.PROTECT, related_name="reports", db_index=False)
    reporter = models.ForeignKey(Reporter, on_delete=models.PROTECT, related_name="reports")
    payload = models.TextField()
    signature = models.CharField(max_length=128)
    quantity = models.BigIntegerField()
    """What it says, whatever is billed in the end."""
    received_at = models.DateTimeField()

    objects = UsageReportQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["usage", "reporter"], name="one_report_per_reporter"),)


class CounterReadingQuerySet(models.QuerySet["CounterReading"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "usage__line__agreement_id"))


class CounterReading(models.Model):
    """What the other side read of the same thing. One that differs holds the usage back."""

    usage = models.OneToOneField(Usage, on_delete=models.PROTECT, related_name="counter_reading")
    party = models.ForeignKey(AgreementParty, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField()
    measured = models.JSONField()
    read_at = models.DateTimeField()

    objects = CounterReadingQuerySet.as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(quantity__gte=0), name="counter_reading_not_negative"),)


class DisputeState(models.TextChoices):
    OPEN = "open"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class Dispute(models.Model):
    """A disagreement about a reading, a delivery, or the agreement at large; nothing of it is settled meanwhile.

    Of a reading the outcome is a quantity, of a delivery an amount. `opener` is none where two sources disagreed by
    themselves. What had been paid too much comes back by entries; `returned_*` say how much.
    """

    key = models.CharField(max_length=120, unique=True)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="disputes")
    usage = models.ForeignKey(Usage, null=True, on_delete=models.PROTECT, related_name="disputes")
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.PROTECT, related_name="disputes")
    opener = models.ForeignKey(AgreementParty, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    evidence = models.TextField(blank=True)
    claimed = models.BigIntegerField(null=True)
    """What the opener says is right: in the line's unit of a reading, in fen of a delivery."""
    state = models.CharField(max_length=10, choices=DisputeState, default=DisputeState.OPEN)
    opened_at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(AgreementParty, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    proposed = models.BigIntegerField(null=True)
    """What one side would settle for; the other's agreement resolves it."""
    proposed_by = models.ForeignKey(AgreementParty, null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.BigIntegerField(null=True)
    resolution = models.TextField(blank=True)
    resolved_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    returned_metered_fen = models.BigIntegerField(default=0)
    returned_voucher_fen = models.BigIntegerField(default=0)
    returned_own_fen = models.BigIntegerField(default=0)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(usage=None) | Q(delivery=None), name="dispute_of_one"),
            models.CheckConstraint(
                condition=~Q(state=DisputeState.RESOLVED) | Q(resolved_at__isnull=False), name="dispute_was_resolved"
            ),
            models.CheckConstraint(
                condition=Q(returned_metered_fen__gte=F("returned_voucher_fen") + F("returned_own_fen")),
                name="dispute_returns_no_more_than_it_takes_back",
            ),
            models.UniqueConstraint(
                fields=["usage"],
                condition=Q(state__in=[DisputeState.OPEN, DisputeState.ANSWERED], usage__isnull=False),
                name="one_open_dispute_per_usage",
            ),
            models.UniqueConstraint(
                fields=["delivery"],
                condition=Q(state__in=[DisputeState.OPEN, DisputeState.ANSWERED], delivery__isnull=False),
                name="one_open_dispute_per_delivery",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.key

    @property
    def is_open(self) -> bool:
        return self.state in (DisputeState.OPEN, DisputeState.ANSWERED)
