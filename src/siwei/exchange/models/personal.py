"""What a person told of themselves, and what was proven of it. Values are sealed under a key of that person's own
(`siwei.exchange.people.vault`)."""

from __future__ import annotations

from typing import Self

from django.db import models

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Person


class OwnPersonQuerySet(models.QuerySet[models.Model]):
    """For the person alone: neither the operator nor the auditor reads them, and no key of a program does."""

    def visible_to(self, actor: Actor) -> Self:
        return self.filter(person_id=actor.person_id, person__isnull=False) if not actor.by_key else self.none()


class PersonKey(models.Model):
    """Without it nothing sealed under it can be read, and no commitment be compared: erasing is deleting it."""

    person = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="vault_key")
    key = models.BinaryField(max_length=32)
    made_at = models.DateTimeField()

    objects = OwnPersonQuerySet.as_manager()


class PersonFact(models.Model):
    """One value, as the person declared it or as it was proven; `sealed` holds it with its evidence, and of a proven
    one the status and who saw it proven."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_facts")
    attribute = models.CharField(max_length=60)
    sealed = models.BinaryField()
    valid_from = models.DateField()
    known_at = models.DateTimeField()

    objects = OwnPersonQuerySet.as_manager()


class ProofState(models.TextChoices):
    ASKED = "asked"
    PROVEN = "proven"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class PersonProofQuerySet(models.QuerySet["PersonProof"]):
    def visible_to(self, actor: Actor) -> Self:
        """The person's own; and the operator, who signed in, while it waits: afterwards it is the person's alone."""
        if actor.by_key or actor.person_id is None:
            return self.none()
        mine = models.Q(person_id=actor.person_id)
        return self.filter(mine | models.Q(state=ProofState.ASKED) if actor.is_operator else mine)


class PersonProof(models.Model):
    """A fact that a person put before the operator, to have it proven: until it is decided or taken back, the operator
    reads this one fact. `sealed` holds why it was refused."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_proofs")
    fact = models.ForeignKey(PersonFact, on_delete=models.PROTECT, related_name="proofs")
    state = models.CharField(max_length=10, choices=ProofState, default=ProofState.ASKED)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    sealed = models.BinaryField(null=True)

    objects = PersonProofQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["fact"], condition=models.Q(state="asked"), name="one_open_proof_per_person_fact"
            ),
        )


class PersonFileQuerySet(models.QuerySet["PersonFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """The person's own; and the operator, who signed in, while the fact it shows is before them."""
        if actor.by_key or actor.person_id is None:
            return self.none()
        mine = models.Q(person_id=actor.person_id)
        asked = PersonProof.objects.filter(state=ProofState.ASKED).values("fact")
        return self.filter(mine | models.Q(fact__in=asked) if actor.is_operator else mine)


class PersonFile(models.Model):
    """A file that shows a person's fact: its name, kind and hash in `label`, its bytes in `sealed`, both under the
    person's key. It is here and not beside the database, so that erasing reaches it as it reaches the fact."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_files")
    fact = models.ForeignKey(PersonFact, on_delete=models.PROTECT, related_name="files")
    label = models.BinaryField()
    sealed = models.BinaryField()
    at = models.DateTimeField()

    objects = PersonFileQuerySet.as_manager()


class PersonDecision(models.Model):
    """A programme decided for a person, whom it concerns alone: inputs, verdict, award and explanation are `sealed`.

    `commitment` is keyed by the person's key: while that stands it proves what was sealed, and afterwards says nothing.
    """

    key = models.CharField(max_length=120, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="personal_decisions")
    programme = models.CharField(max_length=60)
    version_sha256 = models.CharField(max_length=64)
    as_of = models.DateField()
    decided_at = models.DateTimeField()
    commitment = models.CharField(max_length=64)
    sealed = models.BinaryField(null=True)
    erased_at = models.DateTimeField(null=True)

    objects = OwnPersonQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(sealed=None, erased_at__isnull=False)
                | models.Q(sealed__isnull=False, erased_at=None),
                name="personal_decision_sealed_or_erased",
            ),
        )
