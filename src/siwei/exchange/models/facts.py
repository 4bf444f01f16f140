"""What is known: subject, attribute, value, valid period, known-at, source, status."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Organisation


class FactStatus(models.IntegerChoices):
    DECLARED = 0
    DOCUMENTED = 1
    VERIFIED = 2


class FactQuerySet(models.QuerySet["Fact"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public attributes for all; the rest for the organisation's own people, the operator and the auditor."""
        if actor.sees_all:
            return self
        return self.filter(Q(is_public=True) | Q(organisation_id__in=actor.organisation_ids))


class Fact(models.Model):
    """Append-only. `value` is canonical text (`siwei.city.attributes`): fen as an integer, dates ISO, true or false."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="facts")
    attribute = models.CharField(max_length=60)
    value = models.TextField()
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)
    known_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    source_ref = models.CharField(max_length=200, blank=True)
    status = models.PositiveSmallIntegerField(choices=FactStatus)
    is_public = models.BooleanField(default=False)

    objects = FactQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "attribute", "source", "source_ref"], name="one_fact_per_source"
            ),
        )
