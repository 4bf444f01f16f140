"""Results of deciding in bulk: content-addressed runs, and the chain placements that pages read."""

from __future__ import annotations

from typing import Self

from django.db import models

from siwei.exchange.actors import Actor
from siwei.exchange.models.parties import Organisation


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, actor: Actor) -> Self:
        """Summaries are public; the rows behind them are scoped where they are read."""
        return self


class Run(models.Model):
    """One bulk result: `sha256` of the Parquet file `runs/<kind>-<sha256[:16]>.parquet` beside the database."""

    kind = models.CharField(max_length=40)
    as_of = models.DateField()
    sha256 = models.CharField(max_length=64)
    inputs_sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    summary = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "as_of", "inputs_sha256"], name="one_run_per_input"),)


class PlacementQuerySet(models.QuerySet["Placement"]):
    def visible_to(self, actor: Actor) -> Self:
        return self


class Placement(models.Model):
    """Where on the chain an organisation stands, with the words that say so. Replaced as a whole by each chain run."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="placements")
    segment = models.CharField(max_length=60, db_index=True)
    layer = models.CharField(max_length=20)
    confidence = models.FloatField()
    evidence = models.TextField()

    objects = PlacementQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "segment"], name="one_placement_per_segment"),)
