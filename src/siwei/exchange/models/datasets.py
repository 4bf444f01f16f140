"""Datasets: their versions with description and terms, who accepted the terms, and every access."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.deals import Agreement, Listing
from siwei.exchange.models.parties import Organisation, Person


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, actor: Actor) -> Self:
        """What a dataset is stands on the market, with its offer; a withdrawn one's is seen by those it concerns."""
        offers = Listing.objects.visible_to(actor)
        accepted = TermsAcceptance.objects.filter(organisation_id__in=actor.organisation_ids)
        return self.filter(Q(offer__in=offers) | Q(versions__acceptances__in=accepted)).distinct()


class Dataset(models.Model):
    """What an offer of the kind `dataset` hands over."""

    key = models.CharField(max_length=120, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="datasets")
    offer = models.OneToOneField(Listing, on_delete=models.PROTECT, related_name="dataset")
    published_at = models.DateTimeField()

    objects = DatasetQuerySet.as_manager()

    def __str__(self) -> str:
        return self.key


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(dataset__in=Dataset.objects.visible_to(actor))


class DatasetVersion(models.Model):
    """One state of a dataset under one text of terms. It is never changed, only withdrawn."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    description = models.TextField()
    licence = models.CharField(max_length=500)
    terms = models.TextField()
    terms_sha256 = models.CharField(max_length=64)
    metadata = models.JSONField()
    """Croissant 1.0, as the provider gave it (`siwei.market.croissant`)."""
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    """Its terms hold no longer: nothing more is handed over under them."""

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["dataset", "number"], name="one_dataset_version_per_number"),)

    def __str__(self) -> str:
        return f"{self.dataset} {self.number}"


class DatasetFileQuerySet(models.QuerySet["DatasetFile"]):
    def visible_to(self, actor: Actor) -> Self:
        """Names, sizes and checksums; bytes and address are another matter (`siwei.exchange.trading.datasets`)."""
        return self.filter(version__in=DatasetVersion.objects.visible_to(actor))


class DatasetFile(models.Model):
    """A file of a version: kept under its own hash in the city, or had elsewhere at `url`."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="files")
    number = models.PositiveIntegerField()
    identifier = models.CharField(max_length=200)
    """Its `@id` in the description."""
    path = models.CharField(max_length=400)
    media_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField(null=True)
    url = models.CharField(max_length=1000, blank=True)

    objects = DatasetFileQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "number"], name="one_dataset_file_per_number"),
            models.CheckConstraint(
                condition=~Q(url="") | Q(size_bytes__isnull=False), name="dataset_file_is_here_or_elsewhere"
            ),
        )

    def __str__(self) -> str:
        return self.path


class TermsAcceptanceQuerySet(models.QuerySet["TermsAcceptance"]):
    def visible_to(self, actor: Actor) -> Self:
        """The consumer and the provider; the offices."""
        if actor.sees_all:
            return self
        own = actor.organisation_ids
        return self.filter(Q(organisation_id__in=own) | Q(version__dataset__organisation_id__in=own))


class TermsAcceptance(models.Model):
    """An organisation took on the terms of a version, by a person with the right to. `agreement` pays for it."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="acceptances")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="accepted_terms")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="accepted_terms")
    role = models.CharField(max_length=10)
    agreement = models.ForeignKey(Agreement, null=True, on_delete=models.PROTECT, related_name="accepted_terms")
    terms_sha256 = models.CharField(max_length=64)
    """Of the text that was shown."""
    accepted_at = models.DateTimeField()

    objects = TermsAcceptanceQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["version", "organisation"], name="terms_accepted_once"),)


class DatasetAccessQuerySet(models.QuerySet["DatasetAccess"]):
    def visible_to(self, actor: Actor) -> Self:
        """Both sides of every access; the offices."""
        if actor.sees_all:
            return self
        own = actor.organisation_ids
        return self.filter(Q(organisation_id__in=own) | Q(file__version__dataset__organisation_id__in=own))


class DatasetAccess(models.Model):
    """Somebody was handed a file, or a part of it, or told where it lies. Written before the first byte."""

    file = models.ForeignKey(DatasetFile, on_delete=models.PROTECT, related_name="accesses")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="dataset_accesses")
    """For whom."""
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="dataset_accesses")
    by_key = models.CharField(max_length=12, blank=True)
    """Of the access key, where a program asked."""
    first_byte = models.BigIntegerField(null=True)
    last_byte = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    objects = DatasetAccessQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["file", "at"], name="dataset_access_by_file"),)
