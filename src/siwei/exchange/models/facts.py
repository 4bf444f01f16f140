"""What is known: subject, attribute, value, valid period, known-at, source, status."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Project
from siwei.exchange.models.parties import Organisation


class FactStatus(models.IntegerChoices):
    DECLARED = 0
    DOCUMENTED = 1
    VERIFIED = 2


class KnownValue(models.Model):
    """Append-only. `value` is canonical text (`siwei.city.attributes`): fen as an integer, dates ISO, true or false."""

    attribute = models.CharField(max_length=60)
    value = models.TextField()
    valid_from = models.DateField(null=True)
    valid_to = models.DateField(null=True)
    """The first day on which it no longer holds."""
    known_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    source_ref = models.CharField(max_length=200, blank=True)
    status = models.PositiveSmallIntegerField(choices=FactStatus)

    class Meta:
        abstract = True


class FactQuerySet(models.QuerySet["Fact"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public attributes for all; the rest for the organisation's own people, the operator and the auditor."""
        if actor.sees_all:
            return self
        return self.filter(Q(is_public=True) | Q(organisation_id__in=actor.organisation_ids))


class Fact(KnownValue):
    """What is known of an organisation."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="facts", db_index=False)
    is_public = models.BooleanField(default=False)

    objects = FactQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "attribute", "source", "source_ref"], name="one_fact_per_source"
            ),
        )


class ProjectFactQuerySet(models.QuerySet["ProjectFact"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever sees the project: a proposal is nobody else's to read, whatever its attributes are."""
        return self if actor.sees_all else self.filter(project__organisation_id__in=actor.organisation_ids)


class ProjectFact(KnownValue):
    """What is known of a project, beyond what its signed agreements say (`siwei.exchange.facts.projects`)."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="facts")

    objects = ProjectFactQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["project", "attribute", "source", "source_ref"], name="one_project_fact_per_source"
            ),
        )
