"""Access keys: how a program acts for a person, or for one project of an organisation."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor, Role
from siwei.exchange.models.parties import Organisation, Person


class Scope(models.TextChoices):
    READ = "read"
    WRITE = "write"
    """Reading and every act without money."""
    MONEY = "money"
    """Acts with money too; granted only by somebody who has just shown a second factor."""
    CALL = "call"
    """Calls through the gateway of public technical services, and nothing else."""


class AccessKeyQuerySet(models.QuerySet["AccessKey"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own; and an organisation's to those who manage its people or its money."""
        if actor.sees_all:
            return self
        governed = [each for each, role in actor.roles.items() if role != Role.MEMBER]
        return self.filter(Q(person_id=actor.person_id) | Q(organisation_id__in=governed))


class AccessKey(models.Model):
    """The key itself is shown once and never kept: `secret_sha256` is of 32 random bytes, so it needs no slow hash.

    It may do what its person may at the moment it is used, within its scopes; with an organisation, only for that one.
    """

    identifier = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="access_keys")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="access_keys")
    project = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=80)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    """To the minute: it is not written at every call."""
    revoked_at = models.DateTimeField(null=True)

    objects = AccessKeyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="access_key_lives"),
            models.CheckConstraint(
                condition=Q(project="") | Q(organisation__isnull=False), name="access_key_project_has_an_organisation"
            ),
        )

    def __str__(self) -> str:
        return f"{self.identifier} ({self.name})"
