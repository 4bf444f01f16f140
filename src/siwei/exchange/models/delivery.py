"""What was delivered: jobs, meter readings, deliveries against acceptance, settlements."""

from __future__ import annotations

import hashlib
from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, AgreementLine, AgreementParty, Project, of_visible_agreements
from siwei.exchange.models.parties import Person


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
    project = models.ForeignKey(Project, null=True, on_delete=models.PROTECT, related_name="jobs")
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


class DeliveryState(models.TextChoices):
    PLANNED = "planned"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Sent back with a reason; it may be submitted again."""


class DeliveryForm(models.TextChoices):
    """As a kind declares it (`siwei.market.kind.DeliveredBy`)."""

    MILESTONE = "milestone"
    EVENT = "event"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class Delivery(models.Model):
    """Something handed over, or that happened, which the other side accepts or sends back; never by itself.

    With a `line`, acceptance pays `amount_fen` of it; the deliveries of a line sum to it. Without one (a position, a
    consortium) nothing is paid. `quantity` is in the line's unit; a milestone has none.
    """

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="deliveries")
    number = models.PositiveIntegerField()
    line = models.ForeignKey(AgreementLine, null=True, on_delete=models.PROTECT, related_name="deliveries")
    form = models.CharField(max_length=10, choices=DeliveryForm)
    title = models.CharField(max_length=200)
    giver = models.ForeignKey(AgreementParty, on_delete=models.PROTECT, related_name="gives")
    receiver = models.ForeignKey(AgreementParty, on_delete=models.PROTECT, related_name="receives")
    quantity = models.BigIntegerField(null=True)
    amount_fen = models.BigIntegerField(default=0)
    due_on = models.DateField(null=True)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PLANNED)
    evidence = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    """Why it was sent back."""
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    reported_by = models.ForeignKey(AgreementParty, null=True, on_delete=models.PROTECT, related_name="+")
    """The party whose word it is; the other one accepts. Of an event, either may report it."""
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["agreement", "number"], name="one_delivery_per_number"),
            models.CheckConstraint(
                condition=Q(amount_fen__gte=0) & (Q(line__isnull=False) | Q(amount_fen=0)),
                name="delivery_pays_by_a_line",
            ),
            models.CheckConstraint(condition=~Q(giver=F("receiver")), name="delivery_between_two"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.PLANNED) | Q(reported_by__isnull=False, submitted_at__isnull=False),
                name="delivery_was_reported",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | Q(submitted_by=None) | ~Q(decided_by=F("submitted_by")),
                name="delivery_decided_by_another",
            ),
        )

    def __str__(self) -> str:
        return f"{self.agreement_id}/{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state != DeliveryState.ACCEPTED


class UsageQuerySet(models.QuerySet["Usage"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "line__agreement_id"))


class Usage(models.Model):
    """One meter reading, once: `quantity` is what is billed (in the line's unit), `measured` what the meter said."""

    reading = models.CharField(max_length=160, unique=True)
    line = models.ForeignKey(AgreementLine, on_delete=models.PROTECT, related_name="usages", db_index=False)
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="usages")
    quantity = models.BigIntegerField()
    unit = models.CharField(max_length=80)
    measured = models.JSONField()
    recorded_at = models.DateTimeField()
    meter = models.CharField(max_length=40, blank=True)
    window_start = models.DateTimeField(null=True)
    window_end = models.DateTimeField(null=True)
    """Windows of one meter of a line never overlap; the database refuses it (`migrations/sql/usage_*.sql`)."""
    is_held = models.BooleanField(default=False)
    """Disputed: not settled before that is resolved."""
    settlement = models.ForeignKey(
        "Settlement", null=True, on_delete=models.PROTECT, related_name="usages", db_index=False
    )
    """The settlement that charged it; none yet, or nothing of it was ever charged."""

    objects = UsageQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(quantity__gte=0), name="usage_not_negative"),
            models.CheckConstraint(
                condition=Q(window_start=None, window_end=None, meter="")
                | (Q(window_start__lt=F("window_end")) & ~Q(meter="")),
                name="usage_window_of_a_meter",
            ),
        )
        indexes = (
            models.Index(fields=["line", "meter", "window_start"]),
            # Two for one: what nothing charged yet is asked for by line; one index would give a whole city's.
            models.Index(fields=["line"], condition=Q(settlement=None), name="usage_unsettled"),
            models.Index(fields=["settlement"], condition=Q(settlement__isnull=False), name="usage_settled"),
        )


class SettlementQuerySet(models.QuerySet["Settlement"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(of_visible_agreements(actor, "agreement_id"))


class Settlement(models.Model):
    """What an agreement came to, in part or at its end: metered gross, who paid which part, what was released.

    `period` says of what: `final`, a day (`2026-11-28`), or an accepted delivery (`delivery:2`).
    """

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="settlements", db_index=False)
    period = models.CharField(max_length=20, default="final")
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
            models.UniqueConstraint(fields=["agreement", "period"], name="one_settlement_per_period"),
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
