"""Programmes, and what they come to for one organisation or for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from siwei.errors import NotFound
from siwei.exchange.actors import Actor
from siwei.exchange.facts.runs import load_run
from siwei.exchange.models import Run
from siwei.policy.programmes import Citation, Programme, Text
from siwei.policy.stacking import JointLimit, StackingGroup
from siwei.portal.access import require_operator
from siwei.portal.city_pack import current_home, programmes, programmes_on, stacking
from siwei.portal.directory import current_directory

RUNS = {"organisation": "awards", "claim": "claim-awards"}
"""What a programme applies to, and the kind of the run that decides it (siwei.run.programmes)."""


def programme_or_missing(programme_id: str, day: date | None = None) -> Programme:
    """As on the city's day, or on another."""
    known = programmes() if day is None else programmes_on(day)
    programme = known.get(programme_id)
    if programme is None:
        raise NotFound(
            f"no programme {programme_id!r} in this city; there are {', '.join(known) or 'none'}",
            f"本市没有政策 {programme_id!r}；有 {', '.join(known) or '（无）'}",
        )
    return programme


@dataclass(frozen=True, slots=True)
class RuleBeside:
    """A rule on awards standing together that names a programme; `limit` is its code, empty of an exclusion."""

    words: Text
    citation: Citation | None
    programmes: tuple[str, ...]
    limit: str
    is_joint: bool


def rules_beside(programme_id: str) -> tuple[RuleBeside, ...]:
    """The pack's rules that bear on the programme's awards: exclusions, limits of one subject, joint limits."""
    rules = stacking()
    named = [RuleBeside(each.words, each.citation, each.programmes, "", False) for each in rules.either_or]
    limits: tuple[StackingGroup | JointLimit, ...] = (*rules.groups, *rules.joint)
    named += [
        RuleBeside(each.words, each.citation, each.programmes, each.limit.text.strip(), isinstance(each, JointLimit))
        for each in limits
    ]
    return tuple(each for each in named if programme_id in each.programmes)


def decision_rows(programme_id: str, actor: Actor) -> pl.DataFrame:
    """Who got which verdict and how much, from the latest bulk decision; for the operator and the auditor."""
    require_operator(actor)
    run = _latest(actor, RUNS.get(programme_or_missing(programme_id).applies_to, ""))
    home = current_home()
    if run is None or home is None:
        raise NotFound("not decided in bulk yet → siwei run", "尚未批量判定 → siwei run")
    rows = load_run(home.runs, run).filter(pl.col("programme") == programme_id).collect()
    names = current_directory().frame.select("key", "name", "origin")
    return rows.join(names, left_on="id", right_on="key", how="left", maintain_order="left")


def decided_so_far(actor: Actor) -> tuple[Run | None, dict[str, Any]]:
    """The latest bulk decision of organisations, and the summary by programme of all kinds of subjects; nothing before
    the first."""
    runs = [_latest(actor, kind) for kind in RUNS.values()]
    summaries = [run.summary.get("programmes", run.summary) for run in runs if run is not None]
    return runs[0], {name: found for summary in summaries for name, found in summary.items()}


def _latest(actor: Actor, kind: str) -> Run | None:
    return Run.objects.visible_to(actor).filter(kind=kind).order_by("-pk").first()
