"""结算单: what a provider asks of a consumer for a period, from settlements; numbered without gaps, never changed."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import AgreementLine
from siwei.exchange.models.delivery import Settlement
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.parties import Organisation, Person


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def visible_to(self, actor: Actor) -> Self:
        """Its issuer's people, its recipient's, and the offices."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        return self.filter(Q(issuer_id__in=mine) | Q(recipient_id__in=mine))


class Invoice(models.Model):
    """A settlement statement (结算单), and no tax invoice (发票): that one is the issuer's own, outside; its number may
    be entered here. `own_fen` is what the recipient pays, `voucher_fen` what public money does."""

    issuer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invoices_issued")
    number = models.PositiveIntegerField()
    """From 1, without gaps for each issuer (`migrations/sql/invoices_*.sql`)."""
    recipient = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invoices_received")
    period = models.CharField(max_length=7)
    """A month, `2026-11`."""
    issued_on = models.DateField()
    gross_fen = models.BigIntegerField()
    voucher_fen = models.BigIntegerField()
    own_fen = models.BigIntegerField()
    tax_number = models.CharField(max_length=20, blank=True)
    issued_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    issued_at = models.DateTimeField()

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["issuer", "number"], name="one_invoice_per_number"),
            models.CheckConstraint(condition=Q(gross_fen=F("voucher_fen") + F("own_fen")), name="invoice_adds_up"),
            models.CheckConstraint(condition=~Q(issuer=F("recipient")), name="invoice_between_two"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """As it is told among an issuer's: `JS-202611-0007`."""
        return f"JS-{self.period.replace('-', '')}-{self.number:04d}"


class InvoiceLineQuerySet(models.QuerySet["InvoiceLine"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        return self.filter(Q(invoice__issuer_id__in=mine) | Q(invoice__recipient_id__in=mine))


class InvoiceLine(models.Model):
    """A line of a settlement, or what a dispute took back of one (below zero); each on one invoice.

    `quantity` is what this settlement counted, not the running total; none where a delivery paid.
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    line = models.ForeignKey(AgreementLine, on_delete=models.PROTECT, related_name="invoiced")
    settlement = models.ForeignKey(Settlement, null=True, on_delete=models.PROTECT, related_name="invoiced")
    dispute = models.ForeignKey(Dispute, null=True, on_delete=models.PROTECT, related_name="invoiced")
    day = models.DateField()
    quantity = models.BigIntegerField(null=True)
    gross_fen = models.BigIntegerField()
    voucher_fen = models.BigIntegerField()
    own_fen = models.BigIntegerField()

    objects = InvoiceLineQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["invoice", "position"], name="one_invoice_line_per_position"),
            models.UniqueConstraint(
                fields=["settlement", "line"],
                condition=Q(settlement__isnull=False),
                name="settlement_line_invoiced_once",
            ),
            models.UniqueConstraint(
                fields=["dispute"], condition=Q(dispute__isnull=False), name="dispute_invoiced_once"
            ),
            models.CheckConstraint(
                condition=Q(settlement__isnull=False, dispute=None, gross_fen__gt=0)
                | Q(settlement=None, dispute__isnull=False, gross_fen__lt=0),
                name="invoice_line_of_one",
            ),
            models.CheckConstraint(condition=Q(gross_fen=F("voucher_fen") + F("own_fen")), name="invoice_line_adds_up"),
        )
