"""Public money: pots, what somebody acted on (decisions), and vouchers; and who is related to whom."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.ledger import Account
from siwei.exchange.models.parties import Organisation


class PotQuerySet(models.QuerySet["Pot"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public budgets are public."""
        return self


class Pot(models.Model):
    """A programme's budget for a period, on the ledger. `is_draft`: a clause has no source, so nothing may leave it."""

    programme = models.CharField(max_length=60)
    period = models.CharField(max_length=20)
    version_sha256 = models.CharField(max_length=64)
    is_draft = models.BooleanField()
    budget_fen = models.BigIntegerField()
    returns = models.CharField(max_length=20, default="pot")
    """Where money goes that comes back of what no round awarded (`siwei.policy.programmes.Returns`)."""
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="pot")
    opened_at = models.DateTimeField()

    objects = PotQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["programme", "period"], name="one_pot_per_period"),)


class OwnedQuerySet(models.QuerySet[models.Model]):
    """An organisation's own papers: for its people, the operator and the auditor."""

    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(organisation_id__in=actor.organisation_ids)


class Decision(models.Model):
    """What somebody acted on: recorded inputs and version give the same result whenever it is replayed."""

    key = models.CharField(max_length=120, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="decisions")
    subject = models.CharField(max_length=160, blank=True, default="")
    """What of the organisation's it was decided for (a claim's id, a project's key); empty for itself."""
    programme = models.CharField(max_length=60)
    version_sha256 = models.CharField(max_length=64)
    is_draft = models.BooleanField()
    as_of = models.DateField()
    verdict = models.CharField(max_length=20)
    award_fen = models.BigIntegerField(null=True)
    inputs = models.JSONField()
    result = models.JSONField()
    decided_at = models.DateTimeField()

    objects = OwnedQuerySet.as_manager()


class Voucher(models.Model):
    """An award held on the ledger, spent against metered use: at most `rate_bp` (‱) of a price, `cap_fen` in all."""

    key = models.CharField(max_length=120, unique=True)
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="voucher")
    pot = models.ForeignKey(Pot, on_delete=models.PROTECT, related_name="vouchers")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="vouchers")
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="voucher")
    cap_fen = models.BigIntegerField()
    rate_bp = models.PositiveIntegerField()
    kinds = models.JSONField()
    """Kinds of listing it may pay for."""
    listed_providers_only = models.BooleanField()
    valid_from = models.DateField()
    valid_to = models.DateField()
    """The last day on which it may be promised."""
    granted_at = models.DateTimeField()

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(cap_fen__gt=0, rate_bp__gt=0, rate_bp__lte=10_000, valid_to__gte=F("valid_from")),
                name="voucher_terms",
            ),
        )


class RelationQuerySet(models.QuerySet["Relation"]):
    def visible_to(self, actor: Actor) -> Self:
        """Ties of ownership as published; either organisation and the offices see the unpublished ones."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        return self.filter(Q(is_public=True) | Q(organisation_id__in=mine) | Q(other_id__in=mine))


class Relation(models.Model):
    """Two organisations tied by ownership or control: no subsidy flows between them.

    With `share_bp`, `organisation` holds that share of `other`; without, which holds which is not known, and it is read
    as control both ways.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="relations")
    other = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="relations_from")
    basis = models.CharField(max_length=40)
    share_bp = models.PositiveIntegerField(null=True)
    source = models.CharField(max_length=200)
    is_public = models.BooleanField(default=False)
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)
    known_at = models.DateTimeField()

    objects = RelationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(organisation=F("other")), name="relation_between_two"),
            models.CheckConstraint(condition=Q(share_bp=None) | Q(share_bp__lte=10_000), name="share_of_a_whole"),
            models.UniqueConstraint(
                fields=["organisation", "other", "basis", "source"], name="one_relation_per_source"
            ),
        )
