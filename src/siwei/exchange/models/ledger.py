"""The double-entry ledger: accounts, transfers, holds.

A transfer takes `amount` (integer minor units of its unit of account) out of the debit account and puts it into the
credit account, so that the balances of one unit always sum to zero. The rules are held by the database itself
(constraints here, triggers in `migrations/sql/ledger_*.sql`); `siwei.exchange.ledger.actions` only says beforehand, in
words, what the database would refuse.
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Organisation
from siwei.exchange.models.pseudonyms import Pseudonym, is_own

AMOUNT_LIMIT = 10**16
"""One transfer's bound, in minor units: a hundred trillion yuan. Keeps every sum far from the end of int64."""
BALANCE_LIMIT = 4 * 10**18


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(Q(owner_id__in=actor.organisation_ids) | is_own(actor))


class Account(models.Model):
    """`balance` and `held` are kept by the triggers alone; what may still be spent is `balance - held - floor`.

    `floor` is zero but for accounts that stand for money outside: a firm's commitments down to its declared budget,
    a programme's budget down to what was appropriated.
    """

    code = models.CharField(max_length=200, unique=True)
    owner = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="accounts")
    pseudonym = models.ForeignKey(Pseudonym, null=True, on_delete=models.PROTECT, related_name="accounts")
    """Whose it is, of a person's."""
    unit = models.CharField(max_length=80)
    purpose = models.CharField(max_length=40)
    floor = models.BigIntegerField(default=0)
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    last_transfer_id = models.BigIntegerField(default=0)
    """The transfer that last moved this account: the database checks each change of a balance against its transfer."""

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(held__gte=0), name="account_held_not_negative"),
            models.CheckConstraint(
                condition=Q(floor__lte=0, floor__gte=-BALANCE_LIMIT), name="account_floor_not_positive"
            ),
            models.CheckConstraint(condition=Q(balance__gte=F("floor") + F("held")), name="account_not_overdrawn"),
            models.CheckConstraint(
                condition=Q(balance__gte=-BALANCE_LIMIT, balance__lte=BALANCE_LIMIT), name="account_balance_bounded"
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def available(self) -> int:
        return self.balance - self.held - self.floor


class TransferKind(models.TextChoices):
    POST = "post"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REVERSE = "reverse"


class TransferQuerySet(models.QuerySet["Transfer"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        # Subqueries: what moves on one's own accounts as a person is little beside the organisations'.
        own = Account.objects.filter(is_own(actor)).values("pk")
        found = Q(debit_account__owner_id__in=mine) | Q(credit_account__owner_id__in=mine)
        return self.filter(found | Q(debit_account__in=own) | Q(credit_account__in=own))


class Transfer(models.Model):
    """Append-only. `hold` sets `amount` aside; `capture` moves part of a hold; `release` frees part; `reverse` moves
    back what the post or capture `reverses` moved, or part of it, once.

    `causes` names what led to it by natural key: agreement, usage, decision, payment order …

    The accounts, the hold and the reversed transfer are checked by the triggers, a statement at a time; foreign keys
    would check each once more, a row at a time.
    """

    idempotency_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=TransferKind)
    debit_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="debits", db_index=False, db_constraint=False
    )
    credit_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="credits", db_index=False, db_constraint=False
    )
    amount = models.BigIntegerField()
    unit = models.CharField(max_length=80)
    hold = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="settling", db_index=False, db_constraint=False
    )
    reverses = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="reversals", db_index=False, db_constraint=False
    )
    expires_at = models.DateTimeField(null=True)
    memo = models.CharField(max_length=200, blank=True)
    causes = models.JSONField(default=dict)
    at = models.DateTimeField()

    objects = TransferQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=AMOUNT_LIMIT), name="transfer_amount_positive"
            ),
            models.CheckConstraint(condition=~Q(debit_account=F("credit_account")), name="transfer_two_accounts"),
            models.CheckConstraint(
                condition=(
                    Q(kind="post", hold=None, expires_at=None, reverses=None)
                    | Q(kind="hold", hold=None, expires_at__isnull=False, reverses=None)
                    | Q(kind__in=["capture", "release"], hold__isnull=False, expires_at=None, reverses=None)
                    | Q(kind="reverse", hold=None, expires_at=None, reverses__isnull=False)
                ),
                name="transfer_shape_of_its_kind",
            ),
            # Not `unique=True`: that brings a second index on PostgreSQL, for LIKE.
            models.UniqueConstraint(fields=["idempotency_key"], name="one_transfer_per_key"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="transfer_reversed_once"
            ),
        )
        indexes = (
            models.Index(fields=["debit_account", "at"], name="transfer_by_debit"),
            models.Index(fields=["credit_account", "at"], name="transfer_by_credit"),
            models.Index(fields=["hold"], condition=Q(hold__isnull=False), name="transfer_by_hold"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.idempotency_key}"


class HoldQuerySet(models.QuerySet["Hold"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        own = Account.objects.filter(is_own(actor)).values("pk")
        found = Q(transfer__debit_account__owner_id__in=mine) | Q(transfer__credit_account__owner_id__in=mine)
        return self.filter(found | Q(transfer__debit_account__in=own) | Q(transfer__credit_account__in=own))


class Hold(models.Model):
    """How much of a hold was captured and released so far; written by the triggers alone."""

    transfer = models.OneToOneField(
        Transfer, primary_key=True, on_delete=models.PROTECT, related_name="progress", db_constraint=False
    )
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(default=0)
    released = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()
    last_transfer_id = models.BigIntegerField(default=0)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(captured__gte=0, released__gte=0, amount__gte=F("captured") + F("released")),
                name="hold_not_exceeded",
            ),
        )
        indexes = (
            # Of what is still held only: a hold captured at once never enters it.
            models.Index(
                fields=["expires_at"], condition=Q(amount__gt=F("captured") + F("released")), name="hold_open_by_end"
            ),
        )

    @property
    def remaining(self) -> int:
        return self.amount - self.captured - self.released
