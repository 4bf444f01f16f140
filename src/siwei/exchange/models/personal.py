"""What a person told of themselves. Values are sealed under a key of that person's own (`siwei.exchange.vault`)."""

from __future__ import annotations

from typing import Self

from django.db import models

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person


class OwnPersonQuerySet(models.QuerySet[models.Model]):
    """For the person alone: neither the operator nor the auditor reads them, and no key of a program does."""

    def visible_to(self, actor: Actor) -> Self:
        return self.filter(person_id=actor.person_id, person__isnull=False) if not actor.by_key else self.none()


class PersonKey(models.Model):
    """Without it nothing sealed under it can be read, and no commitment be compared: erasing is deleting it."""

    person = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="vault_key")
    key = models.BinaryField(max_length=32)
    made_at = models.DateTimeField()

    objects = OwnPersonQuerySet.as_manager()


class PersonFact(models.Model):
    """One value, as the person declared it; `sealed` holds it and the evidence named for it."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_facts")
    attribute = models.CharField(max_length=60)
    sealed = models.BinaryField()
    valid_from = models.DateField()
    known_at = models.DateTimeField()

    objects = OwnPersonQuerySet.as_manager()


class PersonDecision(models.Model):
    """A programme decided for a person, whom it concerns alone: inputs, verdict, award and explanation are `sealed`.

    `commitment` is keyed by the person's key: while that stands it proves what was sealed, and afterwards says nothing.
    """

    key = models.CharField(max_length=120, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_decisions")
    programme = models.CharField(max_length=60)
    version_sha256 = models.CharField(max_length=64)
    as_of = models.DateField()
    decided_at = models.DateTimeField()
    commitment = models.CharField(max_length=64)
    sealed = models.BinaryField(null=True)
    erased_at = models.DateTimeField(null=True)

    objects = OwnPersonQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(sealed=None, erased_at__isnull=False)
                | models.Q(sealed__isnull=False, erased_at=None),
                name="personal_decision_sealed_or_erased",
            ),
        )
