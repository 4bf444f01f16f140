"""What of a payment order is missing: the rest that the bank did not pay, or a part that came back."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person
from siwei.exchange.models.payments import PaymentOrder
from siwei.exchange.models.pseudonyms import is_own
from siwei.exchange.models.reconciliation import BankEntry


class RestKind(models.TextChoices):
    UNPAID = "unpaid"
    RETURNED = "returned"
    """Paid, and came back in part."""


class RestState(models.TextChoices):
    DUE = "due"
    """Paid by a further order (the payment item that names it), or waiting for the next batch."""
    ASKED = "asked"
    """To be written off, as soon as two people approve it."""
    WRITTEN_OFF = "written-off"
    WITHDRAWN = "withdrawn"
    """It was to be written off, and is not."""


class OrderRestQuerySet(models.QuerySet["OrderRest"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever sees the order."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        own = is_own(actor, "order__pseudonym")
        return self.filter(Q(order__batch__payer_id__in=mine) | Q(order__payee_id__in=mine) | own)


class OrderRest(models.Model):
    """What somebody decided about a missing part of an order. It is exactly what is missing, an unpaid rest is decided
    once, and two people who did not ask for it approve a write-off (also `migrations/sql/rests_*.sql`)."""

    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="rests")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=RestKind)
    state = models.CharField(max_length=12, choices=RestState)
    amount_fen = models.BigIntegerField()
    entry = models.OneToOneField(BankEntry, null=True, on_delete=models.PROTECT, related_name="rest")
    """The bank's entry that brought it back."""
    reason = models.TextField()
    made_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    """None for the platform's own (the command line)."""
    made_at = models.DateTimeField()
    first_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField(null=True)
    second_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    second_at = models.DateTimeField(null=True)

    objects = OrderRestQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["order", "number"], name="one_order_rest_per_number"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(kind=RestKind.UNPAID) & ~Q(state=RestState.WITHDRAWN),
                name="order_rest_decided_once",
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0) & ~Q(reason=""), name="order_rest_of_something"),
            models.CheckConstraint(
                condition=Q(kind=RestKind.RETURNED, entry__isnull=False, state=RestState.DUE)
                | Q(kind=RestKind.UNPAID, entry=None),
                name="order_rest_returned_by_an_entry",
            ),
            models.CheckConstraint(
                condition=Q(second_by=None) | Q(first_by__isnull=False) & ~Q(second_by=F("first_by")),
                name="order_rest_two_people",
            ),
            models.CheckConstraint(
                condition=Q(made_by=None)
                | (Q(first_by=None) | ~Q(first_by=F("made_by"))) & (Q(second_by=None) | ~Q(second_by=F("made_by"))),
                name="order_rest_not_by_its_maker",
            ),
            models.CheckConstraint(
                condition=Q(state=RestState.WRITTEN_OFF, second_by__isnull=False)
                | Q(state__in=(RestState.ASKED, RestState.WITHDRAWN), second_by=None)
                | Q(state=RestState.DUE, first_by=None, second_by=None),
                name="order_rest_written_off_by_two",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.order.end_to_end_id}:{self.number}"

    @property
    def approvers(self) -> list[Person]:
        return [each for each in (self.first_by, self.second_by) if each is not None]
