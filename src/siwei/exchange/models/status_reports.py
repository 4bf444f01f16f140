"""A bank's word on orders it was sent, before its statement says what moved (pain.002)."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person
from siwei.exchange.models.payments import PaymentBatch, PaymentOrder


class StatusFileQuerySet(models.QuerySet["StatusFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those who keep the payer's money, and the offices."""
        return self if actor.sees_all else self.filter(batch__payer_id__in=actor.treasury_ids)


class StatusFile(models.Model):
    """A bank's report on one batch, imported once."""

    batch = models.ForeignKey(PaymentBatch, on_delete=models.PROTECT, related_name="status_files")
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    is_whole = models.BooleanField()
    """False where the file ends in the middle; what it said of single orders before is here."""
    imported_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    objects = StatusFileQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["batch", "sha256"], name="one_import_per_status_file"),)

    def __str__(self) -> str:
        return self.name


class Outcome(models.TextChoices):
    NOTED = "noted"
    """The bank took the order in; nothing is paid before its statement says so."""
    REJECTED = "rejected"
    """What was held for the order was released: it is due again."""
    UNCHANGED = "unchanged"
    """It had been said already, or something later is known."""
    NOT_TAKEN = "not-taken"
    """It could not be read, or agrees with no order; `reason` says why."""


class StatusLineQuerySet(models.QuerySet["StatusLine"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(file__batch__payer_id__in=actor.treasury_ids)


class StatusLine(models.Model):
    """What a report said of one order, and what that led to."""

    file = models.ForeignKey(StatusFile, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    order = models.ForeignKey(PaymentOrder, null=True, on_delete=models.PROTECT, related_name="status_lines")
    code = models.CharField(max_length=4, blank=True)
    reason = models.TextField(blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)

    objects = StatusLineQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["file", "position"], name="one_status_line_per_position"),
            models.CheckConstraint(
                condition=Q(order__isnull=False) | Q(outcome=Outcome.NOT_TAKEN) & ~Q(reason=""),
                name="status_line_of_an_order_or_not_taken",
            ),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="status_line_outcome_known"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(outcome=Outcome.REJECTED), name="order_rejected_by_one_status_line"
            ),
        )
