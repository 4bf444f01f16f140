"""Awards of money taken back: what of a grant its pot has again, and what its payee owes for what was paid."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person
from siwei.exchange.models.payments import Grant
from siwei.exchange.models.pseudonyms import is_own


class ClawBackQuerySet(models.QuerySet["ClawBack"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever sees the grant."""
        if actor.sees_all:
            return self
        own = is_own(actor, "grant__pseudonym")
        return self.filter(Q(grant__organisation_id__in=actor.organisation_ids) | own)


class ClawBack(models.Model):
    """A part of a grant that is taken back: `returned_fen` was not paid yet and is in the pot again, `owed_fen` was
    paid and is to be paid back."""

    key = models.CharField(max_length=120, unique=True)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="claw_backs")
    returned_fen = models.BigIntegerField()
    owed_fen = models.BigIntegerField()
    repaid_fen = models.BigIntegerField(default=0)
    """What of `owed_fen` came in and was booked as that (`siwei.exchange.payments.repayments`)."""
    reason = models.TextField()
    made_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = ClawBackQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(returned_fen__gte=0, owed_fen__gte=0) & ~Q(returned_fen=0, owed_fen=0) & ~Q(reason=""),
                name="claw_back_of_something",
            ),
            models.CheckConstraint(
                condition=Q(repaid_fen__gte=0, repaid_fen__lte=F("owed_fen")), name="claw_back_repaid_once"
            ),
        )

    @property
    def amount_fen(self) -> int:
        return self.returned_fen + self.owed_fen

    @property
    def left_fen(self) -> int:
        """Still to be paid back."""
        return self.owed_fen - self.repaid_fen
