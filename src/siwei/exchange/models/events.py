"""Who did what, when: events, and the seals that make a later change of them visible."""

from __future__ import annotations

from typing import Self

from django.db import models

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Organisation, Person


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, actor: Actor) -> Self:
        """The parties of what happened, the person it was done to, the operator, the auditor."""
        if actor.sees_all:
            return self
        # A subquery, not a join: an event of two of the actor's organisations would come twice.
        mine = Event.organisations.through.objects.filter(organisation_id__in=actor.organisation_ids)
        concerned = models.Q(pk__in=mine.values("event_id"))
        # A key is a program's: what is one's own is not for it.
        if actor.person_id is not None and not actor.by_key:
            concerned |= models.Q(subject=f"person:{actor.name}")
        return self.filter(concerned)


class Event(models.Model):
    """Append-only (the database refuses a change). One per action; the key makes a repeated action a look-up."""

    action = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    content_sha256 = models.CharField(max_length=64)
    subject = models.CharField(max_length=240, db_index=True)
    """`<model>:<natural key>` of what it happened to."""
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="events")
    actor_name = models.CharField(max_length=150)
    organisations = models.ManyToManyField(Organisation, related_name="events")
    payload = models.JSONField(default=dict)
    at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["action", "key"], name="one_event_per_key"),)
        indexes = (models.Index(fields=["at", "id"], name="events_in_time"),)

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class SealQuerySet(models.QuerySet["Seal"]):
    def visible_to(self, actor: Actor) -> Self:
        """Public: a seal shows nothing of what it covers, and is worth most where many keep a copy."""
        return self


class Seal(models.Model):
    """A hashed block over the events, transfers and accounts since the block before it."""

    number = models.PositiveBigIntegerField(unique=True)
    previous_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    last_event_id = models.BigIntegerField()
    last_transfer_id = models.BigIntegerField()
    events = models.PositiveBigIntegerField()
    transfers = models.PositiveBigIntegerField()
    last_account_id = models.BigIntegerField(default=0)
    accounts = models.PositiveBigIntegerField(default=0)
    """None of them in blocks older than this column; the first younger block covers all there were."""
    at = models.DateTimeField()

    objects = SealQuerySet.as_manager()
