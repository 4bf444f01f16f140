"""People and organisations, and who may act for whom."""

from __future__ import annotations

from typing import Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from siwei.exchange.actors import Actor, Role


class PersonQuerySet(models.QuerySet["Person"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.filter(pk=actor.person_id)


class PersonManager(UserManager.from_queryset(PersonQuerySet)):  # type: ignore[misc]
    """The default manager must also find people by natural key, or nobody can sign in."""

    use_in_migrations = False


class Person(AbstractUser):
    """Somebody who can sign in; and what they are to the city, apart from any organisation."""

    is_operator = models.BooleanField(default=False)
    is_auditor = models.BooleanField(default=False)
    is_reviewer = models.BooleanField(default=False)

    objects = PersonManager()  # type: ignore[misc]  # AbstractUser declares it a class variable

    class Meta(AbstractUser.Meta):
        abstract = False
        constraints = (
            # Whoever audits has no part in what is audited.
            models.CheckConstraint(
                condition=~models.Q(is_auditor=True) | models.Q(is_operator=False, is_reviewer=False),
                name="auditor_is_nothing_else",
            ),
        )

    def as_actor(self) -> Actor:
        mandates = self.mandates.filter(approved_at__isnull=False).values_list("organisation_id", "role")
        return Actor(
            self.pk,
            self.username,
            {organisation_id: Role(role) for organisation_id, role in mandates},
            is_operator=self.is_operator,
            is_auditor=self.is_auditor,
            is_reviewer=self.is_reviewer,
        )


class Origin(models.TextChoices):
    """Where an organisation comes from; everything but `generated` is real."""

    IMPORTED = "imported"
    PACK = "pack"
    GENERATED = "generated"


class OrganisationKind(models.TextChoices):
    FIRM = "firm"
    CENTRE = "centre"
    UNIVERSITY = "university"
    LABORATORY = "laboratory"
    HOSPITAL = "hospital"
    GOVERNMENT = "government"
    INSTITUTION = "institution"


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def visible_to(self, actor: Actor) -> Self:
        """Who exists, and where on the chain, is public; what is known of it is scoped by `Fact`."""
        return self.filter(merged_into=None)


class Organisation(models.Model):
    """`key` is stable and not random: the checked code, or `n-` and 16 hex digits of the normalised name's SHA-256."""

    key = models.CharField(max_length=64, unique=True)
    code = models.CharField(max_length=18, null=True, unique=True)
    name = models.CharField(max_length=200)
    name_normalised = models.CharField(max_length=200, db_index=True)
    kind = models.CharField(max_length=20, choices=OrganisationKind, default=OrganisationKind.FIRM)
    district = models.CharField(max_length=40, blank=True)
    founded_on = models.DateField(null=True)
    origin = models.CharField(max_length=20, choices=Origin)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="merged")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["origin", "district"]),)

    def __str__(self) -> str:
        return self.name

    @property
    def is_generated(self) -> bool:
        return self.origin == Origin.GENERATED


class RepresentativeQuerySet(models.QuerySet["Representative"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own mandates and, among colleagues, theirs; who represents whom is nobody else's to know."""
        if actor.sees_all:
            return self
        colleagues = models.Q(organisation_id__in=actor.organisation_ids, approved_at__isnull=False)
        return self.filter(colleagues | models.Q(person_id=actor.person_id, person__isnull=False))


class Representative(models.Model):
    """经办人: a person's mandate to act for an organisation in a role; it counts once approved, until it is ended and
    `approved_at` is null again."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="mandates")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="representatives")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    evidence = models.TextField(blank=True)
    name = models.CharField(max_length=80, blank=True)
    contact = models.CharField(max_length=120, blank=True)
    approved_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = RepresentativeQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "organisation"], name="one_mandate"),)
