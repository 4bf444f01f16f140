"""A price as it was told, for as long as it holds."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.awards import Voucher
from siwei.exchange.models.deals import Match


class QuoteQuerySet(models.QuerySet["Quote"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who asked sees it; whoever offers sees it once it becomes an agreement."""
        return self if actor.sees_all else self.filter(match__need__organisation_id__in=actor.organisation_ids)


class Quote(models.Model):
    """What a need costs at an offer: `gross_fen = voucher_fen + own_fen`. `bound` says what held the voucher's share
    down, or why there is none (`siwei.market.pricing`). It holds until `valid_until`, whatever becomes of the offer."""

    key = models.CharField(max_length=120, unique=True)
    match = models.ForeignKey(Match, on_delete=models.PROTECT, related_name="quotes")
    voucher = models.ForeignKey(Voucher, null=True, on_delete=models.PROTECT, related_name="quotes")
    """The voucher asked to pay, also where it may not."""
    as_of = models.DateField()
    quoted_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    quantity = models.BigIntegerField()
    unit = models.CharField(max_length=80)
    offered = models.JSONField(default=dict)
    """What the offer said then."""
    unit_price_fen = models.BigIntegerField()
    price_quantity = models.BigIntegerField()
    gross_fen = models.BigIntegerField()
    voucher_fen = models.BigIntegerField()
    own_fen = models.BigIntegerField()
    bound = models.CharField(max_length=20)

    objects = QuoteQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(voucher_fen__gte=0, own_fen__gte=0, gross_fen=F("voucher_fen") + F("own_fen")),
                name="quote_shares_sum_to_gross",
            ),
            models.CheckConstraint(condition=Q(valid_until__gt=F("quoted_at")), name="quote_holds_a_while"),
        )

    def __str__(self) -> str:
        return self.key


class TrueUpQuerySet(models.QuerySet["TrueUp"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(voucher__organisation_id__in=actor.organisation_ids)


class TrueUp(models.Model):
    """A voucher after its award was decided again: more from the pot, or first what is unspent back.

    `clawed_back_fen` is owed by the organisation; money comes in outside, by the bank.
    """

    key = models.CharField(max_length=120, unique=True)
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="true_ups")
    decision = models.ForeignKey("Decision", on_delete=models.PROTECT, related_name="true_ups")
    before_fen = models.BigIntegerField()
    after_fen = models.BigIntegerField()
    added_fen = models.BigIntegerField(default=0)
    returned_fen = models.BigIntegerField(default=0)
    clawed_back_fen = models.BigIntegerField(default=0)
    repaid_fen = models.BigIntegerField(default=0)
    """What of `clawed_back_fen` came in and was booked as that (`siwei.exchange.payments.repayments`)."""
    reason = models.TextField()
    at = models.DateTimeField()

    objects = TrueUpQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["voucher", "decision"], name="one_true_up_per_decision"),
            models.CheckConstraint(
                condition=Q(
                    after_fen=F("before_fen") + F("added_fen") - F("returned_fen") - F("clawed_back_fen"),
                    added_fen__gte=0,
                    returned_fen__gte=0,
                    clawed_back_fen__gte=0,
                ),
                name="true_up_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(repaid_fen__gte=0, repaid_fen__lte=F("clawed_back_fen")), name="true_up_repaid_once"
            ),
        )

    @property
    def left_fen(self) -> int:
        """Still to be paid back."""
        return self.clawed_back_fen - self.repaid_fen
