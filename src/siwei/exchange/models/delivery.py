"""What was delivered: jobs, meter readings, settlements."""

from __future__ import annotations

import hashlib
from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, AgreementLine, of_visible_agreements


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "line__agreement_id"))


class Job(models.Model):
    """One piece of work under a line. A lost attempt is not billed; the next one runs under `attempt + 1`."""

    key = models.CharField(max_length=120, unique=True)
    line = models.ForeignKey(AgreementLine, on_delete=models.PROTECT, related_name="jobs")
    spec = models.JSONField()
    engine = models.CharField(max_length=40)
    attempt = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    exit_code = models.IntegerField(null=True)
    reason = models.TextField(blank=True)
    submitted_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    def __str__(self) -> str:
        return self.key

    @property
    def engine_job_id(self) -> str:
        """The name under which the engine knows the present attempt; a directory's name, which a key need not be."""
        return f"job-{hashlib.sha256(self.key.encode()).hexdigest()[:24]}.{self.attempt}"


class UsageQuerySet(models.QuerySet["Usage"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "line__agreement_id"))


class Usage(models.Model):
    """One meter reading, once: `quantity` is what is billed (in the line's unit), `measured` what the meter said."""

    reading = models.CharField(max_length=160, unique=True)
    line = models.ForeignKey(AgreementLine, on_delete=models.PROTECT, related_name="usages")
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="usages")
    quantity = models.BigIntegerField()
    unit = models.CharField(max_length=80)
    measured = models.JSONField()
    recorded_at = models.DateTimeField()

    objects = UsageQuerySet.as_manager()

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(quantity__gte=0), name="usage_not_negative"),)


class SettlementQuerySet(models.QuerySet["Settlement"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class Settlement(models.Model):
    """What an agreement came to: metered gross, who paid which part, what was released."""

    agreement = models.OneToOneField(Agreement, on_delete=models.PROTECT, related_name="settlement")
    metered_fen = models.BigIntegerField()
    gross_fen = models.BigIntegerField()
    """What is paid: metered, but never more than was held."""
    voucher_fen = models.BigIntegerField()
    own_fen = models.BigIntegerField()
    released_fen = models.BigIntegerField()
    detail = models.JSONField()
    settled_at = models.DateTimeField()

    objects = SettlementQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    voucher_fen__gte=0,
                    own_fen__gte=0,
                    released_fen__gte=0,
                    gross_fen__lte=F("metered_fen"),
                    gross_fen=F("voucher_fen") + F("own_fen"),
                ),
                name="settlement_adds_up",
            ),
        )
