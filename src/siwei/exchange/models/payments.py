"""How commitments become money: bank accounts, payment orders, the batches two people approve, and grants."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.applications import Application
from siwei.exchange.models.delivery import Settlement
from siwei.exchange.models.disputes import Dispute
from siwei.exchange.models.ledger import Transfer
from siwei.exchange.models.parties import Organisation, Person
from siwei.exchange.models.pseudonyms import PersonBankAccount, Pseudonym, is_own

CITY = "city"
"""The holder of the city's own account."""


class BankAccountQuerySet(models.QuerySet["BankAccount"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those who keep the organisation's money, the operator and the auditor; nobody else."""
        return self if actor.sees_all else self.filter(organisation_id__in=actor.treasury_ids)


class BankAccount(models.Model):
    """A bank account, of an organisation or (without one) the city's own. A change is a new row; the one before ends,
    and orders made to it keep it (`migrations/sql/payments_*.sql`)."""

    key = models.CharField(max_length=120, unique=True)
    holder = models.CharField(max_length=64)
    """The organisation's key, or `city`."""
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="bank_accounts")
    name = models.CharField(max_length=140)
    number = models.CharField(max_length=32)
    bank_code = models.CharField(max_length=12)
    bank_name = models.CharField(max_length=140, blank=True)
    entered_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = BankAccountQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["holder"], condition=Q(ended_at=None), name="one_bank_account_at_a_time"),
            models.CheckConstraint(
                condition=Q(organisation=None, holder=CITY) | Q(organisation__isnull=False) & ~Q(holder=CITY),
                name="bank_account_of_its_holder",
            ),
        )

    def __str__(self) -> str:
        return f"{self.holder} {self.masked}"

    @property
    def masked(self) -> str:
        """As it is shown where it need not be copied."""
        return f"…{self.number[-4:]}"


class BatchState(models.TextChoices):
    OPEN = "open"
    APPROVED = "approved"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


class PaymentBatchQuerySet(models.QuerySet["PaymentBatch"]):
    def visible_to(self, actor: Actor) -> Self:
        """The payer's own people and the offices."""
        return self if actor.sees_all else self.filter(payer_id__in=actor.organisation_ids)


