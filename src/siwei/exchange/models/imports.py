"""What was read from files: every row is accounted for as created, merged or rejected."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Organisation


class OperatorOnlyQuerySet(models.QuerySet[models.Model]):
    """Imports hold raw rows of other people's files: for the operator and the auditor."""

    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.none()


class ImportFile(models.Model):
    """One file read; its content hash makes a second import of it a no-op."""

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    shape = models.CharField(max_length=40)
    header = models.JSONField(default=list)
    """The file's columns in their order, which the records of its rows do not keep on every database."""
    read = models.PositiveIntegerField()
    created = models.PositiveIntegerField()
    merged = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()
    imported_at = models.DateTimeField(auto_now_add=True)

    objects = OperatorOnlyQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(read=F("created") + F("merged") + F("rejected")), name="every_row_accounted_for"
            ),
        )


class Merge(models.Model):
    """A row that was taken to be an organisation already known: why, and the row itself, so that it can be undone."""

    file = models.ForeignKey(ImportFile, on_delete=models.PROTECT, related_name="merges")
    row = models.PositiveIntegerField()
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="merges")
    reason = models.CharField(max_length=40)
    name_normalised = models.CharField(max_length=200, default="")
    """The row's own name: an organisation merged by code is known by this name too, from then on."""
    record = models.JSONField()
    undone_at = models.DateTimeField(null=True)

    objects = OperatorOnlyQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["file", "row"], name="one_merge_per_row"),)


class Reject(models.Model):
    """A row that could not be used: which, why, and the row as it was."""

    file = models.ForeignKey(ImportFile, on_delete=models.PROTECT, related_name="rejects")
    row = models.PositiveIntegerField()
    field = models.CharField(max_length=60)
    reason = models.TextField()
    record = models.JSONField()

    objects = OperatorOnlyQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["file", "row"], name="one_reject_per_row"),)


class RowWarning(models.Model):
    """Something in a row that was set right or left out while the row itself was kept; row 0 is the file as a whole."""

    file = models.ForeignKey(ImportFile, on_delete=models.PROTECT, related_name="warnings")
    row = models.PositiveIntegerField()
    field = models.CharField(max_length=60)
    message = models.TextField()

    objects = OperatorOnlyQuerySet.as_manager()
