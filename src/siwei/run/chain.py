"""Stage 3: every firm on its segments of the chain, with the words that say so; coverage and gaps beside them."""

from typing import Any

import polars as pl

from siwei.chain.classify import classify, find_candidates
from siwei.chain.gaps import nearest
from siwei.chain.vocabulary import load_vocabulary
from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.runs import save_placements, save_run
from siwei.exchange.facts.subjects import subjects
from siwei.exchange.models import Organisation, OrganisationKind, Run
from siwei.run.fingerprints import fingerprint
from siwei.run.stage import Counts, Job

TEXTS = ("scope", "profile")
VOCABULARY = "chain/vocabulary.yaml"


def place_firms(job: Job) -> Counts:
    firms = firm_texts(job)
    edges = job.pack.edges
    inputs = fingerprint(firms, job.pack.segments, edges, (job.pack.directory / VOCABULARY).read_text(encoding="utf-8"))
    done = Run.objects.filter(kind="placements", as_of=job.home.as_of, inputs_sha256=inputs).first()
    latest = Run.objects.filter(kind="placements").order_by("-pk").first()
    if done is not None and done == latest:
        return {**done.summary, "unchanged": True}
    vocabulary = load_vocabulary(job.pack.directory / VOCABULARY, job.pack.segments)
    job.progress("firms placed on the chain", 0, firms.height)
    placements = classify(firms, vocabulary)
    job.progress("firms placed on the chain", firms.height, firms.height)
    save_placements(placements, actor=PLATFORM, now=job.now())
    summary = {
        "firms": firms.height,
        "placed": placements["id"].n_unique(),
        "placements": placements.height,
        "segments_with_firms": placements["segment"].n_unique(),
        "segments_empty": job.pack.segments.height - placements["segment"].n_unique(),
        **dict(placements.group_by("layer").agg(pl.col("id").n_unique()).sort("layer").iter_rows()),
    }
    near = nearest(placements, find_candidates(firms, vocabulary), job.pack.segments, edges)
    saving: dict[str, Any] = {
        "runs": job.home.runs, "as_of": job.home.as_of, "inputs_sha256": inputs, "actor": PLATFORM, "now": job.now(),
    }  # fmt: skip
    save_run("nearest", near, **saving)
    save_run("placements", placements, summary=summary, **saving)
    return summary


def firm_texts(job: Job) -> pl.DataFrame:
    """`id, name, scope, profile` of every living firm and centre, sorted by id."""
    kinds = (OrganisationKind.FIRM, OrganisationKind.CENTRE)
    firms = Organisation.objects.filter(merged_into=None, kind__in=kinds)
    keys = pl.Series("key", list(firms.values_list("key", flat=True)), dtype=pl.String)
    attributes = {name: job.pack.attributes[name] for name in TEXTS if name in job.pack.attributes}
    table = subjects(job.home.as_of, attributes=attributes)
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in TEXTS if name not in attributes]
    chosen = table.with_columns(missing).join(keys.to_frame(), on="key", how="semi", maintain_order="left")
    return chosen.select(pl.col("key").alias("id"), "name", *TEXTS)
