"""The platform's own work: who does it, and when what comes back is next due. The tasks are django-tasks' own rows."""

from __future__ import annotations

from typing import Self

from django.db import models

from siwei.exchange.actors import Actor


class OfficeQuerySet(models.QuerySet[models.Model]):
    """For the operator and the auditor."""

    def visible_to(self, actor: Actor) -> Self:
        return self if actor.sees_all else self.none()


class Worker(models.Model):
    """One process (or thread beside the pages) that does tasks. Not heard of for a while, it is taken for dead."""

    name = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    objects = OfficeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Schedule(models.Model):
    """When a task that comes back is next put into the queue; whoever moves `next_at` first puts it there."""

    name = models.CharField(max_length=80, unique=True)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)

    objects = OfficeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
