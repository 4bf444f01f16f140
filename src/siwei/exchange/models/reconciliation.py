"""What banks said: imported statements, their entries, what could not be read, and what agrees with no order."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.ledger import Transfer
from siwei.exchange.models.parties import Organisation, Person
from siwei.exchange.models.payments import PaymentOrder
from siwei.exchange.models.pseudonyms import Pseudonym


class StatementFileQuerySet(models.QuerySet["StatementFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those who keep the account's money, and the offices; the city's account has no organisation."""
        return self if actor.sees_all else self.filter(organisation_id__in=actor.treasury_ids)


class StatementFile(models.Model):
    """A bank's statement as a file, imported once. `organisation` is none for the city's account."""

    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    account_number = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    form = models.CharField(max_length=10, choices=[("camt053", "camt.053"), ("csv", "CSV")])
    read = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    """Entries that no earlier file had."""
    rejected = models.PositiveIntegerField()
    is_whole = models.BooleanField()
    """False where the file ends in the middle; what came before is here."""
    opening_fen = models.BigIntegerField(null=True)
    closing_fen = models.BigIntegerField(null=True)
    imported_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    objects = StatementFileQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account_number", "sha256"], name="one_import_per_statement_file"),
        )

    def __str__(self) -> str:
        return self.name


class StatementRejectQuerySet(models.QuerySet["StatementReject"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(file__organisation_id__in=actor.treasury_ids)


class StatementReject(models.Model):
    """What of a statement was not taken, and why."""

    file = models.ForeignKey(StatementFile, on_delete=models.PROTECT, related_name="rejects")
    row = models.PositiveIntegerField()
    reason = models.TextField()
    record = models.TextField(blank=True)

    objects = StatementRejectQuerySet.as_manager()


class EntryState(models.TextChoices):
    OPEN = "open"
    """A difference that waits for somebody's word."""
    MATCHED = "matched"
    EXPLAINED = "explained"


class Finding(models.TextChoices):
    PAID = "paid"
    PART_PAID = "part-paid"
    OVERPAID = "overpaid"
    PAID_TWICE = "paid-twice"
    OTHER_PAYEE = "other-payee"
    """The order's identifier, another account than it named."""
    NOT_ORDERED = "not-ordered"
    RETURNED = "returned"
    RECEIVED = "received"
    """Money that came in and belongs to no order."""


class BankEntryQuerySet(models.QuerySet["BankEntry"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(organisation_id__in=actor.treasury_ids)


class BankEntry(models.Model):
    """One movement on an account, once, by the bank's own reference; what the bank said of it never changes."""

    file = models.ForeignKey(StatementFile, on_delete=models.PROTECT, related_name="entries")
    row = models.PositiveIntegerField()
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    account_number = models.CharField(max_length=40)
    reference = models.CharField(max_length=70)
    booked_on = models.DateField()
    direction = models.CharField(max_length=3, choices=[("out", "out"), ("in", "in")])
    amount_fen = models.BigIntegerField()
    name = models.CharField(max_length=140, blank=True)
    counter_account = models.CharField(max_length=40, blank=True)
    end_to_end_id = models.CharField(max_length=35, blank=True)
    remittance = models.CharField(max_length=500, blank=True)
    finding = models.CharField(max_length=12, choices=Finding)
    state = models.CharField(max_length=10, choices=EntryState)
    pseudonym = models.ForeignKey(Pseudonym, null=True, on_delete=models.PROTECT, related_name="+")
    """The person it speaks of, whose name, account and text are not in the columns but in `sealed`."""
    sealed = models.BinaryField(null=True)
    """None once it was erased."""
    order = models.ForeignKey(PaymentOrder, null=True, on_delete=models.PROTECT, related_name="bank_entries")
    difference_fen = models.BigIntegerField(default=0)
    """How much of it agrees with no order."""
    difference = models.OneToOneField(Transfer, null=True, on_delete=models.PROTECT, related_name="+")
    """Its entry on the ledger."""
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    objects = BankEntryQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account_number", "reference"], name="one_bank_entry_per_reference"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="bank_entry_of_something"),
            models.CheckConstraint(
                condition=~Q(state=EntryState.OPEN) | Q(difference__isnull=False, difference_fen__gt=0),
                name="bank_difference_is_on_the_ledger",
            ),
            models.CheckConstraint(
                condition=~Q(state=EntryState.EXPLAINED) | ~Q(reason=""), name="bank_difference_explained_in_words"
            ),
        )
        indexes = (models.Index(fields=["state", "booked_on"], name="bank_entry_by_state"),)

    def __str__(self) -> str:
        return self.reference
