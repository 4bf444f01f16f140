"""How an organisation keeps its own spending in hand: projects, caps with their alerts, and who must approve what."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor, Role
from siwei.exchange.models.deals import Agreement, AgreementParty, Project
from siwei.exchange.models.ledger import AMOUNT_LIMIT, Account
from siwei.exchange.models.parties import Organisation, Person


class CapUnit(models.TextChoices):
    FEN = "fen"
    """The organisation's own share."""
    ACCELERATOR_SECOND = "accelerator-second"
    """Whatever the model."""


class CapQuerySet(models.QuerySet["Cap"]):
    def visible_to(self, actor: Actor) -> Self:
        """An organisation's own people see what they may spend; so do the offices."""
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class Cap(models.Model):
    """What an organisation, one of its projects or one of its people may commit in a period.

    Kept on the ledger: what is committed goes out of `account`, which goes down to `-amount` and no further where the
    cap is hard, so that no two signers at one moment pass it. A soft cap warns and lets through.
    """

    key = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="caps")
    project = models.ForeignKey(Project, null=True, on_delete=models.PROTECT, related_name="caps")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="caps")
    unit = models.CharField(max_length=20, choices=CapUnit)
    amount = models.BigIntegerField()
    is_hard = models.BooleanField(default=True)
    starts_on = models.DateField()
    ends_on = models.DateField()
    """The last day."""
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="cap")
    set_at = models.DateTimeField()

    objects = CapQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount__gte=0, amount__lte=AMOUNT_LIMIT, ends_on__gte=F("starts_on")), name="cap_terms"
            ),
            models.CheckConstraint(condition=Q(project=None) | Q(person=None), name="cap_of_one"),
        )

    @property
    def used(self) -> int:
        return -self.account.balance

    @property
    def left(self) -> int:
        return max(0, self.amount - self.used)

    @property
    def per_cent(self) -> int:
        return 100 * self.used // self.amount if self.amount else 100


class CapAlertQuerySet(models.QuerySet["CapAlert"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(cap__organisation_id__in=actor.organisation_ids)


class CapAlert(models.Model):
    """Said once: so much of a cap (as it stood then) is committed."""

    cap = models.ForeignKey(Cap, on_delete=models.PROTECT, related_name="alerts")
    per_cent = models.PositiveIntegerField()
    amount = models.BigIntegerField()
    used = models.BigIntegerField()
    at = models.DateTimeField()

    objects = CapAlertQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["cap", "per_cent", "amount"], name="one_alert_per_threshold"),)


class ApprovalRuleQuerySet(models.QuerySet["ApprovalRule"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class ApprovalRule(models.Model):
    """From `from_fen` of its own share on, an agreement needs the word of `role` besides the signature."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="approval_rules")
    role = models.CharField(max_length=10, choices=Role)
    from_fen = models.BigIntegerField()

    objects = ApprovalRuleQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organisation", "role"], name="one_rule_per_role"),
            models.CheckConstraint(condition=Q(from_fen__gte=0), name="approval_from_an_amount"),
        )


class ApprovalState(models.TextChoices):
    OPEN = "open"
    GIVEN = "given"
    REFUSED = "refused"
    LAPSED = "lapsed"
    """Another approval was refused, or the agreement cancelled."""


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def visible_to(self, actor: Actor) -> Self:
        """Within the organisation that asks: what it deliberates is not the other side's business."""
        return self if actor.sees_all else self.filter(party__organisation_id__in=actor.organisation_ids)


class Approval(models.Model):
    """The word of a second person that a signature waits for."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="approvals")
    party = models.ForeignKey(AgreementParty, on_delete=models.PROTECT, related_name="approvals")
    role = models.CharField(max_length=10, choices=Role)
    amount_fen = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=ApprovalState, default=ApprovalState.OPEN)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="approvals_requested")
    requested_at = models.DateTimeField()
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="approvals_decided")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")), name="approval_by_another"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[ApprovalState.GIVEN, ApprovalState.REFUSED]) | Q(decided_by__isnull=False),
                name="approval_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["party", "decided_by"], condition=Q(state=ApprovalState.GIVEN), name="one_approval_per_person"
            ),
            models.UniqueConstraint(
                fields=["party", "role"],
                condition=Q(state__in=[ApprovalState.OPEN, ApprovalState.GIVEN]),
                name="one_approval_per_role",
            ),
        )
