"""How people come to represent organisations: claims with evidence, invitations, and what they consented to."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor, Role
from siwei.exchange.models.parties import Organisation, Person


class StoredFileQuerySet(models.QuerySet["StoredFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever gave it, the operator, the auditor: evidence may hold what is nobody else's to see."""
        return self if actor.sees_all else self.filter(person_id=actor.person_id, person__isnull=False)


class StoredFile(models.Model):
    """A file somebody gave; its bytes lie under their own hash, outside whatever is served (`siwei.exchange.files`)."""

    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    media_type = models.CharField(max_length=40)
    """As its first bytes say, never as the sender said."""
    name = models.CharField(max_length=120)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="files")
    at = models.DateTimeField()

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "sha256"], name="one_file_per_person"),)

    def __str__(self) -> str:
        return self.name


class ClaimState(models.TextChoices):
    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ClaimQuerySet(models.QuerySet["Claim"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever asks, the operator, the auditor. Not the organisation's others: who asks is not theirs to know."""
        return self if actor.sees_all else self.filter(person_id=actor.person_id, person__isnull=False)


class Claim(models.Model):
    """A person asks to represent an organisation, as its named representative (经办人), with evidence."""

    key = models.CharField(max_length=120, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="claims")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="claims")
    code = models.CharField(max_length=18)
    """As the claimant gave it, checked; where the organisation has one, the same."""
    representative_name = models.CharField(max_length=80)
    contact = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="claims")
    state = models.CharField(max_length=10, choices=ClaimState, default=ClaimState.ASKED)
    reason = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    objects = ClaimQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["person", "organisation"], condition=Q(state="asked"), name="one_open_claim"
            ),
        )

    def __str__(self) -> str:
        return self.key


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those who manage the organisation's people, the operator, the auditor."""
        if actor.sees_all:
            return self
        managed = [each for each, role in actor.roles.items() if role in (Role.OWNER, Role.MANAGER)]
        return self.filter(organisation_id__in=managed)


class Invitation(models.Model):
    """A link by which one person gets an account, or an organisation more; shown once, kept as a hash, used once."""

    identifier = models.CharField(max_length=12, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role, blank=True)
    invitee = models.CharField(max_length=80)
    invited_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="invitations_sent")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="invitations_taken")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("invited_at")), name="invitation_lives"),
            models.CheckConstraint(
                condition=Q(organisation=None, role="") | (Q(organisation__isnull=False) & ~Q(role="")),
                name="invitation_role_with_organisation",
            ),
            models.CheckConstraint(condition=Q(accepted_at=None) | Q(revoked_at=None), name="invitation_ends_one_way"),
        )

    def __str__(self) -> str:
        return self.identifier


class ConsentQuerySet(models.QuerySet["Consent"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(person_id=actor.person_id, person__isnull=False)


class Consent(models.Model):
    """What a person agreed to, per purpose, and to which words; withdrawn by a date, not erased."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=40)
    text_sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["person", "purpose"], condition=Q(withdrawn_at=None), name="one_consent_per_purpose"
            ),
        )