class PaymentBatch(models.Model):
    """Orders from one account, made whole and never changed. Two people who did not make it approve its content, told
    by its hash; then it is written for the bank, once. `payer` is none for the city's money."""

    key = models.CharField(max_length=120, unique=True)
    message_id = models.CharField(max_length=35, unique=True)
    payer = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="payment_batches")
    debtor = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="+")
    execute_on = models.DateField()
    orders_count = models.PositiveIntegerField()
    total_fen = models.BigIntegerField()
    content_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.OPEN)
    made_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    """None for the platform's own (the main job)."""
    made_at = models.DateTimeField()
    first_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField(null=True)
    first_sha256 = models.CharField(max_length=64, blank=True)
    """The content that was approved."""
    second_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    second_at = models.DateTimeField(null=True)
    second_sha256 = models.CharField(max_length=64, blank=True)
    exported_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    exported_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    """Why it was withdrawn."""

    objects = PaymentBatchQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(second_by=None) | Q(first_by__isnull=False), name="payment_batch_first_before_second"
            ),
            models.CheckConstraint(
                condition=Q(second_by=None) | ~Q(second_by=F("first_by")), name="payment_batch_two_people"
            ),
            models.CheckConstraint(
                condition=Q(made_by=None)
                | (Q(first_by=None) | ~Q(first_by=F("made_by"))) & (Q(second_by=None) | ~Q(second_by=F("made_by"))),
                name="payment_batch_not_by_its_maker",
            ),
            models.CheckConstraint(
                condition=(
                    (Q(first_by=None, first_sha256="") | Q(first_by__isnull=False, first_sha256=F("content_sha256")))
                    & (
                        Q(second_by=None, second_sha256="")
                        | Q(second_by__isnull=False, second_sha256=F("content_sha256"))
                    )
                ),
                name="payment_batch_approved_as_it_is",
            ),
            models.CheckConstraint(
                condition=Q(exported_at=None) | Q(second_by__isnull=False), name="payment_batch_exported_after_two"
            ),
            models.CheckConstraint(
                condition=Q(state=BatchState.OPEN, second_by=None)
                | Q(state=BatchState.APPROVED, second_by__isnull=False, exported_at=None)
                | Q(state=BatchState.EXPORTED, exported_at__isnull=False)
                | Q(state=BatchState.WITHDRAWN, exported_at=None),
                name="payment_batch_state_fits",
            ),
            models.CheckConstraint(
                condition=Q(total_fen__gt=0, orders_count__gt=0), name="payment_batch_pays_something"
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.message_id


class OrderState(models.TextChoices):
    ORDERED = "ordered"
    PAID = "paid"
    PART_PAID = "part-paid"
    """The bank paid less; the rest is held until it pays that too, or somebody decides."""
    ENDED = "ended"
    """Paid in part; the rest was ordered anew or written off (`OrderRest`)."""
    REJECTED = "rejected"
    """The bank did not pay, or not all; what is missing is due again."""
    RETURNED = "returned"
    """Paid, and the money came back: due again."""
    WITHDRAWN = "withdrawn"


class PaymentOrderQuerySet(models.QuerySet["PaymentOrder"]):
    def visible_to(self, actor: Actor) -> Self:
        """The payer's people, the payee's, and the offices."""
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        return self.filter(Q(batch__payer_id__in=mine) | Q(payee_id__in=mine) | is_own(actor))


class PaymentOrder(models.Model):
    """One payment to one payee: an organisation, or a person under their pseudonym. Its amount is held on the ledger
    until the bank's statement says that it was paid."""

    batch = models.ForeignKey(PaymentBatch, on_delete=models.PROTECT, related_name="orders")
    number = models.PositiveIntegerField()
    end_to_end_id = models.CharField(max_length=35, unique=True)
    payee = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="payment_orders")
    creditor = models.ForeignKey(BankAccount, null=True, on_delete=models.PROTECT, related_name="+")
    pseudonym = models.ForeignKey(Pseudonym, null=True, on_delete=models.PROTECT, related_name="payment_orders")
    person_creditor = models.ForeignKey(PersonBankAccount, null=True, on_delete=models.PROTECT, related_name="orders")
    amount_fen = models.BigIntegerField()
    remittance = models.CharField(max_length=140)
    hold = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=OrderState, default=OrderState.ORDERED)
    paid_fen = models.BigIntegerField(default=0)
    paid_on = models.DateField(null=True)
    reason = models.TextField(blank=True)
    """Why it was rejected, returned or withdrawn."""

    objects = PaymentOrderQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["batch", "number"], name="one_order_per_number"),
            models.CheckConstraint(
                condition=Q(payee__isnull=False, creditor__isnull=False, pseudonym=None, person_creditor=None)
                | Q(payee=None, creditor=None, pseudonym__isnull=False, person_creditor__isnull=False),
                name="payment_order_to_one",
            ),
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, paid_fen__gte=0, paid_fen__lte=F("amount_fen")),
                name="payment_order_pays_no_more_than_ordered",
            ),
            models.CheckConstraint(
                condition=~Q(state=OrderState.PAID) | Q(paid_fen=F("amount_fen")), name="payment_order_paid_whole"
            ),
        )

    def __str__(self) -> str:
        return self.end_to_end_id

    @property
    def paid_to(self) -> Organisation | Pseudonym:
        found = self.payee or self.pseudonym
        assert found is not None
        return found

    @property
    def account(self) -> BankAccount | PersonBankAccount:
        found = self.creditor or self.person_creditor
        assert found is not None
        return found

    @property
    def is_rest_decided(self) -> bool:
        """Whether somebody ordered anew what the bank did not pay of it, or asked that it be written off."""
        return any(rest.kind == "unpaid" and rest.state != "withdrawn" for rest in self.rests.all())


class PaymentPart(models.TextChoices):
    VOUCHER = "voucher"
    OWN = "own"
    GRANT = "grant"


