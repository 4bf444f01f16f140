"""Meter readings as the actor may see them, with who signed them and what the other side read."""

from __future__ import annotations

from django.db.models import QuerySet

from siwei.exchange.actors import Actor
from siwei.exchange.models import Usage


def readings_of(actor: Actor, agreement: str = "", reading: str = "") -> QuerySet[Usage]:
    """Newest first."""
    found = Usage.objects.visible_to(actor).select_related(
        "line__agreement__match__need", "counter_reading", "settlement"
    )
    if agreement:
        found = found.filter(line__agreement__key=agreement)
    if reading:
        found = found.filter(reading=reading)
    return found.prefetch_related("reports__reporter").order_by("-recorded_at", "-pk")
