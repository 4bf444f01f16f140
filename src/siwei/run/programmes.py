"""Stage 4: every programme decided for every organisation, with each clause's verdict and what is missing."""

from typing import Any

import polars as pl

from siwei.exchange.actors import PLATFORM
from siwei.exchange.models import Run
from siwei.exchange.runs import save_run
from siwei.exchange.subjects import subjects
from siwei.policy.decide import Decisions, decide
from siwei.run.fingerprints import fingerprint
from siwei.run.stage import Counts, Job

MISSING_SHOWN = 5


def decide_programmes(job: Job) -> Counts:
    """Two runs: `awards` (id, programme, verdict, award_fen), `clauses` (id, programme, clause, verdict, missing)."""
    programmes = tuple(each for each in job.programmes if each.applies_to == "organisation")
    # Aggregates are made from claims; no claims are known at this stage, which is not the same as none.
    aggregates = {aggregate.id for programme in programmes for aggregate in programme.aggregates}
    read = {name for programme in programmes for name in programme.attributes if name not in aggregates}
    table = subjects(job.home.as_of, attributes={name: job.pack.attributes[name] for name in sorted(read)})
    table = table.rename({"key": "id"}).drop("name")
    table = table.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in sorted(aggregates))
    inputs = fingerprint(table, *(programme.sha256 for programme in programmes))
    latest = Run.objects.filter(kind="awards").order_by("-pk").first()
    if latest is not None and latest.inputs_sha256 == inputs and latest.as_of == job.home.as_of:
        return {**latest.summary["totals"], "unchanged": True}
    job.progress("organisations decided", 0, table.height)
    decisions = decide(programmes, table, job.home.as_of)
    job.progress("organisations decided", table.height, table.height)
    summary = summarise(decisions)
    saving: dict[str, Any] = {
        "runs": job.home.runs, "as_of": job.home.as_of, "inputs_sha256": inputs, "actor": PLATFORM, "now": job.now(),
    }  # fmt: skip
    save_run("clauses", plain(decisions.clauses), **saving)
    save_run("awards", plain(decisions.awards), summary=summary, **saving)
    return summary["totals"]


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Enumerations as text: what is kept on disk must be readable without the programmes of the day."""
    return frame.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))


def summarise(decisions: Decisions) -> dict[str, Any]:
    """Per programme the count of each verdict, the sum awarded and the facts most often missing; and the totals."""
    awards = plain(decisions.awards)
    counted = awards.group_by("programme", "verdict").agg(pl.len().alias("organisations"), pl.col("award_fen").sum())
    programmes: dict[str, dict[str, Any]] = {
        programme.id: {"eligible": 0, "not_eligible": 0, "cannot_tell": 0, "award_fen": 0}
        for programme in decisions.programmes
    }
    for programme, verdict, organisations, award_fen in counted.iter_rows():
        programmes[programme][verdict] = organisations
        programmes[programme]["award_fen"] += award_fen if verdict == "eligible" else 0
    for programme in decisions.programmes:
        programmes[programme.id]["missing"] = most_missing(plain(decisions.clauses_of(programme)))
    totals = {
        "organisations": decisions.wide.height,
        "programmes": len(decisions.programmes),
        "decisions": awards.height,
        **{
            verdict: sum(each[verdict] for each in programmes.values())
            for verdict in ("eligible", "not_eligible", "cannot_tell")
        },
    }
    return {"totals": totals, "programmes": programmes}


def most_missing(clauses: pl.DataFrame) -> list[list[Any]]:
    """The facts that most organisations would have to supply: [attribute, organisations], most first."""
    missing = clauses.select("id", "missing").explode("missing").drop_nulls("missing").unique()
    counted = missing.group_by("missing").agg(pl.len().alias("organisations"))
    return [
        list(row)
        for row in counted.sort(["organisations", "missing"], descending=[True, False]).head(MISSING_SHOWN).iter_rows()
    ]