class PaymentItemQuerySet(models.QuerySet["PaymentItem"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.sees_all:
            return self
        mine = actor.organisation_ids
        own = is_own(actor, "order__pseudonym")
        return self.filter(Q(order__batch__payer_id__in=mine) | Q(order__payee_id__in=mine) | own)


class PaymentItem(models.Model):
    """What an order pays: a payer's part of a line of a settlement, less what disputes took back, a grant, or what was
    missing of an order before. Each is in one order at a time; `is_live` ends when the order does without having
    paid."""

    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="items")
    part = models.CharField(max_length=10, choices=PaymentPart)
    settlement = models.ForeignKey(Settlement, null=True, on_delete=models.PROTECT, related_name="payments")
    line = models.PositiveIntegerField(null=True)
    dispute = models.ForeignKey(Dispute, null=True, on_delete=models.PROTECT, related_name="payments")
    grant = models.ForeignKey("Grant", null=True, on_delete=models.PROTECT, related_name="payments")
    rest = models.ForeignKey("OrderRest", null=True, on_delete=models.PROTECT, related_name="payments")
    amount_fen = models.BigIntegerField()
    """Below zero for a dispute."""
    is_live = models.BooleanField(default=True)

    objects = PaymentItemQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["settlement", "line", "part"],
                condition=Q(is_live=True, settlement__isnull=False),
                name="settlement_line_ordered_once",
            ),
            models.UniqueConstraint(
                fields=["dispute", "part"],
                condition=Q(is_live=True, dispute__isnull=False),
                name="dispute_ordered_once",
            ),
            models.UniqueConstraint(
                fields=["grant"], condition=Q(is_live=True, grant__isnull=False), name="grant_ordered_once"
            ),
            models.UniqueConstraint(
                fields=["rest"], condition=Q(is_live=True, rest__isnull=False), name="order_rest_ordered_once"
            ),
            models.CheckConstraint(
                condition=Q(rest=None)
                & (
                    Q(settlement__isnull=False, line__isnull=False, dispute=None, grant=None, amount_fen__gt=0)
                    | Q(settlement=None, line=None, dispute__isnull=False, grant=None, amount_fen__lt=0)
                    | Q(settlement=None, line=None, dispute=None, grant__isnull=False, amount_fen__gt=0)
                )
                | Q(rest__isnull=False, settlement=None, line=None, dispute=None, grant=None, amount_fen__gt=0),
                name="payment_item_of_one",
            ),
        )


class PaymentFileForm(models.TextChoices):
    PAIN001 = "pain001"
    CSV = "csv"


class PaymentFileQuerySet(models.QuerySet["PaymentFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whole account numbers stand in it: for those who keep the payer's money, and the offices."""
        return self if actor.sees_all else self.filter(batch__payer_id__in=actor.treasury_ids)


class PaymentFile(models.Model):
    """A batch as it went to the bank, kept as it was written: asked for again, it is the same bytes. What it says of a
    person is left out of `content` and sealed apart (`SealedPart`); `sha256` is of the whole."""

    batch = models.ForeignKey(PaymentBatch, on_delete=models.PROTECT, related_name="files")
    form = models.CharField(max_length=10, choices=PaymentFileForm)
    content = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = PaymentFileQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["batch", "form"], name="one_payment_file_per_form"),)


class SealedPartQuerySet(models.QuerySet["SealedPart"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those who keep the payer's money, as the file: a person's orders are the city's alone."""
        return self if actor.is_operator and not actor.by_key else self.none()


class SealedPart(models.Model):
    """What a file for the bank says of a person, sealed; its place in the file is marked. None once it was erased."""

    file = models.ForeignKey(PaymentFile, on_delete=models.PROTECT, related_name="parts")
    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="+")
    sealed = models.BinaryField(null=True)

    objects = SealedPartQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["file", "order"], name="one_sealed_part_per_order"),)


class GrantQuerySet(models.QuerySet["Grant"]):
    def visible_to(self, actor: Actor) -> Self:
        """The organisation's people, or the person; the operator and the auditor."""
        if actor.sees_all:
            return self
        return self.filter(Q(organisation_id__in=actor.organisation_ids) | is_own(actor))


class Grant(models.Model):
    """An award that is money and no voucher, moved from its pot to what is to be paid to the organisation or the
    person; once."""

    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="grant")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="grants")
    pseudonym = models.ForeignKey(Pseudonym, null=True, on_delete=models.PROTECT, related_name="grants")
    amount_fen = models.BigIntegerField()
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="grant_of_something"),
            models.CheckConstraint(
                condition=Q(organisation__isnull=False, pseudonym=None) | Q(organisation=None, pseudonym__isnull=False),
                name="grant_to_one",
            ),
        )

    @property
    def granted_to(self) -> Organisation | Pseudonym:
        found = self.organisation or self.pseudonym
        assert found is not None
        return found
