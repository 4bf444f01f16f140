"""A person as money knows them: a pseudonym, with what is sealed under it (`siwei.exchange.people.pseudonyms`)."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person
from siwei.exchange.models.personal import OwnPersonQuerySet


def is_own(actor: Actor, pseudonym: str = "pseudonym") -> Q:
    """What concerns the person who acts, who signed in themselves; `pseudonym` is the way to it."""
    if actor.person_id is None or actor.by_key:
        return Q(pk__in=())
    return Q(**{f"{pseudonym}__person_id": actor.person_id})


class Pseudonym(models.Model):
    """Who is paid, where no name may stand: on the ledger, in payment orders, in events. `secret` seals what must be
    known of the person to pay them; without it nothing of that can be read. `person` is the only tie to them."""

    key = models.CharField(max_length=24, unique=True)
    person = models.OneToOneField(Person, null=True, on_delete=models.PROTECT, related_name="pseudonym")
    """None once nothing of the person needs to be known any more."""
    secret = models.BinaryField(max_length=32, null=True)
    made_at = models.DateTimeField()
    kept_until = models.DateField(null=True)
    """The person withdrew their consent: the first day on which the records of their payments need not be kept."""

    objects = OwnPersonQuerySet.as_manager()

    is_generated = False

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(kept_until=None) | Q(secret__isnull=False), name="pseudonym_kept_with_its_secret"
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def name(self) -> str:
        return self.key


class PersonBankAccountQuerySet(models.QuerySet["PersonBankAccount"]):
    def visible_to(self, actor: Actor) -> Self:
        """The person's alone; what stands in it goes into the file for the bank and nowhere else."""
        return self.filter(is_own(actor))


class PersonBankAccount(models.Model):
    """Where a person is paid: name, number and bank, sealed. A change is a new row; the one before ends, and orders
    made to it keep it until it is erased (`migrations/sql/persons_*.sql`)."""

    key = models.CharField(max_length=40, unique=True)
    pseudonym = models.ForeignKey(Pseudonym, on_delete=models.PROTECT, related_name="bank_accounts")
    sealed = models.BinaryField(null=True)
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = PersonBankAccountQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["pseudonym"], condition=Q(ended_at=None), name="one_person_bank_account_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(sealed__isnull=False) | Q(ended_at__isnull=False),
                name="person_bank_account_erased_is_ended",
            ),
        )

    def __str__(self) -> str:
        return f"{self.pseudonym_id} {self.key}"
