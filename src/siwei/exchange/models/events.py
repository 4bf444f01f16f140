"""Who did what, when: events, and the seals that make a later change of them visible."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import AgreementParty
from siwei.exchange.models.delivery import Delivery
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.parties import Organisation, Person

AMONG_THEMSELVES = ("approve_agreement", "refuse_approval")
"""Of an agreement, and for the organisation's own people alone (`approvals`)."""


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, actor: Actor) -> Self:
        """The parties of what happened, the person it was done to, who did what concerns nobody else, the operator, the
        auditor."""
        if actor.sees_all:
            return self
        # A subquery, not a join: an event of two of the actor's organisations would come twice.
        mine = Event.organisations.through.objects.filter(organisation_id__in=actor.organisation_ids)
        concerned = Q(pk__in=mine.values("event_id"))
        # A key is a program's: what is one's own is not for it.
        if actor.person_id is not None and not actor.by_key:
            of_others = Exists(Event.organisations.through.objects.filter(event_id=OuterRef("pk")))
            concerned |= Q(subject=f"person:{actor.name}") | Q(~of_others, person_id=actor.person_id)
            concerned |= _of_own_deals(actor.person_id)
        return self.filter(concerned)


def _of_own_deals(person_id: int) -> Q:
    """What happened to agreements that the person is a party to themselves: a position taken up, a course."""
    parties = AgreementParty.objects.filter(person_id=person_id)
    agreements = parties.values(told=Concat(Value("agreement:"), "agreement__key"))
    number = Cast("number", CharField())
    sides = Delivery.objects.filter(Q(giver__person_id=person_id) | Q(receiver__person_id=person_id))
    deliveries = sides.values(told=Concat(Value("delivery:"), "agreement__key", Value(":"), number))
    disputed = Dispute.objects.filter(agreement__in=parties.values("agreement"))
    disputes = disputed.values(told=Concat(Value("dispute:"), "key"))
    open_to_all = Q(subject__in=agreements) & ~Q(action__in=AMONG_THEMSELVES)
    return open_to_all | Q(subject__in=deliveries) | Q(subject__in=disputes)


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
    """A hashed block over the events, transfers, accounts and whom events concern since the block before it."""

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
    last_concerned_id = models.BigIntegerField(default=0)
    concerned = models.PositiveBigIntegerField(default=0)
    """Rows that say whom an event concerns; as with accounts, none of them in older blocks."""
    at = models.DateTimeField()

    objects = SealQuerySet.as_manager()
