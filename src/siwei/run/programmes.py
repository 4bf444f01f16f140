"""Stage 5: every programme decided for every organisation, contract and project on the exchange, with each clause's
verdict and what is missing. After the exchange's stage, so that contracts and awards are there to be read."""

from typing import Any

import polars as pl

from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.aggregates import with_aggregates
from siwei.exchange.facts.claim_decisions import claims_to_decide, facts_read, projects_to_decide
from siwei.exchange.facts.runs import save_run
from siwei.exchange.models import Run
from siwei.policy.aggregating.limits import apply_limits
from siwei.policy.decide import Decisions, decide
from siwei.policy.programmes import Programme
from siwei.run.fingerprints import fingerprint
from siwei.run.stage import Counts, Job

MISSING_SHOWN = 5
RUNS = {"organisation": "", "claim": "claim-", "project": "project-"}
"""What a programme applies to, and how the kinds of its two runs begin."""


def decide_programmes(job: Job) -> Counts:
    """Two runs for organisations, `awards` (id, programme, verdict, award_fen) and `clauses` (id, programme, clause,
    verdict, missing); and `claim-…`, `project-…` the same for claims on agreements and for projects. What a person may
    have is decided for that person alone, on request, and kept in no run."""
    organisations = decide_subjects(job, "organisation", organisation_table(job))
    contracts = claims_to_decide(programmes_for(job, "claim"), job.home.as_of, job.pack.attributes)
    claims = decide_subjects(job, "claim", contracts)
    topics = projects_to_decide(programmes_for(job, "project"), job.home.as_of, job.pack.attributes)
    projects = decide_subjects(job, "project", topics)
    counts = {name: value for name, value in organisations.items() if name not in ("subjects", "unchanged")}
    same = all("unchanged" in each for each in (organisations, claims, projects))
    return {
        "organisations": organisations["subjects"], **counts,
        "claims": claims["subjects"], "claim_decisions": claims["decisions"],
        "projects": projects["subjects"], "project_decisions": projects["decisions"],
        **({"unchanged": True} if same else {}),
    }  # fmt: skip


def programmes_for(job: Job, applies_to: str) -> tuple[Programme, ...]:
    return tuple(each for each in job.programmes if each.applies_to == applies_to)


def organisation_table(job: Job) -> pl.DataFrame:
    """`id`, what the programmes read of an organisation, and what they add up for it."""
    programmes, day = programmes_for(job, "organisation"), job.home.as_of
    return with_aggregates(programmes, facts_read(programmes, day, job.pack.attributes), day, job.pack.attributes)


def decide_subjects(job: Job, applies_to: str, table: pl.DataFrame) -> Counts:
    programmes, prefix = programmes_for(job, applies_to), RUNS[applies_to]
    inputs = fingerprint(table, *(programme.sha256 for programme in programmes))
    latest = Run.objects.filter(kind=f"{prefix}awards").order_by("-pk").first()
    if latest is not None and latest.inputs_sha256 == inputs and latest.as_of == job.home.as_of:
        return {**latest.summary["totals"], "unchanged": True}
    job.progress(f"{applies_to}s decided", 0, table.height)
    decisions = apply_limits(decide(programmes, table, job.home.as_of), table)
    job.progress(f"{applies_to}s decided", table.height, table.height)
    summary = summarise(decisions)
    saving: dict[str, Any] = {
        "runs": job.home.runs, "as_of": job.home.as_of, "inputs_sha256": inputs, "actor": PLATFORM, "now": job.now(),
    }  # fmt: skip
    save_run(f"{prefix}clauses", plain(decisions.clauses), **saving)
    save_run(f"{prefix}awards", plain(decisions.awards), summary=summary, **saving)
    totals: Counts = summary["totals"]
    return totals


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Enumerations as text: what is kept on disk must be readable without the programmes of the day."""
    return frame.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))


def summarise(decisions: Decisions) -> dict[str, Any]:
    """Per programme the count of each verdict, the sum awarded and the facts most often missing; and the totals."""
    awards = plain(decisions.awards)
    counted = awards.group_by("programme", "verdict").agg(pl.len().alias("subjects"), pl.col("award_fen").sum())
    programmes: dict[str, dict[str, Any]] = {
        programme.id: {"eligible": 0, "not_eligible": 0, "cannot_tell": 0, "award_fen": 0}
        for programme in decisions.programmes
    }
    for programme, verdict, count, award_fen in counted.iter_rows():
        programmes[programme][verdict] = count
        programmes[programme]["award_fen"] += award_fen if verdict == "eligible" else 0
    for programme in decisions.programmes:
        programmes[programme.id]["missing"] = most_missing(plain(decisions.clauses_of(programme)))
    totals = {
        "subjects": decisions.wide.height,
        "programmes": len(decisions.programmes),
        "decisions": awards.height,
        **{
            verdict: sum(each[verdict] for each in programmes.values())
            for verdict in ("eligible", "not_eligible", "cannot_tell")
        },
    }
    return {"totals": totals, "programmes": programmes}


def most_missing(clauses: pl.DataFrame) -> list[list[Any]]:
    """The facts that most subjects would have to supply: [attribute, subjects], most first."""
    missing = clauses.select("id", "missing").explode("missing").drop_nulls("missing").unique()
    counted = missing.group_by("missing").agg(pl.len().alias("subjects"))
    return [
        list(row)
        for row in counted.sort(["subjects", "missing"], descending=[True, False]).head(MISSING_SHOWN).iter_rows()
    ]
