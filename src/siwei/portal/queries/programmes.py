"""Programmes, and what they come to for one organisation or for all of them."""

from __future__ import annotations

from typing import Any

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.models import Run
from siwei.policy.programmes import Programme
from siwei.portal.city_pack import programmes


def programme_or_missing(programme_id: str) -> Programme:
    programme = programmes().get(programme_id)
    if programme is None:
        raise NotFound(f"no programme {programme_id!r} in this city; there are {', '.join(programmes()) or 'none'}")
    return programme


def decided_so_far(actor: Actor) -> tuple[Run | None, dict[str, Any]]:
    """The latest bulk decision and its summary by programme; nothing before the first."""
    run = Run.objects.visible_to(actor).filter(kind="awards").order_by("-pk").first()
    summary = run.summary if run is not None else {}
    return run, summary.get("programmes", summary)
